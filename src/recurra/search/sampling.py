"""Sampling: how one token is chosen, a stream of them without end, sequences drawn to their ends.

Laws: a row is the same whatever runs beside it; temperature 0 is greedy, which is a beam of one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final, Protocol, TypeVar, final

import numpy as np
from numpy.typing import NDArray

from recurra.errors import OptionError
from recurra.search.hypotheses import (
    Decoder,
    Finished,
    Hypotheses,
    Hypothesis,
    S,
    checked_limits,
    forbid,
    log_sum_exp,
    repeats,
)
from recurra.search.logits_processors import (
    Integers,
    LogitsProcessor,
    Numbers,
    checked,
    checked_temperature,
    compose,
    exclude,
    not_numbers,
    repetition_penalty,
    temperature,
    top_k,
    top_p,
)

_AHEAD: Final = 64
_SOON: Final = 0.003
"""Tokens that a stream writes ahead of its reader at most, and seconds, about."""

Logits = NDArray[np.floating[Any]]

Sampler = Callable[[Logits, Integers, Numbers], Integers]
"""(logits (B, V), recent (B, R), uniform (B,) in [0, 1)) -> tokens (B,); the same for the same."""

_State = TypeVar("_State")


class Stepper(Protocol[_State]):
    """A model that reads one token of each of B sequences and scores what may follow."""

    def step(self, tokens: Integers, state: _State) -> tuple[Logits, _State]:
        """Tokens (B,) and the state before them -> logits (B, V) and the state after them."""
        ...


# -- one token ------------------------------------------------------------------------------------


def greedy(*processors: LogitsProcessor) -> Sampler:
    """Choose the likeliest token; of equals, the one with the lowest id."""
    process = compose(*processors)

    def choose(logits: Logits, recent: Integers, uniform: Numbers) -> Integers:
        del uniform
        scores = process(logits.astype(np.float64), recent)
        checked(scores.max(1))
        return np.asarray(scores.argmax(1))

    return choose


def draw(*processors: LogitsProcessor) -> Sampler:
    """Choose by chance: the token where the cumulative probability first exceeds `uniform`."""
    process = compose(*processors)

    def choose(logits: Logits, recent: Integers, uniform: Numbers) -> Integers:
        # Double precision: in single, a hundred thousand rare tokens are rounded away.
        scores = logits.astype(np.float64)
        checked(scores.max(1))
        return _inverted(process(scores, recent), 1.0, uniform)

    return choose


def _draw_plainly(value: float, excluded: Sequence[int]) -> Sampler:
    """What `draw(exclude(excluded), temperature(value))` chooses, for a stream: 6 us of one row."""
    divisor = checked_temperature(value)
    left_out = np.array(sorted(set(excluded)), np.int64)

    def choose(logits: Logits, recent: Integers, uniform: Numbers) -> Integers:
        del recent
        scores = logits.astype(np.float64)
        if len(left_out):
            scores[:, left_out] = -math.inf
        return _inverted(scores, divisor, uniform)

    return choose


def _inverted(scores: Numbers, divisor: float, uniform: Numbers) -> Integers:
    """Tokens (B,) at `uniform` (B,) of the probabilities of scores (B, V), which are used up.

    Probabilities are not made to sum to one: their sum is a factor of `uniform` instead. That is
    at most 1 - 2**-53, so what it is multiplied to lies below the sum even as it is rounded, and
    no token of probability 0 can be hit.
    """
    if len(scores) == 1:  # the same as below in half the time, which a stream of text feels
        row = scores[0]
        best = float(np.maximum.reduce(row))
        if not math.isfinite(best):
            raise not_numbers()
        row -= best
        row /= divisor
        np.exp(row, out=row)
        np.add.accumulate(row, out=row)
        return np.array([row.searchsorted(uniform[0] * row[-1], "right")], np.int64)
    most = scores.max(1, keepdims=True)
    checked(most)
    scores -= most
    scores /= divisor
    np.exp(scores, out=scores)
    np.add.accumulate(scores, axis=1, out=scores)
    return np.asarray((scores > (uniform * scores[:, -1])[:, None]).argmax(1))


@final
@dataclass(frozen=True)
class Sampling:
    """The options of sampling, checked once.

    Args:
        temperature: 0 takes the likeliest token each time.
        top_k: how many tokens are kept; None for all.
        top_p: the probability that the kept tokens reach.
        repetition_penalty: 1 is none.
        repetition_window: over how many of the last tokens it looks.

    Raises:
        OptionError: one is out of range.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    repetition_window: int = 64

    def __post_init__(self) -> None:
        self._processors(())

    @property
    def plain(self) -> bool:
        """Whether a token is drawn by the logits over the temperature, and nothing else."""
        alone = self.top_k is None and self.top_p == 1 and self.repetition_penalty == 1
        return alone and self.temperature > 0

    @property
    def remembers(self) -> int:
        """How many of the last tokens the sampler looks at: what `sample` is to keep."""
        return self.repetition_window if self.repetition_penalty != 1 else 0

    def sampler(self, excluded: Sequence[int] = ()) -> Sampler:
        """The sampler that these options describe; `excluded` tokens are never chosen."""
        before, after = self._processors(excluded)
        if self.temperature == 0:
            return greedy(*before)
        if self.plain:
            return _draw_plainly(self.temperature, excluded)
        return draw(*before, *after)

    def _processors(
        self, excluded: Sequence[int]
    ) -> tuple[list[LogitsProcessor], list[LogitsProcessor]]:
        """What comes before the temperature, and from there on; all are checked."""
        before = [exclude(excluded)]
        penalty = repetition_penalty(self.repetition_penalty, self.repetition_window)
        if self.repetition_penalty != 1:
            before.append(penalty)
        kept = [] if self.top_k is None else [top_k(self.top_k)]
        kept.append(top_p(self.top_p))
        return before, kept if self.temperature == 0 else [temperature(self.temperature), *kept]


