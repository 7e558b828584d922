from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import final

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from recurra.errors import OptionError, RecurraError
from recurra.search.choice import (
    Choose,
    Filter,
    Sampling,
    compose,
    draw,
    greedy,
    never,
    repetition_penalty,
    temperature,
    top_k,
    top_p,
)
from recurra.search.stream import generators, sample

SIZE = 7
NONE_RECENT = torch.zeros((1, 0), dtype=torch.long)
SCORES = st.lists(st.integers(-30, 30).map(lambda n: n / 4), min_size=SIZE, max_size=SIZE)


@final
class Table:
    """What follows depends on the last two tokens: the state is the one before."""

    def __init__(self, seed: int = 0) -> None:
        self.scores = torch.randn((SIZE, SIZE, SIZE), generator=torch.Generator().manual_seed(seed))
        self.calls: list[bool] = []

    def step(self, tokens: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        self.calls.append(torch.is_grad_enabled())
        before = torch.zeros_like(tokens) if state is None else state
        return self.scores[before, tokens], tokens


def filtered(filter_: Filter, scores: list[float], recent: list[int] | None = None) -> list[float]:
    looked = NONE_RECENT if recent is None else torch.tensor([recent], dtype=torch.long)
    found: list[float] = filter_(torch.tensor([scores], dtype=torch.float64), looked)[0].tolist()
    return found


def kept(filter_: Filter, scores: list[float]) -> list[int]:
    return [at for at, score in enumerate(filtered(filter_, scores)) if score > -math.inf]


def softmax(scores: list[float]) -> list[float]:
    weights = [math.exp(score - max(scores)) for score in scores]
    return [weight / sum(weights) for weight in weights]


def run(
    decoder: Table, choose: Choose, rows: list[int], steps: int, *, seed: int = 0, remember: int = 0
) -> list[list[int]]:
    """Tokens (B, steps); row b starts after the token rows[b]."""
    logits, state = decoder.step(torch.tensor(rows), None)
    stream = sample(decoder, logits, state, choose, generators(seed, len(rows)), remember=remember)
    found: list[list[int]] = torch.stack(list(itertools.islice(stream, steps)), 1).tolist()
    return found


# The filters


@given(SCORES, st.integers(1, SIZE + 2))
def test_top_k_keeps_k_and_of_equals_the_first(scores: list[float], k: int) -> None:
    expected = sorted(sorted(range(SIZE), key=lambda at: (-scores[at], at))[:k])
    assert kept(top_k(k), scores) == expected
    assert all(filtered(top_k(k), scores)[at] == scores[at] for at in expected)


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
    found = softmax(filtered(temperature(value), scores))
    assert found == pytest.approx(softmax([score / value for score in scores]))


def test_a_tiny_temperature_is_greedy() -> None:
    choose = draw(temperature(5e-324))
    logits = torch.tensor([[1.0, 3.0, 2.0]])
    for uniform in (0.0, 0.5, 1 - 2**-53):
        assert choose(logits, NONE_RECENT, torch.tensor([uniform], dtype=torch.float64)) == 1


@given(SCORES, st.lists(st.integers(0, SIZE - 1), max_size=9), st.integers(1, 4))
def test_the_repetition_penalty_reaches_the_window_and_no_further(
    scores: list[float], recent: list[int], window: int
) -> None:
    found = filtered(repetition_penalty(2.0, window), scores, recent)
    for at, score in enumerate(scores):
        if at in recent[-window:]:
            assert found[at] == (score / 2 if score > 0 else score * 2)
            assert found[at] <= score
        else:
            assert found[at] == score


def test_filters_work_on_each_row_alone() -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn((5, SIZE), generator=generator, dtype=torch.float64)
    recent = torch.randint(0, SIZE, (5, 3), generator=generator)
    every = compose(never([2]), repetition_penalty(1.5, 2), temperature(0.7), top_k(4), top_p(0.8))
    together = every(logits, recent)
    assert len({tuple(row) for row in (together > -math.inf).tolist()}) > 1
    for at in range(5):
        torch.testing.assert_close(
            every(logits[at : at + 1], recent[at : at + 1]), together[at : at + 1], rtol=0, atol=0
        )


def test_composing_goes_from_first_to_last() -> None:
    scores = [1.0, 2.0, 4.0]
    both = compose(repetition_penalty(4.0, 1), top_k(1))
    looked = torch.tensor([[2]])
    assert both(torch.tensor([scores]), looked).argmax() == 1
    other = compose(top_k(1), repetition_penalty(4.0, 1))
    assert other(torch.tensor([scores]), looked).argmax() == 2
    assert filtered(compose(), scores) == scores


def test_filters_leave_their_input_alone() -> None:
    logits = torch.tensor([[1.0, 2.0, 3.0]])
    for each in (never([0]), top_k(1), top_p(0.1), temperature(2), repetition_penalty(2, 3)):
        each(logits, torch.tensor([[1]]))
    assert logits.tolist() == [[1.0, 2.0, 3.0]]


# Choosing


def test_greedy_takes_the_first_of_equals() -> None:
    logits = torch.tensor([[1.0, 3.0, 3.0], [5.0, 0.0, 5.0]])
    assert greedy()(logits, NONE_RECENT, torch.zeros(2)).tolist() == [1, 0]
    assert greedy(never([0, 1]))(logits, NONE_RECENT, torch.zeros(2)).tolist() == [2, 2]


@given(SCORES, st.floats(0, 1, exclude_max=True))
def test_a_draw_inverts_the_cumulative_probability(scores: list[float], uniform: float) -> None:
    token = int(
        draw()(
            torch.tensor([scores], dtype=torch.float64),
            NONE_RECENT,
            torch.tensor([uniform], dtype=torch.float64),
        )
    )
    reached = list(itertools.accumulate(softmax(scores)))
    assert reached[token] >= uniform - 1e-12
    assert token == 0 or reached[token - 1] <= uniform + 1e-12


@pytest.mark.parametrize("uniform", [0.0, 0.3, 0.999, 1 - 2**-53])
def test_what_was_filtered_out_is_never_drawn(uniform: float) -> None:
    logits = torch.zeros((1, 9))
    for allowed in range(9):
        choose = draw(never([at for at in range(9) if at != allowed]))
        assert int(choose(logits, NONE_RECENT, torch.tensor([uniform]).double())) == allowed


def test_frequencies_are_the_probabilities() -> None:
    scores = torch.tensor([2.0, 0.0, 1.0, -1.0])
    count = 20_000
    uniform = torch.rand(count, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    tokens = draw(temperature(0.8), top_k(3))(
        scores.expand(count, -1), torch.zeros((count, 0), dtype=torch.long), uniform
    )
    found = Counter(tokens.tolist())
    expected = softmax([2 / 0.8, 0.0, 1 / 0.8])
    for at, chance in zip((0, 1, 2), expected, strict=True):
        assert found[at] / count == pytest.approx(chance, abs=0.01)
    assert found[3] == 0


@pytest.mark.parametrize("bad", [[math.nan, 1.0], [math.inf, 1.0], [-math.inf, -math.inf]])
@pytest.mark.parametrize("choose", [greedy(), draw(), Sampling(0.5, top_p=0.5).choose()])
def test_scores_that_are_no_numbers(bad: list[float], choose: Choose) -> None:
    with pytest.raises(RecurraError, match="not numbers"):
        choose(torch.tensor([[0.0, 1.0], bad]), NONE_RECENT.expand(2, 0), torch.zeros(2))


# The stream


@given(st.lists(st.integers(0, SIZE - 1), min_size=1, max_size=4), st.integers(0, 2**63))
def test_a_row_is_the_same_whatever_runs_beside_it(rows: list[int], seed: int) -> None:
    options = Sampling(0.9, top_k=5, top_p=0.9, repetition_penalty=1.3, repetition_window=3)
    settings = {"seed": seed, "remember": options.remembers}
    together = run(Table(), options.choose(), [*rows, 1], 12, **settings)
    assert run(Table(), options.choose(), rows, 12, **settings) == together[:-1]
    assert run(Table(), options.choose(), rows[:1], 12, **settings) == together[:1]


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
        def step(self, tokens: Tensor, state: None) -> tuple[Tensor, None]:
            return torch.tensor([5.0, 4.0, 3.0, 2.0]).expand(len(tokens), -1), state

    options = Sampling(0, repetition_penalty=100.0, repetition_window=2)
    logits, state = Constant().step(torch.tensor([0]), None)
    prompt = torch.tensor([[3, 3, 3, 0]])
    stream = sample(
        Constant(), logits, state, options.choose(), generators(0, 1),
        recent=prompt, remember=options.remembers,
    )  # fmt: skip
    # 3 and 0 were read last, so 1; then 0 and 1, so 2; then 1 and 2, so 0 again.
    assert [int(token) for token in itertools.islice(stream, 5)] == [1, 2, 0, 1, 2]


def test_greedy_is_temperature_zero_is_the_limit() -> None:
    zero = run(Table(), Sampling(temperature=0).choose(), [1, 2], 30)
    assert zero == run(Table(), greedy(), [1, 2], 30, seed=5)
    assert zero == run(Table(), Sampling(temperature=1e-6).choose(), [1, 2], 30)
    assert zero == run(Table(), Sampling(top_k=1).choose(), [1, 2], 30)


def test_excluded_tokens_never_come() -> None:
    for options in (Sampling(0), Sampling(3.0), Sampling(top_k=2)):
        rows = run(Table(), options.choose(excluded=[0, 4]), [1, 2], 50)
        assert not {0, 4} & {token for row in rows for token in row}


def test_nothing_is_read_ahead_and_no_gradient_kept_or_lost() -> None:
    table = Table()
    logits, state = table.step(torch.tensor([1]), None)
    stream = sample(table, logits, state, draw(), generators(0, 1))
    assert len(table.calls) == 1
    next(stream)
    assert len(table.calls) == 1
    assert torch.is_grad_enabled()
    next(stream)
    assert table.calls == [True, False]
    assert torch.is_grad_enabled()


def test_rows_must_agree() -> None:
    table = Table()
    logits, state = table.step(torch.tensor([1, 2]), None)
    with pytest.raises(OptionError, match="2 rows of logits"):
        next(sample(table, logits, state, draw(), generators(0, 3)))
    recent = torch.zeros((1, 4), dtype=torch.long)
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
