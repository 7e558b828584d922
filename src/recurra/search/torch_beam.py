"""Beam search: several hypotheses of each sequence live on; greedy is a beam of one.

Laws: the same scores give the same hypotheses, whatever runs beside them; of equals the earlier
hypothesis is taken, and of its tokens the one with the lower id.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recurra.errors import OptionError
from recurra.search.choice import no_numbers
from recurra.search.writing import (
    Flags,
    Forking,
    Found,
    Hypothesis,
    Integers,
    Kept,
    Numbers,
    S,
    Writing,
    checked_limits,
    forbid,
    repeats,
)

X = TypeVar("X", np.int64, np.float64)

_MOST_PENALTY: Final = 10.0
_BLOCK: Final = 64
_MANY: Final = 2048
"""Tokens from which on the highest are looked for block by block: twice as fast from 4,000."""

_LEAST_LOOK: Final = 1e-6
"""What a step that was never looked at counts in the coverage: its logarithm stays a number."""


@final
@dataclass(frozen=True)
class Beam:
    """The options of beam search, checked once.

    Args:
        width: hypotheses kept alive of each sequence; 1 is greedy.
        best: hypotheses told of each sequence, at most `width`.
        length_penalty: alpha. Hypotheses are ranked by log p / T^alpha, the end counted in T: 0
            ranks by the probability, 1 by its mean over tokens (the place of Wu et al.'s
            ((5 + T) / 6)^alpha, 2016, arXiv:1609.08144, with one constant less).
        coverage_penalty: beta. Adds beta * sum over the source's steps of log(min(what they were
            looked at, 1)), by which what was left out costs: Wu et al. 2016, equation 14.
        no_repeat: n-grams of so many tokens come once at most; 0 lets them come again.
        prune: nats by which a hypothesis may be less probable than the likeliest that lives of its
            sequence; one further behind is given up, and takes no more time (absolute threshold
            pruning, Freitag & Al-Onaizan 2017, arXiv:1702.01806). Infinite keeps all.

    Raises:
        OptionError: one is out of range.
    """

    width: int = 5
    best: int = 1
    length_penalty: float = 1.0
    coverage_penalty: float = 0.0
    no_repeat: int = 0
    prune: float = math.inf

    def __post_init__(self) -> None:
        if self.width < 1:
            raise OptionError(f"beam = {self.width}", expected="1 or more; 1 is greedy")
        if not 1 <= self.best <= self.width:
            raise OptionError(
                f"best = {self.best} of a beam of {self.width}",
                expected="from 1 to the width of the beam",
                fix="widen the beam",
            )
        for name, value in (
            ("length penalty", self.length_penalty),
            ("coverage penalty", self.coverage_penalty),
        ):
            if not 0 <= value <= _MOST_PENALTY:
                raise OptionError(f"{name} = {value}", expected=f"from 0 to {_MOST_PENALTY:g}")
        if self.no_repeat < 0:
            raise OptionError(f"no-repeat = {self.no_repeat}", expected="0 or more tokens")
        if not self.prune >= 0:
            raise OptionError(f"prune = {self.prune}", expected="0 nats or more")

    def rank(self, log_probability: float, length: int, covered: float = 0.0) -> float:
        """The score of a hypothesis of so many tokens, its end among them.

        Args:
            covered: the sum of logarithms in the coverage penalty.
        """
        divisor: float = float(length) ** self.length_penalty
        return log_probability / divisor + self.coverage_penalty * covered


@torch.no_grad()
def beam(
    decoder: Forking[S],
    first_state: S,
    *,
    begin: int,
    end: int,
    limits: Sequence[int] | Integers,
    options: Beam,
    excluded: Sequence[int] = (),
    looked: Callable[[S], Tensor] | None = None,
    coverage: Callable[[S], Tensor] | None = None,
    sources: Tensor | None = None,
) -> list[list[Hypothesis]]:
    """The best hypotheses of each of B sequences, best first: `best`, or as many as there are.

    A hypothesis ends where its end is among the `width` likeliest continuations of its sequence,
    and another one lives on in its place. The sequence is over when `width` have ended, one of them
    as the likeliest of its step (a sure model's improbable early ends are many, and no reason to
    stop; a beam of one is greedy by this); when none that lives can still get a better score than
    the worst of the `best` kept, which is no more than log p / limit^alpha, since log p only falls,
    T is at most the limit, and no coverage is above 0; or at its limit, where those that live are
    cut, and ranked with the others.

    Args:
        decoder: reads the tokens of hypotheses, up to K of each sequence.
        first_state: B rows, before `begin`.
        begin: what is read first.
        end: what ends a hypothesis.
        limits: (B,) the most tokens of each, 1 or more, the end among them: the most steps.
        options: width, ranking and n-best.
        excluded: tokens that are never chosen.
        looked: where the step that led to a state looked, (R, S), to be told with the hypotheses.
        coverage: the same, summed for the coverage penalty.
        sources: (B,) how many of S are real steps, for the coverage penalty; all of them without.

    Raises:
        OptionError: rows and limits differ in number, a limit is below 1, the end is excluded, or
            a coverage penalty has nothing to add up.
        RecurraError: the decoder's scores are not numbers, or leave no token to choose.
    """
    most = checked_limits(limits, excluded, end)
    if options.coverage_penalty and coverage is None:
        raise OptionError("a coverage penalty of what does not look", expected="attention")
    writing = Writing(decoder, first_state, len(most), 1, looked)
    width, kept = options.width, Kept(len(most), options.best)
    # As Python reckons in `rank`, to the last bit.
    reach = np.array([float(limit) ** options.length_penalty for limit in most.tolist()])
    covered = _Covered(sources) if options.coverage_penalty else None
    led = np.zeros(len(most), np.bool_)
    live, tokens = np.zeros((len(most), 1)), np.full((len(most), 1), begin, np.int64)

    def keep(at: int, parent: int, log_p: float, last: int | None) -> None:
        """Keep what goes on from a hypothesis: with `last` cut, without it ended."""
        written, rows = writing.written(at, parent, last)
        cover = 0.0 if covered is None else covered.of(int(writing.rows[at, parent]))
        score = options.rank(log_p, writing.length, cover)
        kept.add(int(writing.here[at]), Found(score, log_p, written, rows, last is None))

    while len(writing.here):
        scores = writing.read(tokens).float().log_softmax(-1)
        forbid(scores, excluded, *repeats(writing.tokens[writing.alive], options.no_repeat))
        if covered is not None and coverage is not None:
            covered.add(coverage(writing.state))
        best = likeliest(scores, width + (width > 1))
        parents, tokens, totals = _ranked(live, *_spread(writing.alive, *best), width)
        ended = (tokens == end) & np.isfinite(totals)
        for at, place in np.argwhere(ended[:, :width]).tolist():
            keep(at, int(parents[at, place]), float(totals[at, place]), None)
        # Those that have ended live no longer: the best of the others take their places.
        order = np.argsort(ended, axis=1, kind="stable")[:, :width]
        parents, tokens = _taken(parents, order), _taken(tokens, order)
        live = _taken(totals, order)
        led[writing.here] |= ended[:, 0]
        full = led[writing.here] & (kept.count[writing.here] >= width)
        limit = most[writing.here]
        last = (limit == writing.length) & ~full
        for at, place in np.argwhere(last[:, None] & np.isfinite(live)).tolist():
            keep(at, int(parents[at, place]), float(live[at, place]), int(tokens[at, place]))
        bound = live.max(1) / reach[writing.here]
        over = full | last | (bound <= kept.worst[writing.here])
        # They fall, so that what lives on comes first; what is over has one row until it leaves.
        alive = live >= live[:, :1] - options.prune
        alive[over, 1:] = False
        live = np.where(over[:, None] | ~alive, -math.inf, live)
        stay, rows = writing.write(tokens, parents, over, alive)
        live, tokens = live[stay], tokens[stay]
        if covered is not None:
            covered.select(rows)
    if not all(kept.found):
        raise no_numbers()
    return writing.hypotheses(kept.found)


def likeliest(scores: Tensor, count: int) -> tuple[Numbers, Integers]:
    """The `count` highest of each row of scores (R, V), all where V is less: values and tokens.

    They fall; of equals the lower token comes first, and is the one that is taken.

    Raises:
        RecurraError: a score is not a number.
    """
    count = min(count, scores.shape[-1])
    if count == 1:
        at = scores.argmax(-1, keepdim=True)  # of equals the first
        top = scores.gather(-1, at)
    else:
        top, at = _top(scores, min(count + 1, scores.shape[-1]))
    values, tokens = top.double().cpu().numpy(), at.cpu().numpy()
    if np.isnan(values).any():
        raise no_numbers()
    if (equal := values[:, 1:] == values[:, :-1]).any():
        # `topk` takes any of equals: where the last one taken has an equal that is not, look again.
        again = np.flatnonzero(equal[:, count - 1 :].any(1))
        if len(again):
            order = scores[torch.from_numpy(again)].sort(dim=-1, descending=True, stable=True)
            values[again] = order.values[:, : values.shape[1]].double().cpu().numpy()
            tokens[again] = order.indices[:, : values.shape[1]].cpu().numpy()
        by = np.lexsort((tokens, -values))
        values, tokens = _taken(values, by), _taken(tokens, by)
    return values[:, :count], tokens[:, :count]


def _top(scores: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """What `topk` gives, which walks over every score; of many only the best blocks are read."""
    size = scores.shape[1]
    whole = size - size % _BLOCK
    if scores.device.type != "cpu" or size < _MANY or whole < 4 * count * _BLOCK:
        top = scores.topk(count, -1)
        return top.values, top.indices
    # The highest scores stand in the blocks with the highest maxima, or behind the last block.
    highest = scores[:, :whole].view(len(scores), -1, _BLOCK).amax(2)
    blocks = highest.topk(count, -1, sorted=False).indices
    within = (blocks[:, :, None] * _BLOCK + torch.arange(_BLOCK)).flatten(1)
    tokens = torch.cat([within, torch.arange(whole, size).expand(len(scores), -1)], 1)
    top = scores.gather(1, tokens).topk(count, -1)
    return top.values, tokens.gather(1, top.indices)


def _spread(alive: Flags, values: Numbers, tokens: Integers) -> tuple[Numbers, Integers]:
    """Values and tokens (R, k) of what lives as those of all places, (b * K, k): elsewhere -inf."""
    if alive.all():
        return values, tokens
    rows = np.flatnonzero(alive)
    everywhere = np.full((alive.size, values.shape[1]), -math.inf)
    named = np.zeros(everywhere.shape, np.int64)
    everywhere[rows], named[rows] = values, tokens
    return everywhere, named


def _ranked(
    live: Numbers, values: Numbers, tokens: Integers, width: int
) -> tuple[Integers, Integers, Numbers]:
    """Every continuation of hypotheses live (b, K), best first: parents, tokens, totals (b, n).

    Args:
        values, tokens: (b * K, k), falling.
        width: n is at least so much: what is missing has the total -inf.
    """
    batch, places = live.shape
    each = values.shape[1]
    totals = (live[:, :, None] + values.reshape(batch, places, each)).reshape(batch, -1)
    tokens = tokens.reshape(batch, -1)
    if (missing := width - places * (each - 1)) > 0:  # each but its end
        totals = np.pad(totals, ((0, 0), (0, missing)), constant_values=-math.inf)
        tokens = np.pad(tokens, ((0, 0), (0, missing)))
    # Stable: of equals the earlier hypothesis, then the lower token.
    order = np.argsort(-totals, axis=1, kind="stable")
    parents = np.minimum(order // each, places - 1)
    return parents, _taken(tokens, order), _taken(totals, order)


def _taken(values: NDArray[X], order: Integers) -> NDArray[X]:
    found: NDArray[X] = np.take_along_axis(values, order, 1)
    return found


@final
class _Covered:
    """How much of each source step hypotheses (R,) have looked at so far, (R, S)."""

    def __init__(self, sources: Tensor | None) -> None:
        self._sources = sources
        self._total: Tensor | None = None
        self._real: Tensor | None = None
        self._sums: list[float] | None = None

    def add(self, looked: Tensor) -> None:
        """Add where the last step looked, (R, S); S may shrink by what is padding everywhere."""
        steps = looked.shape[1]
        if self._total is None or self._real is None:
            self._total = torch.zeros_like(looked)
            self._real = torch.ones_like(looked, dtype=torch.bool)
            if self._sources is not None:
                sizes = self._sources.to(looked.device)[:, None]
                self._real = torch.arange(steps, device=looked.device) < sizes
        self._total, self._real = self._total[:, :steps] + looked, self._real[:, :steps]
        self._sums = None

    def select(self, rows: Integers) -> None:
        """Go on from these rows."""
        assert self._total is not None
        assert self._real is not None
        index = torch.from_numpy(rows).to(self._total.device)
        self._total, self._real = self._total[index], self._real[index]

    def of(self, row: int) -> float:
        """The sum over a row's real steps of log(min(what they were looked at, 1))."""
        if self._sums is None:
            assert self._total is not None
            assert self._real is not None
            logs = self._total.double().clamp(_LEAST_LOOK, 1.0).log()
            self._sums = logs.masked_fill(~self._real, 0.0).sum(1).tolist()
        return self._sums[row]
