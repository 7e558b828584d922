"""A layer over the same rows again and again while its weights move: no graph, no new memory.

Where a network is small, to record a graph and to walk it take as long as its numbers do, and a
loss of the last hidden state needs neither: a vector-Jacobian product is enough.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, final

import torch
from torch import Tensor
from torch.nn.utils import parameters_to_vector
from torch.nn.utils.parametrize import is_parametrized

from recurra.core.cells import Weights
from recurra.core.layers import Recurrent
from recurra.core.native_path import NUMBERS
from recurra.core.scan import choose
from recurra.core.validation import check_input
from recurra.errors import OptionError
from recurra.native.binding import LSTM as WITH_CELL
from recurra.native.binding import kernels


class VectorJacobian(ABC):
    """Rows x (B, T, F), B and T at least 1, walked from what a row begins with as often as wanted.

    `forward` gives the last hidden state (B, H), and `vjp` what a slope (B, H) on it comes down to:
    the gradient of all of the layer's parameters, end to end (N,). Both results are overwritten by
    the next call.
    """

    @abstractmethod
    def forward(self) -> Tensor:
        """Return the last hidden state (B, H) of the weights as they are now."""

    @abstractmethod
    def vjp(self, slope: Tensor) -> Tensor:
        """Return the gradient (N,) at the weights of the last walk, which must still be theirs.

        Raises:
            OptionError: the slope does not have the state's shape and dtype.
        """


def again(layer: Recurrent[Any], x: Tensor) -> VectorJacobian:
    """Prepare rows x (B, T, F): for the kernels where they can, for autograd where not.

    The kernels take one layer in one direction. Its weights may be written to, not replaced.

    Raises:
        OptionError: x does not fit the layer, or is empty.
    """
    check_input(x, layer._weight("weight_ih_l0"), None)
    if not x.numel():
        raise OptionError(f"rows of shape {tuple(x.shape)}", expected="at least one row and step")
    alone = layer.num_layers * layer.directions == 1
    if alone and layer.plain and not is_parametrized(layer):
        weights = Weights(*[each.detach() for each in layer.parameters()])
        dense = all(each is None or each.is_contiguous() for each in weights)
        if dense and choose(layer.cell, x, weights).name == "native":
            return _Native(layer, x, weights)
    return _Graph(layer, x)


@final
class _Native(VectorJacobian):
    def __init__(self, layer: Recurrent[Any], x: Tensor, weights: Weights) -> None:
        number, (batch, steps, features), hidden = NUMBERS[layer.cell], x.shape, layer.hidden_size
        x = x.detach().resolve_neg().contiguous()
        lstm, given = number == WITH_CELL, [each for each in weights if each is not None]
        self.state, self.gradient = x.new_empty(batch, hidden), parameters_to_vector(given)
        out = x.new_empty(batch, steps, hidden)
        cells, cell = (
            (torch.empty_like(out), torch.empty_like(self.state)) if lstm else (None, None)
        )
        saved = x.new_empty(batch, steps, 4 * hidden) if number >= 2 else None
        pieces = iter(torch.split(self.gradient, [each.numel() for each in given]))
        gradients = [None if each is None else next(pieces) for each in weights]
        self.kept = (x, weights, out, cells, cell, saved)  # whose numbers the kernels go to
        self.problem = kernels.Problem(
            wide=x.dtype == torch.float64, reverse=False, time_first=False, cell=number,
            batch=batch, steps=steps, features=features, hidden=hidden,
            threads=torch.get_num_threads(),
        )  # fmt: skip
        self.tensors = kernels.Tensors(
            x=x, w_ih=weights.input, w_hh=weights.hidden, b_ih=weights.input_bias,
            b_hh=weights.hidden_bias, out=out, cells=cells, saved=saved, hn=self.state, cn=cell,
        )  # fmt: skip
        self.gradients = gradients

    def forward(self) -> Tensor:
        kernels.forward(self.problem, self.tensors, None)
        return self.state

    def vjp(self, slope: Tensor) -> Tensor:
        _check(slope, self.state)
        slope = slope.detach().resolve_neg().contiguous()
        dw_ih, dw_hh, db_ih, db_hh = self.gradients
        gradients = kernels.Gradients(
            dhn=slope, dw_ih=dw_ih, dw_hh=dw_hh, db_ih=db_ih, db_hh=db_hh
        )  # fmt: skip
        kernels.backward(self.problem, self.tensors, gradients)
        return self.gradient


@final
class _Graph(VectorJacobian):
    def __init__(self, layer: Recurrent[Any], x: Tensor) -> None:
        self.layer, self.x, self.parameters = layer, x.detach(), list(layer.parameters())

    def forward(self) -> Tensor:
        with torch.enable_grad():
            self.state: Tensor = self.layer(self.x)[1].hidden[:, -1]
        found: Tensor = self.state.detach()
        return found

    def vjp(self, slope: Tensor) -> Tensor:
        _check(slope, self.state)
        found: Tensor = parameters_to_vector(
            torch.autograd.grad(self.state, self.parameters, slope, retain_graph=True)
        )
        return found


def _check(slope: Tensor, state: Tensor) -> None:
    if (slope.shape, slope.dtype, slope.device) != (state.shape, state.dtype, state.device):
        raise OptionError(
            f"a slope of shape {tuple(slope.shape)}, {slope.dtype}, on {slope.device}",
            expected=f"{tuple(state.shape)}, {state.dtype}, on {state.device}: the state's",
        )
