from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recurra.codecs.sequence_encoder import Encoder
from recurra.errors import BundleError
from recurra.networks.label_batch import TensorBatch
from toy_labels import KINDS, dataset

rows_to_take = st.lists(st.integers(0, 199), min_size=1, max_size=20)


def parts(batch: TensorBatch) -> dict[str, torch.Tensor]:
    found = {
        "lengths": batch.lengths,
        "ids": batch.ids,
        "counts": batch.counts,
        "values": batch.values,
    }
    return {name: value for name, value in found.items() if value is not None}


@pytest.mark.parametrize("kind", KINDS)
@given(rows_to_take)
def test_a_batch_is_its_rows_encoded_in_their_order(kind: str, rows: list[int]) -> None:
    of = dataset(kind)
    found = parts(TensorBatch.of(of.inputs, np.array(rows)))
    again = of.encoder.encode([of.data.examples.inputs[row] for row in rows])
    expected = parts(TensorBatch.of(again, np.arange(len(rows))))
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name
        assert found[name].dtype == (torch.float32 if name == "values" else torch.int64)
    assert found["lengths"].tolist() == of.inputs.lengths[rows].tolist()
    steps = found["values"] if "values" in found else found["counts"]
    assert len(steps) == int(found["lengths"].sum())


def test_numbers_are_scaled_by_the_training_part() -> None:
    of = dataset("numbers")
    inputs = of.data.examples.inputs
    scale = of.encoder.scale
    assert scale is not None
    trains = np.concatenate([inputs[row] for row in of.data.learn[of.data.folds != 0]])
    np.testing.assert_allclose(scale.mean, trains.mean(0, dtype=np.float64))
    everything = np.concatenate(inputs)
    assert not np.allclose(scale.mean, everything.mean(0, dtype=np.float64), rtol=1e-6)
    batch = TensorBatch.of(of.inputs, np.array([5, 3]))
    assert batch.values is not None
    expected = scale.scale(np.concatenate([inputs[5], inputs[3]]))
    np.testing.assert_array_equal(batch.values.numpy(), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_an_encoder_comes_back(kind: str) -> None:
    of = dataset(kind)
    again = Encoder.from_json(json.loads(json.dumps(of.encoder.to_json())))
    assert (again.kind, again.size) == (of.encoder.kind, of.encoder.size)
    some = of.data.examples.inputs[:9]
    found, expected = (
        parts(TensorBatch.of(e.encode(some), np.arange(9))) for e in (again, of.encoder)
    )
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v.update(units=None, scale=None),
        lambda v: v.update(scale={"mean": [0.0], "spread": [1.0]}),
        lambda v: v.clear(),
        lambda v: v.update(units=[]),
        lambda v: v.update(units={"kind": "words"}),
        lambda v: v.update(kind="pictures"),
        lambda v: v.pop("kind"),
        lambda v: v.update(kind="numbers"),
    ],
)
def test_damage_is_told(change: Any) -> None:
    value = dataset("text").encoder.to_json()
    change(value)
    with pytest.raises(BundleError, match="damaged"):
        Encoder.from_json(value)


def test_to_keeps_lengths_on_the_cpu() -> None:
    for kind in KINDS:
        batch = TensorBatch.of(dataset(kind).inputs, np.arange(3))
        moved = batch.to(torch.device("meta"))
        assert moved.lengths.device.type == "cpu"
        others = {k: v for k, v in parts(moved).items() if k != "lengths"}
        assert others
        assert all(value.device.type == "meta" for value in others.values())
