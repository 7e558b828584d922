from __future__ import annotations

import lzma
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra.codecs.tokenizer import learn
from recurra.data.splits import contiguous
from recurra.errors import DataError, OptionError
from recurra.tasks.text import baselines
from recurra.tasks.text.baselines import (
    NGRAM,
    XZ,
    Baseline,
    Ids,
    NGram,
    ngram,
    text_baselines,
    unigram,
    without_time,
    xz,
    xz_bits,
)

SIZE = 4
ROW = st.lists(st.integers(0, SIZE - 1), max_size=40)
NONE = np.zeros(0, np.int32)


def row(ids: list[int]) -> Ids:
    return np.array(ids, np.int32)


def witten_bell(known: list[int], context: list[int], symbol: int) -> float:
    """The formula as it is written, by counting in the text itself."""
    shorter = witten_bell(known, context[1:], symbol) if context else 1 / SIZE
    width = len(context)
    after = Counter(
        known[at + width] for at in range(len(known) - width) if known[at : at + width] == context
    )
    if context and not after:
        return witten_bell(known, context[1:], symbol)
    return (after[symbol] + len(after) * shorter) / (after.total() + len(after))


@given(ROW.filter(bool), ROW, ROW, st.integers(1, 5))
def test_it_is_the_formula(
    known: list[int], history: list[int], ids: list[int], order: int
) -> None:
    model = NGram.fit(row(known), SIZE, order)
    order = min(order, len(known))
    expected = []
    for at, symbol in enumerate(ids):
        before = (history + ids[:at])[-(order - 1) :] if order > 1 else []
        expected.append(-math.log(witten_bell(known, before, symbol)))
    np.testing.assert_allclose(model.nats(row(ids), row(history)), expected, rtol=1e-12)


@given(ROW.filter(bool), ROW, st.integers(1, 6))
def test_the_probabilities_of_all_symbols_sum_to_one(
    known: list[int], history: list[int], order: int
) -> None:
    model = NGram.fit(row(known), SIZE, order)
    nats = [float(model.nats(row([symbol]), row(history))[0]) for symbol in range(SIZE)]
    assert math.fsum(math.exp(-each) for each in nats) == pytest.approx(1, abs=1e-12)
    assert max(nats) < math.inf


@given(ROW.filter(bool), ROW, st.integers(0, 40))
def test_scoring_in_parts_is_scoring_at_once(known: list[int], ids: list[int], cut: int) -> None:
    model = NGram.fit(row(known), SIZE, 4)
    first, rest = row(ids[:cut]), row(ids[cut:])
    parts = [model.nats(first, NONE), model.nats(rest, first)]
    np.testing.assert_array_equal(np.concatenate(parts), model.nats(row(ids), NONE))


@given(ROW.filter(bool), ROW)
def test_each_order_is_the_fit_of_that_order(known: list[int], ids: list[int]) -> None:
    model = NGram.fit(row(known), SIZE, 5)
    for order, nats in enumerate(model.each_order(row(ids), row(known)), start=1):
        alone = NGram.fit(row(known), SIZE, order)
        np.testing.assert_array_equal(nats, alone.nats(row(ids), row(known)))
        np.testing.assert_array_equal(nats, model.nats(row(ids), row(known), order))


@pytest.mark.parametrize("seed", range(5))
def test_keys_too_large_to_pack_are_counted_alike(seed: int) -> None:
    # The same ids out of a huge vocabulary: the counts are the same, the way to them is not.
    known = np.random.default_rng(seed).integers(0, SIZE, 40).astype(np.int32)
    wide, narrow = NGram.fit(known, 2**57, 3), NGram.fit(known, SIZE, 3)
    for one, other in zip(wide.levels, narrow.levels, strict=True):
        np.testing.assert_array_equal(one.counts, other.counts)
        np.testing.assert_array_equal(one.totals, other.totals)
        np.testing.assert_array_equal(one.kinds, other.kinds)


def test_what_cannot_be_fitted() -> None:
    with pytest.raises(DataError, match="no text"):
        NGram.fit(NONE, SIZE)
    with pytest.raises(DataError, match="out of the vocabulary"):
        NGram.fit(row([SIZE]), SIZE)
    with pytest.raises(OptionError):
        NGram.fit(row([1]), SIZE, 0)
    with pytest.raises(OptionError):
        NGram.fit(row([1, 2, 3]), SIZE, 2).nats(row([1]), NONE, 3)


def test_the_order_is_chosen_on_the_selection_part() -> None:
    random = np.random.default_rng(0)
    # The next symbol follows from the last two alone, one time in ten at random.
    ids = random.integers(0, 3, 6000).astype(np.int32)
    for at in range(2, len(ids)):
        if random.random() < 0.9:
            ids[at] = (ids[at - 1] + 2 * ids[at - 2]) % 3
    found = ngram(ids[:4000], ids[4000:5000], ids[5000:], 3)
    assert found.name == "interpolated 3-gram"
    assert found.each is not None
    known = ids[:5000]
    expected = NGram.fit(known, 3, 3).nats(ids[5000:], known)
    np.testing.assert_array_equal(found.each, expected)
    assert found.nats == pytest.approx(expected.mean())


