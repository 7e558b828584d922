"""One plain sentence: better than the baseline by how much, or not better."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, final

from recurra.errors import OptionError
from recurra.judge.bootstrap import Interval

_MOST_DECIMALS: Final = 6


@final
@dataclass(frozen=True)
class Verdict:
    """Better (True), worse (False) or neither shown (None), the sentence, and what it rests on.

    `advantage` is by how much the model is better, whichever way the metric runs.
    """

    better: bool | None
    sentence: str
    advantage: float
    interval: Interval

    def to_json(self) -> dict[str, Any]:
        """Its fields as plain values."""
        return {
            "better": self.better,
            "sentence": self.sentence,
            "advantage": self.advantage,
            "interval": self.interval.to_json(),
        }


def verdict(
    model: float,
    baseline: float,
    interval: Interval,
    *,
    name: str,
    unit: str,
    higher_is_better: bool = False,
) -> Verdict:
    """Judge a model's figure against the best baseline's.

    Args:
        model: the model's figure.
        baseline: the baseline's, on the same data.
        interval: of the advantage: positive where the model is better.
        name: the baseline, as it reads after "the": "interpolated 5-gram".
        unit: what the figures are counted in: "nats a character".
        higher_is_better: for accuracies and the like; a loss is better when lower.

    Raises:
        OptionError: a figure is not a number, or the interval is not one of this advantage.
    """
    advantage = model - baseline if higher_is_better else baseline - model
    if not math.isfinite(advantage):
        raise OptionError(
            f"figures of {model} and {baseline}", expected="two finite figures to compare"
        )
    if not math.isclose(advantage, interval.estimate, rel_tol=1e-3, abs_tol=1e-6):
        raise OptionError(
            f"an interval around {interval.estimate} for an advantage of {advantage}",
            expected="the interval of the advantage: positive where the model is better",
        )
    if not interval.known:
        amount = _figure(advantage, _decimals(advantage, 0.0))
        return Verdict(
            None,
            f"Not shown to be better than the {name}: too little data for an interval "
            f"(advantage {amount} {unit}).",
            advantage,
            interval,
        )
    low, high = interval.low, interval.high
    if high < 0:
        low, high = -high, -low
    decimals = _decimals(advantage, high - low, low, high)
    amount = _figure(abs(advantage) if interval.high < 0 else advantage, decimals)
    spread = (
        f"({interval.level * 100:g} % interval {_figure(low, decimals)} "
        f"to {_figure(high, decimals)})"
    )
    if interval.low > 0:
        return Verdict(
            True, f"Better than the {name} by {amount} {unit} {spread}.", advantage, interval
        )
    if interval.high < 0:
        return Verdict(
            False, f"Worse than the {name} by {amount} {unit} {spread}.", advantage, interval
        )
    return Verdict(
        None,
        f"Not better than the {name}: advantage {amount} {unit} {spread}.",
        advantage,
        interval,
    )


def on_network(sentence: str) -> str:
    """A verdict's sentence where something else than the network may answer: whose it is."""
    return f"The network: {sentence[:1].lower()}{sentence[1:]}"


def _decimals(advantage: float, width: float, *ends: float) -> int:
    """Enough to show two digits of the width, and that no end is 0 unless it is."""
    scale = max(width, abs(advantage) / 100)
    decimals = 2 if scale == 0 else 1 - math.floor(math.log10(scale))
    decimals = min(max(decimals, 0), _MOST_DECIMALS)
    while decimals < _MOST_DECIMALS and any(end and not round(end, decimals) for end in ends):
        decimals += 1
    return decimals


def _figure(value: float, decimals: int) -> str:
    return f"{round(value, decimals) + 0.0:.{decimals}f}"  # + 0.0: no "-0.00"
