from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.errors import OptionError, RecurraError
from recurra.search.beam import Beam, beam
from recurra.search.hypotheses import (
    MOST_TOP,
    Hypothesis,
    Top,
    log_sum_exp,
    repeats,
    top,
)
from recurra.search.logits_processors import Integers
from toy_search import BEGIN, END, Floats, Table

Summary = tuple[tuple[int, ...], float, float, bool]


@dataclass(frozen=True)
class Problem:
    sentences: list[int]
    limits: list[int]
    options: Beam
    table: dict[str, float] = field(default_factory=dict)
    excluded: tuple[int, ...] = ()

    def decoder(self, sentences: Sequence[int] | None = None) -> Table:
        return Table(self.sentences if sentences is None else sentences, **self.table)  # type: ignore[arg-type]


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    count = draw(st.integers(1, 9))
    sentences = draw(st.lists(st.integers(0, 40), min_size=count, max_size=count))
    limits = draw(st.lists(st.integers(1, 9), min_size=count, max_size=count))
    width = draw(st.integers(1, 6))
    options = Beam(
        width,
        n_best=draw(st.integers(1, width)),
        length_penalty=draw(st.sampled_from([0.0, 0.6, 1.0, 2.0])),
        coverage_penalty=draw(st.sampled_from([0.0, 0.0, 0.4])),
        no_repeat_ngram=draw(st.sampled_from([0, 0, 1, 2, 3])),
        prune=draw(st.sampled_from([math.inf, math.inf, 3.0, 1.0, 0.0])),
    )
    table = {
        "tokens": draw(st.integers(3, 9)),
        "seed": draw(st.integers(0, 5)),
        "grain": draw(st.sampled_from([0.0, 1.0, 2.0])),
        "ending": draw(st.sampled_from([-2.0, 0.0, 2.0])),
    }
    excluded = draw(st.sampled_from([(), (0,), (0, BEGIN)]))
    return Problem(sentences, limits, options, table, excluded if table["tokens"] > 3 else ())


def run(
    problem: Problem, sentences: list[int], limits: list[int], steps: list[int] | None = None
) -> list[list[Hypothesis]]:
    decoder = problem.decoder(sentences)
    if steps is not None:
        decoder.steps = steps
    return beam(
        decoder,
        decoder.first(),
        begin=BEGIN,
        end=END,
        limits=limits,
        options=problem.options,
        excluded=problem.excluded,
        attention=lambda state: state.attention,
        coverage=lambda state: state.attention,
        sources=np.array([decoder.length(sentence) for sentence in sentences]),
    )


def summary(found: Sequence[Hypothesis]) -> list[Summary]:
    return [(each.tokens, each.score, each.log_probability, each.ended) for each in found]


def plain(problem: Problem, sentence: int, limit: int) -> list[Summary]:
    """Beam search of one sentence, as slow as it reads, and without an early end."""
    options, table = problem.options, problem.decoder()
    live: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    found: list[Summary] = []
    led = False

    def add(tokens: tuple[int, ...], log_p: float, ended: bool) -> None:
        length = len(tokens) + ended
        written = tokens[: length - 1]
        attention = sum(
            table.alone(sentence, [BEGIN, *written[:n]])[1].astype(float) for n in range(length)
        )
        assert isinstance(attention, np.ndarray)
        cover = sum(
            math.log(max(min(attention[s].item(), 1.0), 1e-6))
            for s in range(table.length(sentence))
        )
        score = log_p / length**options.length_penalty + options.coverage_penalty * cover
        found.append((tokens, score, log_p, ended))

    for length in range(1, limit + 1):
        after = []
        for place, (log_p, tokens) in enumerate(live):
            scores = table.alone(sentence, [BEGIN, *tokens])[0]
            for token, score in enumerate(scores.tolist()):
                size = options.no_repeat_ngram
                grams = [(*tokens, token)[k : k + size] for k in range(len(tokens) + 2 - size)]
                repeated = size > 0 and len(grams) > 0 and grams[-1] in grams[:-1]
                if token not in problem.excluded and not repeated:
                    after.append((-(log_p + score), place, token))
        after.sort()
        for minus, place, token in after[: options.width]:
            if token == END:
                add(live[place][1], -minus, True)
        rest = [each for each in after if each[2] != END][: options.width]
        live = [(-minus, (*live[place][1], token)) for minus, place, token in rest]
        led = led or after[0][2] == END
        if led and len(found) >= options.width:
            break
        if length == limit:
            for log_p, tokens in live:
                add(tokens, log_p, False)
        live = [each for each in live if each[0] >= live[0][0] - options.prune]
    return sorted(found, key=lambda each: -each[1])[: options.n_best]


