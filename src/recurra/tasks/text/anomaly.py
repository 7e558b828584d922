"""Lines by how surprising they are: what is usual for a model, and what each line scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.bundle import REPORT, Run
from recurra.codecs.tokenizer import Tokenizer
from recurra.data.line_reader import RawLine
from recurra.errors import BundleError, OptionError
from recurra.runtime.state import State
from recurra.runtime.text import TextNetwork
from recurra.tasks.text import evaluate
from recurra.tasks.text.data import MOST_UNSEEN, TextData, spared_range

Nats = NDArray[np.float64]
Ids = NDArray[np.integer[Any]]

USUAL: Final = "traces/lines.safetensors"

QUANTILE: Final = 0.99
"""The share of usual lines that is not marked, where nothing else is asked for."""

LEAST: Final = 2
"""Lines from which it can be said what is usual."""

_WARM_UP: Final = 2_000


@final
@dataclass(frozen=True)
class Line:
    """A line that a model has read.

    Args:
        number: from 1.
        text: without its end; what is not UTF-8 as U+FFFD.
        nats: what its tokens and its end cost together.
        tokens: how many these are.
        score: how far its nats lie above those of usual lines of its length (see
            `LineStatistics.score`).
        column: the character that its most surprising token begins with, from 1; one beyond the
            text where that is the line's end.
        worst: nats of that token.
        unknown: tokens that the model does not know.
        damaged: whether bytes of it are not UTF-8.
        cut: whether the line is a piece of a longer one (the last line of a file may be one too).
    """

    number: int
    text: str
    nats: float
    tokens: int
    score: float
    column: int
    worst: float
    unknown: int
    damaged: bool
    cut: bool

    @property
    def per_token(self) -> float:
        """Mean nats of a token."""
        return self.nats / max(1, self.tokens)

    def to_json(self) -> dict[str, Any]:
        """The line as plain values."""
        return asdict(self) | {"nats_per_token": self.per_token}


@final
@dataclass(frozen=True)
class LineStatistics:
    """What lines cost that a model was not trained on.

    Args:
        mean: nats of a token.
        spread, drift: the variance of a line of n tokens is 1 + spread n + drift n^2: tokens that
            vary by themselves, and lines that are dearer as a whole. The 1 keeps a line within a
            nat of what is expected from being odd to a model that knows all lines by heart.
        scores: of those lines (N,), ascending.
        end: how lines end, "\\n" or "\\r\\n".
    """

    mean: float
    spread: float
    drift: float
    scores: NDArray[np.float32]
    end: str

    @classmethod
    def of(
        cls, totals: Nats, counts: NDArray[np.int64], end: str, now: float = 1.0
    ) -> LineStatistics:
        """Learn it from lines that cost `totals` (N,) nats and have `counts` (N,) tokens.

        Args:
            now: what a token costs the model as it is, in what it cost that which read the lines.
        """
        mean = float(totals.sum() / counts.sum())
        squares, n = (totals - mean * counts) ** 2, counts.astype(np.float64)
        # Least squares of (squares - 1) / n on (1, n), each line alike, neither below 0.
        slope, level = np.polyfit(n, (squares - 1.0) / n, 1) if np.ptp(n) > 0 else (0.0, 0.0)
        if slope <= 0.0 or level <= 0.0:
            flat = max(0.0, float(((squares - 1.0) / n).mean()))
            steep = max(0.0, float(((squares - 1.0) / n**2).mean()))
            slope, level = (0.0, flat) if slope <= 0.0 else (steep, 0.0)
        before = cls(mean, float(level), float(slope), np.zeros(0, np.float32), end)
        scores = np.sort([before.score(*each) for each in zip(totals, counts, strict=True)])
        found = scores.astype(np.float32)
        return cls(now * mean, now**2 * float(level), now**2 * float(slope), found, end)

    def score(self, nats: float, tokens: int) -> float:
        """How many standard deviations a line costs more than one of its length is expected to.

        Fair to lines of any length: a mean a token would put short lines first, since few tokens
        vary more, and a sum the long ones.
        """
        variance = 1.0 + self.spread * tokens + self.drift * tokens**2
        return float((nats - self.mean * tokens) / math.sqrt(variance))

    def threshold(self, quantile: float) -> float:
        """The score that this share of the lines that are usual does not exceed.

        The order statistic that holds for the next line too, if lines are alike (Vovk et al., 2005,
        Algorithmic Learning in a Random World, section 4.2); the highest where there are too few.

        Raises:
            OptionError: no share between 0 and 1.
        """
        if not 0.0 < quantile < 1.0:
            raise OptionError(f"--quantile {quantile:g}", expected="above 0 and below 1: 0.99")
        place = math.ceil((len(self.scores) + 1) * quantile - 1e-9)
        return float(self.scores[min(place, len(self.scores)) - 1])

    def alarms(self, threshold: float) -> float:
        """Of 1,000 usual lines, how many are expected above a threshold at most."""
        above = int((self.scores > np.float32(threshold)).sum())
        return 1000.0 * (above + 1) / (len(self.scores) + 1)

    def write(self, run: Run) -> None:
        """Keep it in a run."""
        facts = {
            "mean": self.mean,
            "spread": self.spread,
            "drift": self.drift,
            "end": self.end,
        }
        run.write_arrays(USUAL, {"scores": self.scores}, facts)

    @classmethod
    def read(cls, run: Run) -> LineStatistics:
        """What `write` kept.

        Raises:
            BundleError: the training is not finished, it had no lines, or the file is damaged.
        """
        if not run.has(USUAL):
            if not run.has(REPORT):
                raise BundleError(
                    f"{run.path}: what lines cost is learnt at the end of a training, and this "
                    "one is not finished",
                    fix=f"recurra resume {run.path}",
                )
            raise BundleError(
                f"{run.path}: has not learnt what lines cost ({USUAL} is missing)",
                expected="a run trained on a text of lines, by a version that scores them",
                fix="train it again on a text with line ends",
            )
        arrays, facts = run.read_arrays(USUAL)
        with run.intact(USUAL):
            mean, spread, drift = (float(facts[name]) for name in ("mean", "spread", "drift"))
            return cls(mean, spread, drift, arrays["scores"], str(facts["end"]))


def ends_of(vocabulary: Tokenizer, ids: Ids) -> NDArray[np.bool_]:
    """Which of the tokens (N,) end a line."""
    table = np.array(["\n" in vocabulary.decode([each]) for each in range(len(vocabulary))])
    found: NDArray[np.bool_] = table[ids]
    return found


def totals(nats: Nats, ends: NDArray[np.bool_]) -> tuple[Nats, NDArray[np.int64]]:
    """Nats and tokens (L,) of each line that stands whole in tokens (N,), from an end to the next.

    What precedes the first end, and what follows the last, is left out.
    """
    places = np.flatnonzero(ends)
    sums = np.concatenate([[0.0], np.cumsum(nats)])[places + 1]
    return np.diff(sums), np.diff(places).astype(np.int64)


def end_of(text: str) -> str:
    """How lines of a text end."""
    return "\r\n" if 2 * text.count("\r\n") > text.count("\n") else "\n"


def learn(
    network: TextNetwork, read: TextData, unseen: Nats | None, spared: int
) -> LineStatistics | None:
    """Learn what lines cost that are new to a trained network; None where there are too few.

    Where the last steps trained on the selection part too, that is not new to the network any more,
    and its lines would score too low. What they cost just before (`unseen`) tells how lines differ;
    how much cheaper new text has become since is told by what was spared of the part.

    Args:
        unseen: nats (N - 1,) of the selection part but its first token; None where it was never
            trained on.
        spared: how many of its tokens were never learnt: see `data.spared_range`.
    """
    last, now = read.parts.select[-MOST_UNSEEN:], 1.0
    nats = _costs(network, read, last) if unseen is None else unseen
    if unseen is not None and spared:
        part = spared_range(read.parts.select, spared)
        found = _costs(network, read, range(max(1, part.start - _WARM_UP), part.stop))
        # The first token of the part has no cost of before, but where it begins a document.
        marks = read.starts_in(part)
        count = spared - (1 if marks is None else len(marks))
        now = float(found[-count:].mean() / max(nats[:count].mean(), 1e-9))
    ids = read.ids[last.start : last.stop]
    marks = read.starts_in(last)
    ids = (ids if marks is None else np.delete(ids, marks))[-len(nats) :]
    costs, counts = totals(nats, ends_of(read.vocabulary, ids))
    if len(costs) < LEAST:
        return None
    return LineStatistics.of(costs, counts, end_of(read.text(read.split.select)), now)


def read_again(read: TextData, *, finishing: bool) -> int:
    """About how many tokens of the selection part `learn` reads."""
    return min(len(read.select), len(read.select) // 10 + _WARM_UP if finishing else MOST_UNSEEN)


def _costs(network: TextNetwork, read: TextData, part: range) -> Nats:
    """What the tokens of a part cost a network, without the marks of where documents begin."""
    ids, before = np.asarray(read.ids[part.start : part.stop]), int(read.ids[part.start - 1])
    return evaluate.score(network, ids, read.unknown_rate, before, read.starts_in(part))[0]


def realised(
    line_statistics: LineStatistics, nats: Nats, ends: NDArray[np.bool_]
) -> dict[str, Any]:
    """What the default threshold promises, and what it does on text that chose nothing."""
    costs, counts = totals(nats, ends)
    threshold = line_statistics.threshold(QUANTILE)
    scores = np.array([line_statistics.score(*each) for each in zip(costs, counts, strict=True)])
    return {
        "quantile": QUANTILE,
        "threshold": threshold,
        "learnt_from": len(line_statistics.scores),
        "expected": line_statistics.alarms(threshold),
        "lines": len(scores),
        "marked": int((scores > threshold).sum()),
    }


def summary(line_statistics: LineStatistics, threshold: float) -> str:
    """What a threshold means, in words."""
    return (
        f"a line that scores above {threshold:.2f} is marked: of 1,000 usual ones "
        f"{line_statistics.alarms(threshold):.3g} at most, as {len(line_statistics.scores):,} "
        "lines tell that did not train it"
    )


@final
class LineReader:
    """A model that reads lines one after the other, as it was trained to: with its state carried.

    What a line costs depends on the lines before it. Memory does not grow with their number.

    Args:
        network: in use.
        unknown_rate: the probability of an unknown token.
        line_statistics: what scores are measured by.
    """

    def __init__(
        self,
        network: TextNetwork,
        vocabulary: Tokenizer,
        unknown_rate: float,
        line_statistics: LineStatistics,
    ) -> None:
        self._network = network
        self._vocabulary = vocabulary
        self._unknown_rate = unknown_rate
        self._line_statistics = line_statistics
        self._state: State | None = None
        # The first line follows a line end, as all others do.
        self._last = int(vocabulary.encode(line_statistics.end)[-1])
        self._number = 1

    def read(self, lines: Sequence[RawLine]) -> list[Line]:
        """Read the next lines, and score them."""
        encode, end = self._vocabulary.encode, self._line_statistics.end
        ids = [encode(each.text + end if each.ended else each.text) for each in lines]
        stops = np.cumsum([len(each) for each in ids])[:-1]
        nats = np.split(self._nats(np.concatenate(ids)), stops) if ids else []
        return [self._line(*each) for each in zip(lines, ids, nats, strict=True)]

    def _line(self, raw: RawLine, ids: Ids, nats: Nats) -> Line:
        at = int(nats.argmax()) if len(nats) else 0
        before = len(self._vocabulary.decode(ids[:at]))
        total, number = float(nats.sum()), self._number
        self._number += raw.ended
        return Line(
            number,
            raw.text,
            total,
            len(ids),
            self._line_statistics.score(total, len(ids)),
            min(before, len(raw.text)) + 1,
            float(nats[at]) if len(nats) else 0.0,
            int((ids == self._vocabulary.lost).sum()),
            raw.damaged,
            not raw.ended,
        )

    def _nats(self, ids: Ids) -> Nats:
        """What tokens (N,) cost that follow those read before."""
        if not len(ids):
            return np.zeros(0)
        inputs = np.concatenate([[self._last], ids[:-1]])[None]
        found, self._state = self._network.token_nll(
            inputs, ids[None], self._unknown_rate, state=self._state
        )
        self._last = int(ids[-1])
        nats: Nats = found[0]
        return nats
