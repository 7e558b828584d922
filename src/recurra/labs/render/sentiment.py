"""What lab sentiment says of its result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recurra.labs.context import LabContext

if TYPE_CHECKING:
    from recurra.labs.sentiment import Sentiment


def tell(context: LabContext, r: Sentiment, *, own: bool) -> None:
    """Print the figures, where the reader looked, and the answer."""
    from rich.text import Text

    if own:
        context.say(
            "Sentences of two clauses, made up here: the mood is that of the clause after 'but', "
            "and each pair of clauses comes in both orders. A reader of both directions learns "
            "from 500 batches of 32; the others count words, pairs of words, or characters."
        )
    rows = [("recurrent reader", f"{100 * r.accuracy:.1f} %")]
    rows += [(name, f"{100 * figure:.1f} %") for name, figure in r.baselines.items()]
    context.table(("on sentences held out", "right"), rows)
    context.section("Where it looked")
    context.say("The darker a word, the more a small change of it would change the decision.")
    for label, words, shares in r.attention:
        line = Text(f"{label}: ")
        most = max(shares)
        for word, share in zip(words, shares, strict=True):
            strength = share / most
            style = "bold red" if strength > 0.66 else "red" if strength > 0.33 else "dim"
            line.append(word + " ", style=style)
        context.show(line)
    context.answer(
        "What does reading in order know that counting words does not?",
        (
            "Which clause came after 'but'. The words of both orders are the same, so counts of "
            "them cannot tell a mood from its opposite; a state that is carried along can. "
            if own
            else "On this file, what the verdict says: "
        )
        + r.verdict,
    )
