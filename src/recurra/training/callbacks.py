"""Who is told how a training goes, and may end it. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

from recurra.errors import OptionError

if TYPE_CHECKING:
    from recurra.training.plan import Plan


class Callback:
    """Is told how a training goes; a class of your own has those methods that it needs.

        class Patience(recurra.Callback):
            def reported(self, line, plan, best):
                return line["seconds"] > 60

        model.fit(X, y, callbacks=[Patience()])

    A `stepped` or `reported` that returns True ends the training there: the best weights are kept
    and judged, as at the end of a plan.
    """

    def begins(self, plan: Plan, step: int) -> None:
        """The loop starts at this step of `plan.steps`."""

    def stepped(self, step: int, loss: float, count: int, seconds: float) -> bool | None:
        """A step over `count` units is done, in so many seconds; True ends the training."""

    def revised(self, plan: Plan) -> None:
        """The plan has changed, to keep to the time."""

    def reported(self, line: Mapping[str, Any], plan: Plan, best: bool) -> bool | None:
        """A report point is done; True ends the training.

        Args:
            line: of the history: `step`, `passed` (of one), the losses `train` and `select`,
                `seconds`, and where there is one the `score` that chooses.
            best: whether its weights are the ones to keep.
        """

    def says(self, message: str) -> None:
        """Something that the user should know."""

    def ends(self) -> None:
        """The loop is over."""


@final
class Several(Callback):
    """Tells several, one after the other."""

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        self.callbacks = callbacks

    def begins(self, plan: Plan, step: int) -> None:
        """Tell all."""
        for each in self.callbacks:
            each.begins(plan, step)

    def stepped(self, step: int, loss: float, count: int, seconds: float) -> bool:
        """Tell all; whether one of them ends the training."""
        return True in [each.stepped(step, loss, count, seconds) for each in self.callbacks]

    def revised(self, plan: Plan) -> None:
        """Tell all."""
        for each in self.callbacks:
            each.revised(plan)

    def reported(self, line: Mapping[str, Any], plan: Plan, best: bool) -> bool:
        """Tell all; whether one of them ends the training."""
        return True in [each.reported(line, plan, best) for each in self.callbacks]

    def says(self, message: str) -> None:
        """Tell all."""
        for each in self.callbacks:
            each.says(message)

    def ends(self) -> None:
        """Tell all."""
        for each in self.callbacks:
            each.ends()


def listed(given: Any) -> list[Callback]:
    """Callbacks as they are given: one, several, or None.

    Raises:
        OptionError: something that is none.
    """
    found = list(given) if isinstance(given, Sequence) else [] if given is None else [given]
    wanted = ("begins", "stepped", "revised", "reported", "says", "ends")
    for each in found:
        if isinstance(each, type) or not all(callable(getattr(each, n, None)) for n in wanted):
            raise OptionError(
                f"a callback {each!r}", expected="an object of a class made of recurra.Callback"
            )
    return found
