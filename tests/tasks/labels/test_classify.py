"""The verb: scores in the order asked for, groups in order, streams step by step."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra.codecs.sequence_encoder import Encoder
from recurra.core.ragged import Ragged
from recurra.errors import OptionError
from recurra.judge.calibration import probabilities
from recurra.tasks.labels import classify
from recurra.tasks.labels.batch import TensorBatch
from recurra.tasks.labels.classify import Stream
from recurra.tasks.labels.recipe import Prepared
from toy_labels import KINDS, label_data, network, prepared

chosen_rows = st.lists(st.integers(0, 199), min_size=1, max_size=12)


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that even few rows are more than one piece."""
    monkeypatch.setattr("recurra.tasks.labels.trainee.AT_ONCE", 3)
    monkeypatch.setattr("recurra.tasks.labels.classify.AT_ONCE", 3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("member", [None, 0, 1])
@settings(max_examples=8)
@given(chosen_rows)
def test_scores_are_in_the_order_of_the_rows(
    kind: str, member: int | None, chosen: list[int]
) -> None:
    net, inputs, rows = network(kind, members=2), prepared(kind).inputs, np.array(chosen)
    found = classify.scores(net, inputs, rows, member)
    reader = net.eval() if member is None else net.member(member).eval()
    with torch.no_grad():
        expected = [reader(TensorBatch.of(inputs, np.array([row]))).numpy() for row in chosen]
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, np.concatenate(expected), rtol=1e-4, atol=1e-5)
    assert len(found) == (inputs.lengths[rows].sum() if kind == "tags" else len(rows))


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_without_what_training_leaves_out(kind: str) -> None:
    net = network(kind, dropout=0.5, noise=0.3).train()
    rows = np.arange(7)
    first = classify.scores(net, prepared(kind).inputs, rows)
    np.testing.assert_array_equal(classify.scores(net, prepared(kind).inputs, rows), first)
    assert classify.scores(net, prepared(kind).inputs, rows[:0]).shape == (0, first.shape[1])


@given(chosen_rows)
@settings(max_examples=10)
def test_tags_are_each_rows_best(chosen: list[int]) -> None:
    net, inputs, rows = network("tags", members=2), prepared("tags").inputs, np.array(chosen)
    with torch.no_grad():
        for m in range(2):
            chain = net.member(m).chain
            assert chain is not None
            chain.between.copy_(torch.linspace(-3, 3, 9).reshape(3, 3).roll(m + 1))
    mean = net.chain()
    assert mean is not None
    said = classify.scores(net, inputs, rows)
    lengths = inputs.lengths[rows]
    found = classify.tags(net, said, lengths)
    assert [len(each) for each in found] == lengths.tolist()
    for own, each in zip(np.split(said, np.cumsum(lengths)[:-1]), found, strict=True):
        alone = Ragged(torch.from_numpy(own).float(), torch.tensor([len(own)]))
        assert each.tolist() == mean.best(alone).values.tolist()


@given(st.integers(1, 5), st.floats(0.05, 20), st.floats(0, 1e4), st.integers(0, 99))
def test_probabilities_are_a_distribution(
    classes: int, temperature: float, size: float, seed: int
) -> None:
    said = size * np.random.default_rng(seed).normal(size=(4, classes))
    found = probabilities(said, temperature)
    np.testing.assert_allclose(found.sum(1), 1)
    np.testing.assert_array_equal(found.max(1), found[range(4), said.argmax(1)])
    expected = torch.softmax(torch.from_numpy(said / temperature), 1).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-12)


# -- groups, encoded ahead ------------------------------------------------------------------------


@given(st.lists(st.lists(st.sampled_from(["good", "bad film", "", "x"]), max_size=8), max_size=6))
def test_groups_come_in_order_whatever_their_sizes(groups: list[list[str]]) -> None:
    encoder = prepared("text").encoder
    parts = list(classify.ahead(encoder, groups))
    assert [text for part, _ in parts for text in part] == list(itertools.chain(*groups))
    for part, inputs in parts:
        assert 0 < len(part) <= 3
        expected = encoder.encode(part)
        assert inputs.bags is not None
        assert expected.bags is not None
        np.testing.assert_array_equal(inputs.lengths, expected.lengths)
        np.testing.assert_array_equal(inputs.bags.ids, expected.bags.ids)


def test_a_group_is_done_before_the_next_is_asked_for() -> None:
    asked: list[int] = []

    def typed() -> Iterator[list[str]]:
        for n in range(4):
            asked.append(n)
            yield [f"line {n}"] * (1 + 4 * (n == 2))

    said = classify.ahead(prepared("text").encoder, typed())
    for part, _ in said:
        assert part[0] == f"line {asked[-1]}"
    assert asked == [0, 1, 2, 3]


