"""Printed lines: what stands in them, in which fonts, nothing cut."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from recurra.errors import MissingExtra, OptionError
from recurra.tasks.captions.generators import fonts
from recurra.tasks.captions.generators.drawn import draw_many
from recurra.tasks.captions.generators.fonts import KOREAN, LATIN, font, font_file
from recurra.tasks.captions.generators.printed_lines import LETTERS, Lines, Script
from recurra.tasks.captions.generators.syllables import COMMON

for package in ("PIL", "koreanize_matplotlib", "matplotlib"):
    # Not imported: that would change every picture of matplotlib's.
    if find_spec(package) is None:
        pytest.skip(f"no lines are printed without {package}", allow_module_level=True)


def test_the_commonest_syllables() -> None:
    assert len(COMMON) == len(set(COMMON)) == 500
    assert all("가" <= syllable <= "힣" for syllable in COMMON)
    assert COMMON.startswith("이다")


@pytest.mark.parametrize("name", [*KOREAN, *LATIN])
def test_fonts_have_a_picture_of_its_own_for_each_sign(name: str) -> None:
    signs = COMMON if name in KOREAN else LETTERS
    drawn = {bytes(font(name, 40).getmask(sign)) for sign in signs}
    assert len(drawn) == len(signs)


@pytest.mark.parametrize(("script", "signs"), [("korean", COMMON), ("latin", LETTERS)])
def test_lines_are_signs_with_blanks_between(script: Script, signs: str) -> None:
    lines = Lines(1, script)
    lengths = set()
    for number in range(200):
        text = lines.text(number)
        assert text == " ".join(text.split())
        assert set(text) <= {*signs, " "}
        assert max(map(len, text.split())) <= (5 if script == "korean" else 8)
        lengths.add(len(text.replace(" ", "")))
    assert lengths == set(range(5, 21))


@pytest.mark.parametrize("script", ["korean", "latin"])
def test_nothing_of_a_line_is_cut(script: Script) -> None:
    found = list(draw_many(Lines(2, script, lengths=(5, 24)), range(150)))
    for line in found:
        height, width = line.image.shape
        assert 29 <= height <= 35
        assert width > 40
        edge = np.concatenate([*line.image[[0, -1]], *line.image[:, [0, -1]].T]).astype(int)
        assert np.abs(edge - np.median(line.image)).max() < 42
    assert len({line.image.shape for line in found}) > 50
    widths = [line.image.shape[1] for line in found]
    lengths = [len(line.text) for line in found]
    assert np.corrcoef(widths, lengths)[0, 1] > 0.8


def test_weights_can_be_kept_apart() -> None:
    light, heavy = (Lines(3, fonts=(name,)) for name in (KOREAN[0], KOREAN[3]))
    for one, other in zip(draw_many(light, range(20)), draw_many(heavy, range(20)), strict=True):
        assert one.text == other.text
        inks = [np.abs(each.image - np.median(each.image)) for each in (one, other)]
        assert inks[0].mean() < inks[1].mean()
    several = Lines(3, fonts=(KOREAN[0], KOREAN[3]))
    for number in range(20):
        drawn = several.draw(number).image
        assert any(np.array_equal(drawn, each.draw(number).image) for each in (light, heavy))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"script": "greek"}, "no script 'greek'"),
        ({"fonts": ("NanumGothicBlod",)}, "did you mean NanumGothicBold"),
        ({"fonts": ("DejaVuSans",)}, "no Korean letters"),
        ({"lengths": (5, 4)}, "lengths="),
        ({"lengths": (0, 4)}, "lengths="),
    ],
)
def test_what_cannot_be_drawn_is_said(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        Lines(**wrong)


def test_a_package_that_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "find_spec", lambda package: None)
    with pytest.raises(MissingExtra, match="koreanize-matplotlib"):
        font_file("NanumGothic")
    with pytest.raises(MissingExtra, match="matplotlib"):
        Lines(script="latin")