def close(one: list[Summary], other: list[Summary]) -> None:
    assert [(each[0], each[3]) for each in one] == [(each[0], each[3]) for each in other]
    for mine, theirs in zip(one, other, strict=True):
        assert mine[1:3] == pytest.approx(theirs[1:3], rel=1e-9)


@given(problems())
def test_it_is_the_plain_search_which_has_no_early_end(problem: Problem) -> None:
    found = run(problem, problem.sentences, problem.limits)
    for sentence, limit, mine in zip(problem.sentences, problem.limits, found, strict=True):
        close(summary(mine), plain(problem, sentence, limit))


@given(problems())
def test_batched_is_single_to_the_last_bit(problem: Problem) -> None:
    together = run(problem, problem.sentences, problem.limits)
    for sentence, limit, mine in zip(problem.sentences, problem.limits, together, strict=True):
        (alone,) = run(problem, [sentence], [limit])
        assert summary(alone) == summary(mine)
        for one, other in zip(alone, mine, strict=True):
            assert one.attention is not None
            assert other.attention is not None
            assert np.array_equal(one.attention, other.attention)


@given(problems())
def test_it_is_told_where_each_token_looked(problem: Problem) -> None:
    table = problem.decoder()
    found = run(problem, problem.sentences, problem.limits)
    for sentence, limit, each in zip(problem.sentences, problem.limits, found, strict=True):
        for one in each:
            assert one.attention is not None
            assert len(one.attention) == len(one.tokens) <= limit - one.ended
            for at in range(len(one.tokens)):
                attention = table.alone(sentence, [BEGIN, *one.tokens[:at]])[1]
                assert np.array_equal(one.attention[at], attention)


@given(problems())
def test_a_beam_of_one_is_greedy(problem: Problem) -> None:
    alone = Problem(problem.sentences, problem.limits, Beam(1), problem.table)
    table = alone.decoder()
    found = run(alone, alone.sentences, alone.limits)
    for sentence, limit, (mine,) in zip(alone.sentences, alone.limits, found, strict=True):
        tokens: list[int] = []
        total = 0.0
        while len(tokens) < limit:
            scores = table.alone(sentence, [BEGIN, *tokens])[0]
            best = int(scores.argmax())
            total += float(scores[best])
            if best == END:
                break
            tokens.append(best)
        assert mine.tokens == tuple(tokens)
        assert mine.ended == (len(tokens) < limit)
        assert mine.log_probability == pytest.approx(total)


