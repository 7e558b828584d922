"""The parameters of one layer and direction: names, shapes, first values, what they make up."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import Any, Generic, NamedTuple, TypeVar

from torch import Tensor, nn

from recurra.core.cells import Cell, RNNCell, Weights
from recurra.core.state import LSTMState, State
from recurra.core.variants import LayerNormGRU, LayerNormLSTM, LayerNormRNN, Projected, Zoneout

S = TypeVar("S", bound=State)

Shapes = dict[str, tuple[int, ...]]

BEGUN: Mapping[str, float] = {
    "gain": 1.0, "gain_ih": 1.0, "gain_hh": 1.0, "gain_c": 1.0, "shift_c": 0.0, "h0": 0.0, "c0": 0.0
}  # fmt: skip
"""First values of those that torch.nn does not have; the others are drawn."""


def shapes(
    cell: Cell[Any],
    features: int,
    units: int,
    hidden: int,
    *,
    bias: bool,
    layer_norm: bool,
    learn_state: bool,
) -> Shapes:
    """Return the shapes by name, without the suffix that says layer and direction.

    torch.nn's come first, in its order; rows are G*H, G the cell's gates:

        weight_ih (G*H, F), weight_hh (G*H, P), bias_ih, bias_hh (G*H,), weight_hr (P, H)
        gain_ih, gain_hh (G*H,), or one gain (H,) for an RNN; gain_c, shift_c (H,) for an LSTM
        h0 (P,), c0 (H,)

    Args:
        cell: of the kind RNN, GRU or LSTM.
        features: F.
        units: H.
        hidden: P, the size of the hidden state: H where it is not projected.
        bias: with biases, which are also what layer normalisation shifts by.
        layer_norm: with gains.
        learn_state: with a first state.
    """
    rows = (cell.gates * units,)
    lstm = cell.state_type is LSTMState
    found: Shapes = {"weight_ih": (*rows, features), "weight_hh": (*rows, hidden)}
    if bias:
        found |= {"bias_ih": rows, "bias_hh": rows}
    if hidden != units:
        found["weight_hr"] = (hidden, units)
    if layer_norm:
        found |= {"gain": rows} if cell.gates == 1 else {"gain_ih": rows, "gain_hh": rows}
        if lstm:
            found["gain_c"] = (units,)
            if bias:
                found["shift_c"] = (units,)
    if learn_state:
        found["h0"] = (hidden,)
        if lstm:
            found["c0"] = (units,)
    return found


@cache
def plain_names(layers: int, bidirectional: bool, bias: bool) -> tuple[tuple[str, ...], ...]:
    """Return the names of a plain network's parameters, in torch.nn's order, for each of L*D."""
    ways = ("", "_reverse") if bidirectional else ("",)
    names = ("weight_ih", "weight_hh", *(("bias_ih", "bias_hh") if bias else ()))
    return tuple(
        tuple(f"{name}_l{layer}{way}" for name in names) for layer in range(layers) for way in ways
    )


def kind(name: str) -> str:
    """Return a parameter's name without its layer and direction: weight_hh of weight_hh_l0."""
    return name.partition("_l")[0]


def reset(parameters: Mapping[str, Tensor], units: int) -> None:
    """Draw the parameters as torch.nn does, in its order, and begin gains and states as they are.

    U(-1/sqrt(H), 1/sqrt(H)); gains are 1, shifts of the cell state and first states 0.
    """
    bound = 1 / math.sqrt(units)
    for name, parameter in parameters.items():
        value = BEGUN.get(kind(name))
        if value is None:
            nn.init.uniform_(parameter, -bound, bound)
        else:
            nn.init.constant_(parameter, value)


class Parts(NamedTuple, Generic[S]):
    """The cell and the weights of one layer and direction; rows begin with `fresh`, or zeros."""

    cell: Cell[S]
    weights: Weights
    fresh: S | None


def assemble(
    cell: Cell[S], found: Mapping[str, Tensor], zoneout: float, training: bool
) -> Parts[S]:
    """Return the cell and the weights of a layer, whose parameters are named as in `shapes`.

    Args:
        cell: of the kind RNN, GRU or LSTM, without options.
        found: the parameters.
        zoneout: the share of units that keep their value; drawn in training.
        training: or evaluation.
    """
    get = found.get
    whole: Cell[Any] = cell
    weights = Weights(found["weight_ih"], found["weight_hh"], get("bias_ih"), get("bias_hh"))
    if "gain" in found or "gain_ih" in found:
        whole, weights = _normed(cell, found, weights), Weights(weights.input, weights.hidden)
    if "weight_hr" in found:
        whole = Projected(whole, found["weight_hr"])
    if zoneout:
        whole = Zoneout(whole, zoneout, training)
    leaves = [found[name] for name in ("h0", "c0") if name in found]
    fresh: Any = cell.state_type(*leaves) if leaves else None
    return Parts(whole, weights, fresh)


def _normed(cell: Cell[Any], found: Mapping[str, Tensor], weights: Weights) -> Cell[Any]:
    """Return the cell with layer normalisation, whose shifts are the biases of `weights`."""
    _, _, shift_x, shift_h = weights
    if isinstance(cell, RNNCell):
        shift = None if shift_x is None or shift_h is None else shift_x + shift_h
        return LayerNormRNN(cell, found["gain"], shift)
    x, h = found["gain_ih"], found["gain_hh"]
    if "gain_c" not in found:
        return LayerNormGRU(x, h, shift_x, shift_h)
    return LayerNormLSTM(x, h, found["gain_c"], shift_x, shift_h, found.get("shift_c"))
