"""Daily prices of a stock: out of a file, or a random walk made up here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.data.files import bytes_of, decoded
from recurra.errors import DataError

Days = NDArray[np.float64]
"""(N, 5): a row each day, oldest first; open, high, low, volume, close."""

OPEN: Final = 0
VOLUME: Final = 3
CLOSE: Final = 4
FEWEST: Final = 60
MADE: Final = 732


@final
@dataclass(frozen=True, eq=False)
class Prices:
    """Days (N, 5), where they come from, and whether the file had the newest first."""

    days: Days
    name: str
    turned: bool


def read(path: Path) -> Prices:
    """Read lines of open, high, low, volume, close; lines that begin with # are skipped.

    Without dates the prices themselves tell which way time runs: a day opens near the close of the
    day before, and has until its own close to leave it.

    Raises:
        DataError: no such file, a line that is not five numbers, or too few days.
    """
    rows = []
    for number, line in enumerate(decoded(bytes_of(path), str(path)).splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            rows.append(_numbers(line, f"{path}, line {number:,}"))
    if len(rows) < FEWEST:
        raise DataError(f"{path}: {len(rows)} days", expected=f"at least {FEWEST}")
    days = np.array(rows)
    turned = newest_first(days)
    return Prices(days[::-1].copy() if turned else days, path.name, turned)


def newest_first(days: Days) -> bool:
    """Whether rows open nearer to the close of the row below than to that of the row above."""
    opens, closes = days[:, OPEN], days[:, CLOSE]
    below, above = abs(opens[:-1] - closes[1:]), abs(opens[1:] - closes[:-1])
    return bool(below.mean() < above.mean())


def walk(seed: int) -> Prices:
    """A made-up stock: each day's close is that of the day before times a random factor.

    Nothing tells tomorrow's factor, which is 1.001 in the middle, give or take 1.5 %.
    """
    draw = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(0.001 + 0.015 * draw.standard_normal(MADE + 1)))
    opened = close[:-1] * np.exp(0.004 * draw.standard_normal(MADE))
    close = close[1:]
    beyond = np.exp(0.006 * abs(draw.standard_normal((2, MADE))))
    high, low = np.maximum(opened, close) * beyond[0], np.minimum(opened, close) / beyond[1]
    volume = 1.5e6 * np.exp(0.4 * draw.standard_normal(MADE))
    days = np.stack([opened, high, low, volume, close], 1).round(2)
    return Prices(days, f"A random walk made from seed {seed}", False)


def _numbers(line: str, where: str) -> list[float]:
    try:
        found = [float(each) for each in line.split(",")]
    except ValueError:
        found = []
    if len(found) != 5 or not all(map(math.isfinite, found)):
        raise DataError(
            f"{where}: {line.strip()[:60]!r}",
            expected="five numbers between commas: open, high, low, volume, close",
            fix="begin lines that are no days with #",
        )
    return found
