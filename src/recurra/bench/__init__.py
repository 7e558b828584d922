"""Measurements: each prints what it did, a table, and one line of JSON at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from recurra.errors import OptionError, did_you_mean


@final
@dataclass(frozen=True)
class BenchOptions:
    """What a measurement can be told.

    Args:
        data: the file that it runs on, where it takes one.
        minutes: the budget of each training.
        repeats: trainings with different seeds, or timings of one thing.
        only: words that a case's description has to have, for `layers`; for `labels` sets,
            "steps" and "lines", for `series` sets, "stock" and "many", for `pairs` sets,
            "translate" and "speed": each of them is measured.
        seconds: time of each way of each case, for `layers`.
    """

    data: Path | None = None
    minutes: float = 3.0
    repeats: int = 3
    only: str = ""
    seconds: float = 1.0

    def asks(self, name: str) -> bool:
        """Whether `only` names this, or nothing."""
        return not self.only or name in self.only.split()

    def folder(self, bench: str, sets: Iterable[str]) -> Path:
        """The folder of data that a measurement needs.

        Raises:
            OptionError: none was given.
        """
        if self.data is None or not self.data.is_dir():
            raise OptionError(
                f"bench {bench} without a folder of data",
                expected=f"recurra bench {bench} FOLDER, with some of {', '.join(sets)} in it",
            )
        return self.data


def _text(options: BenchOptions) -> None:
    from recurra.bench import text

    text.run(options)


def _use(options: BenchOptions) -> None:
    from recurra.bench import use

    use.run(options)


def _layers(options: BenchOptions) -> None:
    from recurra.bench import layers

    layers.run(options)


def _labels(options: BenchOptions) -> None:
    from recurra.bench import labels

    labels.run(options)


def _series(options: BenchOptions) -> None:
    from recurra.bench import series

    series.run(options)


def _pairs(options: BenchOptions) -> None:
    from recurra.bench import pairs

    pairs.run(options)


BENCHES: Final[dict[str, tuple[str, Callable[[BenchOptions], None]]]] = {
    "text": ("loss on the test part of a text after --minutes, over --repeats seeds", _text),
    "labels": ("labels after --minutes, training steps against torch.nn, lines a second", _labels),
    "layers": ("steps of recurrent layers against torch.nn and ONNX Runtime", _layers),
    "series": (
        "forecasts after --minutes at most, the stock lab against torch, many series",
        _series,
    ),
    "pairs": (
        "translations after --minutes at most, the translate lab and a network against torch.nn",
        _pairs,
    ),
    "use": ("a text model's first character, speed, memory, pool; alone and beside others", _use),
}


def run(name: str, options: BenchOptions) -> None:
    """Run the measurement of this name.

    Raises:
        OptionError: there is none.
    """
    if name not in BENCHES:
        raise OptionError(
            f"no bench is called {name!r}",
            expected=f"one of {', '.join(BENCHES)}",
            fix=did_you_mean(name, BENCHES),
        )
    BENCHES[name][1](options)
