"""An installed OCR, where there is one: rapidocr, or pytesseract with its program."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from time import perf_counter
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Reader = Callable[[Picture], str]

_TRIED: Final = 3  # pictures by which it is told how long all will take
_LOW: Final = 48  # pixels: lower pictures are read at twice their size


@final
@dataclass(frozen=True)
class Read:
    """What an OCR read of each picture, if it had the time for all; and a note, either way."""

    texts: tuple[str, ...] | None
    note: str


def installed() -> str:
    """The name of the OCR that is installed, "" where none is; nothing is imported for it."""
    for name in ("rapidocr", "rapidocr_onnxruntime"):
        if find_spec(name) and find_spec("onnxruntime"):
            return name
    return "pytesseract" if find_spec("pytesseract") and shutil.which("tesseract") else ""


def read(pictures: Sequence[Picture], *, seconds: float) -> Read | None:
    """What the installed OCR reads of pictures (H, W, C), or None where there is no OCR.

    Three are tried; all are read where that fits into `seconds`, by the clock. An OCR that fails is
    left out: it is somebody else's program, and no training shall end by it.
    """
    name = installed()
    if not name or not pictures:
        return None
    try:
        reader, texts = _READERS[name](), []
        begun = perf_counter()
        for number, picture in enumerate(pictures, 1):
            texts.append(reader(enlarged(picture)))
            needs = (perf_counter() - begun) / number * len(pictures)
            # Once begun on all it may take half as long again.
            if number >= _TRIED and needs > (seconds if number == _TRIED else 1.5 * seconds):
                return Read(None, f"{name} needs {needs:,.0f} s and has {seconds:,.0f} s")
    except Exception as error:
        return Read(None, f"{name} failed: {type(error).__name__}: {error}"[:200])
    return Read(tuple(texts), f"{name}, as it is installed; knows none of these pictures")


def enlarged(picture: Picture) -> Picture:
    """In three channels; a low picture at twice its size."""
    wide = np.broadcast_to(picture, (*picture.shape[:2], 3))
    if len(wide) < _LOW:
        wide = wide.repeat(2, 0).repeat(2, 1)
    return np.ascontiguousarray(wide)


def _rapidocr() -> Reader:
    library: Any = import_module("rapidocr")
    engine = library.RapidOCR(params={"Global.log_level": "critical"})

    def reader(picture: Picture) -> str:
        # The picture is one line: nothing has to be found in it first. Channels as OpenCV has them.
        found = engine(picture[:, :, ::-1], use_det=False, use_cls=False, use_rec=True)
        return " ".join(found.txts or ()).strip()

    return reader


def _rapidocr_onnxruntime() -> Reader:
    library: Any = import_module("rapidocr_onnxruntime")
    engine = library.RapidOCR()

    def reader(picture: Picture) -> str:
        found, _ = engine(picture[:, :, ::-1], use_det=False, use_cls=False, use_rec=True)
        return " ".join(str(line[0]) for line in found or ()).strip()

    return reader


def _pytesseract() -> Reader:
    library: Any = import_module("pytesseract")
    picture_module: Any = import_module("PIL.Image")

    def reader(picture: Picture) -> str:
        # Page segmentation 7: a single line of text.
        text: str = library.image_to_string(picture_module.fromarray(picture), config="--psm 7")
        return text.strip()

    return reader


_READERS: Final[dict[str, Callable[[], Reader]]] = {
    "rapidocr": _rapidocr,
    "rapidocr_onnxruntime": _rapidocr_onnxruntime,
    "pytesseract": _pytesseract,
}
