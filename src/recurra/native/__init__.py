"""The recurrence in C++, forward and backward, and its thin binding; no torch in it.

`Prepared` steps and runs a layer on NumPy arrays. Layers on torch tensors come through
`core/native_path.py`. Where no compiler was at hand when recurra was installed the kernels are
missing: `absent` then says why, and everything else takes torch's way.
"""

from __future__ import annotations

from recurra.native.arrays import Prepared, Ran
from recurra.native.binding import absent, instructions

__all__ = ["Prepared", "Ran", "absent", "instructions"]
