"""The verb: scores in the order asked for, groups in order."""

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

from bits import check_same
from recurra.codecs.sequence_encoder import Encoder
from recurra.judge.probability_calibration import probabilities
from recurra.tasks.labels import classify
from toy_labels import KINDS, dataset, network

chosen_rows = st.lists(st.integers(0, 199), min_size=1, max_size=12)


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that even few rows are more than one piece."""
    monkeypatch.setattr("recurra.tasks.labels.classify.AT_ONCE", 3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("member", [None, 0, 1])
@settings(max_examples=8)
@given(chosen_rows)
def test_scores_are_in_the_order_of_the_rows(
    kind: str, member: int | None, chosen: list[int]
) -> None:
    net, inputs, rows = network(kind, members=2).in_use(), dataset(kind).inputs, np.array(chosen)
    found = classify.scores(net, inputs, rows, member)
    expected = [net.scores(inputs.batch(np.array([row])), member) for row in chosen]
    assert found.dtype == np.float64
    check_same(found, np.concatenate(expected))
    assert len(found) == (inputs.lengths[rows].sum() if kind == "tags" else len(rows))


@pytest.mark.parametrize("kind", KINDS)
def test_of_no_rows_there_are_no_scores(kind: str) -> None:
    net = network(kind).in_use()
    found = classify.scores(net, dataset(kind).inputs, np.arange(0))
    assert found.shape == (0, net.architecture.classes)


@given(chosen_rows)
@settings(max_examples=10)
def test_tags_are_each_rows_best(chosen: list[int]) -> None:
    trained, inputs, rows = network("tags", members=2), dataset("tags").inputs, np.array(chosen)
    with torch.no_grad():
        for m in range(2):
            chain = trained.member(m).chain
            assert chain is not None
            chain.between.copy_(torch.linspace(-3, 3, 9).reshape(3, 3).roll(m + 1))
    net = trained.in_use()
    said = classify.scores(net, inputs, rows)
    lengths = inputs.lengths[rows]
    found = classify.tags(net, said, lengths)
    assert [len(each) for each in found] == lengths.tolist()
    for own, each in zip(np.split(said, np.cumsum(lengths)[:-1]), found, strict=True):
        assert each.tolist() == net.tags(own, np.array([len(own)])).tolist()


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
    encoder = dataset("text").encoder
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

    said = classify.ahead(dataset("text").encoder, typed())
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
    said = classify.ahead(dataset("text").encoder, [["a", "b", "c", "second"]])
    assert next(said)[0] == ["a", "b"]
    assert done.wait(20)
    assert next(said)[0] == ["c", "second"]


def test_errors_come_after_what_stood_before_them() -> None:
    def broken() -> Iterator[list[str]]:
        yield ["a", "b"]
        raise ValueError("the pipe broke")

    said = classify.ahead(dataset("text").encoder, broken())
    assert next(said)[0] == ["a", "b"]
    with pytest.raises(ValueError, match="the pipe broke"):
        next(said)
    wrong: Any = [["a", "b", "c", "d"], ["e", "f", "g", 5], ["h"]]
    said = classify.ahead(dataset("text").encoder, wrong)
    assert [next(said)[0] for _ in range(3)] == [["a", "b"], ["c", "d"], ["e", "f"]]
    with pytest.raises(TypeError):
        next(said)
