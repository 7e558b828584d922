from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recurra.errors import OptionError, RecurraError
from recurra.search.logits_processors import (
    Integers,
    LogitsProcessor,
    Numbers,
    compose,
    exclude,
    repetition_penalty,
    temperature,
    top_k,
    top_p,
)
from recurra.search.sampling import Sampler, Sampling, draw, generators, greedy, sample

SIZE = 7
NONE_RECENT = np.zeros((1, 0), np.int64)
SCORES = st.lists(st.integers(-30, 30).map(lambda n: n / 4), min_size=SIZE, max_size=SIZE)


@final
class Table:
    """What follows depends on the last two tokens: the state is the one before."""

    def __init__(self, seed: int = 0) -> None:
        draws = np.random.default_rng(seed)
        self.scores = draws.standard_normal((SIZE, SIZE, SIZE), dtype=np.float32)
        self.calls = 0

    def step(self, tokens: Integers, state: Integers) -> tuple[NDArray[np.float32], Integers]:
        self.calls += 1
        return self.scores[state, tokens], tokens


def processed(
    processor: LogitsProcessor, scores: list[float], recent: list[int] | None = None
) -> list[float]:
    last = NONE_RECENT if recent is None else np.array([recent], np.int64)
    found: list[float] = processor(np.array([scores]), last)[0].tolist()
    return found


def kept(processor: LogitsProcessor, scores: list[float]) -> list[int]:
    return [at for at, score in enumerate(processed(processor, scores)) if score > -math.inf]


def softmax(scores: list[float]) -> list[float]:
    weights = [math.exp(score - max(scores)) for score in scores]
    return [weight / sum(weights) for weight in weights]


def run(
    decoder: Table,
    sampler: Sampler,
    rows: list[int],
    steps: int,
    *,
    seed: int = 0,
    remember: int = 0,
) -> list[list[int]]:
    """Tokens (B, steps); row b starts after the token rows[b]."""
    logits, state = decoder.step(np.array(rows), np.zeros(len(rows), np.int64))
    stream = sample(decoder, logits, state, sampler, generators(seed, len(rows)), remember=remember)
    found: list[list[int]] = np.stack(list(itertools.islice(stream, steps)), 1).tolist()
    return found


# The processors


@given(SCORES, st.integers(1, SIZE + 2))
def test_top_k_keeps_k_and_of_equals_the_first(scores: list[float], k: int) -> None:
    expected = sorted(sorted(range(SIZE), key=lambda at: (-scores[at], at))[:k])
    assert kept(top_k(k), scores) == expected
    assert all(processed(top_k(k), scores)[at] == scores[at] for at in expected)


@given(SCORES, st.floats(0.001, 1))
def test_top_p_keeps_the_fewest_that_reach_p(scores: list[float], p: float) -> None:
    chances = softmax(scores)
    order = sorted(range(SIZE), key=lambda at: (-scores[at], at))
    expected: list[int] = []
    reached = 0.0
    for at in order:
        if expected and reached >= p - 1e-12:
            break
        expected.append(at)
        reached += chances[at]
    found = kept(top_p(p), scores)
    if abs(reached - p) > 1e-9 and p < 1:
        assert found == sorted(expected)
    assert order[0] in found


def test_top_p_keeps_one_at_least_and_all_at_one() -> None:
    assert kept(top_p(1e-9), [0.0, 5.0, 5.0, 1.0]) == [1]
    assert kept(top_p(1.0), [0.0, -700.0, 5.0]) == [0, 1, 2]


@given(SCORES, st.floats(0.05, 20))
def test_temperature_divides(scores: list[float], value: float) -> None:
    found = softmax(processed(temperature(value), scores))
    assert found == pytest.approx(softmax([score / value for score in scores]))


def test_a_tiny_temperature_is_greedy() -> None:
    choose = draw(temperature(5e-324))
    logits = np.array([[1.0, 3.0, 2.0]])
    for uniform in (0.0, 0.5, 1 - 2**-53):
        assert choose(logits, NONE_RECENT, np.array([uniform])) == 1


