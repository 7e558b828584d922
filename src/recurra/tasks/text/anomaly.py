"""Lines by how surprising they are: what is usual for a model, and what each line scores."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.bundle import REPORT, Run
from recurra.codecs.tokenizer import Tokenizer
from recurra.data.line_reader import RawLine
from recurra.errors import BundleError, OptionError, counted
from recurra.runtime.state import State
from recurra.runtime.text import TextNetwork
from recurra.tasks.text.data import TextData

Nats = NDArray[np.float64]
Ids = NDArray[np.integer[Any]]

USUAL: Final = "traces/lines.safetensors"

QUANTILE: Final = 0.99
"""The share of usual lines that is not marked, where nothing else is asked for."""

LEAST: Final = 2
"""Lines from which it can be said what is usual."""

BLOCKS: Final = 3
"""Blocks of lines, one after the other: what is usual in one has to hold in the others."""

MARGIN: Final = 2.5
"""How many times the rate of the worst block is promised.

On what followed eleven trainings, on ten kinds of text, the rate was at most 0.9 times the promise
(docs/results.md): of logs whose dates go on, and of models that had learnt next to nothing.
"""

MOST_PROMISED: Final = 500.0
"""Of 1,000 usual lines: a promise of more is none."""

UNEVEN: Final = 100.0
"""Of 1,000 usual lines: more is promised only where blocks hold for each other."""

NAME: Final = re.compile(r"(?=[^\W_])[^\s\"'()\[\]{}<>,;=|]{2,}")
"""What may be a name: two characters at least, with no blank, quote, bracket or comma in it."""


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
        name: the word that its most surprising token stands in; none where that is no word.
        otherwise: the score if the name, and the token after it, had cost what is usual.
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
    name: str
    otherwise: float
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
        scores: of those lines (N,), as they came.
        end: how lines end, "\\n" or "\\r\\n".
    """

    mean: float
    spread: float
    drift: float
    scores: NDArray[np.float32]
    end: str

    @classmethod
    def of(cls, totals: Nats, counts: NDArray[np.int64], end: str) -> LineStatistics:
        """Learn it from lines, as they came, of `totals` (N,) nats and `counts` (N,) tokens."""
        mean = float(totals.sum() / counts.sum())
        squares, n = (totals - mean * counts) ** 2, counts.astype(np.float64)
        # Least squares of (squares - 1) / n on (1, n), each line alike, neither below 0.
        slope, level = np.polyfit(n, (squares - 1.0) / n, 1) if np.ptp(n) > 0 else (0.0, 0.0)
        if slope <= 0.0 or level <= 0.0:
            flat = max(0.0, float(((squares - 1.0) / n).mean()))
            steep = max(0.0, float(((squares - 1.0) / n**2).mean()))
            slope, level = (0.0, flat) if slope <= 0.0 else (steep, 0.0)
        found = cls(mean, float(level), float(slope), np.zeros(0, np.float32), end)
        scores = [found.score(*each) for each in zip(totals, counts, strict=True)]
        return replace(found, scores=np.array(scores, np.float32))

    def score(self, nats: float, tokens: int) -> float:
        """How many standard deviations a line costs more than one of its length is expected to.

        Fair to lines of any length: a mean a token would put short lines first, since few tokens
        vary more, and a sum the long ones.
        """
        variance = 1.0 + self.spread * tokens + self.drift * tokens**2
        return float((nats - self.mean * tokens) / math.sqrt(variance))

    @property
    def blocks(self) -> list[NDArray[np.float32]]:
        """The scores in BLOCKS of lines, one after the other, ascending in each."""
        return [np.sort(each) for each in np.array_split(self.scores, BLOCKS) if len(each)]

    def threshold(self, quantile: float) -> float:
        """The score that this share of the lines that are usual does not exceed, in any block.

        In each, the order statistic that holds for the next line too, if lines are alike (Vovk et
        al., 2005, Algorithmic Learning in a Random World, section 4.2); the highest where there are
        too few. Lines change with time: of the blocks, the highest counts.

        Raises:
            OptionError: no share between 0 and 1.
        """
        if not 0.0 < quantile < 1.0:
            raise OptionError(f"--quantile {quantile:g}", expected="above 0 and below 1: 0.99")
        return max(_threshold(each, quantile) for each in self.blocks)

    def later(self, quantile: float) -> list[float]:
        """Of 1,000 lines of each block but the first, how many exceed what those before it set."""
        limits = [_threshold(each, quantile) for each in self.blocks]
        places = range(1, len(limits))
        return [_rate(self.blocks[each], max(limits[:each]), 0.0) for each in places]

    def expected(self, threshold: float) -> float:
        """Of 1,000 usual lines, how many score above a threshold."""
        return _rate(self.scores, threshold, 0.0)

    def alarms(self, threshold: float) -> float | None:
        """Of 1,000 usual lines, how many score above a threshold at most; None: no promise.

        MARGIN times the most that may be above it in a block, or was above in a later one where
        those before had set as rare a threshold; each at the upper end of what so few lines tell.
        """
        blocks = self.blocks
        worst = max(_rate(each, threshold, 2.0) for each in blocks)
        share = max(_rate(each, threshold, 0.0) for each in blocks) / 1000.0
        limits = [_threshold(each, 1.0 - share) for each in blocks]
        later = [_rate(each, max(limits[:n]), 2.0) for n, each in enumerate(blocks) if n]
        promised = MARGIN * max([worst, *later])
        most = MOST_PROMISED if max([0.0, *later]) <= 2.0 * worst else UNEVEN
        return promised if promised <= most else None

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