def test_long_known_texts_are_cut_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "NGRAM_LIMIT", 1000)
    monkeypatch.setattr(baselines, "XZ_LIMIT", 1000)
    ids = np.random.default_rng(0).integers(1, 4, 3000).astype(np.int32)
    found = ngram(ids[:2000], ids[2000:2500], ids[2500:], 4)
    assert "the last 1,000 of the 2,500 characters" in found.note
    order = int(found.name.split()[1].removesuffix("-gram"))
    expected = NGram.fit(ids[1500:2500], 4, order).nats(ids[2500:], ids[:2500])
    np.testing.assert_array_equal(found.each, expected)
    text = "".join(map(str, ids))
    assert "the last 1,000 of the 2,500 bytes" in xz(text[:2500], text[2500:]).note
    assert xz_bits(text[:2500], text[2500:])[0] == xz_bits(text[1500:2500], text[2500:])[0]
    assert "the last 1,000 of the 2,500 characters" in unigram(ids[:2500], ids[2500:], 4).note


@settings(max_examples=8)
@given(st.text("abc d\n가", max_size=3000), st.text("abc d\n가", min_size=1, max_size=300))
def test_xz_is_what_the_program_would_give(known: str, scored: str) -> None:
    def size(text: str) -> int:
        # xz's default check is 8 bytes in each of the two files and cancels.
        return len(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))

    bits = 8 * (size(known + scored) - size(known)) / len(scored)
    # An empty file has no block at all: no check, and no block header.
    assert xz_bits(known, scored)[0] == pytest.approx(bits, abs=0 if known else 200 / len(scored))


def test_xz_sees_the_whole_known_text() -> None:
    noise = bytes(np.random.default_rng(0).integers(33, 127, 200_000).astype(np.uint8)).decode()
    # A copy of the known text's beginning costs next to nothing, however far back it is.
    assert xz_bits(noise, noise[:1000])[0] < 0.5
    assert xz_bits(noise[1000:], noise[:1000])[0] > 6
    with pytest.raises(DataError):
        xz_bits(noise, "")


def test_the_nats_that_a_model_saves() -> None:
    nats = np.array([1.0, 2.0])
    each = Baseline("", 1.5, "", np.array([3.0, 0.0]))
    assert each.saved_by(nats).tolist() == [2.0, -2.0]
    assert Baseline("", 1.5, "").saved_by(nats).tolist() == [0.5, -0.5]


def test_a_text_of_few_characters() -> None:
    found = text_baselines(learn(["a"], "characters"), "a", "b", "c")
    assert all(math.isfinite(baseline.nats) for baseline in found)
    with pytest.raises(DataError, match="the selection part is empty"):
        text_baselines(learn(["a"], "characters"), "a", "", "c")


def test_tiny_shakespeare(data_folder: Path) -> None:
    text = (data_folder / "tinyshakespeare" / "input.txt").read_text("utf-8")
    split = contiguous(len(text))
    train, select, test = (
        text[part.start : part.stop] for part in (split.train, split.select, split.test)
    )
    found = text_baselines(learn([train], "characters"), train, select, test)
    figures = {baseline.name: baseline.nats for baseline in found}
    # 1.669 is the known figure of a Witten-Bell 5-gram counted in the first 90 %.
    assert figures["interpolated 5-gram"] == pytest.approx(1.669, abs=0.0005)
    assert figures["compressor xz"] == pytest.approx(1.7456, abs=0.01)
    assert figures["unigram"] == pytest.approx(3.3473, abs=0.0001)
    assert figures["uniform guess"] == pytest.approx(math.log(66))
    for baseline in found:
        if baseline.each is not None:
            assert baseline.each.shape == (111_540,)
            assert baseline.each.mean() == pytest.approx(baseline.nats)


def test_what_there_is_no_time_for_is_left_out_by_name() -> None:
    assert without_time(10**6, 20.0) == ()
    (compressor,) = without_time(5 * 10**6, 15.0)
    assert compressor.name == XZ
    assert compressor.why == "5,000,000 characters take it about 20 seconds"
    assert [each.name for each in without_time(10**9, 20.0)] == [NGRAM, XZ]
    parts = ("abab" * 50, "ab" * 20, "ab" * 30)
    names = [
        [each.name for each in text_baselines(learn([parts[0]], "characters"), *parts, without=out)]
        for out in ((), (XZ,), (NGRAM, XZ))
    ]
    assert names[1] == [name for name in names[0] if name != XZ]
    assert names[2] == ["unigram", "uniform guess"]
