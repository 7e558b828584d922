"""Where pieces of captions are seen: the loss that tells a decoder where to look."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from torch.nn import functional

import toy_captions
from recurra.codecs.pictures import PictureForm
from recurra.codecs.tokenizer import BEGIN, END
from recurra.core.ragged import Ragged
from recurra.data.batches import Batches
from recurra.networks.captions import Taught
from recurra.tasks.captions.augment import augmented
from recurra.tasks.captions.detection import Detection
from recurra.tasks.captions.training_task import Captions

IDS = [np.array([BEGIN, *row, END]) for row in ([5, 3, 6], [5, 4], [5, 3, 7], [5, 4, 4])]


def test_what_every_caption_has_is_not_looked_for() -> None:
    detection = Detection.of(IDS, 9)
    assert detection.pieces == [3, 4, 6, 7]
    assert detection.columns.tolist() == [-1, -1, -1, 0, 1, -1, 2, 3, -1]
    quarter = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert detection.nats == pytest.approx(2 * math.log(2) + 2 * quarter)
    assert Detection.of(IDS[:1], 9).pieces == []


def taught(shown: list[list[list[float]]], looked: list[list[list[float]]]) -> Taught:
    """Two pictures of two places and one, three steps; one detected piece more than is asked."""
    rows = [torch.tensor(each) for each in shown]
    places = Ragged.from_list(rows)
    return Taught(torch.zeros(4, 9), torch.tensor(looked), [places], places.padded())


def test_it_costs_what_the_place_that_is_looked_at_does_not_show() -> None:
    detection = Detection(np.array([-1, -1, -1, 0, 1, -1, -1, -1, -1]), 2.0)
    sure = 20.0
    shown = [[[-sure, sure], [-sure, -sure]], [[sure, -sure]]]
    there = [[[1.0, 0.0], [0.5, 0.5]], [[1.0, 0.0], [1.0, 0.0]]]
    # "4 END" and "5 3": 5 and END are no piece that is looked for.
    answers = Ragged(torch.tensor([4, END, 5, 3]), torch.tensor([2, 2]))
    assert detection.loss(taught(shown, there), answers).item() < 1e-3
    half = [[[0.5, 0.5], [0.5, 0.5]], *there[1:]]
    cost = detection.loss(taught(shown, half), answers).item()
    assert cost == pytest.approx(math.log(2) / 2, abs=1e-3)
    # The other place of the first picture shows what its caption lacks.
    wrong = [[[-sure, sure], [sure, -sure]], *shown[1:]]
    assert detection.loss(taught(wrong, there), answers).item() == pytest.approx(
        3.0 * sure / (2 * 2.0), abs=1e-3
    )


def test_the_loss_of_a_picture_does_not_depend_on_its_company() -> None:
    network = toy_captions.network("grid")
    form = PictureForm.from_json(network.architecture.form)
    detection = Detection(np.array([-1, -1, -1, 0, 1, 2, 3, 4, -1]), 3.0)
    some = toy_captions.pictures(4)
    texts = [torch.tensor([BEGIN, 3, 8, 5, END]), torch.tensor([BEGIN, 4, END])] * 2

    def loss(rows: list[int]) -> float:
        x, sizes = form.numbers([some[row] for row in rows], (4, 4))
        ids = Ragged.from_list([texts[row] for row in rows])
        with torch.inference_mode():
            said = network.taught(torch.from_numpy(x), torch.from_numpy(sizes), ids.without(last=1))
            scores = network(torch.from_numpy(x), torch.from_numpy(sizes), ids.without(last=1))
        torch.testing.assert_close(said.scores, scores)
        return float(detection.loss(said, ids.without(first=1)))

    # Captions 0 and 2 have equally many pieces that count, so the means of both add up.
    assert loss([0, 2]) == pytest.approx((loss([0]) + loss([2])) / 2, rel=1e-4)


def test_augmented_pictures_lie_as_convolutions_like_them() -> None:
    x = torch.randn(3, 16, 24, 3)
    assert augmented(x, np.random.default_rng(0)).is_contiguous()


def test_a_batch_of_equal_pictures_does_not_tell_how_long_its_texts_are() -> None:
    ids = [np.arange(3 + row % 5) for row in range(200)]
    pictures = [np.zeros((16, 24, 3), np.uint8)] * 200
    form = PictureForm(3, 16, 24, mean=0.4, deviation=0.3)
    captions = Captions(form, pictures, ids, np.arange(200), (4, 4))
    batches = Batches(np.arange(200), captions.shapes, size=20, seed=0)
    assert all(
        len({len(ids[row]) for row in batches.read(0, number).tolist()}) > 2
        for number in range(batches.count)
    )


def test_a_step_in_bfloat16_learns_what_one_in_float32_does() -> None:
    """Of a grid: convolutions, detectors, attention and recurrence under autocast."""
    detection = Detection(np.array([-1, -1, -1, 0, 1, 2, 3, 4, -1]), 3.0)
    texts = [torch.tensor([BEGIN, 3, 8, 5, END]), torch.tensor([BEGIN, 4, 6, END])] * 4
    ids = Ragged.from_list(texts)
    found = []
    for bfloat16 in (False, True):
        network = copy.deepcopy(toy_captions.network("grid")).train()
        form = PictureForm.from_json(network.architecture.form)
        x, sizes = map(torch.from_numpy, form.numbers(toy_captions.pictures(8), (4, 4)))
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            said = network.taught(x, sizes, ids.without(last=1))
            answers = ids.without(first=1)
            nats = functional.cross_entropy(said.scores.float(), answers.values)
            loss = nats + detection.loss(said, answers)
        loss.backward()  # type: ignore[no-untyped-call]
        gradients = [each.grad for each in network.parameters() if each.grad is not None]
        found.append((loss.item(), torch.cat([each.flatten() for each in gradients])))
    (exact, true), (near, ours) = found
    assert near == pytest.approx(exact, rel=0.02)
    assert functional.cosine_similarity(ours, true, dim=0).item() > 0.99
