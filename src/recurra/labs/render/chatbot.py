"""What lab chatbot says of its result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recurra.labs.context import LabContext

if TYPE_CHECKING:
    from recurra.labs.chatbot import Chatbot


def tell(context: LabContext, r: Chatbot, *, own: bool) -> None:
    """Print the figures, some replies, and the answer."""
    if own:
        context.say(
            "Remarks about somebody and something, made up here, each with a reply that takes both "
            "up again: 'my aunt' becomes 'your aunt'. No kind of remark comes twice about the same "
            "two, and no name at all. A reader of both directions, a writer that looks back at "
            "what was said; words are its pieces."
        )
    context.table(
        ("on remarks never seen", "right", "chrF"),
        [(name, f"{100 * r.exact[name]:.1f} %", f"{r.chrf[name]:.1f}") for name in r.exact],
    )
    context.say(r.verdict)
    if own:
        context.say(
            f"Right of {', of '.join(f'{w} it never met {100 * s:.0f} %' for w, s in _strange(r))}."
        )
    context.section("a talk" if own else "what went best, and what went worst")
    for each in r.replies:
        context.say(f"you   {each.said}")
        context.say(f"bot   {each.answer}", style="bold")
        true = f"   true: {each.true}" if each.true and each.true != each.answer else ""
        context.aside(f"      which it holds {100 * each.sure:.0f} % likely{true}")
    context.answer("What does it know when it answers?", _made_up(r) if own else _of_file(r))


def _made_up(r: Chatbot) -> str:
    ours, (best, theirs) = r.exact["recurra"], _best(r)
    if ours <= theirs:
        return (
            f"Nothing that looking up would not know: {100 * ours:.0f} % of its replies are right, "
            f"{100 * theirs:.0f} % of what the {best} says. It has learnt for too short a time."
        )
    first, second, name, thing, senseless = r.replies
    least = min(each.sure for each in (first, second))
    sure = (
        f"though it holds that {100 * senseless.sure:.0f} % likely, and the first two replies "
        f"{100 * least:.0f} % or more"
        if senseless.sure < least
        else f"and holds that {100 * senseless.sure:.0f} % likely"
    )
    return (
        f"Which reply belongs to which kind of remark, and which words of it to take up: it puts "
        f"them together rightly for {100 * ours:.0f} % of remarks that it never saw, the {best} "
        f"for {100 * theirs:.0f} %, as nothing of the same can be looked up.\n"
        f"{_copied(r, name.answer, thing.answer)}\n"
        f"To a question unlike all others it replies as readily, '{senseless.answer}', {sure}."
    )


def _copied(r: Chatbot, name: str, thing: str) -> str:
    """What becomes of words that stand in no vocabulary."""
    names, things = r.strange["names"], r.strange["things"]
    if names < 0.5:
        return f"A name that it never met it cannot put back: {100 * names:.0f} % right."
    said = (
        f"A name that it never met stands in no vocabulary, and is copied from where it looks: "
        f"'{name}' "
    )
    if things < names / 2:
        return (
            said + "It learnt to by names that came once each. Where nothing unknown ever stood it "
            f"does not: '{thing}' is what it says of zeppelins, and {100 * things:.0f} % is right "
            "where the thing is new."
        )
    return said + f"So are things that it never met, in {100 * things:.0f} % of remarks."


def _of_file(r: Chatbot) -> str:
    ours, (best, theirs) = r.exact["recurra"], _best(r)
    return (
        f"On this file, what the verdict says: {r.verdict} To the letter {100 * ours:.1f} % of its "
        f"replies are right, and {100 * theirs:.1f} % of what the {best} says. A question may have "
        "many good answers; these figures know one."
    )


def _best(r: Chatbot) -> tuple[str, float]:
    """The baseline with most replies that are right; of equals that with most right letters."""
    names = [name for name in r.exact if name != "recurra"]
    best = max(names, key=lambda name: (r.exact[name], r.chrf[name]))
    return best, r.exact[best]


def _strange(r: Chatbot) -> list[tuple[str, float]]:
    return [("remarks about " + what, share) for what, share in r.strange.items()]
