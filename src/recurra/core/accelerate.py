"""torch.nn's own recurrent modules, made to run on the native kernels: for any PyTorch model.

A module is swapped by giving it a class derived from its own. It stays the same object: parameters,
state_dict keys, hooks, ties, the optimiser's references and `isinstance` all hold. Where the
kernels cannot help (autocast, a compiler, a transform, odd arguments) torch's forward runs.
torch.jit.script compiles torch's own layers, and torch.fx has swapped ones as leaves.
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
from recurra.core.conversion import stood_in, unpacked
from recurra.core.dropout import drop
from recurra.core.projection import SAVED
from recurra.core.ragged import Ragged
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

        report = recurra.accelerate(network)
        print(report.swapped, dict(report.left))

    Args:
        swapped: those that now run on the native kernels.
        left: recurrent modules that are as they were, and why.
    """

    swapped: tuple[str, ...]
    left: Mapping[str, str]


CELLS_TO = 256
"""Units up to which cells called step by step are faster on our kernels (see docs/tried.md)."""


def accelerate(model: nn.Module) -> Accelerated:
    """Swap every torch.nn.RNN, GRU and LSTM inside a model for one on our kernels, in place.

        recurra.accelerate(network)  # any torch.nn.Module
        network(ids)

    GRUCell and LSTMCell too. All that is recurrent and stays as it is is listed with the reason.

    Weights, state_dict keys and the way they are called stay torch.nn's: batch_first or not,
    states (L*D, B, H), PackedSequence in and out. A model saved whole (not as a state_dict) needs
    recurra to be loaded.

    Args:
        model: any module; shared modules are swapped once, under their first name.
    """
    swapped: list[str] = []
    left: dict[str, str] = {}
    for name, module in model.named_modules():
        kind = getattr(module, "original_name", type(module).__name__)
        if isinstance(module, torch.jit.ScriptModule):
            if kind in _NAMES:
                left[name] = "it is scripted: swap before torch.jit.script"
        elif type(module).__module__.startswith("torch.ao.nn.") and kind in _NAMES:
            left[name] = "it is quantized"
        elif isinstance(module, (nn.RNNBase, nn.RNNCellBase)):
            why = _refusal(module)
            if why:
                left[name] = why
            else:
                module.__class__ = _SWAPS[type(module)]  # type: ignore[assignment]
                swapped.append(name)
    return Accelerated(tuple(swapped), MappingProxyType(left))


class _AsTorchs(type):
    """Equal to the class it derives from, for those who look classes up: quantize_dynamic does."""

    def __eq__(cls, other: object) -> bool:
        return other is cls or other is cls.__bases__[0]

    def __hash__(cls) -> int:
        return hash(cls.__bases__[0])


class SwappedRNN(nn.RNN, metaclass=_AsTorchs):
    """torch.nn.RNN on the native kernels; made by `accelerate`."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Run as torch.nn.RNN does."""
        found = _run(self, input, hx)
        return super().forward(input, hx) if found is None else found

    def __prepare_scriptable__(self) -> nn.Module:
        return _torchs(self)


class SwappedGRU(nn.GRU, metaclass=_AsTorchs):
    """torch.nn.GRU on the native kernels; made by `accelerate`."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Run as torch.nn.GRU does."""
        found = _run(self, input, hx)
        return super().forward(input, hx) if found is None else found

    def __prepare_scriptable__(self) -> nn.Module:
        return _torchs(self)


class SwappedLSTM(nn.LSTM, metaclass=_AsTorchs):
    """torch.nn.LSTM on the native kernels; made by `accelerate`."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Run as torch.nn.LSTM does."""
        found = _run(self, input, hx)
        return super().forward(input, hx) if found is None else found

    def __prepare_scriptable__(self) -> nn.Module:
        return _torchs(self)


class SwappedGRUCell(nn.GRUCell, metaclass=_AsTorchs):
    """torch.nn.GRUCell on the native kernels; made by `accelerate`."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Run as torch.nn.GRUCell does."""
        found = _step(self, cells.GRU, input, hx)
        return super().forward(input, hx) if found is None else found

    def __prepare_scriptable__(self) -> nn.Module:
        return _torchs(self)


class SwappedLSTMCell(nn.LSTMCell, metaclass=_AsTorchs):
    """torch.nn.LSTMCell on the native kernels; made by `accelerate`."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Run as torch.nn.LSTMCell does."""
        found = _step(self, cells.LSTM, input, hx)
        return super().forward(input, hx) if found is None else found

    def __prepare_scriptable__(self) -> nn.Module:
        return _torchs(self)