def generators(seed: int, rows: int) -> list[np.random.Generator]:
    """One source of chance for each row, so that a row is the same whatever runs beside it."""
    # The row is a spawn key: beside the seed in the entropy, a wide seed could meet another row.
    return [
        np.random.default_rng(np.random.SeedSequence(seed % 2**64, spawn_key=(row,)))
        for row in range(rows)
    ]


# -- a stream -------------------------------------------------------------------------------------


def sample(
    stepper: Stepper[_State],
    logits: Logits,
    state: _State,
    sampler: Sampler,
    chance: Sequence[np.random.Generator],
    *,
    recent: Integers | None = None,
    remember: int = 0,
) -> Iterator[Integers]:
    """Tokens (B,) without end, in constant memory: choose, hand out, read, choose again.

    Args:
        stepper: scores what may follow.
        logits: (B, V), what follows the prompt.
        state: the state after the prompt.
        sampler: from `greedy`, `draw` or `Sampling.sampler`.
        chance: B generators, from `generators`.
        recent: (B, R) the prompt's last tokens, for processors that look back.
        remember: how many of the last tokens such processors look at: `Sampling.remembers`.

    Raises:
        OptionError: B differs among them, at the first token.
        RecurraError: the stepper's scores are not numbers.
    """
    batch = len(chance)
    if recent is None:
        recent = np.zeros((batch, 0), np.int64)
    if logits.shape[0] != batch or recent.shape[0] != batch:
        raise OptionError(
            f"{logits.shape[0]} rows of logits, {recent.shape[0]} of recent tokens and "
            f"{batch} generators",
            expected="as many of each",
        )
    recent = recent[:, max(0, recent.shape[1] - remember) :]
    uniforms = [each.random for each in chance]
    while True:
        tokens = sampler(logits, recent, np.array([uniform() for uniform in uniforms]))
        yield tokens
        if remember:
            recent = np.concatenate([recent, tokens[:, None]], 1)[:, -remember:]
        logits, state = stepper.step(tokens, state)


class Written(Protocol):
    """A stream that chooses tokens by chance and reads them: see `recurra.native.Stack`."""

    def write(
        self, uniform: Numbers, *, excluded: Integers, divisor: float, threads: int
    ) -> Integers:
        """Tokens (N,) at uniform (N,); -1 from where no token can be chosen."""
        ...