def test_the_next_part_is_encoded_while_one_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()
    encode = Encoder.encode

    def noted(self: Encoder, inputs: Any) -> Any:
        found = encode(self, inputs)
        if "second" in inputs:
            done.set()
        return found

    monkeypatch.setattr(Encoder, "encode", noted)
    said = classify.ahead(prepared("text").encoder, [["a", "b", "c", "second"]])
    assert next(said)[0] == ["a", "b", "c"]
    assert done.wait(20)
    assert next(said)[0] == ["second"]


def test_errors_come_after_what_stood_before_them() -> None:
    def broken() -> Iterator[list[str]]:
        yield ["a", "b"]
        raise ValueError("the pipe broke")

    said = classify.ahead(prepared("text").encoder, broken())
    assert next(said)[0] == ["a", "b"]
    with pytest.raises(ValueError, match="the pipe broke"):
        next(said)
    wrong: Any = [["a", "b", "c", "d"], ["e", "f", "g", 5], ["h"]]
    said = classify.ahead(prepared("text").encoder, wrong)
    assert [next(said)[0] for _ in range(3)] == [["a", "b", "c"], ["d"], ["e", "f", "g"]]
    with pytest.raises(TypeError):
        next(said)


# -- streams --------------------------------------------------------------------------------------


def stream_of(kind: str, temperature: float = 1.0, members: int = 2) -> Stream:
    of = prepared(kind)
    net = network(kind, members=members, bidirectional=False)
    return Stream(net, of.encoder, np.array(of.data.classes), temperature)


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_tells_the_class_after_each_step(kind: str) -> None:
    of = prepared(kind)
    net = network(kind, members=2, bidirectional=False)
    row = of.data.examples.inputs[7]
    steps = list(row) if of.encoder.units is None else of.encoder.units.cut(row)
    stream = Stream(net, of.encoder, np.array(of.data.classes), 2.0)
    assert len(steps) > 2
    for t, step in enumerate(steps):
        label, p = stream.step(step)
        until = np.asarray(steps[: t + 1]) if kind == "numbers" else tuple(steps[: t + 1])
        said = classify.scores(net, of.encoder.encode([until]), np.zeros(1, np.int64))
        (expected,) = probabilities(said[-1:], 2.0)
        assert label == of.data.classes[int(expected.argmax())]
        assert p == pytest.approx(expected.max(), rel=1e-5)


def test_a_stream_remembers_what_n_grams_reach_back_to() -> None:
    of = Prepared.of(label_data("text"), "characters:3")
    assert of.encoder.reach == 2
    net = network("text", features=of.encoder.size, members=2, bidirectional=False, direct=3.0)
    with torch.no_grad():
        for m in range(2):
            direct = net.member(m).direct
            assert direct is not None
            direct.weight.copy_(torch.linspace(-2, 2, direct.weight.numel()).view_as(direct.weight))
            direct.weight[::2, :1] *= -1
    stream = Stream(net, of.encoder, np.array(of.data.classes), 1.0)
    text = "a great film"
    for t, letter in enumerate(text):
        label, p = stream.step(letter)
        said = classify.scores(net, of.encoder.encode([text[: t + 1]]), np.zeros(1, np.int64))
        (expected,) = probabilities(said, 1.0)
        assert label == of.data.classes[int(expected.argmax())]
        assert p == pytest.approx(expected.max(), rel=1e-5)


def test_streams_do_not_share_their_state() -> None:
    one, other = stream_of("tokens"), stream_of("tokens")
    first = [one.step(word) for word in ("good", "film", "bad")]
    assert [other.step(word) for word in ("good", "film", "bad")] == first
    assert one.step("good") != first[0]
    # A stream begins anew as another stream of the same network.
    assert stream_of("tokens").step("good") == first[0]


def test_a_network_that_reads_from_both_ends_has_no_stream() -> None:
    of = prepared("text")
    with pytest.raises(OptionError, match="both ends") as caught:
        Stream(network("text"), of.encoder, np.array(of.data.classes), 1.0)
    assert "--no-bidirectional" in caught.value.fix


def test_a_stream_is_without_what_training_leaves_out() -> None:
    of = prepared("tokens")
    net = network("tokens", bidirectional=False, dropout=0.5).train()
    found = {Stream(net, of.encoder, np.array(of.data.classes), 1.0).step("good") for _ in range(5)}
    assert len(found) == 1