_SWAPS: Mapping[type[nn.Module], type[nn.Module]] = MappingProxyType(
    {
        nn.RNN: SwappedRNN,
        nn.GRU: SwappedGRU,
        nn.LSTM: SwappedLSTM,
        nn.GRUCell: SwappedGRUCell,
        nn.LSTMCell: SwappedLSTMCell,
    }
)

_NAMES = ("RNN", "GRU", "LSTM", "RNNCell", "GRUCell", "LSTMCell")


def _torchs(module: nn.Module) -> nn.Module:
    """Return torch's own module of the same tensors, which is what torch.jit.script compiles."""
    found: nn.Module = object.__new__(type(module).__bases__[0])
    vars(found).update(vars(module))
    return found


def _refusal(module: nn.RNNBase | nn.RNNCellBase) -> str:
    """Return why a module is left as it is, or an empty string."""
    if absent:
        return absent
    if isinstance(type(module), _AsTorchs):
        return "it is swapped already"
    if type(module) is nn.RNNCell:
        return "torch's is as fast: one step of it is two products and a tanh"
    if type(module) not in _SWAPS:
        return f"{type(module).__name__} is not torch.nn's own class, and may do more"
    if isinstance(module, nn.RNNCellBase) and module.hidden_size > CELLS_TO:
        return f"torch is faster, step by step, from {CELLS_TO} units on"
    narrow = isinstance(module, nn.RNNBase) and module.proj_size
    if narrow and module.hidden_size - narrow > SAVED:
        return f"torch is faster where a projection saves more than {SAVED} units"
    for parameter in module.parameters():
        if parameter.device.type != "cpu":
            return f"its weights are on {parameter.device}, the native kernels run on the CPU"
        if parameter.dtype not in (torch.float32, torch.float64):
            return f"its weights are {parameter.dtype}, the native kernels take float32 and float64"
    return ""


def _step(module: nn.RNNCellBase, cell: Cell[Any], given: Any, hx: Any) -> Any:
    """Return what a cell's forward gives, or None where torch has to run or to complain."""
    if torch.compiler.is_compiling():
        return None
    if not isinstance(given, Tensor) or given.dim() not in (1, 2) or not given.numel():
        return stood_in(module, given, (given, hx), {})
    alone = given.dim() == 1
    x = given[None, None] if alone else given[:, None]
    weights = Weights(module.weight_ih, module.weight_hh, module.bias_ih, module.bias_hh)
    leaves = [] if hx is None else list(hx) if isinstance(hx, (tuple, list)) else [hx]
    wanted = (*given.shape[:-1], module.hidden_size)
    pair = cell == cells.LSTM
    if hx is not None and (len(leaves) != 1 + pair or isinstance(hx, Tensor) == pair):
        return None
    if any(not isinstance(leaf, Tensor) or leaf.shape != wanted for leaf in leaves):
        return None
    if any(leaf.dtype != given.dtype for leaf in (*leaves, weights.hidden)):
        return None
    if given.shape[-1] != module.input_size or choose(cell, x, weights).name != "native":
        return None
    first = cell.state_type(*(leaf[None] if alone else leaf for leaf in leaves)) if leaves else None
    found = [leaf[0] if alone else leaf for leaf in scan(cell, x, weights, first).state.leaves()]
    return tuple(found) if len(found) > 1 else found[0]


def _run(module: nn.RNNBase, given: Any, hx: Any) -> Any:
    """Return what the module's forward gives, or None where torch has to run or to complain."""
    if torch.compiler.is_compiling():
        return None
    packed = given if isinstance(given, PackedSequence) else None
    values = given.data if packed is not None else given
    dims = (2,) if packed is not None else (2, 3)
    if not isinstance(values, Tensor) or values.dim() not in dims or not values.numel():
        return stood_in(module, given, (given, hx), {})
    if values.shape[-1] != module.input_size:
        return None
    alone = packed is None and values.dim() == 2
    pack = None
    x: Tensor | Ragged
    if packed is not None:
        x, pack = unpacked(packed)
    else:
        x = values[None] if alone else values if module.batch_first else values.transpose(0, 1)
        if module.batch_first and torch.is_grad_enabled():
            x = x.clone()  # as torch: whoever adds the output to the input in place may do so
    layers = [_layer(module, each) for each in module.all_weights]
    cell, weights = layers[0]
    if values.dtype != weights.hidden.dtype or choose(cell, x, weights).name != "native":
        return None
    batch = x.batch if isinstance(x, Ragged) else x.shape[0]
    first = _leaves(module, hx, batch, alone, values.dtype)
    if first is None:
        return None
    output, last = _climb(module, x, layers, first)
    if pack is not None:
        top: Any = pack(output)
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
