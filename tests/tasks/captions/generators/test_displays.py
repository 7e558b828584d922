"""Displays: which segments are lit, and how their photographs differ."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from recurra.tasks.captions.generators import camera, displays
from recurra.tasks.captions.generators.display_settings import EASY, HARD
from recurra.tasks.captions.generators.displays import OTHER_WAYS, SEGMENTS, Displays
from recurra.tasks.captions.generators.drawn import draw_many, randomness

pytest.importorskip("PIL")


def test_readings() -> None:
    texts = [each.text for each in draw_many(Displays(1), range(150))]
    for text in texts:
        assert re.fullmatch(r"-?\d+(\.\d+)?", text)
        assert 3 <= sum(map(str.isdigit, text)) <= 6
    assert 0.4 < np.mean(["." in text for text in texts]) < 0.8
    assert 0.1 < np.mean([text[0] == "-" for text in texts]) < 0.4
    counts = [sum(text.count(digit) for text in texts) for digit in "0123456789"]
    assert max(counts) < 2 * min(counts)


def test_a_digit_is_a_set_of_segments_of_its_own() -> None:
    ways = [frozenset(way) for way in [*SEGMENTS.values(), *OTHER_WAYS.values()]]
    assert len(set(ways)) == len(ways)
    segments = displays._segments(0.5, 0.12, 0.02)
    (ax, ay), (bx, by), (cx, cy), (dx, dy), (ex, ey), (fx, fy), (gx, gy), (px, py) = segments.mean(
        1
    )
    assert ay < by == fy < gy < cy == ey < dy
    assert ex == fx < ax == dx == gx < bx == cx < px
    assert py > cy


@pytest.mark.parametrize("text", ["-12.50", "888", "3.14159"])
def test_the_text_is_what_is_lit(text: str) -> None:
    for number in range(20):
        segments, lit, window = displays._layout(randomness(0, number), text)
        assert segments.shape == (len(lit), 8, 6, 2)
        found = ""
        for cell in lit:
            names = {name for name, on in zip("abcdefg", cell, strict=False) if on}
            found += next(
                sign for sign, way in [*SEGMENTS.items(), *OTHER_WAYS.items()] if set(way) == names
            ) + "." * bool(cell[7])
        assert found.strip() == text
        assert (segments.reshape(-1, 2) > window.min(0)).all()
        assert (segments.reshape(-1, 2) < window.max(0)).all()


def test_sizes_are_unequal_and_hardness_changes_no_text() -> None:
    hard, easy = (list(draw_many(Displays(2, each), range(40))) for each in (HARD, EASY))
    assert [each.text for each in hard] == [each.text for each in easy]
    shapes = {each.image.shape for each in hard}
    assert len(shapes) > 30
    assert all(shape[2] == 3 and 20 < shape[0] < 160 and 40 < shape[1] < 400 for shape in shapes)


def test_lit_segments_stand_out_and_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    where: list[np.ndarray] = []
    lit: list[np.ndarray] = []
    layout, cover = displays._layout, displays._cover

    def seen_layout(*given: Any) -> Any:
        found = layout(*given)
        lit.append(found[1])
        return found

    def seen_cover(polygons: Any, size: Any) -> Any:
        where.append(cover(polygons, size) > 0.99)
        return cover(polygons, size)

    monkeypatch.setattr(displays, "_layout", seen_layout)
    monkeypatch.setattr(displays, "_cover", seen_cover)
    for number in range(30):
        where.clear()
        picture = Displays(3, EASY).draw(number)
        on, off, window = where
        covered = on.sum() / lit[-1].sum(), off.sum() / (~lit[-1]).sum()
        assert 0.5 < covered[0] / covered[1] < 2  # it is the lit ones that are drawn as lit
        values = picture.image.max(2).astype(int)
        ground = np.median(values[window & ~on & ~off])
        assert abs(np.median(values[on]) - ground) > 70
        assert abs(np.median(values[off]) - ground) < 20


def test_softening_keeps_values_as_they_are() -> None:
    assert np.allclose(camera.softened(np.full((9, 9, 3), 100, np.uint8), 2.0), 100)
    assert np.allclose(camera.softened(np.full((9, 9), 0.5, np.float32), 2.0), 0.5, atol=0.01)


def test_each_range_of_hardness_matters() -> None:
    usual = [each.image for each in draw_many(Displays(4), range(8))]
    for field in fields(HARD):
        other = replace(HARD, **{field.name: getattr(EASY, field.name)})
        changed = [each.image for each in draw_many(Displays(4, other), range(8))]
        assert any(
            a.shape != b.shape or (a != b).any() for a, b in zip(usual, changed, strict=True)
        ), field.name


def test_blur_keeps_light_and_spreads_it() -> None:
    scene = np.zeros((21, 41, 3), np.float32)
    scene[10, 20] = 200
    for angle in (0.0, 0.7, np.pi / 2):
        shaken = camera._shaken(scene, 6.0, angle)
        assert abs(shaken.sum() - scene.sum()) < 1
        rows, columns = np.nonzero(shaken[..., 0] > 5)
        along = (columns - 20) * np.cos(angle) + (rows - 10) * np.sin(angle)
        across = (rows - 10) * np.cos(angle) - (columns - 20) * np.sin(angle)
        assert np.ptp(along) > 5
        assert np.ptp(across) < 2.5
    assert np.allclose(camera._shaken(scene, 0.0, 1.0), scene)


def test_the_hard_setting_stays_as_it_was_set() -> None:
    assert (HARD.height, HARD.contrast, HARD.glow) == ((18, 36), (0.5, 0.85), (0.5, 1.0))
    assert (HARD.faint, HARD.blur, HARD.motion) == ((0.02, 0.16), (0.02, 0.075), (0.0, 0.9))
    assert (HARD.turn, HARD.perspective, HARD.margin) == ((0.0, 8.0), (0.0, 0.12), (0.1, 0.7))
    assert (HARD.unevenness, HARD.glares, HARD.glare) == ((0.1, 0.5), (0, 3), (0.15, 0.42))
    assert (HARD.exposure, HARD.noise, HARD.quality) == ((0.65, 1.25), (3.0, 12.0), (30, 80))
