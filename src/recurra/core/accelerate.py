"""torch.nn's own recurrent modules, made to run on the native kernels: for any PyTorch model.

A module is swapped by giving it a class derived from its own. It stays the same object: parameters,
state_dict keys, hooks, ties, the optimiser's references and `isinstance` all hold. Where the
kernels cannot help (autocast, a compiler, a transform, odd arguments) torch's forward runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from recurra.core import cells
from recurra.core.arguments import Scanned
from recurra.core.cells import Cell, Weights
from recurra.core.dropout import drop
from recurra.core.projection import SAVED
from recurra.core.ragged import Ragged, inverse, take, unpacking
from recurra.core.scan import choose, scan
from recurra.core.stacked import forward
from recurra.core.variants import Projected
from recurra.native.binding import absent

_CELLS: Mapping[str, Cell[Any]] = MappingProxyType(
    {
        "RNN_TANH": cells.RNN_TANH,
        "RNN_RELU": cells.RNN_RELU,
        "GRU": cells.GRU,
        "LSTM": cells.LSTM,
    }
)


@final
@dataclass(frozen=True)
class Accelerated:
    """What `accelerate` did: names of modules as in `named_modules` ("" is the model itself).

    Args:
        swapped: those that now run on the native kernels.
        left: recurrent modules that are as they were, and why.
    """

    swapped: tuple[str, ...]
    left: Mapping[str, str]


def accelerate(model: nn.Module) -> Accelerated:
    """Swap every torch.nn.RNN, GRU and LSTM inside a model for one on our kernels, in place.

    Weights, state_dict keys and the way they are called stay torch.nn's: batch_first or not,
    states (L*D, B, H), PackedSequence in and out. A model saved whole (not as a state_dict) needs
    recurra to be loaded.

    Args:
        model: any module; shared modules are swapped once, under their first name.
    """
    swapped: list[str] = []
    left: dict[str, str] = {}
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            if getattr(module, "original_name", "") in ("RNN", "GRU", "LSTM"):
                left[name] = "it is scripted: swap before torch.jit.script"
        elif isinstance(module, nn.RNNBase):
            why = _refusal(module)
            if why:
                left[name] = why
            else:
                module.__class__ = _SWAPS[type(module)]
                swapped.append(name)
    return Accelerated(tuple(swapped), MappingProxyType(left))


class SwappedRNN(nn.RNN):
    """torch.nn.RNN on the native kernels; made by `accelerate`."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Run as torch.nn.RNN does."""
        found = _run(self, input, hx)
        return super().forward(input, hx) if found is None else found


class SwappedGRU(nn.GRU):
    """torch.nn.GRU on the native kernels; made by `accelerate`."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Run as torch.nn.GRU does."""
        found = _run(self, input, hx)
        return super().forward(input, hx) if found is None else found


class SwappedLSTM(nn.LSTM):
    """torch.nn.LSTM on the native kernels; made by `accelerate`."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Run as torch.nn.LSTM does."""
        found = _run(self, input, hx)
        return super().forward(input, hx) if found is None else found


_SWAPS: Mapping[type[nn.RNNBase], type[nn.RNNBase]] = MappingProxyType(
    {nn.RNN: SwappedRNN, nn.GRU: SwappedGRU, nn.LSTM: SwappedLSTM}
)


def _refusal(module: nn.RNNBase) -> str:
    """Return why a module is left as it is, or an empty string."""
    if absent:
        return absent
    if type(module) in _SWAPS.values():
        return "it is swapped already"
    if type(module) not in _SWAPS:
        return f"{type(module).__name__} is not torch.nn's own class, and may do more"
    if module.proj_size and module.hidden_size - module.proj_size > SAVED:
        return f"torch is faster where a projection saves more than {SAVED} units"
    for parameter in module.parameters():
        if parameter.device.type != "cpu":
            return f"its weights are on {parameter.device}, the native kernels run on the CPU"
        if parameter.dtype not in (torch.float32, torch.float64):
            return f"its weights are {parameter.dtype}, the native kernels take float32 and float64"
    return ""


