"""Streams of labels: step by step as the whole says, kept and gone on from, bad steps refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from bits import check_same
from recurra.errors import BundleError, DataError, OptionError
from recurra.judge.probability_calibration import probabilities
from recurra.runtime.labels import LabelNetwork
from recurra.runtime.pool import Pool
from recurra.runtime.pooling import KINDS as POOLING_KINDS
from recurra.runtime.streams import Stream, StreamState
from recurra.tasks.labels import classify
from recurra.tasks.labels.config import EncodedDataset
from recurra.tasks.labels.stream import LabelStreamed
from toy_labels import BAD, GOOD, KINDS, NOISE, dataset, label_data, network
from toy_stream import check_pool, check_same_place


def streamed(kind: str, temperature: float = 1.0, **sizes: Any) -> LabelStreamed:
    of, given = dataset(kind), {"members": 2, "bidirectional": False} | sizes
    net = network(kind, **given).in_use()
    return LabelStreamed(net, of.encoder, np.array(of.data.classes), temperature)


def steps_of(kind: str, row: int) -> list[Any]:
    """A row as a stream gives it: a token or the channels' values at a time."""
    of = dataset(kind)
    given = of.data.examples.inputs[row]
    return list(given) if of.encoder.units is None else of.encoder.units.cut(given)


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_tells_the_class_after_each_step(kind: str) -> None:
    of, how = dataset(kind), streamed(kind, 2.0)
    stream, steps = Stream(how, "a"), steps_of(kind, 7)
    assert len(steps) > 2
    for t, step in enumerate(steps):
        label, p = stream.push(step)
        until = np.asarray(steps[: t + 1]) if kind == "numbers" else tuple(steps[: t + 1])
        said = classify.scores(how.network, of.encoder.encode([until]), np.zeros(1, np.int64))
        (expected,) = probabilities(said[-1:], 2.0)
        assert label == of.data.classes[int(expected.argmax())]
        check_same(p, expected.max())
        assert stream.predict() == (label, p)


def test_a_stream_remembers_what_n_grams_reach_back_to() -> None:
    of = EncodedDataset.of(label_data("text"), "characters:3")
    assert of.encoder.reach == 2
    net = network("text", features=of.encoder.size, members=2, bidirectional=False, direct=3.0)
    with torch.no_grad():
        for m in range(2):
            direct = net.member(m).direct
            assert direct is not None
            direct.weight.copy_(torch.linspace(-2, 2, direct.weight.numel()).view_as(direct.weight))
            direct.weight[::2, :1] *= -1
    how = LabelStreamed(net.in_use(), of.encoder, np.array(of.data.classes), 1.0)
    stream, text = Stream(how, "a"), "a great film"
    for t, letter in enumerate(text):
        label, p = stream.push(letter)
        said = classify.scores(how.network, of.encoder.encode([text[: t + 1]]), np.zeros(1, int))
        (expected,) = probabilities(said, 1.0)
        assert label == of.data.classes[int(expected.argmax())]
        check_same(p, expected.max())
        # What is kept of it is all that it goes on from.
        stream.state = StreamState.from_bytes(stream.state.to_bytes())


def test_streams_do_not_share_their_state() -> None:
    how = streamed("tokens")
    one, other = Stream(how, "a"), Stream(how, "a")
    first = [one.push(word) for word in ("good", "film", "bad")]
    assert [other.push(word) for word in ("good", "film", "bad")] == first
    assert one.push("good") != first[0]
    assert Stream(how, "a").push("good") == first[0]


def test_a_state_is_gone_on_from() -> None:
    how = streamed("numbers")
    stream = Stream(how, "a")
    stream.push([1.0, 2.0])
    kept, beside = stream.state.to_bytes(), stream.fork()
    found = [stream.push([3.0, t]) for t in range(5)]
    again = Stream(how, "a", StreamState.from_bytes(kept))
    assert [again.push([3.0, t]) for t in range(5)] == found
    assert [beside.push([3.0, t]) for t in range(5)] == found
    assert again.state.steps == 6
    with pytest.raises(BundleError, match="of the run a"):
        Stream(how, "b", StreamState.from_bytes(kept))


