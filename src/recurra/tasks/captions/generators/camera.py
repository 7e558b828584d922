"""What becomes of a picture that is photographed: light, reflections, blur, noise, JPEG."""

from __future__ import annotations

import io

import numpy as np

from recurra.tasks.captions.generators.display_settings import Hardness, Range
from recurra.tasks.captions.generators.drawn import Floats, Pixels, noise, to_pixels

Random = np.random.Generator


def photograph(random: Random, hardness: Hardness, scene: Floats, height: float) -> Pixels:
    """The photograph of a scene (H, W, 3), of 255, whose digits are so many pixels high."""
    blur = height * between(random, hardness.blur)
    motion = blur * np.sqrt(between(random, hardness.motion))
    seen = _reflecting(random, hardness, scene, height) * np.float32(
        between(random, hardness.exposure)
    )
    seen = _shaken(seen, np.sqrt(12) * motion, np.pi * float(random.random()))
    seen = softened(to_pixels(seen), np.sqrt(blur**2 - motion**2))
    # A sensor's noise grows with the light, and its grain is a little coarser than a pixel.
    seen += noise(random, seen.shape, between(random, hardness.noise)) * (0.6 + seen / 400)
    low, high = hardness.quality
    return _compressed(to_pixels(seen), int(random.integers(low, high + 1)))


def shone_on(random: Random, hardness: Hardness, scene: Floats) -> Floats:
    """A scene (H, W, 3) in light that comes from one side."""
    down, right = _grid(scene.shape)
    angle = 2 * np.pi * float(random.random())
    across = (np.cos(angle) * right + np.sin(angle) * down).astype(np.float32)
    darker = np.float32(between(random, hardness.unevenness))
    found: Floats = scene * (1 - darker * (across + 1) / 2)[..., None]
    return found


def _reflecting(random: Random, hardness: Hardness, scene: Floats, height: float) -> Floats:
    """With spots and streaks of light that go towards white, the stronger where two meet."""
    count = int(random.integers(hardness.glares[0], hardness.glares[1] + 1))
    if not count:
        return scene
    down, right = _grid(scene.shape)
    white = np.zeros(scene.shape[:2], np.float32)
    for chance in random.random((count, 7)).astype(np.float32):
        y = (down - 2 * chance[0] + 1) * (scene.shape[0] / 2)
        x = (right - 2 * chance[1] + 1) * (scene.shape[1] / 2)
        sin, cos = np.sin(np.pi * chance[2]), np.cos(np.pi * chance[2])
        wide = height * (0.3 + 0.5 * chance[3])
        long = 40 * wide if chance[4] < 0.5 else wide * (1 + chance[5])
        away = ((cos * y - sin * x) / wide) ** 2 + ((cos * x + sin * y) / long) ** 2
        low, high = hardness.glare
        np.maximum(white, (low + (high - low) * chance[6]) * np.exp(-away), out=white)
    # A reflection is brighter than what it lies on, but not by ever so much.
    top = np.float32(min(250.0, 70 + 1.6 * float(scene.mean())))
    return scene + (top - np.minimum(scene, top)) * white[..., None]


def _shaken(scene: Floats, length: float, angle: float) -> Floats:
    """Moved along a line of so many pixels while the shutter was open."""
    steps = 2 * int(np.ceil(length)) + 1
    weights: dict[tuple[int, int], float] = {}
    for part in np.linspace(-length / 2, length / 2, steps).tolist():
        y, x = part * np.sin(angle), part * np.cos(angle)
        top, left = int(np.floor(y)), int(np.floor(x))
        for row, high in ((top, 1 - (y - top)), (top + 1, y - top)):
            for column, wide in ((left, 1 - (x - left)), (left + 1, x - left)):
                weights[row, column] = weights.get((row, column), 0.0) + high * wide / steps
    room = int(np.ceil(length / 2)) + 1
    padded = np.pad(scene, ((room, room), (room, room), (0, 0)), mode="edge")
    height, width = scene.shape[:2]
    seen = np.zeros_like(scene)
    for (row, column), weight in weights.items():
        if weight > 1e-6:
            top, left = room + row, room + column
            seen += np.float32(weight) * padded[top : top + height, left : left + width]
    return seen


def softened(scene: Floats | Pixels, deviation: float) -> Floats:
    """Blurred: bytes stay of 255, other values of 0 to 1."""
    from PIL import Image, ImageFilter

    scale = np.float32(1 if scene.dtype == np.uint8 else 255)
    pixels = scene if scene.dtype == np.uint8 else to_pixels(scene * scale)
    blurred = Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(float(deviation)))
    return np.asarray(blurred, np.float32) / scale


def moved(cover: Floats, right: float, down: float) -> Floats:
    """Values (H, W) moved by whole pixels, what comes in being 0."""
    x, y = round(right), round(down)
    return np.pad(cover, ((y, 0), (x, 0)))[: cover.shape[0], : cover.shape[1]]


def _compressed(pixels: Pixels, quality: int) -> Pixels:
    """Written as JPEG and read back."""
    from PIL import Image

    if quality >= 100:
        return pixels
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    with Image.open(file) as found:
        return np.array(found)


def _grid(shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    """How far down (H, 1) and right (1, W) each pixel is, -1 to 1."""
    down, right = (np.linspace(-1, 1, size, dtype=np.float32) for size in shape[:2])
    return down[:, None], right[None]


def between(random: Random, ends: Range) -> float:
    """A value of a range, each as likely as any other."""
    return ends[0] + (ends[1] - ends[0]) * float(random.random())
