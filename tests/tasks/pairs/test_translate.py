from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
import pytest
from numpy.typing import NDArray

from recurra.codecs.tokenizer import END, UNKNOWN, Tokenizer, learn
from recurra.errors import DataError, OptionError
from recurra.runtime.pairs import ATTENTION
from recurra.runtime.state import State
from recurra.search.decoding import SearchOptions
from recurra.search.hypotheses import Top, top
from recurra.search.sampling import Sampling
from recurra.tasks.pairs import translate as verb
from recurra.tasks.pairs.translate import Translation, translate

TEXT = "the old man sees a small dog and the small dog sees a bird near the old house"
TEXTS = [" ".join(TEXT.split()[a : a + n]) for a in range(6) for n in (1, 3, 4, 7, 11)]


@final
@dataclass(frozen=True, eq=False)
class Ids:
    """Sources (B, S), padded with -1."""

    padded: NDArray[np.int64]


@final
class Copier:
    """Writes what it reads, piece by piece, and now and then something else, by a fixed table."""

    def __init__(self, size: int, *, noise: float = 1.0, ends: bool = True, looks: bool = True):
        draw = np.random.default_rng(0)
        self.noise = np.float32(noise) * draw.standard_normal((31, size), dtype=np.float32)
        self.ends, self.looks = ends, looks
        self.batches: list[tuple[int, int]] = []
        self.steps: list[int] = []

    def encode(self, sources: Sequence[NDArray[np.int64]]) -> Ids:
        lengths = [len(each) for each in sources]
        assert min(lengths) > 0
        self.batches.append((len(sources), max(lengths)))
        padded = np.full(self.batches[-1], -1, np.int64)
        for row, each in zip(padded, sources, strict=True):
            row[: len(each)] = each
        return Ids(padded)

    def decoder(self, encoded: Ids) -> Decoder:
        return Decoder(self, encoded)


