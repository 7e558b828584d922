"""Whether input, state and weights fit each other: checked once where they come in."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from recurra.core.cells import Cell, Weights
from recurra.core.ragged import Ragged
from recurra.core.variants import units
from recurra.errors import OptionError


def check_input(x: Tensor | Ragged, weight: Tensor, resets: Tensor | None) -> None:
    """Check input and resets against an input weight (G*H, F).

    Raises:
        OptionError: they do not fit.
    """
    features = weight.shape[-1]
    if isinstance(x, Ragged):
        values, batch, steps, fits = x.values, x.batch, x.steps, x.values.dim() == 2
    else:
        values, fits = x, x.dim() == 3
        batch, steps = (x.shape[0], x.shape[1]) if fits else (0, 0)
    if not fits or values.shape[-1] != features:
        ragged = isinstance(x, Ragged)
        letters = "a Ragged with values (N, F) = (N, " if ragged else "(B, T, F) = (B, T, "
        raise OptionError(
            f"an input of shape {tuple(values.shape)}", expected=f"{letters}{features})"
        )
    if values.dtype != weight.dtype and not (
        torch.is_autocast_enabled(values.device.type) and values.is_floating_point()
    ):
        raise OptionError(
            f"an input of dtype {values.dtype}", expected=f"{weight.dtype}, as the weights"
        )
    if resets is not None and (resets.shape != (batch, steps) or resets.dtype != torch.bool):
        raise OptionError(
            f"resets of shape {tuple(resets.shape)} and {resets.dtype}",
            expected=f"(B, T) = {(batch, steps)} and torch.bool",
        )


def check_state(
    cell: Cell[Any], state: object, x: Tensor | Ragged, between: tuple[int, ...], hidden: int
) -> None:
    """Check a first state with leaves (B, *between, H), if there is one; hidden is its own H.

    Raises:
        OptionError: it is of another kind or shape.
    """
    if state is None:
        return
    if not isinstance(state, cell.state_type):
        raise OptionError(
            f"a first state of type {type(state).__name__}", expected=cell.state_type.__name__
        )
    values, batch = (x.values, x.batch) if isinstance(x, Ragged) else (x, x.shape[0])
    device = values.device
    for name, leaf in state.arrays().items():
        width = hidden if name == "hidden" else units(cell, hidden)
        wanted = (batch, *between, width)
        if leaf.shape != wanted or leaf.device != device:
            raise OptionError(
                f"a first state whose {name} has shape {tuple(leaf.shape)}, on {leaf.device}",
                expected=f"{'(B, L*D, H)' if between else '(B, H)'} = {wanted}, on {device}",
            )


def check_weights(cell: Cell[Any], weights: Weights, x: Tensor | Ragged) -> None:
    """Check weights against each other and against the features of x.

    Raises:
        OptionError: they do not fit.
    """
    w_ih, w_hh, b_ih, b_hh = weights
    hidden = w_hh.shape[-1]
    rows = cell.gates * units(cell, hidden)
    features = (x.values if isinstance(x, Ragged) else x).shape[-1]
    if (b_ih is None) != (b_hh is None):
        raise OptionError("one bias of two", expected="both or none")
    if (
        w_hh.shape != (rows, hidden)
        or w_ih.shape != (rows, features)
        or (b_ih is not None and b_ih.shape != (rows,))
        or (b_hh is not None and b_hh.shape != (rows,))
    ):
        raise OptionError(
            f"weights of shapes {[tuple(w.shape) for w in weights if w is not None]}",
            expected=f"(G*H, F), (G*H, H) and (G*H,) twice or not at all, G={cell.gates} and "
            f"F={features}",
        )
