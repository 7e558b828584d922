from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from recurra.tasks.captions import baselines, ocr
from recurra.tasks.captions.baselines import caption_baselines, small_pictures

Picture = NDArray[np.uint8]
Packages = Callable[..., None]


@pytest.fixture(autouse=True)
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Packages]:
    """Without an OCR, whatever is installed; what is called with sources is installed instead."""
    found = importlib.util.find_spec
    known: set[str] = set()
    names = ("rapidocr", "rapidocr_onnxruntime", "onnxruntime", "pytesseract")
    monkeypatch.setattr(ocr, "find_spec", lambda n: found(n) if n in known else None)
    monkeypatch.syspath_prepend(tmp_path)
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)

    def install(**sources: str) -> None:
        for name, source in sources.items():
            (tmp_path / f"{name}.py").write_text(source)
            known.add(name)
        importlib.invalidate_caches()

    yield install
    for name in names:
        sys.modules.pop(name, None)


def pictures(n: int, *, seed: int = 0, channels: int = 3) -> list[Picture]:
    """Smooth ones of unequal sizes, of which none is like another."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (n, 4, 4, channels)).astype(np.uint8)
    sizes = random.integers(4, 12, n)
    return [each.repeat(k, 0).repeat(k, 1) for each, k in zip(coarse, sizes, strict=True)]


def texts(n: int) -> list[list[str]]:
    return [[f"picture {k}", "one of many"] for k in range(n)]


def test_the_commonest_of_all_texts_is_said_of_every_picture() -> None:
    (often, _), _ = caption_baselines(pictures(9), texts(9), pictures(4, seed=1))
    assert often.name == "most frequent text"
    assert often.predicted == ("one of many",) * 4
    assert "9 times" in often.note


def test_the_nearest_picture_lends_its_first_text() -> None:
    known = pictures(30)
    order = np.random.default_rng(1).permutation(30)
    # Darker, of less contrast and three times as large: the same picture still.
    asked = [(known[row] // 2 + 20).repeat(3, 0).repeat(3, 1) for row in order]
    (_, nearest), _ = caption_baselines(known, texts(30), asked)
    assert nearest.name == "nearest training picture"
    assert nearest.predicted == tuple(f"picture {row}" for row in order)
    assert "16 x 16" in nearest.note
    assert "30 known" in nearest.note


def test_it_is_nearest_by_the_cosine_of_what_is_left_without_the_mean() -> None:
    random = np.random.default_rng(0)
    known = random.integers(0, 256, (40, 16, 16, 3)).astype(np.uint8)
    asked = random.integers(0, 256, (25, 16, 16, 3)).astype(np.uint8)
    rows = np.concatenate([known, asked]).reshape(65, -1)
    alike = np.corrcoef(rows)[40:, :40]
    (_, nearest), _ = caption_baselines(list(known), texts(40), list(asked))
    assert nearest.predicted == tuple(f"picture {row}" for row in alike.argmax(1))


def test_colours_tell_pictures_apart() -> None:
    red, green = np.zeros((2, 8, 8, 3), np.uint8)
    red[2:6, 2:6, 0] = green[2:6, 2:6, 1] = 200
    asked = red.repeat(2, 0).repeat(2, 1)
    (_, nearest), _ = caption_baselines([green, red], [["green"], ["red"]], [asked, green])
    assert nearest.predicted == ("red", "green")


def test_grey_pictures_and_coloured_ones_are_compared() -> None:
    grey = pictures(5, channels=1)
    (_, nearest), _ = caption_baselines(grey, texts(5), [each.repeat(3, 2) for each in grey])
    assert nearest.predicted == tuple(f"picture {k}" for k in range(5))


def test_small_pictures_have_the_means_of_equal_areas() -> None:
    picture = np.arange(6, dtype=np.uint8).reshape(1, 6, 1)
    # Of 6 pixels in 4 parts of 1.5: (0 + 0.5 * 1) / 1.5, (0.5 * 1 + 2) / 1.5, ...
    means = np.array([0.5, 2.5, 3 + 0.5 * 4, 0.5 * 4 + 5]) / 1.5
    rest = means - means.mean()
    found = small_pictures([picture], 1, 4, 1)
    assert found[0] == pytest.approx(rest / np.linalg.norm(rest), abs=1e-6)
    larger = small_pictures([picture.repeat(5, 0).repeat(7, 1)], 1, 4, 1)
    assert larger == pytest.approx(found, abs=1e-6)


@pytest.mark.parametrize(
    ("shape", "size"), [((28, 140), (7, 36)), ((64, 64), (16, 16)), ((2000, 3), (256, 1))]
)
def test_small_pictures_are_in_proportion(shape: tuple[int, int], size: tuple[int, int]) -> None:
    known = [np.zeros((*shape, 1), np.uint8), np.ones((*shape, 1), np.uint8)]
    assert baselines._size(known) == size


def test_a_picture_that_is_all_alike_gets_the_commonest_text() -> None:
    flat = [np.full((9, 7, 3), value, np.uint8) for value in (0, 131, 255)]
    (_, nearest), _ = caption_baselines(pictures(6), texts(6), flat)
    assert nearest.predicted == ("one of many",) * 3


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    known, asked = pictures(20), pictures(33, seed=1)
    found = caption_baselines(known, texts(20), asked)[0][1].predicted
    monkeypatch.setattr(baselines, "_AT_ONCE", 100)
    assert caption_baselines(known, texts(20), asked)[0][1].predicted == found


def test_without_the_time_for_all_pictures_it_is_left_out_by_name() -> None:
    known = pictures(300)
    (often,), (left,) = caption_baselines(known, texts(300), known, seconds=0.0)
    assert often.name == "most frequent text"
    assert left.name == "nearest training picture"
    assert "300 known pictures take it about 1 second" in left.why


# An installed OCR

_RAPID = """
class Found:
    txts = None
