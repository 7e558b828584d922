"""Streams of a text model: what the whole costs, kept, forked, gone back to, told apart."""

from __future__ import annotations

import gc
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.bundle import Run
from recurra.codecs.tokenizer import UNKNOWN
from recurra.errors import BundleError, DataError, OptionError
from recurra.runtime.state import State
from recurra.runtime.streams import StreamState
from recurra.tasks.text import evaluate
from recurra.tasks.text.estimator import TextModel
from small import small_text
from toy_runtime import same, same_state
from toy_stream import KNOWN, NETWORK, RATE, stream


def whole(text: str) -> Any:
    """What its tokens cost, and the state after, read at once."""
    ids = KNOWN.encode(text).astype(np.int64)
    inputs = np.concatenate([[UNKNOWN], ids])[None]
    nats, _ = NETWORK.token_nll(inputs[:, :-1], inputs[:, 1:], RATE)
    _, after = NETWORK.read(inputs)
    return nats[0], after


texts = st.text(st.sampled_from("abcde fgh\nλ"), min_size=1, max_size=30)


@given(texts, st.lists(st.integers(1, 29), max_size=5))
def test_what_pieces_cost_is_what_they_cost_in_the_whole(text: str, cuts: list[int]) -> None:
    nats, last = whole(text)
    some = [0, *sorted({cut for cut in cuts if cut < len(text)}), len(text)]
    for places in (some, range(len(text) + 1)):
        live, found, chances = stream(), [], []
        for start, stop in pairwise(places):
            step = live.push(text[start:stop])
            assert step.token_nll.shape == (stop - start,)
            found.append(step.token_nll)
            chances.append(step.log_probabilities)
        # The first token of a piece was seen before it came, in double precision.
        np.testing.assert_allclose(np.concatenate(found), nats, rtol=1e-5, atol=1e-6)
        same_state(live.state.state, last)
        assert live.state.steps == len(text)
        np.testing.assert_allclose(np.exp(chances).sum(-1), 1)


def test_what_is_predicted_is_what_comes() -> None:
    live = stream()
    live.push("abc")
    before = live.predict()
    assert not before.token_nll.size
    assert np.exp(before.log_probabilities).sum() == pytest.approx(1)
    assert np.exp(before.log_probabilities[UNKNOWN]) == pytest.approx(RATE)
    kept = live.state
    for each in "abλ ":
        live.state = kept
        cost = live.push(each).token_nll[0]
        assert cost == -before.log_probabilities[KNOWN.encode(each)[0]]
    # To ask is no step.
    live.state = kept
    np.testing.assert_array_equal(live.predict().log_probabilities, before.log_probabilities)
    assert live.state.steps == 3


@pytest.mark.parametrize("through", ["a value", "bytes", "a file"])
def test_a_state_is_kept_and_gone_on_from(tmp_path: Path, through: str) -> None:
    live = stream()
    live.push("bad face\n")
    state = live.state
    if through == "bytes":
        state = StreamState.from_bytes(state.to_bytes())
    if through == "a file":
        state.save(tmp_path / "deep.state")
        state = StreamState.load(str(tmp_path / "deep.state"))
    assert (state.steps, state.model, state.facts) == (9, "one", {})
    other = stream(state)
    for text in ("a", "cab\n", "h"):
        one, again = live.push(text), other.push(text)
        np.testing.assert_array_equal(again.token_nll, one.token_nll)
        np.testing.assert_array_equal(again.log_probabilities, one.log_probabilities)
    for name, array in live.state.state.arrays.items():
        np.testing.assert_array_equal(other.state.state[name], array)
    assert other.state.steps == live.state.steps == 15


def test_forks_go_their_own_ways_and_one_goes_back() -> None:
    live = stream()
    live.push("abc")
    kept, fork = live.state, live.fork()
    one = live.push("d").log_probabilities
    other = fork.push("e").log_probabilities
    assert not np.allclose(one, other)
    again = live.fork()
    np.testing.assert_array_equal(again.push("f").token_nll, live.push("f").token_nll)
    live.state = kept
    np.testing.assert_array_equal(live.push("d").log_probabilities, one)
    # A fork lives on when the first is closed.
    live.close()
    fork.push("e")


def test_a_state_of_another_model_is_refused_by_name() -> None:
    state = stream(model="other").state
    live = stream()
    live.push("a")
    before = live.state
    for use in (lambda: stream(state), lambda: setattr(live, "state", state)):
        with pytest.raises(BundleError, match="the run other") as caught:
            use()
        assert caught.value.expected == "one of this model, the run one"
    with pytest.raises(BundleError, match="of no name"):
        stream(StreamState(state.state))
    same_state(live.state.state, before.state)


def test_a_state_of_other_arrays_is_refused() -> None:
    state = stream().state
    two = State.concatenate([state.state, state.state])
    fewer = State({k: v for k, v in state.state.arrays.items() if not k.startswith("1.")})
    for wrong in (two, fewer):
        with pytest.raises(BundleError, match="of other arrays"):
            stream(replace(state, state=wrong))