@given(SCORES, st.lists(st.integers(0, SIZE - 1), max_size=9), st.integers(1, 4))
def test_the_repetition_penalty_reaches_the_window_and_no_further(
    scores: list[float], recent: list[int], window: int
) -> None:
    found = processed(repetition_penalty(2.0, window), scores, recent)
    for at, score in enumerate(scores):
        if at in recent[-window:]:
            assert found[at] == (score / 2 if score > 0 else score * 2)
            assert found[at] <= score
        else:
            assert found[at] == score


def test_processors_work_on_each_row_alone() -> None:
    draws = np.random.default_rng(1)
    logits = draws.standard_normal((5, SIZE))
    recent = draws.integers(0, SIZE, (5, 3))
    penalty = repetition_penalty(1.5, 2)
    every = compose(exclude([2]), penalty, temperature(0.7), top_k(4), top_p(0.8))
    together = every(logits, recent)
    assert len({tuple(row) for row in (together > -math.inf).tolist()}) > 1
    for at in range(5):
        alone = every(logits[at : at + 1], recent[at : at + 1])
        assert np.array_equal(alone, together[at : at + 1])


def test_composing_goes_from_first_to_last() -> None:
    scores = [1.0, 2.0, 4.0]
    both = compose(repetition_penalty(4.0, 1), top_k(1))
    recent = np.array([[2]])
    assert both(np.array([scores]), recent).argmax() == 1
    other = compose(top_k(1), repetition_penalty(4.0, 1))
    assert other(np.array([scores]), recent).argmax() == 2
    assert processed(compose(), scores) == scores


def test_processors_leave_their_input_alone() -> None:
    logits = np.array([[1.0, 2.0, 3.0]])
    for each in (exclude([0]), top_k(1), top_p(0.1), temperature(2), repetition_penalty(2, 3)):
        each(logits, np.array([[1]]))
    for sampler in (greedy(), draw(), draw(top_k(2)), Sampling().sampler((0,))):
        sampler(logits, NONE_RECENT, np.array([0.5]))
    assert logits.tolist() == [[1.0, 2.0, 3.0]]


# Choosing


def test_greedy_takes_the_first_of_equals() -> None:
    logits = np.array([[1.0, 3.0, 3.0], [5.0, 0.0, 5.0]])
    recent = np.zeros((2, 0), np.int64)
    assert greedy()(logits, recent, np.zeros(2)).tolist() == [1, 0]
    assert greedy(exclude([0, 1]))(logits, recent, np.zeros(2)).tolist() == [2, 2]


@given(SCORES, st.floats(0, 1, exclude_max=True))
def test_a_draw_inverts_the_cumulative_probability(scores: list[float], uniform: float) -> None:
    token = int(draw()(np.array([scores]), NONE_RECENT, np.array([uniform]))[0])
    reached = list(itertools.accumulate(softmax(scores)))
    assert reached[token] >= uniform - 1e-12
    assert token == 0 or reached[token - 1] <= uniform + 1e-12


@pytest.mark.parametrize("uniform", [0.0, 0.3, 0.999, 1 - 2**-53])
def test_what_was_filtered_out_is_never_drawn(uniform: float) -> None:
    logits = np.zeros((1, 9), np.float32)
    for allowed in range(9):
        choose = draw(exclude([at for at in range(9) if at != allowed]))
        assert choose(logits, NONE_RECENT, np.array([uniform])).tolist() == [allowed]
        plain = Sampling().sampler([at for at in range(9) if at != allowed])
        assert plain(logits, NONE_RECENT, np.array([uniform])).tolist() == [allowed]
        both = plain(logits.repeat(2, 0), NONE_RECENT.repeat(2, 0), np.array([uniform, 0.0]))
        assert both.tolist() == [allowed] * 2


