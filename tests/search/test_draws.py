from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.errors import OptionError, RecurraError
from recurra.search.beam import Beam, beam
from recurra.search.hypotheses import Hypothesis
from recurra.search.logits_processors import Integers
from recurra.search.sampling import Sampling, generators, sample_sequences
from toy_search import BEGIN, END, Floats, Read, Table


def run(
    sentences: list[int],
    limits: list[int],
    chance: list[np.random.Generator],
    sampling: Sampling | None = None,
    *,
    no_repeat_ngram: int = 0,
    decoder: Table | None = None,
) -> list[list[Hypothesis]]:
    options = Sampling(1.2, top_p=0.95) if sampling is None else sampling
    table = Table(sentences) if decoder is None else decoder
    return sample_sequences(
        table,
        table.first(len(chance) // max(len(sentences), 1)),
        options.sampler((0,)),
        chance,
        begin=BEGIN,
        end=END,
        limits=limits,
        remember=options.remembers,
        no_repeat_ngram=no_repeat_ngram,
        attention=lambda state: state.attention,
    )


def same(one: Hypothesis, other: Hypothesis) -> bool:
    assert one.attention is not None
    assert other.attention is not None
    return (
        (one.tokens, one.score, one.ended) == (other.tokens, other.score, other.ended)
        and one.log_probability == other.log_probability
        and np.array_equal(one.attention, other.attention)
    )


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9)), min_size=1, max_size=9),
    st.integers(1, 3),
    st.integers(0, 2**63),
    st.sampled_from([Sampling(), Sampling(0.8, top_k=3, repetition_penalty=2.0)]),
)
def test_each_is_the_same_whatever_is_drawn_beside_it(
    rows: list[tuple[int, int]], copies: int, seed: int, sampling: Sampling
) -> None:
    sentences, limits = [row[0] for row in rows], [row[1] for row in rows]
    count = len(rows) * copies
    together = run(sentences, limits, generators(seed, count), sampling)
    for at in range(len(rows)):
        for copy in range(copies):
            chance = generators(seed, count)[at * copies + copy]
            ((alone,),) = run(sentences[at : at + 1], limits[at : at + 1], [chance], sampling)
            assert same(alone, together[at][copy])


def test_what_is_told_is_what_the_model_says() -> None:
    table, limits = Table([4, 5, 6]), [8, 3, 6]
    found = run([4, 5, 6], limits, generators(0, 9))
    for sentence, limit, each in zip([4, 5, 6], limits, found, strict=True):
        assert len({one.tokens for one in each}) > 1
        for one in each:
            whole = [*one.tokens, END] if one.ended else [*one.tokens]
            assert len(whole) <= limit
            assert one.ended or len(whole) == limit
            total = 0.0
            for at, token in enumerate(whole):
                scores, attention = table.alone(sentence, [BEGIN, *whole[:at]])
                total += float(scores[token])
                if at < len(one.tokens):
                    assert one.attention is not None
                    assert np.array_equal(one.attention[at], attention)
            assert one.log_probability == pytest.approx(total)
            assert one.score == pytest.approx(total / len(whole))
            assert 0 not in one.tokens


def test_temperature_zero_is_a_beam_of_one() -> None:
    sentences, limits = list(range(9)), [3, 5, 7, 9, 9, 7, 5, 3, 1]
    table = Table(sentences)
    greedy = beam(
        table, table.first(), begin=BEGIN, end=END, limits=limits, options=Beam(1), excluded=[0],
        attention=lambda state: state.attention,
    )  # fmt: skip
    drawn = run(sentences, limits, generators(3, 9), Sampling(temperature=0))
    assert any(each.ended for (each,) in greedy)
    for (one,), (other,) in zip(greedy, drawn, strict=True):
        assert same(one, other)


def test_frequencies_are_the_probabilities() -> None:
    count = 4000
    (found,) = run([7], [1], generators(1, count), Sampling())
    scores = Table([7]).alone(7, [BEGIN])[0]
    scores[0] = -np.inf
    chances = np.exp(scores) / np.exp(scores).sum()
    for token, chance in enumerate(chances.tolist()):
        written = () if token == END else (token,)
        share = sum(one.tokens == written for one in found) / count
        assert share == pytest.approx(chance, abs=0.03)


def test_no_ngram_comes_again() -> None:
    decoder, longest = Table([1, 2, 3], tokens=9, ending=-5.0), 0
    for each in run([1, 2, 3], [30] * 3, generators(0, 6), no_repeat_ngram=2, decoder=decoder):
        for one in each:
            pairs = list(zip(one.tokens, one.tokens[1:], strict=False))
            longest = max(longest, len(pairs))
            assert len(set(pairs)) == len(pairs)
    assert longest > 20


def test_what_the_decoder_keeps_is_left_alone() -> None:
    class Kept(Table):
        outputs = np.zeros((2, 7), np.float32)

        def step(
            self, tokens: Integers, state: Read, counts: Integers | None = None
        ) -> tuple[Floats, Read]:
            return self.outputs, super().step(tokens, state, counts)[1]

        def select(self, sentences: Integers) -> Kept:
            raise AssertionError("nobody is left")

    decoder = Kept([0])
    decoder.outputs[:, END] = -5.0
    before = decoder.outputs.copy()
    run([0], [6], generators(0, 2), no_repeat_ngram=1, decoder=decoder)
    decoder = Kept([0, 1])
    ask = {"begin": BEGIN, "end": END, "limits": [1, 1], "options": Beam(no_repeat_ngram=1)}
    beam(decoder, decoder.first(), excluded=[0], **ask)  # type: ignore[arg-type]
    assert np.array_equal(decoder.outputs, before)


def test_rows_leave_when_all_copies_have_ended() -> None:
    steps: list[int] = []
    decoder = Table([0, 1, 2], ending=-90.0, steps=steps)
    run([0, 1, 2], [1, 3, 2], generators(0, 6), decoder=decoder)
    assert steps == [6, 4, 2]


def test_what_does_not_go_together() -> None:
    assert run([], [], []) == []
    with pytest.raises(OptionError, match="3 generators for 2"):
        run([0, 1], [2, 2], generators(0, 3))
    with pytest.raises(OptionError, match="0 generators for 2"):
        run([0, 1], [2, 2], [])
    with pytest.raises(OptionError, match="limits"):
        run([0, 1], [2, 0], generators(0, 2))
    broken = Table([0])
    broken.scores[:] = np.nan
    with pytest.raises(RecurraError, match="not numbers"):
        run([0], [2], generators(0, 1), decoder=broken)