class RapidOCR:
    def __init__(self, params): pass
    def __call__(self, picture, use_det, use_cls, use_rec):
        assert (use_det, use_cls, use_rec) == (False, False, True)
        height, width, channels = picture.shape
        found = Found()
        if picture[0, 0, 0] != 7:
            found.txts = (f"{height} x {width}", f"blue {picture[0, 0, 0]} ")
        return found
"""


def test_no_ocr_is_looked_for_in_vain() -> None:
    assert ocr.installed() == ""
    assert ocr.read(pictures(3), seconds=10) is None
    found, left_out = caption_baselines(pictures(4), texts(4), pictures(2))
    assert (len(found), left_out) == (2, ())


def test_rapidocr_reads_each_picture_as_a_line(packages: Packages) -> None:
    packages(rapidocr=_RAPID, onnxruntime="")
    low, high = np.zeros((20, 30, 3), np.uint8), np.zeros((64, 30, 1), np.uint8)
    low[:, :, 2], high[:] = 9, 5
    nothing = np.full((50, 50, 3), 7, np.uint8)
    asked = [low, high, nothing, high, low]
    (*_, found), _ = caption_baselines(pictures(4), texts(4), asked)
    assert found.name == "installed OCR"
    one, other = "40 x 60 blue 9", "64 x 30 blue 5"
    assert found.predicted == (one, other, "", other, one)
    assert "rapidocr" in found.note


def test_without_its_runtime_it_is_not_installed(packages: Packages) -> None:
    packages(rapidocr=_RAPID)
    assert ocr.installed() == ""


def test_the_older_rapidocr_and_tesseract_are_read_too(
    packages: Packages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    packages(
        pytesseract="def image_to_string(picture, config):\n"
        "    return f'{picture.size} {config}\\n'"
    )
    found = ocr.read([np.zeros((60, 80, 1), np.uint8)], seconds=10)
    assert found is not None
    assert found.texts == ("(80, 60) --psm 7",)
    packages(
        onnxruntime="",
        rapidocr_onnxruntime="class RapidOCR:\n    def __call__(self, picture, **options):\n"
        "        return ([['12', 0.9], ['V', 0.8]] if picture.any() else None), [0.1]",
    )
    found = ocr.read([np.zeros((60, 80, 1), np.uint8), np.ones((9, 9, 3), np.uint8)], seconds=10)
    assert found is not None
    assert found.texts == ("", "12 V")


def test_tesseract_needs_its_program(packages: Packages, monkeypatch: pytest.MonkeyPatch) -> None:
    packages(pytesseract="")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert ocr.installed() == ""


def test_an_ocr_that_has_no_time_is_left_out_and_told(packages: Packages) -> None:
    packages(rapidocr=_RAPID, onnxruntime="")
    asked = pictures(40)
    found, (left,) = caption_baselines(asked, texts(40), asked, ocr_seconds=0.0)
    assert len(found) == 2
    assert left.name == "installed OCR"
    assert left.why.startswith("rapidocr needs")


_BROKEN = (
    "raise OSError('no model')",
    "class RapidOCR: pass",
    _RAPID.replace("= picture", "= 1 +"),
)


@pytest.mark.parametrize("source", _BROKEN)
def test_an_ocr_that_fails_is_left_out_and_told(packages: Packages, source: str) -> None:
    packages(rapidocr=source, onnxruntime="")
    found, (left,) = caption_baselines(pictures(4), texts(4), pictures(4))
    assert len(found) == 2
    assert left.why.startswith("rapidocr failed: ")