def _threshold(scores: NDArray[np.float32], quantile: float) -> float:
    place = math.ceil((len(scores) + 1) * quantile - 1e-9)
    return float(scores[min(max(1, place), len(scores)) - 1])


def _rate(scores: NDArray[np.float32], threshold: float, deviations: float) -> float:
    """Of 1,000 lines like these, how many exceed a threshold if the next one does.

    Args:
        deviations: standard deviations of the count that are added; 2 for an upper limit.
    """
    above = int((scores > np.float32(threshold)).sum()) + 1
    return min(1000.0, 1000.0 * (above + deviations * math.sqrt(above)) / (len(scores) + 1))


def learn(read: TextData, nats: Nats) -> LineStatistics | None:
    """Learn what lines cost from those of the test part, in time; None where there are too few.

    Nothing was trained on them, nor chosen by them, and they come last, as what comes next will.

    Args:
        nats: (N,) of the test part, as `evaluate.score` gives them.
    """
    marks = read.starts_in(read.parts.test)
    ids = read.test if marks is None else np.delete(read.test, marks)
    costs, counts = totals(nats, ends_of(read.vocabulary, ids))
    if len(costs) < LEAST:
        return None
    return LineStatistics.of(costs, counts, end_of(read.text(read.tested)))


def realised(found: LineStatistics) -> dict[str, Any]:
    """The default threshold, what it promises, and what came of it in later blocks of lines."""
    threshold = found.threshold(QUANTILE)
    return {
        "quantile": QUANTILE,
        "threshold": threshold,
        "lines": len(found.scores),
        "expected": found.expected(threshold),
        "promised": found.alarms(threshold),
        "later": found.later(QUANTILE),
    }


def summary(threshold: float, lines: int, expected: float, promised: float | None) -> str:
    """What a threshold means, in words.

    Args:
        lines: from which it was learnt.
        expected: of 1,000 usual lines, how many score above it.
        promised: how many at most; None for no promise.
    """
    most = "how many at most is not promised: too few lines, too uneven in time, or too low a score"
    if promised is not None:
        most = f"at most {promised:.3g}"
    return (
        f"a line that scores above {threshold:.2f} is marked: of 1,000 usual ones about "
        f"{expected:.3g}, by {counted(lines, 'line')} that nothing was trained on; {most}"
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
        # A character that the place is inside of is not before it.
        before = b"".join(self._vocabulary.written[each] for each in ids[:at])
        column = min(len(before.decode("utf-8", "ignore")), len(raw.text))
        total, number = float(nats.sum()), self._number
        score = self._line_statistics.score(total, len(ids))
        self._number += raw.ended
        name, otherwise = self._named(raw.text, column, nats) if score > 0.0 else ("", score)
        return Line(
            number,
            raw.text,
            total,
            len(ids),
            score,
            column + 1,
            float(nats[at]) if len(nats) else 0.0,
            int((ids == self._vocabulary.lost).sum()),
            name,
            otherwise,
            raw.damaged,
            not raw.ended,
        )

    def _named(self, text: str, column: int, nats: Nats) -> tuple[str, float]:
        """The word at a column of a line, and the score without what was odd of it."""
        for found in NAME.finditer(text):
            # Words and subwords begin with the blank before them.
            if column < found.end() and not text[column : found.start()].strip():
                break
        else:
            return "", self._line_statistics.score(float(nats.sum()), len(nats))
        ends = np.cumsum(self._vocabulary.widths(text))
        first, last = (len(text[:place].encode()) for place in found.span())
        begin, end = np.searchsorted(ends, first, "right"), np.searchsorted(ends, last) + 2
        odd, usual = nats[begin:end], self._line_statistics.mean
        rest = float(nats.sum() - odd.sum()) + usual * len(odd)
        return found.group(), self._line_statistics.score(rest, len(nats))

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
