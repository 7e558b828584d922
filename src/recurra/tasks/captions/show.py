"""Pictures of a captions run: what it said of them, and where it looked for each piece."""

from __future__ import annotations

import base64
import io
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recurra.bundle import Run
from recurra.show.page import Section, Table, alone, macro
from recurra.show.picture import Picture
from recurra.tasks import contenders
from recurra.tasks.captions import render
from recurra.tasks.captions.evaluate import METRICS
from recurra.tasks.captions.report import PICTURES, pictures

MOST: Final = 24
"""Pieces of a caption that are drawn."""


def draw(run: Run) -> list[Picture]:
    """Write a page of the pictures."""
    return [alone(run, section) for section in sections(run)]


def sections(run: Run) -> list[Section]:
    """A few pictures of the test part, what was said of each, and where it looked."""
    if not run.has(PICTURES):
        return []
    with run.intact(PICTURES):
        seen = [_seen(*each) for each in pictures(run)]
        body = macro("looked", "pictures", seen)
    summary = (
        "Pictures that it had never seen, and what it said of them. For each piece that it wrote "
        "the picture is darker where it did not look."
    )
    if any(each["columns"] for each in seen):
        summary = (
            "Pictures that it had never seen, and what it said of them: each piece stands below "
            "the place that was read for it."
        )
    return [Section("answers", "What it said, and where it looked", summary, body)]


def _seen(
    each: dict[str, Any], pixels: NDArray[np.uint8], attention: NDArray[np.float32]
) -> dict[str, Any]:
    """A picture as the template takes it: where it looked as tiles, or of a strip as places."""
    height, width = pixels.shape[:2]
    found = {
        "where": each["where"],
        "said": each["said"],
        "true": each["true"],
        "right": each["said"] in each["true"],
        "picture": _png(pixels[..., 0] if pixels.shape[2] == 1 else pixels),
        "width": width,
        "height": height,
        "below": None,
        "columns": [],
        "tiles": [],
    }
    if attention.shape[1] > 1:
        pieces = [piece.strip() for piece in each["pieces"]][:MOST]
        tiles = [(k, _shade(w)) for k, w in zip(pieces, attention, strict=False)]
        return found | {"tiles": tiles}
    pieces = [piece if piece.strip() else "␣" for piece in each["pieces"]]
    count = max(1, attention.shape[2])
    steps = (np.arange(count) + 0.5) / count * width
    places = [
        round(float(w @ steps) / max(float(w.sum()), 1e-9), 1)
        for w in attention[: len(pieces), 0].astype(np.float64)
    ]
    columns = list(zip(pieces, places, strict=False))
    size = round(min(0.4 * height, 0.07 * width), 1)
    return found | {"columns": columns, "below": round(height + 1.3 * size, 1), "size": size}


def _shade(weights: NDArray[np.float32]) -> str:
    """What darkens a picture where one piece did not look."""
    shade = 1.0 - weights / max(float(weights.max()), 1e-9)
    alpha = np.zeros((*weights.shape, 4), np.uint8)
    alpha[..., 3] = np.rint(0.75 * 255 * shade)
    return _png(alpha)


def _png(pixels: NDArray[np.uint8]) -> str:
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()


def table(report: dict[str, Any]) -> Table:
    """The figures of a report."""
    lower = METRICS[report["metric"]][0] == "cer"
    return contenders.table(
        report, render.columns(report), f"{'lower' if lower else 'higher'} is better"
    )