def test_frequencies_are_the_probabilities() -> None:
    scores = np.array([[2.0, 0.0, 1.0, -1.0]], np.float32)
    count = 20_000
    uniform = np.random.default_rng(0).random(count)
    tokens = draw(temperature(0.8), top_k(3))(
        scores.repeat(count, 0), np.zeros((count, 0), np.int64), uniform
    )
    found = Counter(tokens.tolist())
    expected = softmax([2 / 0.8, 0.0, 1 / 0.8])
    for at, chance in zip((0, 1, 2), expected, strict=True):
        assert found[at] / count == pytest.approx(chance, abs=0.01)
    assert found[3] == 0


@pytest.mark.parametrize("bad", [[math.nan, 1.0], [math.inf, 1.0], [-math.inf, -math.inf]])
@pytest.mark.parametrize(
    "sampler",
    [
        greedy(),
        draw(),
        draw(top_k(1)),
        draw(top_p(0.5)),
        Sampling().sampler(),
        Sampling(0.5, top_p=0.5).sampler(),
    ],
)
def test_scores_that_are_no_numbers(bad: list[float], sampler: Sampler) -> None:
    with pytest.raises(RecurraError, match="not numbers"):
        sampler(np.array([[0.0, 1.0], bad]), np.zeros((2, 0), np.int64), np.zeros(2))
    with pytest.raises(RecurraError, match="not numbers"):
        sampler(np.array([bad]), NONE_RECENT, np.zeros(1))


@pytest.mark.parametrize(
    "options", [Sampling(0), Sampling(), Sampling(0.5), Sampling(top_k=2), Sampling(top_p=0.5)]
)
def test_no_token_is_left(options: Sampling) -> None:
    for rows in (1, 2):
        logits, recent = np.zeros((rows, 2)), np.zeros((rows, 0), np.int64)
        with pytest.raises(RecurraError, match="no token to choose"):
            options.sampler([0, 1])(logits, recent, np.zeros(rows))


@given(
    st.lists(SCORES, min_size=1, max_size=4),
    st.floats(0.05, 20),
    st.sets(st.integers(0, SIZE - 1), max_size=SIZE - 1),
    st.integers(0, 99),
)
def test_the_short_way_is_the_long_one(
    rows: list[list[float]], value: float, excluded: set[int], seed: int
) -> None:
    logits, recent = np.array(rows, np.float32), np.zeros((len(rows), 0), np.int64)
    uniform = np.random.default_rng(seed).random(len(rows))
    short = Sampling(value).sampler(tuple(excluded))(logits, recent, uniform)
    long = draw(exclude(tuple(excluded)), temperature(value))(logits, recent, uniform)
    assert short.tolist() == long.tolist()
    for at in range(len(rows)):
        alone = Sampling(value).sampler(tuple(excluded))(
            logits[at : at + 1], recent[:1], uniform[at : at + 1]
        )
        assert alone.tolist() == [long[at]]


def test_a_large_score_that_is_left_out_does_not_hide_the_others() -> None:
    logits = np.array([[9000.0, 1.0, 1.0]], np.float32)
    for uniform, token in ((0.1, 1), (0.9, 2)):
        assert Sampling().sampler([0])(logits, NONE_RECENT, np.array([uniform])) == token


# The stream


@given(st.lists(st.integers(0, SIZE - 1), min_size=1, max_size=4), st.integers(0, 2**63))
def test_a_row_is_the_same_whatever_runs_beside_it(rows: list[int], seed: int) -> None:
    options = Sampling(0.9, top_k=5, top_p=0.9, repetition_penalty=1.3, repetition_window=3)
    settings = {"seed": seed, "remember": options.remembers}
    together = run(Table(), options.sampler(), [*rows, 1], 12, **settings)
    assert run(Table(), options.sampler(), rows, 12, **settings) == together[:-1]
    assert run(Table(), options.sampler(), rows[:1], 12, **settings) == together[:1]


