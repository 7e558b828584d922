from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from in_torch import in_torch
from recurra.codecs.tokenizer import UNKNOWN
from recurra.data.files import TextSource
from recurra.tasks.text import evaluate
from recurra.tasks.text.baselines import Baseline
from recurra.tasks.text.data import TextData
from recurra.tasks.text.estimator import TextModel
from small import small_text

RATE = 0.01


@pytest.fixture(scope="module")
def model(trained: Path) -> TextModel:
    return TextModel.load(trained)


def encoded(model: TextModel, text: str) -> np.ndarray[Any, np.dtype[np.int32]]:
    return model.vocabulary.encode(text)


def by_hand(model: TextModel, ids: np.ndarray[Any, Any], before: int | None) -> list[float]:
    """One character after the other, as the definition says."""
    network, state, costs = in_torch(model), None, []
    previous = UNKNOWN if before is None else before
    for place, symbol in enumerate(ids):
        with torch.no_grad():
            logits, state = network.step(torch.tensor([previous]), state)
        known = logits[0, 1:].double().softmax(-1)
        chance = RATE if symbol == UNKNOWN else (1 - RATE) * float(known[symbol - 1])
        if place == 0 and before is None:
            chance = 1 / len(model.vocabulary)
        costs.append(-math.log(chance))
        previous = int(symbol)
    return costs


@pytest.mark.parametrize("before", [None, 3])
def test_the_score_is_the_loop_of_the_definition(model: TextModel, before: int | None) -> None:
    ids = encoded(model, small_text(3) + "Żółw writes λ.\n" + small_text(2))
    assert (ids == UNKNOWN).sum() == 4
    nats, streams = evaluate.score(model.network, ids, RATE, before)
    assert streams == 1
    np.testing.assert_allclose(nats, by_hand(model, ids, before), rtol=1e-4, atol=1e-6)


def test_single_characters_are_scored(model: TextModel) -> None:
    for text in ("T", "λ"):
        nats, _ = evaluate.score(model.network, encoded(model, text), RATE)
        assert nats.tolist() == [math.log(len(model.vocabulary))]


def test_pieces_side_by_side_are_nearly_one_stream(
    model: TextModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 7 counts the lines: nothing that 60 characters before a piece would not tell.
    ids = encoded(model, small_text(80))
    whole, _ = evaluate.score(model.network, ids, RATE, 3)
    monkeypatch.setattr(evaluate, "ONE_STREAM", 100)
    monkeypatch.setattr(evaluate, "_WARM_UP", 60)
    pieces, streams = evaluate.score(model.network, ids, RATE, 3)
    assert streams == len(ids) // 1200 > 1
    assert pieces.shape == whole.shape
    size = -(-len(ids) // streams)
    # The first piece has nothing before it, in either way of reading.
    np.testing.assert_allclose(pieces[:size], whole[:size], rtol=1e-4, atol=1e-6)
    assert pieces.mean() == pytest.approx(whole.mean(), rel=0.02)
    np.testing.assert_allclose(pieces, whole, atol=0.5)


def test_texts_that_do_not_divide_are_scored_whole(
    model: TextModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "ONE_STREAM", 10)
    monkeypatch.setattr(evaluate, "_WARM_UP", 5)
    for count in (201, 299, 300, 307):
        ids = encoded(model, small_text(20)[:count])
        nats, streams = evaluate.score(model.network, ids, RATE)
        assert streams == count // 100
        assert nats.shape == (count,)
        assert np.isfinite(nats).all()
        assert nats[0] == math.log(len(model.vocabulary))


def test_scores_are_sums_over_counts(model: TextModel) -> None:
    text = "TλhŻ"
    nats = np.array([1.0, 2.0, 3.0, 2.0])
    score, beside = evaluate.summary(nats, encoded(model, text), text, model.vocabulary, 1)
    assert (score.nats, score.tokens, score.characters, score.unknown) == (2.0, 4, 4, 2)
    assert beside is nats
    # Six bytes; the unknown are spelt: two bytes and an end each.
    assert score.bytes == 6
    assert score.a_byte == pytest.approx((8 + 2 * 3 * math.log(256)) / 6)
    assert score.bits == pytest.approx(2 / math.log(2))
    plain = score.to_json()
    assert plain["perplexity"] == pytest.approx(math.exp(2))
    assert plain["bits_a_byte"] == pytest.approx(score.a_byte / math.log(2))
    assert plain["bits"] == score.bits


def test_the_verdict_is_against_the_best_baseline(model: TextModel) -> None:
    generator = np.random.default_rng(0)
    nats = generator.gamma(2, 0.5, 4000)
    worse, better = nats + 0.3, nats - 0.2 + 0.01 * generator.standard_normal(4000)
    found = [Baseline("worse", float(worse.mean()), "", worse)]
    assert evaluate.against(nats, []) is None
    verdict = evaluate.against(nats, found)
    assert verdict is not None
    assert verdict["better"] is True
    assert verdict["advantage"] == pytest.approx(0.3)
    found.append(Baseline("better", float(better.mean()), "", better))
    verdict = evaluate.against(nats, found)
    assert verdict is not None
    assert verdict["better"] is False
    assert "better" in verdict["sentence"]
    assert verdict["interval"]["low"] < verdict["advantage"] < verdict["interval"]["high"]


def test_free_running_figures_are_of_what_it_wrote(
    model: TextModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "FREE_LENGTH", 300)
    read = TextData.from_source(TextSource(small_text(), "small"))
    rows = evaluate.free_running(model.network, read)
    assert [row["temperature"] for row in rows] == list(evaluate.TEMPERATURES)
    known = read.text(range(read.split.select.stop))
    for row in rows:
        assert row["characters"] == len(row["sample"]) == 300
        assert row["longest_copied"] in known
        assert row["longest_copy"] == len(row["longest_copied"]) > 3
        assert row["longest_copied"] in row["sample"]
        assert 0 <= row["known_words"] <= 1
    # It is a function of the seed, and of nothing else.
    assert rows == evaluate.free_running(model.network, read)
    assert rows != evaluate.free_running(model.network, read, seed=1)
    for row in rows:
        written = "".join(model.generate("", length=300, temperature=row["temperature"], seed=0))
        assert row["sample"] == written


def test_the_report_takes_about_the_time_that_is_kept_for_it(model: TextModel) -> None:
    read = TextData.from_source(TextSource(small_text(), "small"))
    assert 0.01 < evaluate.seconds_needed(model.network, read) < 60
