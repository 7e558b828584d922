"""A small network trained on all examples at once: squared error, Adam, and no graph."""

from __future__ import annotations

from collections.abc import Generator
from typing import Final, final

import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from recurra.core.layers import GRU, LSTM, RNN
from recurra.labs.training.vjp import again

BETAS: Final = (0.9, 0.999)
EPSILON: Final = 1e-8


@final
class Regressor(nn.Module):
    """Rows (B, T, F) -> recurrent layers -> linear head on the last hidden state -> (B, K)."""

    def __init__(self, layer: RNN | GRU | LSTM, outputs: int = 1) -> None:
        super().__init__()
        self.layer = layer
        self.head = nn.Linear(layer.hidden_size, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Predictions (B, K) of rows x (B, T, F)."""
        found: Tensor = self.head(self.layer(x)[1].hidden[:, -1])
        return found


def descend(
    model: Regressor, x: Tensor, y: Tensor, *, rate: float, steps: int
) -> Generator[int, None, None]:
    """Go down the mean squared error of predictions of x (B, T, F) against y (B, K).

    Every step is one of Adam (Kingma & Ba 2015) with torch's defaults, on all of x; its number
    from 1 is yielded after it. At such sizes torch's own loop spends most of its time between the
    products: here the gradient comes without a graph (`vjp.py`), and Adam moves all weights as one
    vector.
    """
    learnt = [*model.layer.parameters(), *model.head.parameters()]
    weights = parameters_to_vector(learnt).detach()
    vector_to_parameters(weights, learnt)  # as views: what moves the vector moves them
    rows, (fast, slow) = again(model.layer, x), BETAS
    matrix, bias = (each.detach() for each in (model.head.weight, model.head.bias))
    mean, square = torch.zeros_like(weights), torch.zeros_like(weights)
    try:
        for step in range(1, steps + 1):
            with torch.no_grad():
                hidden = rows.forward()
                slope = torch.addmm(bias, hidden, matrix.T).sub_(y).mul_(2 / y.numel())
                pulled = (rows.vjp(slope @ matrix), (slope.T @ hidden).flatten(), slope.sum(0))
                gradient = torch.cat(pulled)
                mean.lerp_(gradient, 1 - fast)
                square.mul_(slow).addcmul_(gradient, gradient, value=1 - slow)
                spread = square.sqrt().div_((1 - slow**step) ** 0.5).add_(EPSILON)
                weights.addcdiv_(mean, spread, value=-rate / (1 - fast**step))
            yield step
    finally:
        for each in learnt:
            each.data = each.data.clone()  # each its own again, as state_dicts and files want it