def _run(module: nn.RNNBase, given: Any, hx: Any) -> tuple[Any, Any] | None:
    """Return what the module's forward gives, or None where torch has to run or to complain."""
    if torch.compiler.is_compiling():
        return None
    packed = given if isinstance(given, PackedSequence) else None
    values = given.data if packed is not None else given
    dims = (2,) if packed is not None else (2, 3)
    if not isinstance(values, Tensor) or values.dim() not in dims or not values.numel():
        return None
    if values.shape[-1] != module.input_size:
        return None
    alone = packed is None and values.dim() == 2
    back = None
    x: Tensor | Ragged
    if packed is not None:
        lengths, where = unpacking(packed)
        x, back = Ragged(take(packed.data, where), lengths), inverse(where)
    else:
        x = values[None] if alone else values if module.batch_first else values.transpose(0, 1)
    layers = [_layer(module, each) for each in module.all_weights]
    cell, weights = layers[0]
    if values.dtype != weights.hidden.dtype or choose(cell, x, weights).name != "native":
        return None
    batch = x.batch if isinstance(x, Ragged) else x.shape[0]
    first = _leaves(module, hx, batch, alone, values.dtype)
    if first is None:
        return None
    output, last = _climb(module, x, layers, first)
    if back is not None and isinstance(output, Ragged) and packed is not None:
        data = take(output.values, back)
        top: Any = PackedSequence(
            data, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices
        )
    elif alone:
        top, last = output[0], [leaf[:, 0] for leaf in last]
    else:
        # As torch's, in one piece where time comes first: callers take views of it.
        top = output if module.batch_first else output.transpose(0, 1).contiguous()
    return top, tuple(last) if len(last) > 1 else last[0]


def _leaves(
    module: nn.RNNBase, hx: Any, batch: int, alone: bool, dtype: torch.dtype
) -> list[Tensor | None] | None:
    """Return the first state's leaves (L*D, B, H), None for each where there is no state.

    None alone stands for a state that torch has to complain of.
    """
    count = 2 if module.mode == "LSTM" else 1
    if hx is None:
        return [None] * count
    given = list(hx) if isinstance(hx, (tuple, list)) else [hx]
    layers = module.num_layers * (2 if module.bidirectional else 1)
    sizes = (module.proj_size or module.hidden_size, module.hidden_size)
    if len(given) != count or isinstance(hx, Tensor) != (count == 1):
        return None
    found: list[Tensor | None] = []
    for leaf, size in zip(given, sizes, strict=False):
        wanted = (layers, batch, size)
        if not isinstance(leaf, Tensor) or leaf.dtype != dtype or leaf.device.type != "cpu":
            return None
        wide = leaf.unsqueeze(1) if alone and leaf.dim() == 2 else leaf
        if tuple(wide.shape) != wanted or (alone and leaf.dim() != 2):
            return None
        found.append(wide)
    return found


def _layer(module: nn.RNNBase, given: Sequence[Tensor]) -> tuple[Cell[Any], Weights]:
    """Return the cell and the weights of one layer and direction, of the module's tensors."""
    cell = _CELLS[module.mode]
    if not module.proj_size:
        return cell, Weights(*given)
    *weights, weight_hr = given
    return Projected(cell, weight_hr), Weights(*weights)


def _climb(
    module: nn.RNNBase,
    x: Any,
    layers: list[tuple[Cell[Any], Weights]],
    first: list[Tensor | None],
) -> tuple[Any, list[Tensor]]:
    """Return the top layer's output and the last state's leaves, (L*D, B, H)."""
    directions = 2 if module.bidirectional else 1

    def step(below: Any, k: int) -> Scanned[Any, Any]:
        cell, weights = layers[k]
        leaves = [leaf[k] for leaf in first if leaf is not None]
        state = cell.state_type(*leaves) if leaves else None
        return scan(cell, below, weights, state, reverse=k % directions == 1)

    share = module.dropout if module.training else 0.0
    between = partial(drop, share=share) if share else None
    top, results = forward(x, len(layers), directions, step, between)
    found = zip(*(result.state.leaves() for result in results), strict=True)
    return top, [torch.stack(leaves) for leaves in found]
