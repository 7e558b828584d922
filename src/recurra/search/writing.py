"""Sequences that are written together: a step of all of them, who stays, and what was written."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, Self, TypeVar, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recurra.core.state import State
from recurra.errors import OptionError

S = TypeVar("S", bound=State)

Integers = NDArray[np.int64]
Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

_ENOUGH: Final = 8
"""Sequences leave when an eighth of them has ended: each time what all read is copied."""


class Forking(Protocol[S]):
    """A decoder of B sequences whose hypotheses fork: R rows, those of a sequence side by side."""

    def step(self, tokens: Tensor, state: S, counts: Tensor | None = None) -> tuple[Tensor, S]:
        """Tokens (R,) and the state before them -> logits (R, V) and the state after them.

        Args:
            counts: (B,) the rows of each sequence, 1 or more; as many of each without.
        """
        ...

    def keep(self, sentences: Tensor) -> Self:
        """The decoder of the sequences named by indices (k,) alone."""
        ...


@final
@dataclass(frozen=True, eq=False)
class Hypothesis:
    """A sequence as it was written.

    Args:
        tokens: (T,), without the end.
        score: what ranks it, higher is better.
        log_probability: of its tokens, and of the end where it has ended.
        looked: (T, S) where its tokens looked, if that was asked for.
        ended: whether it came to its end, or was cut at its limit.
    """

    tokens: tuple[int, ...]
    score: float
    log_probability: float
    looked: Tensor | None
    ended: bool


@final
@dataclass(frozen=True, eq=False)
class Found:
    """A hypothesis that is over: tokens (T,), and rows (T,) that looked for them, step by step."""

    score: float
    log_probability: float
    tokens: Integers
    rows: Integers
    ended: bool


@final
class Kept:
    """Of each of B sequences the `best` that were found, best first; of equals the earlier one."""

    def __init__(self, sequences: int, best: int) -> None:
        self.best = best
        self.found: list[list[Found]] = [[] for _ in range(sequences)]
        self.count = np.zeros(sequences, np.int64)  # found so far, kept or not
        self.worst = np.full(sequences, -math.inf)  # what another one has to be better than

    def add(self, sequence: int, found: Found) -> None:
        """Keep it if it is better than those there are."""
        kept = self.found[sequence]
        kept.insert(bisect_right(kept, -found.score, key=lambda each: -each.score), found)
        del kept[self.best :]
        self.count[sequence] += 1
        if len(kept) == self.best:
            self.worst[sequence] = kept[-1].score


@final
class Writing(Generic[S]):
    """B sequences written together, K places for hypotheses of each: b of them are there still.

    Of the K the first ones live, and have rows in the state; what is behind them means nothing.

    Args:
        decoder: scores what may follow.
        state: B * K rows before the first token.
        sequences: B.
        places: K at first.
        looked: where the step that led to a state looked, (R, S), if that is to be told.

    Raises:
        OptionError: the state has other rows.
    """

    def __init__(
        self,
        decoder: Forking[S],
        state: S,
        sequences: int,
        places: int,
        looked: Callable[[S], Tensor] | None,
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
        self._decoder, self._looked = decoder, looked
        self._seen: list[Tensor] = []

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

    def read(self, tokens: Integers) -> Tensor:
        """Read tokens (b, K): logits (R, V) of what may follow those that live."""
        device = next(self.state.leaves()).device
        counts = None if self.alive.all() else torch.from_numpy(self.alive.sum(1))
        logits, self.state = self._decoder.step(
            torch.from_numpy(tokens[self.alive]).to(device), self.state, counts
        )
        if self._looked is not None:
            self._seen.append(self._looked(self.state))
        return logits

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
                self._decoder = self._decoder.keep(torch.from_numpy(stay))
        flat = rows[stay][self.alive]
        if len(flat) and not np.array_equal(flat, np.arange(self.state.batch)):
            self.state = self.state.select(torch.from_numpy(flat))
        return stay, flat

    def written(self, at: int, place: int, last: int | None) -> tuple[Integers, Integers]:
        """The tokens (T,) of a hypothesis, `last` among them, and the rows that looked for them."""
        tokens, rows = self.tokens[at, place], self._rows[at, place]
        if last is None:
            return tokens.copy(), rows.copy()
        return np.append(tokens, last), np.append(rows, self.rows[at, place])

    def hypotheses(self, found: Sequence[Sequence[Found]]) -> list[list[Hypothesis]]:
        """What was found of each of the B sequences, and where it looked."""
        maps = iter(_gathered(self._seen, [one.rows for each in found for one in each]))
        return [[_told(one, next(maps)) for one in each] for each in found]


def _told(found: Found, looked: Tensor | None) -> Hypothesis:
    tokens = tuple(found.tokens.tolist())
    return Hypothesis(tokens, found.score, found.log_probability, looked, found.ended)


def _gathered(seen: Sequence[Tensor], rows: Sequence[Integers]) -> Iterable[Tensor | None]:
    """For rows (T,) of each of n hypotheses, row t of what was seen at step t: (T, S) each."""
    if not seen:
        return [None] * len(rows)
    lengths = np.array([len(each) for each in rows], np.int64)
    wide = max(each.shape[1] for each in seen)
    found = seen[0].new_zeros((len(rows), int(lengths.max(initial=0)), wide))
    for t in range(found.shape[1]):
        on = np.flatnonzero(lengths > t)
        here = torch.from_numpy(np.array([rows[n][t] for n in on.tolist()], np.int64)).to(
            found.device
        )
        found[torch.from_numpy(on).to(found.device), t, : seen[t].shape[1]] = seen[t][here]
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


def forbid(scores: Tensor, everywhere: Sequence[int], rows: Integers, tokens: Integers) -> None:
    """Make scores (R, V) -inf, in place: of some tokens, and of (row, token) pairs (n,)."""
    if everywhere:
        scores[:, list(everywhere)] = -math.inf
    if len(rows):
        scores[torch.from_numpy(rows), torch.from_numpy(tokens)] = -math.inf


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
