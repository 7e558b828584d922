"""Beam search: several hypotheses of each sequence live on; greedy is a beam of one.

Laws: the same scores give the same hypotheses, whatever runs beside them; of equals the earlier
hypothesis is taken, and of its tokens the one with the lower id.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar, final

import numpy as np
from numpy.typing import NDArray

from recurra.errors import OptionError, check_count
from recurra.search.hypotheses import (
    Best,
    Decoder,
    Finished,
    Flags,
    Hypotheses,
    Hypothesis,
    S,
    checked_limits,
)
from recurra.search.logits_processors import Integers, Numbers, not_numbers

X = TypeVar("X", np.int64, np.float64)

MOST: Final = 10_000
"""Hypotheses of a sequence."""

_MOST_PENALTY: Final = 10.0

_LEAST_LOOK: Final = 1e-6
"""What a step that was never looked at counts in the coverage: its logarithm stays a number."""


@final
@dataclass(frozen=True)
class Beam:
    """The options of beam search, checked once.

    Args:
        width: hypotheses kept alive of each sequence; 1 is greedy.
        n_best: hypotheses told of each sequence, at most `width`.
        length_penalty: alpha. Hypotheses are ranked by log p / T^alpha, the end counted in T: 0
            ranks by the probability, 1 by its mean over tokens (the place of Wu et al.'s
            ((5 + T) / 6)^alpha, 2016, arXiv:1609.08144, with one constant less).
        coverage_penalty: beta. Adds beta * sum over the source's steps of log(min(what they were
            looked at, 1)), by which what was left out costs: Wu et al. 2016, equation 14.
        no_repeat_ngram: n-grams of so many tokens come once at most; 0 lets them come again.
        prune: nats by which a hypothesis may be less probable than the likeliest that lives of its
            sequence; one further behind is given up, and takes no more time (absolute threshold
            pruning, Freitag & Al-Onaizan 2017, arXiv:1702.01806). Infinite keeps all.

    Raises:
        OptionError: one is out of range.
    """

    width: int = 5
    n_best: int = 1
    length_penalty: float = 1.0
    coverage_penalty: float = 0.0
    no_repeat_ngram: int = 0
    prune: float = math.inf

    def __post_init__(self) -> None:
        check_count("beam", self.width, "beginnings kept; 1 is greedy", most=MOST)
        if not 1 <= self.n_best <= self.width:
            raise OptionError(
                f"n-best = {self.n_best} of a beam of {self.width}",
                expected="from 1 to the width of the beam",
                fix="widen the beam",
            )
        for name, value in (
            ("length penalty", self.length_penalty),
            ("coverage penalty", self.coverage_penalty),
        ):
            if not 0 <= value <= _MOST_PENALTY:
                raise OptionError(f"{name} = {value}", expected=f"from 0 to {_MOST_PENALTY:g}")
        check_count("no-repeat-ngram", self.no_repeat_ngram, "tokens", least=0, most=MOST)
        if not self.prune >= 0:
            raise OptionError(f"prune = {self.prune}", expected="0 nats or more")

    def rank(self, log_probability: float, length: int, covered: float = 0.0) -> float:
        """The score of a hypothesis of so many tokens, its end among them.

        Args:
            covered: the sum of logarithms in the coverage penalty.
        """
        divisor: float = float(length) ** self.length_penalty
        return log_probability / divisor + self.coverage_penalty * covered


def beam(
    decoder: Decoder[S],
    first_state: S,
    *,
    begin: int,
    end: int,
    limits: Sequence[int] | Integers,
    options: Beam,
    excluded: Sequence[int] = (),
    attention: Callable[[S], NDArray[Any]] | None = None,
    coverage: Callable[[S], NDArray[Any]] | None = None,
    sources: Integers | None = None,
) -> list[list[Hypothesis]]:
    """The best hypotheses of each of B sequences, best first: `n_best`, or as many as there are.

    A hypothesis ends where its end is among the `width` likeliest continuations of its sequence,
    and another one lives on in its place. The sequence is over when `width` have ended, one of them
    as the likeliest of its step (a sure model's improbable early ends are many, and no reason to
    stop; a beam of one is greedy by this); when none that lives can still get a better score than
    the worst of the `n_best` kept, which is no more than log p / limit^alpha, since log p only
    falls, T is at most the limit, and no coverage is above 0; or at its limit, where those that
    live are cut, and ranked with the others.

    Args:
        decoder: reads the tokens of hypotheses, up to K of each sequence.
        first_state: B rows, before `begin`.
        begin: what is read first.
        end: what ends a hypothesis.
        limits: (B,) the most tokens of each, 1 or more, the end among them: the most steps.
        options: width, ranking and n-best.
        excluded: tokens that are never chosen.
        attention: where the step that led to a state looked, (R, S), to be told with the
            hypotheses.
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
    hypotheses = Hypotheses(decoder, first_state, len(most), 1, attention)
    width, kept = options.width, Best(len(most), options.n_best)
    # As Python reckons in `rank`, to the last bit.
    reach = np.array([float(limit) ** options.length_penalty for limit in most.tolist()])
    covered = _Coverage(sources) if options.coverage_penalty else None
    led = np.zeros(len(most), np.bool_)
    live, tokens = np.zeros((len(most), 1)), np.full((len(most), 1), begin, np.int64)

    def keep(at: int, parent: int, log_p: float, last: int | None) -> None:
        """Keep what goes on from a hypothesis: with `last` cut, without it ended."""
        written, rows = hypotheses.written(at, parent, last)
        cover = 0.0 if covered is None else covered.of(int(hypotheses.rows[at, parent]))
        score = options.rank(log_p, hypotheses.length, cover)
        kept.add(int(hypotheses.here[at]), Finished(score, log_p, written, rows, last is None))

    while len(hypotheses.here):
        best = hypotheses.top(tokens, width + (width > 1), excluded, options.no_repeat_ngram)
        if covered is not None and coverage is not None:
            covered.add(coverage(hypotheses.state))
        parents, tokens, totals = _ranked(live, *_spread(hypotheses.alive, *best), width)
        ended = (tokens == end) & np.isfinite(totals)
        for at, place in np.argwhere(ended[:, :width]).tolist():
            keep(at, int(parents[at, place]), float(totals[at, place]), None)
        # Those that have ended live no longer: the best of the others take their places.
        order = np.argsort(ended, axis=1, kind="stable")[:, :width]
        parents, tokens = _taken(parents, order), _taken(tokens, order)
        live = _taken(totals, order)
        led[hypotheses.here] |= ended[:, 0]
        full = led[hypotheses.here] & (kept.seen[hypotheses.here] >= width)
        limit = most[hypotheses.here]
        last = (limit == hypotheses.length) & ~full
        for at, place in np.argwhere(last[:, None] & np.isfinite(live)).tolist():
            keep(at, int(parents[at, place]), float(live[at, place]), int(tokens[at, place]))
        bound = live.max(1) / reach[hypotheses.here]
        over = full | last | (bound <= kept.worst[hypotheses.here])
        # They fall, so that what lives on comes first; what is over has one row until it leaves.
        alive = live >= live[:, :1] - options.prune
        alive[over, 1:] = False
        live = np.where(over[:, None] | ~alive, -math.inf, live)
        stay, rows = hypotheses.write(tokens, parents, over, alive)
        live, tokens = live[stay], tokens[stay]
        if covered is not None:
            covered.select(rows)
    if not all(kept.found):
        raise not_numbers()
    return hypotheses.hypotheses(kept.found)


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
class _Coverage:
    """How much of each source step hypotheses (R,) have looked at so far, (R, S)."""

    def __init__(self, sources: Integers | None) -> None:
        self._sources = sources
        self._total: Numbers | None = None
        self._real: Flags | None = None
        self._sums: list[float] | None = None

    def add(self, weights: NDArray[Any]) -> None:
        """Add where the last step looked, (R, S); S may shrink by what is padding everywhere."""
        steps = weights.shape[1]
        if self._total is None or self._real is None:
            self._total = np.zeros(weights.shape)
            self._real = np.ones(weights.shape, np.bool_)
            if self._sources is not None:
                self._real = np.arange(steps) < self._sources[:, None]
        self._total, self._real = self._total[:, :steps] + weights, self._real[:, :steps]
        self._sums = None

    def select(self, rows: Integers) -> None:
        """Go on from these rows."""
        assert self._total is not None
        assert self._real is not None
        self._total, self._real = self._total[rows], self._real[rows]

    def of(self, row: int) -> float:
        """The sum over a row's real steps of log(min(what they were looked at, 1))."""
        if self._sums is None:
            assert self._total is not None
            assert self._real is not None
            logs = np.where(self._real, np.log(self._total.clip(_LEAST_LOOK, 1.0)), 0.0)
            # From the first to the last: `sum` would group them by how much padding there is.
            self._sums = np.add.accumulate(logs, axis=1)[:, -1].tolist()
        return self._sums[row]
