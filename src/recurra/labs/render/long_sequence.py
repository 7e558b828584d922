"""What lab long-sequence says of its result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recurra.labs.context import LabContext

if TYPE_CHECKING:
    from recurra.labs.long_sequence import LongSequence


def tell(context: LabContext, r: LongSequence, text: str) -> None:
    """Print what is written freely, how steady each setting is, and the answer."""
    window = len(text) - len(r.written)
    context.section(f"free-running from its first {window} characters, '{text[:window]}'")
    context.spelled("trained on windows alone:", r.written_by_windows, text[window:])
    context.spelled("trained on carried ones:", r.written, text[window:])
    context.section("windows: % of characters right for each of 5 seeds, by the rate of steps")
    context.table(
        ("rate", "1", "2", "3", "4", "5", "worst", "at the limit"),
        (
            (
                name,
                *(f"{100 * right:.1f}" for right in (*each.right, min(each.right))),
                f"{100 * each.at_limit:.0f} %",
            )
            for name, each in r.settings.items()
        ),
    )
    first, last = r.settings["0.1 throughout"], r.settings["all three"]
    alone = "; ".join(
        f"{name}, {100 * min(r.settings[name].right):.1f} %"
        for name in ("clipped", "falling to 0")
        if name in r.settings
    )
    early = f"That comes too early for either cure alone ({alone}). " if alone else ""
    context.answer(
        "What makes it steady, and what does handing the state on add?",
        "Adam's first steps move every weight by the whole rate. At 0.1 that drives "
        f"{100 * first.at_limit:.0f} % of the state to its limits, -1 and 1, within 5 steps, where "
        f"tanh lets no gradient through: the worst of 5 seeds ends at {100 * min(first.right):.1f} "
        f"%. {early}A rate that rises first leaves {100 * last.at_limit:.0f} % there; clipped and "
        f"falling as well, the worst seed reaches {100 * min(last.right):.1f} %.\n"
        "A window on its own begins without a past: its first character is right in "
        f"{100 * r.first_of_window:.0f} % of the windows, that of a carried one in "
        f"{100 * r.first_of_carried:.0f} %. So all of the sentence is followed "
        f"({100 * r.carried:.0f} %), and written freely from its first {window} characters.",
    )