def written(
    stack: Written,
    value: float,
    excluded: Sequence[int],
    chance: np.random.Generator,
    threads: int = 1,
) -> Iterator[Integers]:
    """What `sample` yields of one row by the temperature alone, tokens (1,) without end.

    They are written some milliseconds ahead: one at first, then more by a call.

    Raises:
        RecurraError: the scores are not numbers.
    """
    divisor, count = checked_temperature(value), 1
    left_out = np.array(sorted(set(excluded)), np.int64)
    while True:
        begun = perf_counter()
        # Many uniform numbers at a time are the same numbers.
        uniform = chance.random(count)
        tokens = stack.write(uniform, excluded=left_out, divisor=divisor, threads=threads)
        took = perf_counter() - begun
        for token in tokens[:, None]:
            if token < 0:
                raise not_numbers()
            yield token
        count = min(2 * count, _AHEAD) if took < _SOON else max(count // 2, 1)


# -- whole sequences ------------------------------------------------------------------------------


def sample_sequences(
    decoder: Decoder[S],
    first_state: S,
    sampler: Sampler,
    chance: Sequence[np.random.Generator],
    *,
    begin: int,
    end: int,
    limits: Sequence[int] | Integers,
    remember: int = 0,
    no_repeat_ngram: int = 0,
    attention: Callable[[S], NDArray[Any]] | None = None,
) -> list[list[Hypothesis]]:
    """K sequences of each of B, in the order drawn; those of which all have ended leave.

    Each is the same whatever runs beside it. The score is the mean log-probability of a token, the
    end counted, as the model has it, before it is processed.

    Args:
        decoder: reads the tokens of B * K rows.
        first_state: B * K rows, before `begin`.
        sampler: from `greedy`, `draw` or `Sampling.sampler`; what it excludes never comes.
        chance: B * K generators, from `generators`.
        begin: what is read first.
        end: what ends a sequence.
        limits: (B,) the most tokens of each, 1 or more, the end among them: the most steps.
        remember: how many of the last tokens `sampler` looks at: `Sampling.remembers`.
        no_repeat_ngram: n-grams of so many tokens come once at most; 0 lets them come again.
        attention: where the step that led to a state looked, (R, S), to be told with the sequences.

    Raises:
        OptionError: rows, generators and limits do not go together, or a limit is below 1.
        RecurraError: the decoder's scores are not numbers, or leave no token to choose.
    """
    most = checked_limits(limits, (), end)
    copies = len(chance) // max(len(most), 1)
    if len(chance) != copies * len(most) or (len(most) and not copies):
        raise OptionError(
            f"{len(chance)} generators for {len(most)} sequences", expected="as many for each"
        )
    live = Hypotheses(decoder, first_state, len(most), copies, attention)
    # All that a row will ever need, at once: a call for each token would take longer than a step.
    uniform = np.zeros((len(most), copies, int(most.max(initial=0))))
    for row, generator in enumerate(chance):
        need = int(most[row // copies])
        uniform[row // copies, row % copies, :need] = generator.random(need)
    found: list[dict[int, Finished]] = [{} for _ in most]
    log_p = np.zeros((len(most), copies))
    tokens = np.full((len(most), copies), begin, np.int64)
    same = np.arange(copies)[None, :]
    while len(here := live.here):
        logits = live.logits(tokens)
        scores = logits
        recent = live.tokens.reshape(len(logits), live.length - 1)
        if no_repeat_ngram:
            scores = logits.copy()  # the decoder may keep its own
            forbid(scores, *repeats(recent, no_repeat_ngram))
        recent = recent[:, max(0, recent.shape[1] - remember) :]
        chosen = sampler(scores, recent, uniform[here, :, live.length - 1].reshape(-1))
        said = logits[np.arange(len(chosen)), chosen].astype(np.float64) - log_sum_exp(logits)
        log_p += said.reshape(log_p.shape)
        tokens = chosen.reshape(log_p.shape)
        done = (tokens == end) | (most[here] == live.length)[:, None]
        for at, copy in np.argwhere(done).tolist():
            ended = bool(tokens[at, copy] == end)
            written, rows = live.written(at, copy, None if ended else int(tokens[at, copy]))
            total = float(log_p[at, copy])
            each = Finished(total / live.length, total, written, rows, ended)
            found[here[at]].setdefault(copy, each)  # what was drawn after an end is nothing
        over = np.array([len(found[sequence]) == copies for sequence in here])
        stay, _ = live.write(tokens, np.repeat(same, len(here), 0), over)
        log_p, tokens = log_p[stay], tokens[stay]
    return live.hypotheses([[each[copy] for copy in range(copies)] for each in found])
