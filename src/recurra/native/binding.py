"""The compiled kernels, or why there are none; and what runs inference, they or NumPy.

Their callers are the modules beside this one (NumPy), `core/native_path.py` and
`labs/training/vjp.py`.
RECURRA_NATIVE=off does without them, as if they were not built.
"""

from __future__ import annotations

import os
from types import ModuleType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from recurra.native import _native

    kernels = engine = _native
    absent: str = ""
else:
    from recurra.native import plain

    kernels: ModuleType | None = None
    absent = ""
    try:
        if os.environ.get("RECURRA_NATIVE") == "off":
            absent = "RECURRA_NATIVE=off asks for no native kernels"
        else:
            from recurra.native import _native as kernels
    except ModuleNotFoundError:
        absent = "the native kernels are not built here"
    except ImportError as error:
        absent = f"the native kernels do not load: {error}"
    engine: ModuleType = kernels or plain

compiled: Final = not absent
"""Whether the kernels run; else NumPy does what they do, slower."""

CELLS: Final = {"rnn_tanh": 0, "rnn_relu": 1, "gru": 2, "lstm": 3}
"""The kernels' numbers of the cells."""

GATES: Final = (1, 1, 3, 4)
"""Gates by a cell's number."""

LSTM: Final = CELLS["lstm"]
"""The cell with two states."""


def instructions() -> str | None:
    """Return the instruction set that the kernels run on here, None where they are not built."""
    return None if absent else kernels.isa()