@final
class Decoder:
    def __init__(self, network: Copier, encoded: Ids) -> None:
        self.network, self.encoded = network, encoded

    def begin(self, copies: int = 1) -> State:
        """How much is written, (R,), and where the last step looked, (R, S)."""
        rows = len(self.encoded.padded) * copies
        nowhere = np.zeros((rows, self.encoded.padded.shape[1]), np.float32)
        return State({"count": np.zeros(rows, np.int64), ATTENTION: nowhere})

    def step(
        self, tokens: NDArray[np.int64], state: State, counts: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.float32], State]:
        network, ids = self.network, self.encoded.padded
        network.steps.append(len(tokens))
        each = np.full(len(ids), len(tokens) // len(ids)) if counts is None else counts
        ids, count = ids.repeat(each, 0), state["count"]
        last = (ids >= 0).sum(1) - 1
        at = np.minimum(count, last)
        here = np.where(count > last, END, ids[np.arange(len(ids)), at])
        logits = network.noise[(7 * here + tokens) % 31].copy()
        logits[np.arange(len(tokens)), here] += 6.0
        if not network.ends:
            logits[:, END] = -100.0
        attention = np.zeros(ids.shape, np.float32)
        attention[np.arange(len(ids)), at] = network.looks
        return logits, State({"count": count + 1, ATTENTION: attention})

    def logits(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        return outputs

    def top(self, outputs: NDArray[np.float32], k: int, excluded: Sequence[int] = ()) -> Top:
        return top(outputs, k, excluded)

    def select(self, sentences: NDArray[np.int64]) -> Decoder:
        return Decoder(self.network, Ids(self.encoded.padded[sentences]))


def limit(sizes: Any) -> Any:
    return np.ceil(1.5 * sizes + 3).astype(np.int64)


def summary(found: list[list[Translation]]) -> list[list[tuple[Any, ...]]]:
    return [
        [
            (one.text, one.score, one.log_probability, one.ended, one.source, one.pieces,
             one.attention.tolist())
            for one in each
        ]
        for each in found
    ]  # fmt: skip


@pytest.fixture(scope="module")
def pieces() -> Tokenizer:
    return learn([*TEXTS, *TEXTS], "words", flowing=False)


@pytest.fixture
def network(pieces: Tokenizer) -> Copier:
    return Copier(len(pieces))


@pytest.mark.parametrize(
    "how",
    [
        SearchOptions(),
        SearchOptions(beam=1),
        SearchOptions(n_best=3, coverage_penalty=0.2),
        SearchOptions(n_best=2, sample=Sampling(1.5, repetition_penalty=1.2), seed=4),
        SearchOptions(no_repeat_ngram=2),
    ],
)
def test_each_is_the_same_alone_and_in_the_order_given(
    pieces: Tokenizer, network: Copier, how: SearchOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = translate(network, pieces, pieces, TEXTS, how, limit=limit)
    assert [len(each) for each in together] == [how.n_best] * len(TEXTS)
    if how.sample is None:
        for text, each in zip(TEXTS, together, strict=True):
            alone = translate(network, pieces, pieces, [text], how, limit=limit)
            assert summary(alone) == summary([each])
    # However they are cut into batches.
    monkeypatch.setattr(verb, "_ROWS", 3 * how.places)
    assert summary(translate(network, pieces, pieces, TEXTS, how, limit=limit)) == summary(together)


def test_what_is_sure_is_copied_and_looked_at(pieces: Tokenizer) -> None:
    network = Copier(len(pieces), noise=0.0)
    found = translate(network, pieces, pieces, TEXTS, SearchOptions(), limit=limit)
    for text, (one,) in zip(TEXTS, found, strict=True):
        assert (one.text, one.ended) == (text, True)
        assert one.pieces == one.source == pieces.shown(pieces.encode(text))
        assert one.attention.dtype == np.float32
        np.testing.assert_array_equal(one.attention, np.eye(len(one.pieces)))


def test_unknown_words_come_from_where_it_looked(pieces: Tokenizer) -> None:
    network, text = Copier(len(pieces), noise=0.0), "Zoë, the old Zeppelin"
    ((one,),) = translate(network, pieces, pieces, [text], SearchOptions(), limit=limit)
    assert one.text == text
    assert one.pieces == [" Zoë", ",", " the", " old", " Zeppelin"]
    # What does not look copies nothing.
    network = Copier(len(pieces), noise=0.0, looks=False)
    ((blind,),) = translate(network, pieces, pieces, [text], SearchOptions(), limit=limit)
    assert "Zoë" not in blind.text
    assert " the old" in blind.text


def test_subwords_are_never_unknown() -> None:
    pytest.importorskip("tokenizers")
    pieces = learn([" ".join(TEXTS), *TEXTS], "bpe", flowing=False)
    network = Copier(len(pieces), noise=0.0)
    network.noise[:, UNKNOWN] = 90.0
    found = translate(network, pieces, pieces, TEXTS, SearchOptions(), limit=limit)
    assert [one.text for (one,) in found] == TEXTS


ODD = {
    "empty": "",
    "blank": " ",
    "word": "the",
    "ten thousand words": "the old dog " * 3_333,
    "emoji": "\U0001f469\u200d\U0001f680 the \U0001f1f0\U0001f1f7",
    "mixed": "the 한국어 العربية עברית 日本語 Ελληνικά",
    "controls": "the\x00\x07\u202e\tdog\r\n\x1b[31m",
    "combining": "e" + "\u0301" * 40,
}


@pytest.mark.parametrize(
    "how", [SearchOptions(), SearchOptions(beam=1), SearchOptions(sample=Sampling())]
)
@pytest.mark.parametrize("kind", ["words", "characters"])
def test_it_ends_on_anything(how: SearchOptions, kind: str) -> None:
    pieces = learn(["".join(TEXTS), *TEXTS, *TEXTS], kind, flowing=False)
    network = Copier(len(pieces), ends=False)
    how = replace(how, longest=50)
    found = translate(network, pieces, pieces, list(ODD.values()), how, limit=limit)
    for (one,), text in zip(found, ODD.values(), strict=True):
        size = len(pieces.encode(text))
        assert len(one.pieces) == min(50, int(limit(size))) * (size > 0)
        assert one.ended == (size == 0)
        assert one.attention.shape == (len(one.pieces), size if size <= verb.MAPPED else 0)
        assert not one.ended or (one.text, one.source, one.score) == ("", [], 0.0)
    long = [batch for batch in network.batches if batch[1] > verb.MAPPED]
    assert all(rows * steps <= max(verb._READ, steps) for rows, steps in network.batches)
    assert [rows for rows, _ in long] == [1] * len(long)
    assert long


def test_unknown_words_of_long_sources_are_copied_too(
    pieces: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verb, "MAPPED", 4)
    network, text = Copier(len(pieces), noise=0.0), "Zoë, the old Zeppelin"
    found = translate(network, pieces, pieces, [text, "the Zoë"], SearchOptions(), limit=limit)
    assert [one.text for (one,) in found] == [text, "the Zoë"]
    assert [one.attention.shape for (one,) in found] == [(5, 0), (2, 2)]


def test_texts_are_read_in_their_composed_form() -> None:
    text = "the caf\u00e9"
    pieces = learn([text], "characters", flowing=False)
    network, apart = Copier(len(pieces), noise=0.0), unicodedata.normalize("NFD", text)
    found = translate(network, pieces, pieces, [text, apart], SearchOptions(), limit=limit)
    assert [one.text for (one,) in found] == [text, text]


def test_a_draw_is_the_same_for_any_number_of_draws(pieces: Tokenizer, network: Copier) -> None:
    def drawn(best: int, seed: int) -> list[list[str]]:
        how = SearchOptions(n_best=best, sample=Sampling(3.0), seed=seed)
        return [
            [one.text for one in each]
            for each in translate(network, pieces, pieces, TEXTS, how, limit=limit)
        ]

    three, one = drawn(3, 0), drawn(1, 0)
    assert [each[:1] for each in three] == one
    assert drawn(1, 1) != one
    assert any(len(set(each)) == 3 for each in three)


def test_batches_hold_each_text_once_and_like_lengths() -> None:
    draw = np.random.default_rng(0)
    sizes = np.concatenate([draw.integers(0, 60, 900), [2001, 5000, 40_000, 0]])
    limits = np.clip(limit(sizes), 1, 1000)
    rows = list(verb._batches(sizes, limits, 5))
    assert sorted(np.concatenate(rows)) == np.flatnonzero(sizes).tolist()
    for each in rows:
        assert len(each) * 5 <= verb._ROWS
        assert len(each) == 1 or len(each) * sizes[each].max() <= verb._READ
    padded = sum(len(each) * sizes[each].max() for each in rows[:-3])
    assert padded < 1.2 * sizes[sizes < 100].sum()


def test_nothing_and_half_a_character(pieces: Tokenizer, network: Copier) -> None:
    assert translate(network, pieces, pieces, [], SearchOptions(), limit=limit) == []
    assert network.batches == []
    with pytest.raises(DataError, match="half a character"):
        translate(network, pieces, pieces, ["\ud800"], SearchOptions(), limit=limit)


@pytest.mark.parametrize(
    "options",
    [
        {"beam": 0},
        {"n_best": 6},
        {"n_best": 0, "sample": Sampling()},
        {"length_penalty": -1.0},
        {"longest": 0},
        {"seed": -1},
        {"no_repeat_ngram": -1, "sample": Sampling()},
    ],
)
def test_options_out_of_range(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError) as caught:
        SearchOptions(**options)
    assert caught.value.expected


def test_draws_may_be_more_than_the_beam() -> None:
    assert SearchOptions(n_best=9, sample=Sampling()).places == 9
