"""Scenes: what is in them is what is told."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest

from recurra.errors import OptionError
from recurra.tasks.captions.generators.drawn import draw_many
from recurra.tasks.captions.generators.grammar import COLOURS, PLACES, SHAPES, meaning
from recurra.tasks.captions.generators.scenes import HELD_OUT, RGB, Scenes

pytest.importorskip("PIL")

MANY = range(400)


def test_sentences_tell_what_is_shown() -> None:
    for language in ("en", "ko"):
        for scene in draw_many(Scenes(3, language), range(100)):
            shown = frozenset((*each.name.split(), each.place) for each in scene.shown)
            assert meaning(scene.text, language) == shown
            for each in scene.shown:
                words = [scene.text.split()[number] for number in scene.words(each)]
                assert " ".join(words).strip(",") == scene.text[slice(*each.span)]


def test_the_language_changes_no_picture() -> None:
    for one, other in zip(
        draw_many(Scenes(4, "en"), range(20)), draw_many(Scenes(4, "ko"), range(20)), strict=True
    ):
        assert np.array_equal(one.image, other.image)


def test_objects_are_where_they_are_said_to_be() -> None:
    for scene in draw_many(Scenes(5), MANY):
        assert scene.image.shape == (64, 64, 3)
        rest = np.ones((64, 64), bool)
        for each in scene.shown:
            left, top, right, bottom = each.box
            assert 0 <= left < right <= 64
            assert 0 <= top < bottom <= 64
            column, row = int((left + right) / 2 // (64 / 3)), int((top + bottom) / 2 // (64 / 3))
            assert list(PLACES)[3 * row + column] == each.place
            rest[top:bottom, left:right] = False
            region = scene.image[top:bottom, left:right].astype(int)
            near = np.abs(region - RGB[each.name.split()[0]]).max(2) < 36
            assert near.mean() > 0.15
            # Something of it at each side of its box, whose last pixels a corner hardly covers.
            differs = np.abs(region - np.median(scene.image[rest], 0)).max(2) > 20
            assert differs[:3].any()
            assert differs[-3:].any()
            assert differs[:, :3].any()
            assert differs[:, -3:].any()
        ground = scene.image[rest].astype(int)
        assert np.abs(ground - np.median(ground, 0)).max() < 36


def test_no_two_objects_overlap() -> None:
    for scene in draw_many(Scenes(6, most=9), MANY):
        for one, other in combinations(scene.shown, 2):
            (l1, t1, r1, b1), (l2, t2, r2, b2) = one.box, other.box
            assert r1 <= l2 or r2 <= l1 or b1 <= t2 or b2 <= t1


def pairs(scenes: Scenes) -> list[list[tuple[str, ...]]]:
    return [[tuple(each.name.split()) for each in scene.shown] for scene in draw_many(scenes, MANY)]


def test_what_is_held_out_is_never_shown_or_always() -> None:
    held_out = set(HELD_OUT.items())
    assert set(HELD_OUT) == set(COLOURS)
    assert set(HELD_OUT.values()) == set(SHAPES)
    shown = pairs(Scenes(7, pairs="known"))
    assert not held_out & {pair for scene in shown for pair in scene}
    assert len({pair for scene in shown for pair in scene}) == len(COLOURS) * len(SHAPES) - 8
    shown = pairs(Scenes(7, pairs="held_out"))
    assert all(held_out & set(scene) for scene in shown)
    assert held_out <= {pair for scene in shown for pair in scene}
    shown = pairs(Scenes(7))
    assert len({pair for scene in shown for pair in scene}) == len(COLOURS) * len(SHAPES)
    assert {len(scene) for scene in shown} == {1, 2, 3, 4, 5}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"language": "de"}, "no language 'de'"),
        ({"pairs": "new"}, "no kind of pairs 'new'"),
        ({"most": 10}, "most=10"),
    ],
)
def test_what_cannot_be_drawn_is_said(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        Scenes(**wrong)
