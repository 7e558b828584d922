"""The recurrence in C++, forward and backward, and its thin binding; no torch in it.

`Prepared` steps and runs a layer on NumPy arrays, `Linear` is a product with a bias and what is
wanted of logits, `Stack` writes with both, `attend` and `mix` read a source. Layers on torch
tensors come through `core/native_path.py`. Where no compiler was at hand when recurra was installed
the kernels are missing: `absent` then says why, these names but `Stack` do the same in NumPy, and
all else takes torch's way.
"""

from __future__ import annotations

from recurra.native.arrays import Prepared, Ran
from recurra.native.attention import attend, mix
from recurra.native.binding import absent, compiled, instructions
from recurra.native.linear import Linear, Top
from recurra.native.stack import Stack

__all__ = [
    "Linear", "Prepared", "Ran", "Stack", "Top", "absent", "attend", "compiled", "instructions",
    "mix",
]  # fmt: skip
