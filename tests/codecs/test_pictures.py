"""Pictures: every form they are kept in becomes the same pixels; what is broken is named."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("PIL")

from PIL import Image

from pictures import header, image, png, saved, some, turned
from recurra.codecs.pictures import (
    PictureForm,
    Pixels,
    bounded,
    from_bytes,
    from_value,
    resized,
    side_by_side,
)
from recurra.errors import BundleError, DataError, MissingExtra

COLOUR = some(1)
GREY = some(2, channels=1)


def read(content: bytes) -> Pixels:
    return from_bytes(content, "a.png")[0]


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "PPM", "WEBP"])
@pytest.mark.parametrize("pixels", [COLOUR, GREY], ids=["colour", "grey"])
def test_files_give_back_what_was_written(form: str, pixels: Pixels) -> None:
    options = {"lossless": True, "exact": True} if form == "WEBP" else {}
    found, notes = from_bytes(saved(image(pixels), form, **options), "a")
    np.testing.assert_array_equal(found, pixels)
    assert found.dtype == np.uint8
    assert notes == ()


def test_jpeg_is_near() -> None:
    found = read(saved(image(COLOUR), "JPEG", quality=95, subsampling=0))
    assert np.abs(found.astype(int) - COLOUR).mean() < 6


def test_colours_that_are_grey_become_one_channel() -> None:
    grey = np.repeat(GREY, 3, axis=2)
    np.testing.assert_array_equal(read(png(grey)), GREY)
    nearly = grey.copy()
    nearly[-1, -1, 2] ^= 1
    np.testing.assert_array_equal(read(png(nearly)), nearly)


def test_bits() -> None:
    bits = GREY > 127
    np.testing.assert_array_equal(read(saved(Image.fromarray(bits[..., 0]), "PNG")), 255 * bits)


def test_16_bits_are_scaled_and_not_cut() -> None:
    deep = np.array([[0, 257, 128 * 257, 65535]], np.uint16)
    found, notes = from_bytes(saved(Image.fromarray(deep), "PNG"), "a.png")
    np.testing.assert_array_equal(found[0, :, 0], [0, 1, 128, 255])
    assert notes == ("16 bits brought to 8",)
    np.testing.assert_array_equal(
        read(saved(Image.fromarray(deep), "TIFF"))[0, :, 0], found[0, :, 0]
    )


def test_floats_in_a_tiff() -> None:
    values = np.array([[0, 0.5, 1]], np.float32)
    np.testing.assert_array_equal(
        read(saved(Image.fromarray(values), "TIFF"))[0, :, 0], [0, 128, 255]
    )
    with pytest.raises(DataError, match="numbers from 0 to 20"):
        read(saved(Image.fromarray(values * 20), "TIFF"))


def test_cmyk() -> None:
    found, notes = from_bytes(saved(image(COLOUR).convert("CMYK"), "TIFF"), "a.tif")
    np.testing.assert_array_equal(found, COLOUR)
    assert notes == ("CMYK turned into RGB",)
    assert read(saved(image(COLOUR).convert("CMYK"), "JPEG", quality=95)).shape == COLOUR.shape


def test_transparency_lies_on_white() -> None:
    cover = np.full((12, 16, 1), 255, np.uint8)
    cover[:6] = 0
    picture = Image.fromarray(np.concatenate([COLOUR, cover], 2))
    found, notes = from_bytes(saved(picture, "PNG"), "a.png")
    np.testing.assert_array_equal(found[6:], COLOUR[6:])
    assert (found[:6] == 255).all()
    assert "white" in notes[0]
    half = np.concatenate([np.zeros_like(COLOUR), np.full_like(cover, 128)], 2)
    assert set(read(saved(Image.fromarray(half), "PNG")).ravel().tolist()) == {127}
    whole = np.concatenate([COLOUR, np.full_like(cover, 255)], 2)
    assert from_bytes(saved(Image.fromarray(whole), "PNG"), "a.png")[1] == ()


@pytest.mark.parametrize("form", ["PNG", "GIF"])
def test_palettes_and_their_transparency(form: str) -> None:
    picture = Image.new("P", (4, 2), 1)
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.putpixel((0, 0), 0)
    found = read(saved(picture, form))
    assert found[0, 0].tolist() == [10, 20, 30]
    assert found[1, 3].tolist() == [200, 100, 50]
    found = read(saved(picture, form, transparency=0))
    assert found[0, 0].tolist() == [255, 255, 255]
    assert found[1, 3].tolist() == [200, 100, 50]
    grey = image(GREY)  # tRNS of a grey picture: one grey is transparent
    assert (read(saved(grey, "PNG", transparency=int(GREY[0, 0, 0])))[0, 0] == 255).all()


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame(form: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    options = {"lossless": True} if form == "WEBP" else {}
    content = saved(frames[0], form, save_all=True, append_images=frames[1:], **options)
    found, notes = from_bytes(content, "a")
    assert found[3, 3].tolist() == [255, 0, 0]
    assert notes == ("first frame of an animation",)


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_exif_turns(form: str) -> None:
    views = {1: GREY, 3: GREY[::-1, ::-1], 6: np.rot90(GREY, -1), 8: np.rot90(GREY)}
    for orientation, right in views.items():
        found, notes = from_bytes(saved(image(GREY), form, exif=turned(orientation)), "a.jpg")
        assert found.shape == right.shape
        assert np.abs(found.astype(int) - right).mean() < 12
        assert bool(notes) == (orientation != 1)


# -- broken --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"no picture at all", "no picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no picture"),
        (saved(image(some(3, 300, 400)), "JPEG")[:3000], "truncated or damaged"),
        (saved(image(some(3, 300, 400)), "JPEG")[:50], "no picture|truncated"),
        (png(COLOUR)[:-40], "truncated or damaged"),
        (png(COLOUR)[:20], "no picture|truncated"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99), "HEIC or AVIF"),
        (header(0, 5), "0 x 5|no picture|damaged"),
        (header(40_000, 40_000), "1,600,000,000 pixels"),
        (header(10_001, 10_000), "10,001 x 10,000 pixels"),
        (header(50, 50), "truncated or damaged"),
    ],
)
def test_what_is_no_picture_is_named(content: bytes, said: str) -> None:
    with pytest.raises(DataError, match=said) as error:
        from_bytes(content, "table.csv, line 7: a.png")
    assert error.value.got.startswith("table.csv, line 7: a.png: ")
    assert error.value.expected


def test_every_cut_and_every_changed_byte_is_a_picture_or_a_sentence() -> None:
    random = np.random.default_rng(0)
    first = image(COLOUR)
    contents = [
        png(COLOUR),
        saved(first, "JPEG"),
        saved(first, "GIF", save_all=True, append_images=[image(some(5))]),
        saved(first, "WEBP"),
        saved(first, "TIFF", compression="tiff_lzw"),
        saved(first, "BMP"),
        saved(first, "PPM"),
    ]
    for content in contents:
        for _ in range(60):
            broken = bytearray(content[: int(random.integers(1, len(content) + 1))])
            for place in random.integers(0, len(broken), 2):
                broken[place] = int(random.integers(0, 256))
            try:
                found = read(bytes(broken))
            except DataError:
                continue
            assert found.dtype == np.uint8
            assert found.ndim == 3
            assert found.shape[2] in (1, 3)


# -- Python values -------------------------------------------------------------------------------


def test_values_of_all_kinds_are_one_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(COLOUR))
    deep = COLOUR.astype(np.uint16) * 257
    values: list[Any] = [path, str(path), image(COLOUR), COLOUR, deep, COLOUR / 255]
    for value in values:
        np.testing.assert_array_equal(from_value(value, "X[3]")[0], COLOUR)
    cover = np.full((12, 16, 1), 255, np.uint8)
    np.testing.assert_array_equal(from_value(np.concatenate([COLOUR, cover], 2), "")[0], COLOUR)
    values = [GREY, GREY[..., 0], np.repeat(GREY, 3, 2), (GREY / 255).astype(np.float32)]
    for value in values:
        np.testing.assert_array_equal(from_value(value, "X[3]")[0], GREY)
    bits = GREY[..., 0] > 99
    np.testing.assert_array_equal(from_value(bits, "X[3]")[0][..., 0], 255 * bits)


def test_a_value_is_copied() -> None:
    mine = COLOUR.copy()
    found, _ = from_value(mine, "X[0]")
    mine[:] = 0
    np.testing.assert_array_equal(found, COLOUR)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "NoneType, no picture"),
        ("nowhere.png", "nowhere.png: cannot be read"),
        (Path(), "cannot be read"),
        ([["a"]], "no picture"),
        (np.zeros((0, 4), np.uint8), "4 x 0 pixels"),
        (np.zeros((3, 5, 6), np.uint8), "shape"),
        (np.zeros(4, np.uint8), "shape"),
        (np.zeros((4, 4), np.int64), "int64"),
        (np.full((4, 4), np.nan), "NaN"),
        (np.full((4, 4), 16.0), "numbers from 16 to 16"),
        (np.full((4, 4), -0.1), "numbers from -0.1"),
        (np.zeros((4, 4), complex), "no picture"),
    ],
)
def test_values_that_are_no_pictures(value: Any, said: str) -> None:
    with pytest.raises(DataError, match=said) as error:
        from_value(value, "X[3]")
    assert error.value.got.startswith("X[3]")


def test_pillow_is_asked_for_where_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    import PIL

    monkeypatch.delattr(PIL, "Image")
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    np.testing.assert_array_equal(from_value(COLOUR, "")[0], COLOUR)
    with pytest.raises(MissingExtra, match=r"recurra\[captions\]"):
        from_bytes(b"anything", "a.png")
    with pytest.raises(MissingExtra, match="Pillow"):
        resized(COLOUR, 3, 3)


# -- sizes and numbers ---------------------------------------------------------------------------


def test_bounded_keeps_the_proportion_and_never_enlarges() -> None:
    assert bounded(COLOUR, 12 * 16) is COLOUR
    for shape, area in (((120, 160), 1000), ((1, 5000), 300), ((5000, 1), 300), ((7, 7), 1)):
        found = bounded(np.zeros((*shape, 3), np.uint8), area)
        high, wide = found.shape[:2]
        assert 0 < high * wide <= area
        if min(shape) > 50:
            assert abs(high / wide - shape[0] / shape[1]) < 0.05


def test_reduced_pictures_are_means() -> None:
    board = np.indices((64, 64)).sum(0) % 2 * 255
    found = resized(board.astype(np.uint8)[..., None], 16, 16)
    assert np.abs(found.astype(int) - 127).max() < 25  # not the 0 or 255 of a single pixel


def form(width: int | None = 40, **sizes: Any) -> PictureForm:
    pictures = [some(number, channels=1 if number % 2 else 3) for number in range(6)]
    return PictureForm.learn(pictures, **({"height": 24, "width": width} | sizes))


def test_forms_bring_to_size_in_proportion() -> None:
    strip, box = form(None), form(40)
    assert strip.size(12, 16) == (24, 32)
    assert strip.size(48, 480) == (24, 240)
    assert strip.size(10, 5000) == (4, 2048)  # too long: less high, not squashed
    assert box.size(12, 16) == (12, 16)  # never enlarged
    assert box.size(48, 48) == (24, 24)
    assert box.size(10, 400) == (1, 40)
    for height, width in ((1, 1), (3, 9000), (9000, 3)):
        for each in (strip, box):
            found = each.scaled(np.zeros((height, width, 3), np.uint8))
            assert found.shape == (*each.size(height, width), 3)


def test_forms_have_the_channels_of_the_data() -> None:
    assert form().channels == 3
    grey = PictureForm.learn([GREY], height=12, width=16)
    assert grey.channels == 1
    np.testing.assert_array_equal(form().scaled(GREY), np.repeat(GREY, 3, 2))
    expected = np.asarray(image(COLOUR).convert("L"))
    np.testing.assert_array_equal(grey.scaled(COLOUR)[..., 0], expected)


def test_numbers_have_mean_and_deviation_of_the_training_pictures() -> None:
    learnt = form()
    pictures = [learnt.scaled(some(n, channels=1 if n % 2 else 3)) for n in range(6)]
    numbers, sizes = learnt.numbers(pictures)
    assert numbers.dtype == np.float32
    assert numbers.shape == (6, 12, 16, 3)
    assert abs(numbers.mean()) < 1e-5
    assert abs(numbers.std() - 1) < 1e-5
    np.testing.assert_array_equal(sizes, [[12, 16]] * 6)
    blank = PictureForm.learn([np.full((4, 4, 1), 200, np.uint8)], height=4, width=4)
    assert not blank.numbers([np.full((4, 4, 1), 200, np.uint8)])[0].any()


def test_padding_changes_nothing_real() -> None:
    learnt = form(None)
    pictures = [learnt.scaled(some(n, 12, 16 * (n + 1))) for n in range(4)]
    together, sizes = learnt.numbers(pictures, (16, 8))
    assert together.shape == (4, 32, 128, 3)
    for row, (picture, size) in enumerate(zip(pictures, sizes.tolist(), strict=True)):
        alone, its = learnt.numbers([picture])
        assert its.tolist() == [size]
        assert list(alone.shape[1:3]) == size
        np.testing.assert_array_equal(together[row, : size[0], : size[1]], alone[0])
        assert not together[row, size[0] :].any()
        assert not together[row, :, size[1] :].any()
    order = [2, 0, 3, 1]
    again, _ = learnt.numbers([pictures[n] for n in order], (16, 8))
    np.testing.assert_array_equal(again, together[order])


def test_strips_are_as_high_as_their_form_says() -> None:
    learnt = form(None)
    numbers, sizes = learnt.numbers([learnt.scaled(np.zeros((10, 5000, 3), np.uint8))])
    assert numbers.shape[1] == 24
    assert sizes[0].tolist() == [4, 2048]


def test_forms_are_kept() -> None:
    for each in (form(None), form(40)):
        assert PictureForm.from_json(json.loads(json.dumps(each.to_json()))) == each
    right = form().to_json()
    cases: list[Any] = [
        None,
        [],
        {},
        right | {"more": 1},
        right | {"channels": 2},
        right | {"height": 0},
        right | {"width": "40"},
        right | {"deviation": 0.0},
        right | {"mean": float("nan")},
        right | {"mean": None},
    ]
    for wrong in cases:
        with pytest.raises(BundleError):
            PictureForm.from_json(wrong)


def test_side_by_side_keeps_the_order_and_says_the_first_error() -> None:
    contents = [png(some(number)) for number in range(40)]
    found = side_by_side(lambda row: read(contents[row]), 40)
    for number, pixels in enumerate(found):
        np.testing.assert_array_equal(pixels, some(number))
    contents[7] = contents[30] = b"x"
    with pytest.raises(DataError, match=r"^7: "):
        side_by_side(lambda row: from_bytes(contents[row], str(row)), 40)
