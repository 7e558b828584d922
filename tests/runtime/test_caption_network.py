"""The captions network in use: as torch's, padded = alone, all steps = step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

import toy_captions
from recurra.codecs.pictures import PictureForm
from recurra.core.ragged import Ragged
from recurra.errors import BundleError, OptionError
from recurra.runtime.captions import READINGS, CaptionNetwork
from recurra.runtime.convolution import PictureEncoder
from recurra.runtime.weights import Weights
from recurra.tasks.captions.training_task import nats_of
from toy_captions import architecture, network, pictures

Ids = list[NDArray[np.int64]]


def form_of(found: CaptionNetwork) -> PictureForm:
    return PictureForm.from_json(found.architecture.form)


def texts(count: int, seed: int = 1) -> Ids:
    random = np.random.default_rng(seed)
    return [
        np.array([1, *random.integers(3, 9, int(random.integers(1, 3))), 2], np.int64)
        for _ in range(count)
    ]


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_it_says_what_torch_says(reading: str, cell: str) -> None:
    trained = network(reading, cell)
    used = trained.in_use()
    x, sizes = form_of(used).numbers(pictures(), used.multiple)
    ids = texts(5)
    ours = used.log_likelihood(x, sizes, np.arange(5), ids)
    with torch.inference_mode():
        for row, each in enumerate(ids):
            theirs, _ = nats_of(
                trained,
                torch.from_numpy(x[row : row + 1]),
                torch.from_numpy(sizes[row : row + 1]),
                Ragged.from_list([torch.from_numpy(each)]),
            )
            assert -ours[row].sum() == pytest.approx(theirs.item(), abs=1e-4)


@pytest.mark.parametrize("reading", READINGS)
def test_a_picture_says_the_same_in_any_company(reading: str) -> None:
    used = network(reading).in_use()
    form, some, ids = form_of(used), pictures(), texts(5)
    x, sizes = form.numbers(some, used.multiple)
    together = used.log_likelihood(x, sizes, np.arange(5), ids)
    for row, each in enumerate(some):
        alone = used.log_likelihood(
            *form.numbers([each], used.multiple), np.zeros(1, np.int64), [ids[row]]
        )
        np.testing.assert_array_equal(alone[0], together[row])


@pytest.mark.parametrize("reading", READINGS)
def test_padding_changes_nothing_in_torch_either(reading: str) -> None:
    trained = network(reading)
    some = [each for each in pictures(12) if each.shape[1] <= 16]
    form = PictureForm.from_json(trained.architecture.form)
    x, sizes = (torch.from_numpy(each) for each in form.numbers(some, (4, 4)))
    wide = F.pad(x, (0, 0, 0, 8))
    with torch.inference_mode():
        narrow, padded = (trained.read(each, sizes)[0].to_list() for each in (x, wide))
    for one, other in zip(narrow, padded, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_a_convolution_is_torchs() -> None:
    random = np.random.default_rng(0)
    arrays = {
        "stages.0.weight": random.standard_normal((5, 3, 3, 3)),
        "stages.0.norm.weight": random.standard_normal(5),  # below zero too
        "stages.0.norm.bias": random.standard_normal(5),
        "stages.0.norm.mean": random.standard_normal(5),
        "stages.0.norm.variance": random.random(5) + 0.5,
    }
    held = {name: each.astype(np.float32) for name, each in arrays.items()}
    encoder = PictureEncoder(Weights(held), "", 3, [5], [[2, 2]])
    x = random.standard_normal((2, 8, 6, 3)).astype(np.float32)
    found, sizes = encoder(x, np.array([[8, 6], [5, 3]]), 1)
    assert sizes.tolist() == [[4, 3], [3, 2]]
    theirs = F.conv2d(
        torch.from_numpy(x).permute(0, 3, 1, 2),
        torch.from_numpy(held["stages.0.weight"]),
        padding=1,
    )
    theirs = F.max_pool2d(theirs, 2)
    mean, variance, weight, bias = (
        torch.from_numpy(held[f"stages.0.norm.{name}"])
        for name in ("mean", "variance", "weight", "bias")
    )
    theirs = F.relu(F.batch_norm(theirs, mean, variance, weight, bias)).permute(0, 2, 3, 1)
    np.testing.assert_allclose(found[0], theirs[0].numpy(), atol=1e-5)
    np.testing.assert_allclose(found[1, :3, :2], theirs[1, :3, :2].numpy(), atol=1e-5)
    assert not found[1, 3:].any()
    assert not found[1, :, 2:].any()


@pytest.mark.parametrize("reading", ["grid", "columns"])
def test_step_by_step_is_the_whole(reading: str) -> None:
    used = network(reading).in_use()
    x, sizes = form_of(used).numbers(pictures(2), used.multiple)
    ids = texts(2)
    whole = used.log_likelihood(x, sizes, np.arange(2), ids)
    for row in range(2):
        decoder = used.decoder(used.encode(x[row : row + 1], sizes[row : row + 1]))
        state, outputs = decoder.begin(), []
        for token in ids[row][:-1].tolist():
            found, state = decoder.step(np.array([token]), state)
            outputs.append(found)
        steps = used.ensemble.head.log_likelihood(np.concatenate(outputs), ids[row][1:])
        np.testing.assert_array_equal(steps, whole[row])


def test_where_it_looked_is_a_grid_of_the_picture() -> None:
    used = network("grid").in_use()
    x, sizes = form_of(used).numbers(pictures(3), used.multiple)
    encoded = used.encode(x, sizes)
    assert (used.grids(sizes).prod(1) == encoded.lengths).all()
    assert used.grids(np.array([[16, 9]])).tolist() == [[4, 3]]
    assert network("ctc").in_use().grids(np.array([[16, 9]])).tolist() == [[1, 3]]


@pytest.mark.parametrize(
    "wrong", [{"reading": "braille"}, {"cell": "mlp"}, {"hidden": 13, "reading": "ctc"}]
)
def test_sizes_that_no_network_has_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        architecture(**{"reading": "grid"} | wrong)


def test_weights_that_do_not_fit_are_refused() -> None:
    arrays = network("ctc").weights()
    with pytest.raises(BundleError, match="head"):
        CaptionNetwork(architecture("ctc"), {k: v for k, v in arrays.items() if "head" not in k})
    with pytest.raises(BundleError, match="nowhere"):
        CaptionNetwork(architecture("ctc"), arrays | {"more": np.zeros(1, np.float32)})


def test_gradients_do_not_reach_what_is_beyond_a_picture() -> None:
    trained = toy_captions.network("columns")
    form = PictureForm.from_json(trained.architecture.form)
    x, sizes = (torch.from_numpy(each) for each in form.numbers(pictures(), (4, 4)))
    x.requires_grad_()
    outputs, vector = trained.read(x, sizes)
    total: Any = outputs.values.sum() + vector.sum()
    total.backward()
    assert x.grad is not None
    for row, (_, width) in enumerate(sizes.tolist()):
        # What is read of a column reaches a few pixels beyond it, as the convolutions do.
        beyond = 4 * -(-width // 4) + 6
        assert not x.grad[row, :, beyond:].any()