@pytest.mark.parametrize("weights", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_row_of_a_pool_is_a_stream(kind: str, weights: str) -> None:
    direct = 3.0 if kind in ("text", "tokens") else 0.0
    every = "+".join(POOLING_KINDS)
    net = network(kind, members=2, bidirectional=False, layers=2, direct=direct, pooling=every)
    of = dataset(kind)
    encoder = of.encoder
    if kind == "text":  # what it reads reaches back over steps
        encoder = EncodedDataset.of(label_data("text"), "characters:3").encoder
        net = network(kind, members=2, bidirectional=False, direct=3.0, features=encoder.size)
    in_use = LabelNetwork(net.architecture, net.weights(), weights=weights, threads=2)
    how = LabelStreamed(in_use, encoder, np.array(of.data.classes), 1.5)

    def drawn(draw: np.random.Generator) -> Any:
        if kind == "numbers":
            return draw.normal(0.0, 30.0, 2).tolist()
        return str(draw.choice([*NOISE, *GOOD, *BAD, "", "g"]))

    for seed in range(6):
        check_pool(
            Pool(how, "a"),
            lambda: Stream(how, "a"),
            drawn,
            lambda said: list(zip(*said, strict=True)),
            seed,
        )


def test_a_pool_refuses_a_step_that_is_none_and_nothing_moves() -> None:
    for kind, steps in (
        ("numbers", [[1.0, 2.0], [float("nan"), 1.0]]),
        ("numbers", [[1.0, 2.0], [1.0]]),
        ("numbers", [[1.0], [1.0]]),
        ("tokens", ["good", 3]),
    ):
        live = Pool(streamed(kind), "a")
        rows = live.open(2)
        live.push(rows, [[1.0, 2.0]] * 2 if kind == "numbers" else ["good", "film"])
        before = [live.state(row) for row in rows]
        with pytest.raises(DataError):
            live.push(rows, steps)
        with pytest.raises(OptionError, match="2 inputs"):
            live.push(rows[:1], steps)
        for row, state in zip(rows, before, strict=True):
            check_same_place(live.state(row), state)
    labels, sure = live.push([], [])
    assert labels.shape == sure.shape == (0,)
    with pytest.raises(OptionError, match="both ends"):
        Pool(streamed("text", bidirectional=True), "a")


def test_a_network_that_reads_from_both_ends_has_no_stream() -> None:
    with pytest.raises(OptionError, match="both ends") as caught:
        Stream(streamed("text", bidirectional=True), "a")
    assert "--no-bidirectional" in caught.value.fix


@pytest.mark.parametrize(
    ("kind", "step", "named"),
    [
        ("numbers", [1.0, float("nan")], "finite numbers"),
        ("numbers", [1.0, float("inf")], "finite numbers"),
        ("numbers", [1.0, 1e300], "finite numbers"),
        ("numbers", [1.0], "2 numbers, one a channel"),
        ("numbers", 1.0, "2 numbers, one a channel"),
        ("numbers", [[1.0, 2.0]], "2 numbers, one a channel"),
        ("numbers", "some", "2 numbers, one a channel"),
        ("numbers", None, "2 numbers, one a channel"),
        ("tokens", 3, "a token"),
        ("text", ["good"], "a token"),
    ],
)
def test_a_step_that_is_none_is_refused_and_changes_nothing(
    kind: str, step: Any, named: str
) -> None:
    stream = Stream(streamed(kind), "a")
    stream.push(steps_of(kind, 3)[0])
    before = stream.state
    with pytest.raises(DataError) as caught:
        stream.push(step)
    assert named in caught.value.expected
    after = stream.state
    assert (after.facts, after.steps) == (before.facts, before.steps)
    for name, array in after.state.arrays.items():
        np.testing.assert_array_equal(array, before.state[name])
