"""How far back a gradient reaches in RNN, GRU and LSTM, and what tanh does that ReLU does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple, final

import torch
from torch import Tensor

from recurra.labs.context import LabContext
from recurra.labs.render import vanishing as render
from recurra.nn import GRU, LSTM, RNN

ROWS, STEPS, FEATURES, HIDDEN = 8, 101, 8, 64
SEEDS = 7
OPEN = 3.0
"""A gate whose bias is this keeps 1 / (1 + e^-3) = 95 % of the state at each step."""
RADII = (0.8, 1.0, 1.2, 1.4, 1.5, 1.6, 2.0, 3.0)

Layer = RNN | GRU | LSTM
Curve = Literal["tanh", "relu"]


class Reach(NamedTuple):
    """Gradient norm by distance from the last step, (T,), as a share of that at distance 0.

    The median over seeds, the lowest and the highest; `state` is the median norm of the last state.
    """

    median: tuple[float, ...]
    lowest: tuple[float, ...]
    highest: tuple[float, ...]
    state: float


@final
@dataclass(frozen=True)
class Vanishing:
    """Reach of each layer as it is made, with gates held open, and of RNNs by spectral radius."""

    layers: dict[str, Reach]
    radii: dict[Curve, dict[float, Reach]]


def run(context: LabContext) -> Vanishing:
    """Measure untrained layers on random input."""
    seeds = range(context.seed, context.seed + (3 if context.quick else SEEDS))
    makers: dict[str, Callable[[], Layer]] = {
        "RNN": partial(RNN, FEATURES, HIDDEN, dtype=torch.float64),
        "GRU": partial(GRU, FEATURES, HIDDEN, dtype=torch.float64),
        "LSTM": partial(LSTM, FEATURES, HIDDEN, dtype=torch.float64),
        "GRU, update gate open": partial(opened, GRU),
        "LSTM, forget gate open": partial(opened, LSTM),
    }
    curves: tuple[Curve, ...] = ("tanh", "relu")
    result = Vanishing(
        {name: reach(make, seeds) for name, make in makers.items()},
        {
            curve: {radius: reach(partial(scaled, curve, radius), seeds) for radius in RADII}
            for curve in curves
        },
    )
    render.tell(context, result, len(seeds))
    return result


def opened(kind: type[GRU] | type[LSTM]) -> Layer:
    """A layer whose gate for keeping the state is open: GRU's second, as is LSTM's."""
    layer = kind(FEATURES, HIDDEN, dtype=torch.float64)
    with torch.no_grad():
        layer.get_parameter("bias_ih_l0")[HIDDEN : 2 * HIDDEN] = OPEN
        layer.get_parameter("bias_hh_l0")[HIDDEN : 2 * HIDDEN] = 0
    return layer


def scaled(curve: Curve, radius: float) -> RNN:
    """An RNN without biases whose recurrent matrix, normal numbers, has this spectral radius."""
    layer = RNN(FEATURES, HIDDEN, nonlinearity=curve, bias=False, dtype=torch.float64)
    weight = torch.randn(HIDDEN, HIDDEN, dtype=torch.float64)
    largest = torch.linalg.eigvals(weight).abs().max()
    with torch.no_grad():
        layer.get_parameter("weight_hh_l0").copy_(weight * (radius / largest))
    return layer


def reach(make: Callable[[], Layer], seeds: range) -> Reach:
    """Draw a layer and its input for each seed, and measure both."""
    shares, states = [], []
    for seed in seeds:
        torch.manual_seed(seed)
        share, state = by_distance(make())
        shares.append(share)
        states.append(state)
    every = torch.stack(shares)
    median, lowest, highest = (
        tuple(each.tolist()) for each in (every.median(0).values, every.amin(0), every.amax(0))
    )
    return Reach(median, lowest, highest, float(torch.stack(states).median()))


def by_distance(layer: Layer) -> tuple[Tensor, Tensor]:
    """Gradient norms by distance (T,), as shares of the first; mean norm of the last state.

    The gradient is that of a loss of the last state alone with respect to the input of each step,
    which reaches the state there by the same weights for all steps.
    """
    x = torch.randn(ROWS, STEPS, FEATURES, dtype=torch.float64, requires_grad=True)
    last = layer(x)[0][:, -1]
    (slope,) = torch.autograd.grad((last * torch.randn_like(last)).sum(), x)
    norms = slope.norm(dim=(0, 2)).flip(0)
    return norms / norms[0], last.detach().norm(dim=1).mean()
