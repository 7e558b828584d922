"""The optimisers: Muon for the matrices of recurrent layers and convolutions, Adam for the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, final

import torch
from torch import Tensor, nn

from recurra.core.layers import Recurrent

CONVOLUTIONS: Final = 3.0
"""How much faster convolutions learn than recurrent matrices: an update of the same norm is spread
over the many weights of a patch (docs/tried.md)."""


@dataclass(frozen=True)
class Rates:
    """Peak learning rates and decay.

    Args:
        matrices: Muon's rate for the weight matrices of recurrent layers and convolutions.
        others: AdamW's rate for embeddings, heads and biases.
        decay: decoupled weight decay of the matrices.
    """

    matrices: float = 0.02
    others: float = 2e-3
    decay: float = 0.01


@final
class Muon(torch.optim.Optimizer):
    """Momentum whose update is made orthogonal, one gate's matrix at a time.

    Each step moves a matrix along the nearest (semi-)orthogonal matrix to its momentum, so that
    all directions are learnt at the same pace (Jordan et al., 2024, "Muon: an optimizer for the
    hidden layers of neural networks"). A recurrent layer's weight stacks its gates' matrices
    (G*H, F); they are separate maps and are made orthogonal separately.

    Args:
        gates: pairs (weight (G*H, F), G); of a convolution (F, C, P, Q), 1.
        lr: the rate; an update has spectral norm lr * max(1, H / F) ** 0.5.
    """

    def __init__(
        self,
        gates: Iterable[tuple[nn.Parameter, int]],
        lr: float,
        *,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        pairs = list(gates)
        groups = [
            {"params": [weight for weight, g in pairs if g == count], "gates": count}
            for count in sorted({g for _, g in pairs})
        ]
        super().__init__(groups, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move every weight one step along its orthogonal momentum."""
        if closure is not None:
            raise NotImplementedError("Muon takes no closure")
        for group in self.param_groups:
            # Small matrices cost by the call: those of one shape are made orthogonal together.
            alike: dict[tuple[torch.Size, torch.device, torch.dtype], list[nn.Parameter]] = {}
            for weight in group["params"]:
                if weight.grad is not None:
                    alike.setdefault((weight.shape, weight.device, weight.dtype), []).append(weight)
            for weights in alike.values():
                ahead = [self._ahead(weight, group["momentum"]) for weight in weights]
                count: int = group["gates"]
                gates = [each.reshape(count, -1, each[0].numel()) for each in ahead]
                updates = orthogonal(torch.cat(gates))
                scale = max(1.0, updates.shape[1] / updates.shape[2]) ** 0.5
                for weight, update in zip(weights, torch.split(updates, count), strict=True):
                    weight.mul_(1.0 - group["lr"] * group["weight_decay"])
                    weight.add_(update.reshape(weight.shape), alpha=-group["lr"] * scale)

    def _ahead(self, weight: nn.Parameter, share: float) -> Tensor:
        """Nesterov's momentum of a weight, with its gradient taken in."""
        assert weight.grad is not None
        state: dict[str, Any] = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        momentum: Tensor = state["momentum"]
        momentum.lerp_(weight.grad, 1.0 - share)
        return weight.grad.lerp(momentum, share)


def orthogonal(matrices: Tensor, iterations: int = 5) -> Tensor:
    """Nearly the nearest semi-orthogonal matrix to each of (..., M, N), in bfloat16.

    A quintic Newton-Schulz iteration with the coefficients of Jordan et al. (2024): singular
    values end between 0.7 and 1.2, which trains as well as exactly 1 and costs products alone.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    wide = matrices.shape[-2] <= matrices.shape[-1]
    x = (matrices if wide else matrices.mT).bfloat16()
    x = (x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)).reshape(-1, *x.shape[-2:])
    for _ in range(iterations):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    found: Tensor = x if wide else x.mT
    return found.reshape(matrices.shape).to(matrices.dtype)


def build(network: nn.Module, rates: Rates) -> list[torch.optim.Optimizer]:
    """The optimisers: Muon for recurrent matrices and convolutions, AdamW for the rest.

    Embeddings with sparse gradients have SparseAdam, which moves the rows that a batch touched.
    """
    gates = [
        (parameter, 1 if name.startswith("weight_hr") else layer.cell.gates)
        for layer in network.modules()
        if isinstance(layer, Recurrent)
        for name, parameter in layer.named_parameters()
        if parameter.ndim == 2
    ]
    # A convolution is a matrix too, of its patches; the first one, of pictures, is small.
    convolutions = [p for p in network.parameters() if p.ndim == 4 and p.shape[1] > 3]
    sparse = [
        layer.weight
        for layer in network.modules()
        if isinstance(layer, nn.Embedding | nn.EmbeddingBag) and layer.sparse
    ]
    chosen = {
        id(parameter)
        for parameter in [*sparse, *convolutions, *(parameter for parameter, _ in gates)]
    }
    rest = [p for p in network.parameters() if id(p) not in chosen and p.requires_grad]
    optimisers: list[torch.optim.Optimizer] = []
    if rest:
        optimisers.append(
            torch.optim.AdamW(rest, lr=rates.others, betas=(0.9, 0.99), weight_decay=0.0)
        )
    if sparse:
        optimisers.append(torch.optim.SparseAdam(sparse, lr=rates.others, betas=(0.9, 0.99)))
    if gates:
        optimisers.append(Muon(gates, rates.matrices, weight_decay=rates.decay))
    if convolutions:
        # As their scale does not count (they are normalized), nothing has to decay.
        every = [(weight, 1) for weight in convolutions]
        optimisers.append(Muon(every, CONVOLUTIONS * rates.matrices))
    return optimisers


@torch.no_grad()
def clip(parameters: Iterable[nn.Parameter], limit: float) -> float:
    """Shrink the gradients together where their norm is above the limit; returns the norm.

    Like torch's clip_grad_norm_, which refuses sparse ones.
    """
    found: list[Tensor] = []
    for parameter in parameters:
        if parameter.grad is not None:
            if parameter.grad.is_sparse:
                parameter.grad = parameter.grad.coalesce()
                found.append(parameter.grad.values())
            else:
                found.append(parameter.grad)
    norm = nn.utils.get_total_norm(found)
    share = (limit / (norm + 1e-6)).clamp(max=1.0)
    for gradient in found:
        gradient.mul_(share)
    return norm.item()


def peaks(optimisers: Iterable[torch.optim.Optimizer]) -> list[list[float]]:
    """The rates that optimisers were built with, one for each of their groups."""
    return [[group["lr"] for group in optimiser.param_groups] for optimiser in optimisers]


def set_rates(
    optimisers: Iterable[torch.optim.Optimizer], highest: list[list[float]], factor: float
) -> None:
    """Set every rate to its peak times a factor of the schedule."""
    for optimiser, values in zip(optimisers, highest, strict=True):
        for group, value in zip(optimiser.param_groups, values, strict=True):
            group["lr"] = value * factor