def test_a_closed_stream_says_so() -> None:
    live = stream()
    live.push("a")
    state = live.state
    live.close()
    uses: list[Any] = [
        lambda: live.push("a"),
        live.predict,
        live.fork,
        lambda: live.state,
    ]
    for use in uses:
        with pytest.raises(OptionError, match="this stream is closed") as caught:
            use()
        assert "model.stream()" in caught.value.fix
    live.close()
    stream(state).push("a")


@pytest.mark.parametrize("wrong", ["", None, 3, b"a"])
def test_what_is_no_text_is_refused_and_the_stream_stays(wrong: Any) -> None:
    live = stream()
    live.push("ab")
    before = live.state
    with pytest.raises(DataError):
        live.push(wrong)
    same_state(live.state.state, before.state)
    assert live.state.steps == 2


def test_damaged_states_are_told(tmp_path: Path) -> None:
    content = stream().state.to_bytes()
    for spoilt in (
        b"",
        b"no state",
        *(content[:end] for end in range(0, len(content), 97)),
        *(flipped(content, place) for place in range(0, len(content), 61)),
    ):
        with pytest.raises(BundleError, match="a stream's state: ") as caught:
            StreamState.from_bytes(spoilt)
        assert caught.value.expected == "what StreamState.to_bytes gave"
        (tmp_path / "bad.state").write_bytes(spoilt)
        with pytest.raises(BundleError, match=r"bad\.state: a stream's state: "):
            StreamState.load(tmp_path / "bad.state")
    with pytest.raises(BundleError, match=r"nowhere: cannot be read"):
        StreamState.load(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError, match="cannot be written"):
        stream().state.save(tmp_path / "file" / "below")


def flipped(content: bytes, place: int) -> bytes:
    """With a bit of it turned; what fills a header up means nothing, and is passed over."""
    found = bytearray(content)
    if found[place] != ord(" "):
        found[place] ^= 4
        return bytes(found)
    return b"x" + content


def test_files_of_runs_are_no_states(trained: Path) -> None:
    with pytest.raises(BundleError, match=r"model\.safetensors: a stream's state"):
        StreamState.load(trained / "model.safetensors")


# -- of a model -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(trained: Path) -> TextModel:
    return TextModel.load(trained)


def test_a_models_stream_costs_what_its_text_costs_after_a_line(model: TextModel) -> None:
    text = small_text(3)
    rate = model.run.config()["inference"]["unknown_rate"]
    end = int(model.vocabulary.encode("\n")[0])
    after, _ = evaluate.score(model.network, model.vocabulary.encode(text), rate, end)
    live = model.stream()
    found = np.concatenate([live.push(text[:9]).token_nll, live.push(text[9:]).token_nll])
    np.testing.assert_allclose(found, after, rtol=1e-5, atol=1e-6)
    assert live.state.model == model.run.name


def test_a_copy_of_a_run_knows_its_states_and_another_run_does_not(
    model: TextModel, own_run: Path
) -> None:
    live = model.stream()
    live.push("The ")
    again = TextModel.load(own_run).stream(live.state)
    np.testing.assert_array_equal(again.push("fox").token_nll, live.push("fox").token_nll)
    config = Run(own_run).config()
    for path in own_run.glob("*.json"):
        if path.name != "vocabulary.json":
            path.unlink()
    weights, _ = Run(own_run).read_arrays("model.safetensors")
    vocabulary = Run(own_run).read_json("vocabulary.json")
    Run(own_run).write_json("config.json", config)
    Run(own_run).write_arrays("model.safetensors", weights)
    Run(own_run).write_json("vocabulary.json", vocabulary)
    other = TextModel.load(own_run)
    assert other.run.name != model.run.name
    with pytest.raises(BundleError, match=f"the run {model.run.name}"):
        other.stream(live.state)


# -- at length ------------------------------------------------------------------------------------


def at_length(steps: int, *, most: float = 3e6) -> None:
    """Memory stays, and the state saved half-way comes to the same, to the last bit."""
    live, process = stream(), psutil.Process()
    pieces = np.random.default_rng(0).choice(list("abcde fgh\n"), 1009)
    half, other = steps // 2, None
    for step in range(steps):
        if step == half:
            other = stream(StreamState.from_bytes(live.state.to_bytes()))
            gc.collect()
            before = process.memory_info().rss
        live.push(pieces[step % 1009])
    gc.collect()
    assert process.memory_info().rss - before < most
    assert sys.getsizeof(live.state.to_bytes()) == sys.getsizeof(stream().state.to_bytes())
    assert live.state.steps == steps
    assert other is not None
    fork = other.fork()
    # Read in pieces of any size, from where it was saved.
    text = "".join(pieces[step % 1009] for step in range(half, steps))
    for start in range(0, len(text), 3001):
        fork.push(text[start : start + 3001])
    same_state(fork.state.state, live.state.state)
    same(fork.predict().log_probabilities, live.predict().log_probabilities)


def test_memory_is_flat_and_a_state_saved_on_the_way_comes_to_the_same() -> None:
    at_length(12_000)


@pytest.mark.long
def test_the_same_after_a_million_steps() -> None:
    at_length(1_000_000)