@pytest.mark.parametrize("alpha", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("beta", [0.0, 0.3])
def test_a_beam_of_everything_finds_the_best_there_is(alpha: float, beta: float) -> None:
    limit, tokens = 4, 4
    options = Beam(4**4, n_best=7, length_penalty=alpha, coverage_penalty=beta)
    for sentence in range(6):
        problem = Problem([sentence], [limit], options, {"tokens": tokens, "seed": sentence})
        table = problem.decoder()
        every: list[tuple[float, tuple[int, ...]]] = []
        others = [token for token in range(tokens) if token != END]
        for length in range(limit + 1):
            for written in itertools.product(others, repeat=length):
                whole = [*written, END] if length < limit else [*written]
                log_p, cover = 0.0, np.zeros(table.maps.shape[1])
                for at, token in enumerate(whole):
                    scores, attention = table.alone(sentence, [BEGIN, *whole[:at]])
                    log_p, cover = log_p + float(scores[token]), cover + attention
                logs = np.log(cover[: table.length(sentence)].clip(1e-6, 1)).sum()
                every.append((log_p / len(whole) ** alpha + beta * float(logs), written))
        every.sort(key=lambda each: -each[0])
        found = run(problem, [sentence], [limit])[0]
        assert [each.tokens for each in found] == [tokens for _, tokens in every[:7]]
        assert [each.score for each in found] == pytest.approx([s for s, _ in every[:7]], rel=1e-5)


def test_of_equals_the_earlier_hypothesis_and_the_lower_token() -> None:
    decoder = Table([0, 1])
    decoder.scores = np.zeros_like(decoder.scores)
    found = beam(
        decoder, decoder.first(), begin=BEGIN, end=END, limits=[3, 9],
        options=Beam(3, n_best=3, length_penalty=0),
    )  # fmt: skip
    for each in found:
        # 0, 1 and the end are the first of equals; then 0 0, 0 1 and the end of 0; and so on.
        assert [one.tokens for one in each] == [(), (0,), (0, 0)]


# The end


def test_an_early_end_follows_from_the_bound_and_changes_nothing() -> None:
    """One end alone is likely, the first: what lives falls until it cannot rise above it."""
    taken = []
    for alpha, limit in ((0.0, 40), (1.0, 6), (1.0, 40), (2.0, 40)):
        decoder = Table([3], ending=-90.0)
        row = (BEGIN + 1 + 131 * 3) % 997
        decoder.scores[row, END] = decoder.scores[row].max() + 1.5
        (found,) = beam(
            decoder, decoder.first(), begin=BEGIN, end=END, limits=[limit],
            options=Beam(5, length_penalty=alpha),
        )  # fmt: skip
        first = decoder.alone(3, [BEGIN])[0][END].item()
        taken.append(len(decoder.steps))
        if taken[-1] < limit:
            assert [(each.tokens, each.score) for each in found] == [((), first)]
    # By the probability alone at once; by its mean the later, the longer it may still get.
    assert taken[0] == 1
    assert 1 < taken[1] < 6
    assert taken[1] < taken[2] < 40
    # Divided by the square of 40 it could always rise: the limit ends it.
    assert taken[3] == 40


def test_improbable_ends_do_not_end_a_sure_search() -> None:
    """At each step the end is second: as many have ended as the beam is wide, and none is right."""
    decoder = Table([0])
    decoder.scores = np.full_like(decoder.scores, -4.0)
    decoder.scores[:, END], decoder.scores[:, 3] = 0.0, 9.0
    code = 0
    for token in [BEGIN, *[3] * 8]:
        code = (code * 31 + token + 1) % 996_983
    decoder.scores[code % 997, END] = 20.0
    for width in (1, 2, 5):
        ((one,),) = beam(
            decoder, decoder.first(), begin=BEGIN, end=END, limits=[30], options=Beam(width)
        )
        assert (one.tokens, one.ended) == ((3,) * 8, True)


def test_every_limit_bounds_the_steps_and_what_lives_then_is_cut() -> None:
    for options in (Beam(1), Beam(4, n_best=2), Beam(3, n_best=3, no_repeat_ngram=1)):
        steps: list[int] = []
        problem = Problem([0, 1, 2], [1, 7, 4], options, {"ending": -90.0})
        found = run(problem, [0, 1, 2], [1, 7, 4], steps)
        assert len(steps) == 7
        for each, limit in zip(found, [1, 7, 4], strict=True):
            assert len(each) == options.n_best
            if options.no_repeat_ngram == 0:
                assert all(len(one.tokens) == limit and not one.ended for one in each)


def test_rows_leave_as_sentences_end() -> None:
    steps: list[int] = []
    problem = Problem(list(range(8)), [1, 2, 3, 4, 5, 6, 7, 8], Beam(3), {"ending": -90.0})
    run(problem, problem.sentences, problem.limits, steps)
    # One row each at first, then three of all that are left.
    assert steps == [8, *(3 * left for left in range(7, 0, -1))]


def test_what_is_given_up_has_no_row_any_more() -> None:
    steps: list[int] = []
    kept = Problem(list(range(8)), [6] * 8, Beam(4, prune=0.0), {"ending": -90.0})
    run(kept, kept.sentences, kept.limits, steps)
    assert steps == [8] * 6
    steps.clear()
    some = Problem(list(range(8)), [6] * 8, Beam(4, prune=1.0), {"ending": -90.0})
    run(some, some.sentences, some.limits, steps)
    assert all(8 < rows < 32 for rows in steps[1:])


def test_nothing_to_write() -> None:
    decoder = Table([])
    assert beam(decoder, decoder.first(), begin=1, end=2, limits=[], options=Beam()) == []


# What it is made of


@given(
    st.lists(st.lists(st.integers(-3, 3), min_size=9, max_size=9), min_size=1),
    st.integers(1, 9),
    st.sets(st.integers(0, 8), max_size=3),
)
def test_the_top_of_equals_are_the_first(
    rows: list[list[int]], count: int, excluded: set[int]
) -> None:
    logits = np.array(rows, np.float32)
    found = top(logits, count, tuple(excluded))
    assert logits.tolist() == rows
    for row, values, ids, total in zip(
        rows, found.values.tolist(), found.ids.tolist(), found.log_sum_exp.tolist(), strict=True
    ):
        expected = sorted(set(range(9)) - excluded, key=lambda token: (-row[token], token))[:count]
        assert ids[: len(expected)] == expected
        assert values[: len(expected)] == [row[token] for token in expected]
        assert values[len(expected) :] == [-math.inf] * (count - len(expected))
        assert total == pytest.approx(math.log(sum(map(math.exp, row))), abs=1e-12)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_the_sum_of_what_are_no_numbers_is_none(bad: float) -> None:
    logits = np.zeros((3, 5), np.float32)
    logits[1, 4] = bad
    assert np.isfinite(log_sum_exp(logits)).tolist() == [True, False, True]
    logits[1] = -math.inf
    assert np.isfinite(log_sum_exp(logits)).tolist() == [True, False, True]
    logits[1, 2] = 3.0
    assert log_sum_exp(logits)[1] == 3.0


def test_what_the_decoder_ranks_is_what_its_logits_rank() -> None:
    """A long text without repeats: more is to be left out than a decoder is asked for."""
    asked: list[int] = []

    class Counted(Table):
        def top(self, outputs: Floats, k: int, excluded: Sequence[int] = ()) -> Top:
            asked.append(k)
            assert k <= MOST_TOP
            return super().top(outputs, k, excluded)

        def select(self, sentences: Integers) -> Counted:
            kept = super().select(sentences)
            assert isinstance(kept, Counted)
            return kept

    decoder = Counted([0, 1], tokens=97, ending=-90.0)
    found = beam(
        decoder, decoder.first(), begin=BEGIN, end=END, limits=[80, 90],
        options=Beam(3, no_repeat_ngram=1),
    )  # fmt: skip
    assert asked == [4 + written for written in range(61)]
    for (one,), limit in zip(found, (80, 90), strict=True):
        assert len(set(one.tokens)) == len(one.tokens) == limit


@given(st.lists(st.integers(0, 2), max_size=12), st.integers(0, 4))
def test_repeats_are_the_tokens_that_would_end_an_ngram_again(tokens: list[int], size: int) -> None:
    grams = {tuple(tokens[k : k + size]) for k in range(len(tokens) - size + 1)}
    expected = set()
    if size:
        prefix = tokens[len(tokens) - size + 1 :] if size > 1 else []
        expected = {t for t in range(3) if len(prefix) == size - 1 and (*prefix, t) in grams}
    both = np.array([[7] * len(tokens), tokens], np.int64)
    rows, found = repeats(both, size)
    assert {token for row, token in zip(rows, found, strict=True) if row == 1} == expected


@pytest.mark.parametrize(
    "options",
    [
        {"width": 0},
        {"n_best": 0},
        {"width": 3, "n_best": 4},
        {"length_penalty": -0.1},
        {"length_penalty": math.nan},
        {"length_penalty": math.inf},
        {"coverage_penalty": -1.0},
        {"coverage_penalty": math.nan},
        {"no_repeat_ngram": -1},
        {"prune": -0.1},
        {"prune": math.nan},
    ],
)
def test_options_out_of_range(options: dict[str, float]) -> None:
    with pytest.raises(OptionError) as caught:
        Beam(**options)  # type: ignore[arg-type]
    assert caught.value.expected


def test_what_does_not_go_together() -> None:
    decoder = Table([0, 1])
    ask = {"begin": BEGIN, "end": END, "options": Beam()}
    with pytest.raises(OptionError, match="2 rows for 3"):
        beam(decoder, decoder.first(), limits=[1, 2, 3], **ask)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="limits"):
        beam(decoder, decoder.first(), limits=[1, 0], **ask)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="excluded"):
        beam(decoder, decoder.first(), limits=[1, 1], excluded=[END], **ask)  # type: ignore[arg-type]
    ask["options"] = Beam(coverage_penalty=0.1)
    with pytest.raises(OptionError, match="coverage"):
        beam(decoder, decoder.first(), limits=[1, 1], **ask)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("width", [1, 3])
def test_scores_that_are_no_numbers(bad: float, width: int) -> None:
    decoder = Table([0, 1])
    decoder.scores = np.full_like(decoder.scores, bad)
    with pytest.raises(RecurraError, match="not numbers"):
        beam(decoder, decoder.first(), begin=1, end=2, limits=[2, 2], options=Beam(width))
