"""Windows as they are trained on: what `recurra.runtime.windows` says of them, in tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, final

import torch
from torch import Tensor
from torch.nn.functional import pad

from recurra.runtime import windows as runtime


@final
@dataclass(frozen=True, eq=False)
class Windows:
    """B origins: see `recurra.runtime.windows.Windows`."""

    values: Tensor
    present: Tensor
    past: Tensor
    known: Tensor
    static: Tensor
    unit: Tensor

    @classmethod
    def of(cls, windows: runtime.Windows, device: torch.device | str = "cpu") -> Windows:
        """These windows on a device."""
        w = windows
        arrays = (w.values, w.present, w.past, w.known, w.static, w.unit)
        return cls(*(torch.from_numpy(each).to(device) for each in arrays))

    def __len__(self) -> int:
        return len(self.unit)


class Beside(NamedTuple):
    """What is read beside the values at N steps, (B, N, ...): see `recurra.runtime.windows`."""

    known: Tensor
    past: Tensor
    observed: Tensor
    static: Tensor
    unit: Tensor

    @classmethod
    def of(cls, windows: Windows) -> Beside:
        """At each of the T + H steps of windows."""
        (batch, steps), both = windows.values.shape, windows.known.shape[1]
        # One step late, as it is known once it is over, and not beyond the origin.
        past = pad(windows.past, (0, 0, 1, both - steps - 1))
        observed = windows.values.new_zeros(batch, both)
        observed[:, 1 : steps + 1] = 1.0
        return cls(windows.known, past, observed, windows.static, windows.unit)
