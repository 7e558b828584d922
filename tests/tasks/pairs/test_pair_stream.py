"""A decoder fed piece by piece: what a search writes, what the whole costs; kept, forked, told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recurra.codecs.tokenizer import BEGIN, END
from recurra.errors import BundleError, DataError, OptionError
from recurra.runtime.streams import StreamState
from recurra.tasks.pairs.estimator import PairModel
from toy_pairs import UNSEEN
from toy_runtime import same, same_state
from toy_stream import check_same_place

SOURCES = ["4 0 7", "7", "1 2 3 4 5 6 7 8 9", "4 Bob"]


@pytest.mark.parametrize("source", SOURCES)
def test_choosing_the_likeliest_writes_what_a_beam_of_one_writes(
    model: PairModel, source: str
) -> None:
    ((wanted,),) = model.translations([source], beam=1, longest=12)
    stream, total = model.stream(source), 0.0
    written: list[int] = []
    step, looked = stream.predict(), []
    while len(written) < 12 and (piece := int(step.log_probabilities.argmax())) != model.end:
        looked.append(step.attention)
        before, step = step, stream.push(piece)
        assert step.token_nll == [-before.log_probabilities[piece]]
        total -= step.token_nll[0]
        written.append(piece)
    ended = len(written) < 12
    assert wanted.ended == ended
    total += step.log_probabilities[END] if ended else 0.0
    assert total == pytest.approx(wanted.log_probability, abs=1e-4)
    assert len(written) == len(wanted.pieces)
    for one, other in zip(looked, wanted.attention, strict=False):
        same(one, other)
    if "\ufffd" not in model.vocabulary.decode(written):  # else it copies from the source
        assert model.vocabulary.decode(written) == wanted.text
    assert np.exp(step.log_probabilities).sum() <= 1 + 1e-9
    assert step.log_probabilities[BEGIN] == -np.inf


def test_what_pieces_cost_is_what_they_cost_in_the_whole(model: PairModel) -> None:
    for source, target in UNSEEN[:5]:
        ids = model.vocabulary.encode(target).astype(np.int64)
        fed = np.concatenate([[BEGIN], ids, [END]])
        read = model._sources.encode(source).astype(np.int64)
        (whole,) = model.network.log_likelihood([read], [fed])
        one, many = model.stream(source), model.stream(source)
        step = one.push(target)
        found = np.concatenate([many.push(piece).token_nll for piece in ids.tolist()])
        np.testing.assert_allclose(found, -whole[:-1], atol=1e-5)
        assert step.log_probabilities[END] == pytest.approx(whole[-1], abs=1e-5)
        np.testing.assert_array_equal(step.token_nll, found)
        check_same_place(one.state, many.state)
        assert one.state.steps == len(ids)


def test_a_stream_is_kept_forked_and_gone_back_to(model: PairModel, tmp_path: Path) -> None:
    stream = model.stream("4 0 7")
    first = stream.predict().log_probabilities
    stream.push(5)
    stream.state.save(tmp_path / "kept")
    kept = StreamState.load(tmp_path / "kept")
    fork, step = stream.fork(), stream.push(6)
    assert not np.array_equal(step.log_probabilities, first)
    for other in (fork, model.stream("4 0 7", kept)):
        again = other.push(6)
        same(again.log_probabilities, step.log_probabilities)
        same(again.attention, step.attention)
        same_state(other.state.state, stream.state.state)
    stream.state = kept
    same(stream.push(6).log_probabilities, step.log_probabilities)
    stream.close()
    with pytest.raises(OptionError, match="closed"):
        stream.predict()


def test_a_state_of_another_source_or_model_is_refused_by_name(
    speller: PairModel, turner: PairModel
) -> None:
    state = speller.stream("4 0 7").state
    for other, source in ((speller, "4 0 8"), (turner, "4 0 7")):
        with pytest.raises(BundleError, match=r"of the run \w+/4 0 7"):
            other.stream(source, state)
    long = "4 " * 500
    state = speller.stream(long + "7").state
    assert len(state.model) < 150
    with pytest.raises(BundleError, match=r"of the run \w+/4 4 4"):
        speller.stream(long + "8", state)
    speller.stream(long + "7", state)


@pytest.mark.parametrize("step", ["", None, 1.0, True, -1, 10**6, BEGIN, END, [5], b"a"])
def test_a_step_that_is_none_is_refused_and_the_stream_stays(speller: PairModel, step: Any) -> None:
    stream = speller.stream("4 0 7")
    stream.push("vier")
    before = stream.state
    with pytest.raises(DataError, match="a step of"):
        stream.push(step)
    check_same_place(stream.state, before)


@pytest.mark.parametrize("source", ["", None, 3, b"a", ["4"]])
def test_a_source_that_is_none_is_refused(speller: PairModel, source: Any) -> None:
    with pytest.raises(DataError, match="a source of"):
        speller.stream(source)
