"""Hypotheses that are written together: a step of all of them, who stays, and what was written."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, Self, TypeVar, final

import numpy as np
from numpy.typing import NDArray

from recurra.errors import OptionError
from recurra.search.logits_processors import Integers, Numbers, checked

Flags = NDArray[np.bool_]

_ENOUGH: Final = 8
"""Sequences leave when an eighth of them has ended: each time what all read is copied."""


class Rows(Protocol):
    """A state of several rows, of which some go on; see `recurra.runtime.state.State`."""

    @property
    def batch(self) -> int:
        """The number of rows."""
        ...

    def select(self, rows: Integers, /) -> Self:
        """The state of these rows (R',), which may repeat."""
        ...


S = TypeVar("S", bound=Rows)


class Likeliest(Protocol):
    """The k highest logits of each of R rows; see `recurra.native.Top`."""

    @property
    def values(self) -> NDArray[np.float32]:
        """(R, k), falling; -inf where a row has no more."""
        ...

    @property
    def ids(self) -> Integers:
        """(R, k) the tokens; of equals the lower one comes first."""
        ...

    @property
    def log_sum_exp(self) -> NDArray[np.floating[Any]]:
        """(R,) of all logits of a row, those left out too: log p = value - log_sum_exp."""
        ...


class Decoder(Protocol[S]):
    """A decoder of B sequences whose hypotheses fork: R rows, those of a sequence side by side."""

    def step(
        self, tokens: Integers, state: S, counts: Integers | None = None
    ) -> tuple[NDArray[np.float32], S]:
        """Tokens (R,) and the state before them -> what scores are made of (R, E), state after.

        Args:
            counts: (B,) the rows of each sequence, 1 or more; as many of each without.
        """
        ...

    def logits(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (R, V) of what may follow, of a step's outputs."""
        ...

    def top(self, outputs: NDArray[np.float32], k: int, excluded: Sequence[int] = ()) -> Likeliest:
        """The `k` likeliest of them without those that are excluded, for k up to `MOST_TOP`."""
        ...

    def select(self, sentences: Integers) -> Self:
        """The decoder of the sequences named by indices (k,) alone."""
        ...


MOST_TOP: Final = 64
"""Tokens that a decoder is asked for at once; beyond that its logits are sorted here."""


@final
@dataclass(frozen=True, eq=False)
class Top:
    """The k highest logits of each of R rows: values and ids (R, k), log_sum_exp (R,)."""

    values: NDArray[np.float32]
    ids: Integers
    log_sum_exp: Numbers


def top(logits: NDArray[np.float32], k: int, excluded: Sequence[int] = ()) -> Top:
    """The `k` highest of logits (R, V), all where V is less; of equals the lower token."""
    k = min(k, logits.shape[1])
    total = log_sum_exp(logits)
    if excluded:
        logits = logits.copy()
        logits[:, list(excluded)] = -math.inf
    if k == 1:
        ids = logits.argmax(1)[:, None]  # of equals the first
        return Top(np.take_along_axis(logits, ids, 1), ids, total)
    least = np.partition(logits, logits.shape[1] - k, axis=1)[:, -k, None]
    enough = logits >= least
    ids = np.empty((len(logits), k), np.int64)
    some = enough.sum(1) == k
    ids[some] = np.nonzero(enough[some])[1].reshape(-1, k)
    for row in np.flatnonzero(~some):  # where the lowest that is taken has an equal that is not
        ids[row] = np.sort(np.argsort(-logits[row], kind="stable")[:k])
    values = np.take_along_axis(logits, ids, 1)
    order = np.argsort(-values, axis=1, kind="stable")
    return Top(np.take_along_axis(values, order, 1), np.take_along_axis(ids, order, 1), total)


def log_sum_exp(logits: NDArray[np.floating[Any]]) -> Numbers:
    """The logarithm of the sum of the exponentials of each row (R, V); not finite if a score is."""
    scores = logits.astype(np.float64)
    most = scores.max(1, keepdims=True)
    found = np.full(len(scores), math.nan)
    fine = np.isfinite(most[:, 0])
    scores = np.exp(scores[fine] - most[fine])
    found[fine] = most[fine, 0] + np.log(scores.sum(1))
    return found


@final
@dataclass(frozen=True, eq=False)
class Hypothesis:
    """A sequence as it was written.

    Args:
        tokens: (T,), without the end.
        score: what ranks it, higher is better.
        log_probability: of its tokens, and of the end where it has ended.
        attention: (T, S) where its tokens looked, if that was asked for.
        ended: whether it came to its end, or was cut at its limit.
    """

    tokens: tuple[int, ...]
    score: float
    log_probability: float
    attention: NDArray[Any] | None
    ended: bool


@final
@dataclass(frozen=True, eq=False)
class Finished:
    """A hypothesis that is over: tokens (T,), and rows (T,) that looked for them, step by step."""

    score: float
    log_probability: float
    tokens: Integers
    rows: Integers
    ended: bool


@final
class Best:
    """Of each of B sequences the `count` that were best, best first; of equals the earlier one."""

    def __init__(self, sequences: int, count: int) -> None:
        self.count = count
        self.found: list[list[Finished]] = [[] for _ in range(sequences)]
        self.seen = np.zeros(sequences, np.int64)  # kept or not
        self.worst = np.full(sequences, -math.inf)  # what another one has to be better than

    def add(self, sequence: int, found: Finished) -> None:
        """Keep it if it is better than those there are."""
        kept = self.found[sequence]
        kept.insert(bisect_right(kept, -found.score, key=lambda each: -each.score), found)
        del kept[self.count :]
        self.seen[sequence] += 1
        if len(kept) == self.count:
            self.worst[sequence] = kept[-1].score


@final
class Hypotheses(Generic[S]):
    """B sequences written together, K places for hypotheses of each: b of them are there still.

    Of the K the first ones live, and have rows in the state; what is behind them means nothing.

    Args:
        decoder: scores what may follow.
        state: B * K rows before the first token.
        sequences: B.
        places: K at first.
        attention: where the step that led to a state looked, (R, S), if that is to be told.

    Raises:
        OptionError: the state has other rows.
    """

    def __init__(
        self,
        decoder: Decoder[S],
        state: S,
        sequences: int,
        places: int,
        attention: Callable[[S], NDArray[Any]] | None,
    ) -> None:
        if state.batch != sequences * places:
            raise OptionError(
                f"a first state of {state.batch} rows for {sequences} sequences",
                expected=f"{places} for each of them",
            )
        self.here = np.arange(sequences)
        self.tokens = np.zeros((sequences, places, 0), np.int64)
        self.state = state
        self.alive = np.ones((sequences, places), np.bool_)
        self._rows = self.tokens  # which row looked for each of the tokens
        self._decoder, self._attention = decoder, attention
        self._seen: list[NDArray[Any]] = []

    @property
    def places(self) -> int:
        """K, the hypotheses that each sequence has at present."""
        return self.tokens.shape[1]

    @property
    def length(self) -> int:
        """The tokens of a hypothesis that goes on from those that are written."""
        return self.tokens.shape[2] + 1

    @property
    def rows(self) -> Integers:
        """The row of each place, (b, K); of places where nothing lives, none that can be used."""
        counts = self.alive.sum(1)
        return np.asarray((np.cumsum(counts) - counts)[:, None] + np.arange(self.places))

    def logits(self, tokens: Integers) -> NDArray[np.float32]:
        """Read tokens (b, K): logits (R, V) of what may follow those that live."""
        return self._decoder.logits(self._read(tokens))

    def top(
        self, tokens: Integers, k: int, excluded: Sequence[int], no_repeat_ngram: int
    ) -> tuple[Numbers, Integers]:
        """Read tokens (b, K): what may follow those that live, the likeliest `k` of each.

        Returns:
            log-probabilities (R, k), falling, and tokens (R, k). Of equals the lower token comes
            first. What is left out has -inf, and stands behind; so do places beyond V.

        Raises:
            RecurraError: the decoder's scores are not numbers.
        """
        outputs = self._read(tokens)
        rows, repeated = repeats(self.tokens[self.alive], no_repeat_ngram)
        # One row may lose as many of its likeliest as would repeat something.
        more = int(np.bincount(rows).max(initial=0)) if len(rows) else 0
        if k + more <= MOST_TOP:
            found = self._decoder.top(outputs, k + more, excluded)
        else:
            found = top(self._decoder.logits(outputs), k + more, excluded)
        total = found.log_sum_exp.astype(np.float64)
        checked(total)
        values, ids = found.values.astype(np.float64) - total[:, None], found.ids
        if more:
            values[_among(ids, rows, repeated)] = -math.inf
            order = np.argsort(-values, axis=1, kind="stable")[:, :k]
            values, ids = np.take_along_axis(values, order, 1), np.take_along_axis(ids, order, 1)
        return values, ids

    def _read(self, tokens: Integers) -> NDArray[np.float32]:
        counts = None if self.alive.all() else self.alive.sum(1)
        outputs, self.state = self._decoder.step(tokens[self.alive], self.state, counts)
        if self._attention is not None:
            self._seen.append(self._attention(self.state))
        return outputs

    def write(
        self, tokens: Integers, parents: Integers, over: Flags, alive: Flags | None = None
    ) -> tuple[Integers, Integers]:
        """Write tokens (b, K') down, each after the hypothesis `parents` (b, K') it goes on from.

        Sequences that are `over` (b,) leave, once they are enough or all.

        Args:
            alive: (b, K') which of them live, the first ones of each sequence; all without.

        Returns:
            which of the b stay, (b',), and the row that each hypothesis that lives was, (R',).
        """
        within = np.arange(len(self.here))[:, None]
        rows = self.rows[within, parents]
        self.tokens = np.concatenate([self.tokens[within, parents], tokens[:, :, None]], 2)
        self._rows = np.concatenate([self._rows[within, parents], rows[:, :, None]], 2)
        self.alive = np.ones(tokens.shape, np.bool_) if alive is None else alive
        stay = np.flatnonzero(~over)
        if len(stay) and (len(over) - len(stay)) * _ENOUGH < len(over):
            stay = np.arange(len(over))
        if len(stay) < len(over):
            self.here, self.alive = self.here[stay], self.alive[stay]
            self.tokens, self._rows = self.tokens[stay], self._rows[stay]
            if len(stay):
                self._decoder = self._decoder.select(stay)
        flat = rows[stay][self.alive]
        if len(flat) and not np.array_equal(flat, np.arange(self.state.batch)):
            self.state = self.state.select(flat)
        return stay, flat

    def written(self, at: int, place: int, last: int | None) -> tuple[Integers, Integers]:
        """The tokens (T,) of a hypothesis, `last` among them, and the rows that looked for them."""
        tokens, rows = self.tokens[at, place], self._rows[at, place]
        if last is None:
            return tokens.copy(), rows.copy()
        return np.append(tokens, last), np.append(rows, self.rows[at, place])

    def hypotheses(self, found: Sequence[Sequence[Finished]]) -> list[list[Hypothesis]]:
        """What was found of each of the B sequences, and where it looked."""
        maps = iter(_gathered(self._seen, [one.rows for each in found for one in each]))
        return [[_hypothesis(one, next(maps)) for one in each] for each in found]


def _hypothesis(found: Finished, attention: NDArray[Any] | None) -> Hypothesis:
    tokens = tuple(found.tokens.tolist())
    return Hypothesis(tokens, found.score, found.log_probability, attention, found.ended)


def _gathered(
    seen: Sequence[NDArray[Any]], rows: Sequence[Integers]
) -> Iterable[NDArray[Any] | None]:
    """For rows (T,) of each of n hypotheses, row t of what was seen at step t: (T, S) each."""
    if not seen:
        return [None] * len(rows)
    lengths = np.array([len(each) for each in rows], np.int64)
    wide = max(each.shape[1] for each in seen)
    found = np.zeros((len(rows), int(lengths.max(initial=0)), wide), seen[0].dtype)
    for t in range(found.shape[1]):
        on = np.flatnonzero(lengths > t)
        here = np.array([rows[n][t] for n in on.tolist()], np.int64)
        found[on, t, : seen[t].shape[1]] = seen[t][here]
    return [found[n, :length] for n, length in enumerate(lengths.tolist())]


def repeats(tokens: Integers, size: int) -> tuple[Integers, Integers]:
    """What would repeat an n-gram of `size` in tokens (R, T): rows (n,) and their tokens (n,).

    There is none where `size` is 0.
    """
    count = tokens.shape[1] - size + 1
    if size < 1 or count < 1:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    # An n-gram comes again where all but its last token are the last tokens now.
    same = np.ones((tokens.shape[0], count), np.bool_)
    for k in range(size - 1):
        same &= tokens[:, k : k + count] == tokens[:, count + k, None]
    rows, at = np.nonzero(same)
    return rows, tokens[rows, at + size - 1]


def forbid(scores: NDArray[np.floating[Any]], rows: Integers, tokens: Integers) -> None:
    """Make scores (R, V) -inf, in place, at (row, token) pairs (n,)."""
    scores[rows, tokens] = -math.inf


def _among(ids: Integers, rows: Integers, tokens: Integers) -> Flags:
    """Where ids (R, k) are one of their row's (row, token) pairs (n,)."""
    most = int(max(ids.max(initial=0), tokens.max(initial=0))) + 1
    named = np.arange(len(ids))[:, None] * most + ids
    return np.isin(named, rows * most + tokens)


def checked_limits(limits: Any, excluded: Sequence[int], end: int) -> Integers:
    """The limits as numbers (B,).

    Raises:
        OptionError: one is below 1, or the end is excluded.
    """
    found = np.asarray(limits, np.int64)
    if found.ndim != 1 or (len(found) and int(found.min()) < 1):
        raise OptionError(
            f"limits {found.tolist()}", expected="one for each sequence, 1 token or more"
        )
    if end in excluded:
        raise OptionError(f"token {end} is the end, and excluded", expected="an end that can come")
    return found
