"""The compiled kernels, or why there are none.

They take addresses and sizes and check nothing: `arrays.py` (NumPy), `core/native_path.py` and
`core/again.py` (torch) are their only callers, and check all.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from recurra.native import _native

    kernels = _native
    absent: str = ""
else:
    kernels: ModuleType | None = None
    absent = ""
    try:
        from recurra.native import _native as kernels
    except ModuleNotFoundError:
        absent = "the native kernels are not built here"
    except ImportError as error:
        absent = f"the native kernels do not load: {error}"

CELLS: Final = {"rnn_tanh": 0, "rnn_relu": 1, "gru": 2, "lstm": 3}
"""The kernels' numbers of the cells."""

GATES: Final = (1, 1, 3, 4)
"""Gates by a cell's number."""

BATCH_FIRST: Final = 0
"""Rows lie as (B, T, ...)."""

RAGGED: Final = 2
"""Rows lie end to end, (N, ...)."""

LSTM: Final = CELLS["lstm"]
"""The cell with two states."""


def instructions() -> str | None:
    """Return the instruction set that the kernels run on here, None where they are not built."""
    return None if absent else kernels.isa()
