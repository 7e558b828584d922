"""What was shown equal to what, and by how much: the runtime's ways to each other, and to torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, final

import numpy as np

from recurra import native
from recurra.runtime.state import Array

CERTIFICATE: Final = "certificate.json"

BY_TORCH: Final = "torch = runtime, nats"
"""The comparison with what torch says, of the tasks that choose among classes or tokens."""

TOLERANCE: Final = 1e-4
"""Nats by which the runtime may differ from torch in float32, as both round in their own order."""

NARROW: Final = 0.05
"""The same where weights are kept in bfloat16, whose numbers have 8 bits of precision."""


@final
@dataclass(frozen=True)
class Check:
    """One comparison.

    Args:
        name: what was compared with what.
        difference: the largest between the two; None where it could not be shown.
        allowed: how large it may be; 0 means equal to the last bit.
        note: on how much data, or why it could not be shown.
    """

    name: str
    difference: float | None
    allowed: float
    note: str

    @property
    def held(self) -> bool | None:
        """Whether it holds; None where it could not be shown."""
        return None if self.difference is None else self.difference <= self.allowed


@final
@dataclass(frozen=True)
class Certificate:
    """All comparisons of one run on one machine."""

    checks: tuple[Check, ...]
    kernels: str

    @classmethod
    def of(cls, checks: Sequence[Check]) -> Certificate:
        """Those of this machine."""
        return cls(tuple(checks), native.instructions() or f"NumPy ({native.absent})")

    @property
    def held(self) -> bool:
        """Whether nothing was found that does not hold."""
        return all(check.held is not False for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """The comparisons as plain values."""
        checks = [asdict(check) | {"held": check.held} for check in self.checks]
        return {"held": self.held, "kernels": self.kernels, "checks": checks}

    def sentence(self) -> str:
        """What it says, in one sentence."""
        failed = [check.name for check in self.checks if check.held is False]
        unknown = [check.name for check in self.checks if check.held is None]
        if failed:
            return f"Certificate: NOT HELD: {'; '.join(failed)}."
        shown = f"Certificate: {len(self.checks) - len(unknown)} comparisons held"
        by_torch = (c for c in self.checks if c.name.startswith("torch"))
        torch = next((c for c in by_torch if c.difference is not None), None)
        if torch is not None:
            shown += f"; {torch.name}: {torch.difference:.1e} at most"
        return shown + (f"; not shown: {'; '.join(unknown)}." if unknown else ".")


def equal(name: str, one: Sequence[Array], other: Sequence[Array], note: str) -> Check:
    """Whether arrays are equal to the last bit, where both are NaN or of the same infinity too.

    Without compiled kernels, where nothing promises the last bit, within `TOLERANCE`.
    """
    return Check(name, _difference(one, other), 0.0 if native.compiled else TOLERANCE, note)


def close(
    name: str, one: Sequence[Array], other: Sequence[Array], note: str, allowed: float = TOLERANCE
) -> Check:
    """Whether arrays are equal within so much."""
    return Check(name, _difference(one, other), allowed, note)


def likeliest_as_torch(
    theirs: Sequence[Array], ours: Sequence[Array], note: str, allowed: float
) -> list[Check]:
    """Log-probabilities (N, V) of the runtime beside torch's: how far away, and the likeliest."""
    # Where the likeliest differ, they have to be as likely within what is allowed.
    away = [
        mine.max(1) - mine[np.arange(len(mine)), other.argmax(1)]
        for mine, other in zip(ours, theirs, strict=True)
    ]
    even = [np.zeros_like(each) for each in away]
    return [
        close(BY_TORCH, theirs, ours, note, allowed),
        close("torch's likeliest = runtime's", away, even, note, 2 * allowed),
    ]


def not_shown(name: str, why: str) -> Check:
    """A comparison that could not be made."""
    return Check(name, None, 0.0, why)


def _difference(one: Sequence[Array], other: Sequence[Array]) -> float:
    most = 0.0
    for a, b in zip(one, other, strict=True):
        if a.shape != b.shape:
            return float("inf")
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        with np.errstate(invalid="ignore"):
            off = np.abs(np.where(same, 0.0, a.astype(np.float64) - b.astype(np.float64)))
        if off.size:
            most = max(most, float(np.nan_to_num(off, nan=np.inf).max()))
    return most


def from_json(value: Mapping[str, Any]) -> Certificate:
    """The certificate that `to_json` wrote."""
    names = ("name", "difference", "allowed", "note")
    checks = tuple(Check(*(each[name] for name in names)) for each in value["checks"])
    return Certificate(checks, str(value["kernels"]))