def test_seeds_and_rows_differ() -> None:
    rows = run(Table(), draw(), [1, 1, 1], 20)
    assert len({tuple(row) for row in rows}) == 3
    assert run(Table(), draw(), [1, 1, 1], 20) == rows
    assert run(Table(), draw(), [1], 20, seed=1)[0] not in rows


def test_the_stream_is_the_decoder_by_hand() -> None:
    table = Table()
    found = run(table, greedy(), [3], 10)[0]
    before, token, expected = 0, 3, []
    for _ in range(10):
        after = int(table.scores[before, token].argmax())
        before, token = token, after
        expected.append(token)
    assert found == expected


def test_a_heavy_penalty_forbids_repeating_within_the_window() -> None:
    class Constant:
        def step(self, tokens: Integers, state: None) -> tuple[Numbers, None]:
            return np.array([[5.0, 4.0, 3.0, 2.0]]).repeat(len(tokens), 0), state

    options = Sampling(0, repetition_penalty=100.0, repetition_window=2)
    logits, state = Constant().step(np.array([0]), None)
    prompt = np.array([[3, 3, 3, 0]])
    stream = sample(
        Constant(), logits, state, options.sampler(), generators(0, 1),
        recent=prompt, remember=options.remembers,
    )  # fmt: skip
    # 3 and 0 were read last, so 1; then 0 and 1, so 2; then 1 and 2, so 0 again.
    assert [token.tolist() for token in itertools.islice(stream, 5)] == [[1], [2], [0], [1], [2]]


def test_greedy_is_temperature_zero_is_the_limit() -> None:
    zero = run(Table(), Sampling(temperature=0).sampler(), [1, 2], 30)
    assert zero == run(Table(), greedy(), [1, 2], 30, seed=5)
    assert zero == run(Table(), Sampling(temperature=1e-6).sampler(), [1, 2], 30)
    assert zero == run(Table(), Sampling(top_k=1).sampler(), [1, 2], 30)


def test_excluded_tokens_never_come() -> None:
    for options in (Sampling(0), Sampling(3.0), Sampling(top_k=2)):
        rows = run(Table(), options.sampler(excluded=[0, 4]), [1, 2], 50)
        assert not {0, 4} & {token for row in rows for token in row}


def test_nothing_is_read_ahead() -> None:
    table = Table()
    logits, state = table.step(np.array([1]), np.array([0]))
    stream = sample(table, logits, state, draw(), generators(0, 1))
    assert table.calls == 1
    next(stream)
    assert table.calls == 1
    next(stream)
    assert table.calls == 2


def test_sources_of_chance_differ_by_seed_and_row_wide_seeds_too() -> None:
    first = {
        each.random()
        for seed in (0, 1, 2, 2**32, 2**32 + 1, 3 * 2**32, 2**63)
        for each in generators(seed, 4)
    }
    assert len(first) == 28
    assert [each.random() for each in generators(7, 3)][:2] == [
        each.random() for each in generators(7, 2)
    ]


def test_rows_must_agree() -> None:
    table = Table()
    logits, state = table.step(np.array([1, 2]), np.zeros(2, np.int64))
    with pytest.raises(OptionError, match="2 rows of logits"):
        next(sample(table, logits, state, draw(), generators(0, 3)))
    recent = np.zeros((1, 4), np.int64)
    with pytest.raises(OptionError, match="1 of recent"):
        next(sample(table, logits, state, draw(), generators(0, 2), recent=recent))


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": -0.1},
        {"temperature": math.nan},
        {"temperature": math.inf},
        {"top_k": 0},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"top_p": math.nan},
        {"repetition_penalty": 0.0},
        {"repetition_penalty": math.inf},
        {"repetition_window": 0},
        {"temperature": 0.0, "top_k": -1},
    ],
)
def test_options_out_of_range(options: dict[str, float]) -> None:
    with pytest.raises(OptionError) as caught:
        Sampling(**options)  # type: ignore[arg-type]
    assert caught.value.expected
