"""A run again with its weights rounded to int8: a quarter of the size, for use alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any, final

from recurra.bundle import CARD, CONFIG, WEIGHTS, Arrays, Run
from recurra.errors import BundleError, InputError
from recurra.runtime.certificate import CERTIFICATE, Certificate
from recurra.runtime.weights import quantized
from recurra.tasks.comparison import Change
from recurra.tasks.model import Model
from recurra.tasks.task import QUANTIZED


@final
@dataclass(frozen=True)
class Quantized:
    """What `quantize` made.

    Args:
        path: the folder of the new run.
        bytes_before, bytes_after: of the weights, on disk.
        change: what became of its figures; or why they cannot be told.
        certificate: that all ways of using it give the same.
    """

    path: Path
    bytes_before: int
    bytes_after: int
    change: Change | str
    certificate: Certificate

    def to_json(self) -> dict[str, Any]:
        """It as plain values."""
        held = _held(self.bytes_before, self.bytes_after, self.change)
        return {"run": str(self.path), **held, "certificate": self.certificate.to_json()}

    def summary(self) -> str:
        """It as people read it."""
        return "\n".join(
            [
                *said(self.bytes_before, self.bytes_after, self.change),
                self.certificate.sentence(),
                f"run: {self.path}",
            ]
        )


def _held(before: int, after: int, change: Change | str) -> dict[str, Any]:
    """Sizes and figures before and after, as plain values."""
    known = isinstance(change, Change)
    return {
        "bytes": {"before": before, "after": after},
        "change": change.to_json() if isinstance(change, Change) else None,
        "not_shown": None if known else change,
    }


def said(before: int, after: int, change: Change | str) -> list[str]:
    """Sizes and figures before and after, in a few lines."""
    size = f"weights: {before / 1e3:,.0f} kB before, {after / 1e3:,.0f} kB after"
    if isinstance(change, str):
        return [size, f"figures before and after: not shown ({change})"]
    return [size, *change.sentences()]


def lines_of(run: Run) -> list[str]:
    """What a quantized run says of itself; nothing of another."""
    if not run.has(QUANTIZED):
        return []
    with run.intact(QUANTIZED):
        held = run.read_json(QUANTIZED)
        known, sizes = held["change"], held["bytes"]
        change = str(held["not_shown"]) if known is None else Change(**known)
        lines = said(int(sizes["before"]), int(sizes["after"]), change)
    return ["Quantized to int8; what is above was found before that.", *lines]


def quantize(
    path: str | PathLike[str],
    out: str | PathLike[str] | None = None,
    *,
    overwrite: bool = False,
) -> Quantized:
    """Write a run beside another, of which it is a copy with weights in int8.

        recurra.quantize("runs/bard").path                  # runs/bard-int8

    Each row of a matrix is rounded to whole numbers from -127 to 127 of its own scale. In use
    inputs and states are rounded in the same way, each row by itself. What it can be used for is
    the same; it cannot be trained.

    Args:
        path: the folder of a run of any task.
        out: that of the new one; by default the same name with `-int8` behind it.
        overwrite: replace a run that is there.

    Raises:
        BundleError: no run, an unfinished or a damaged one, one that is quantized already, or
            something is at `out`.
    """
    from recurra.tasks import load

    run = Run.open(path)
    if run.has(QUANTIZED):
        raise BundleError(f"{run.path}: is quantized already", expected="a run in float32")
    plain = Path(fspath(path))
    target = plain.parent / f"{plain.resolve().name}-int8" if out is None else Path(out)
    before: Model[Any, Any] = load(run.path)
    rounded: Model[Any, Any] = load(run.path, weights="int8")
    arrays, facts = run.read_arrays(WEIGHTS)
    change: Change | str
    try:
        change = before.task.part("certify").changed(before, rounded)
    except InputError as error:  # of its own data, which may be gone
        change = error.got
    new = Run.create(target, overwrite=overwrite, reading=[run.path / CONFIG])
    try:
        _copy(run, new, quantized(arrays, rounded.network.matrices), facts)
        sizes = [(each.path / WEIGHTS).stat().st_size for each in (run, new)]
        held = {"from": run.name, "weights": "int8", **_held(sizes[0], sizes[1], change)}
        new.write_json(QUANTIZED, held)
        if new.has(CARD):
            lines = "\n".join(f"- {line}" for line in lines_of(new)[1:])
            text = f"{new.read_text(CARD)}\n## Quantized to int8\n\n{lines}\n"
            new.write_text(CARD, text.replace(str(run.path), str(new.path)))
        # What is read to compare them is the run's own, of which no copy may go with the new one.
        rounded._network = load(new.path).network
        certificate = Certificate.of(before.task.part("certify").comparisons(rounded, None))
        new.write_json(CERTIFICATE, certificate.to_json())
    except BaseException:
        new.remove()
        raise
    new.settle()
    return Quantized(target, sizes[0], sizes[1], change, certificate)


def _copy(run: Run, new: Run, arrays: Arrays, facts: Mapping[str, Any]) -> None:
    """Every file of a run, written for another one, with these weights."""
    new.write_json(CONFIG, run.read_json(CONFIG))
    for name, content in run.files().items():
        if name in (CONFIG, CERTIFICATE):
            continue
        if name == WEIGHTS:
            new.write_arrays(name, arrays, facts)
        elif name.endswith(".json"):
            new.write_json(name, run.read_json(name))
        elif name.endswith(".safetensors"):
            new.write_arrays(name, *run.read_arrays(name))
        else:
            new.write_bytes(name, content)
