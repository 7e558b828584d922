"""Strips of digits: which digits they show, and which they never do."""

from __future__ import annotations

import numpy as np
import pytest

from recurra.errors import DataError
from recurra.tasks.captions.generators.digits import Digits, parts, scikit_learn
from recurra.tasks.captions.generators.drawn import draw_many

IMAGES = np.random.default_rng(0).integers(0, 256, (50, 28, 28)).astype(np.uint8)
LABELS = np.arange(50) % 10


def test_strips_are_digits_side_by_side() -> None:
    strips = Digits(IMAGES, LABELS, np.arange(10, 31), seed=2)
    used: set[int] = set()
    for number in range(100):
        strip, rows = strips.draw(number), strips.drawn_rows(number)
        assert strip.image.shape == (28, 140)
        assert strip.text == "".join(str(LABELS[row]) for row in rows)
        for place, row in enumerate(rows):
            assert np.array_equal(strip.image[:, 28 * place : 28 * (place + 1)], IMAGES[row])
        used |= set(rows.tolist())
    assert used == set(range(10, 31))


def test_a_strip_is_as_long_as_is_asked_for() -> None:
    for strip in draw_many(Digits(IMAGES, LABELS, length=3), range(5)):
        assert strip.image.shape == (28, 84)
        assert len(strip.text) == 3


def test_parts_of_scikit_learns_digits_are_apart() -> None:
    pytest.importorskip("sklearn")
    images, labels = scikit_learn()
    assert images.shape == (len(labels), 24, 24)
    assert images.max() == 255
    found = parts(0)
    assert sorted(np.concatenate(found).tolist()) == list(range(len(labels)))
    for part, share in zip(found, (0.7, 0.1, 0.2), strict=True):
        counts = np.bincount(labels[part]) / np.bincount(labels)
        assert np.abs(counts - share).max() < 0.01
    assert not np.array_equal(parts(1).test, found.test)


@pytest.mark.parametrize(
    ("images", "labels", "rows"),
    [
        (IMAGES[:, 0], LABELS, None),
        (IMAGES.astype(float), LABELS, None),
        (IMAGES, LABELS[1:], None),
        (IMAGES, LABELS, np.array([50])),
        (IMAGES, LABELS, np.array([-1])),
        (IMAGES, LABELS, np.array([], int)),
    ],
)
def test_what_cannot_be_drawn_is_said(
    images: np.ndarray,
    labels: np.ndarray,
    rows: np.ndarray | None,
) -> None:
    with pytest.raises(DataError):
        Digits(images, labels, rows)
    with pytest.raises(DataError, match="strip of 0 digits"):
        Digits(IMAGES, LABELS, length=0)
