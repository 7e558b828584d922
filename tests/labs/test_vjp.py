"""Rows walked again and again give what autograd gives, whatever runs them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.utils import parameters_to_vector
from torch.nn.utils.parametrizations import weight_norm

from laws import path
from recurra.errors import OptionError
from recurra.labs.training.vjp import again
from recurra.nn import GRU, LSTM, RNN

KINDS: dict[str, type[RNN] | type[GRU] | type[LSTM]] = {"RNN": RNN, "GRU": GRU, "LSTM": LSTM}


def by_autograd(layer: RNN | GRU | LSTM, x: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    with path("loop"):
        hidden = layer(x)[1].hidden[:, -1]
    gradients = torch.autograd.grad(hidden, list(layer.parameters()), slope)
    return hidden.detach(), parameters_to_vector(gradients)


def problem(seed: int = 0, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(6, 4, 3, generator=generator, dtype=dtype)
    return x, torch.randn(6, 5, generator=generator, dtype=dtype)


@pytest.mark.parametrize("which", ["", "native", "torch", "loop"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_state_and_gradient_are_the_loops_again_after_the_weights_moved(
    kind: str, bias: bool, which: str
) -> None:
    layer = KINDS[kind](3, 5, bias=bias, dtype=torch.float64)
    x, slope = problem()
    with path(which):
        rows = again(layer, x)
        for _ in range(3):
            hidden, gradient = by_autograd(layer, x, slope)
            torch.testing.assert_close(rows.forward(), hidden)
            for share in (1, 2):  # as often as wanted
                torch.testing.assert_close(rows.vjp(share * slope), share * gradient)
            with torch.no_grad():
                for each in layer.parameters():
                    each.add_(torch.randn_like(each), alpha=0.1)


@pytest.mark.parametrize(
    "layer",
    [
        GRU(3, 5, 2, dtype=torch.float64),
        LSTM(3, 5, bidirectional=True, dtype=torch.float64),
        weight_norm(LSTM(3, 5, dtype=torch.float64), "weight_hh_l0"),
        RNN(3, 5, nonlinearity="relu", dtype=torch.float64),
    ],
    ids=["two layers", "both ways", "parametrized", "relu"],
)
def test_layers_that_the_kernels_do_not_take_whole(layer: RNN | GRU | LSTM) -> None:
    x, slope = problem()
    rows = again(layer, x)
    hidden, gradient = by_autograd(layer, x, slope)
    torch.testing.assert_close(rows.forward(), hidden)
    torch.testing.assert_close(rows.vjp(slope), gradient)


@pytest.mark.parametrize(
    "options",
    [{"learn_state": True}, {"layer_norm": True}, {"zoneout": 0.2}, {"proj_size": 2}],
)
def test_the_options_of_a_layer_count(options: Any) -> None:
    layer = LSTM(3, 5, dtype=torch.float64, **options).eval()
    with torch.no_grad():  # some begin as 0 or 1
        for each in layer.parameters():
            each.copy_(0.5 * torch.randn_like(each))
    x, slope = problem()
    slope = slope[:, : layer.state_size]
    hidden, gradient = by_autograd(layer, x, slope)
    rows = again(layer, x)
    torch.testing.assert_close(rows.forward(), hidden)
    torch.testing.assert_close(rows.vjp(slope), gradient)


def test_rows_and_slopes_may_lie_anyhow() -> None:
    layer = LSTM(3, 5)
    x, slope = problem(dtype=torch.float32)
    rows, strided = again(layer, x), again(layer, x.transpose(0, 1).contiguous().transpose(0, 1))
    assert torch.equal(rows.forward(), strided.forward())
    first = rows.vjp(slope).clone()
    assert torch.equal(first, strided.vjp(slope.T.contiguous().T))


@pytest.mark.parametrize("which", ["", "torch"])
def test_what_does_not_fit_is_refused(which: str) -> None:
    layer = LSTM(3, 5)
    x, slope = problem(dtype=torch.float32)
    with path(which):
        for wrong in (x[..., :2], x.double(), x[0], x[:0], x[:, :0]):
            with pytest.raises(OptionError):
                again(layer, wrong)
        rows = again(layer, x)
        rows.forward()
        for wrong in (slope[:-1], slope.double(), slope[:, :4]):
            with pytest.raises(OptionError, match="a slope of shape"):
                rows.vjp(wrong)
