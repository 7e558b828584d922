"""Windows of made series for the tests of the series task."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from recurra.networks.autoregressive import Autoregressive
from recurra.networks.windows import Windows
from recurra.runtime import autoregressive
from recurra.runtime import windows as runtime
from recurra.runtime.autoregressive import Sizes
from recurra.runtime.quantiles import path_quantiles
from recurra.runtime.weights import Weights

LESS: dict[str, Any] = {
    "steps": 10,
    "hidden": 8,
    "batch": 8,
    "threads": 1,
    "horizon": 4,
    "answer": "network",
}
"""Options of a model that is trained in no time, and answers by itself."""

SIZES: dict[str, Any] = {
    "period": 3,
    "known": 2,
    "past": 2,
    "static": 1,
    "hidden": 6,
    "layers": 1,
    "dropout": 0.0,
    "noise": 0.0,
    "family": "student",
}


def network(seed: int = 0, **sizes: Any) -> Autoregressive:
    """A network whose weights are all at work, none at zero."""
    torch.manual_seed(seed)
    found = Autoregressive(Sizes(**{**SIZES, **sizes})).eval()
    with torch.no_grad():
        for parameter in (found.head.weight, found.slopes, found.unevenness):
            parameter.add_(0.2 * torch.randn_like(parameter))
        found.size.fill_(0.7)
        found.centred.fill_(1.0)
        found.units.uniform_(0.5, 2.0)
    return found


def windows(
    sizes: Sizes, rows: int = 4, steps: int = 12, horizon: int = 5, seed: int = 0
) -> tuple[Windows, Tensor, Tensor]:
    """Random windows with missing steps, one filled up on the left, with targets and `there`."""
    g = torch.Generator().manual_seed(seed)
    values = torch.randn(rows, steps + horizon, generator=g).cumsum(1)
    present = torch.rand(rows, steps + horizon, generator=g) > 0.2
    present[0] = True
    if rows > 1:
        present[1, : steps // 2] = False
    if sizes.family == "counts":
        values = values.abs().round()
    values = torch.where(present, values, 0.0)
    found = Windows(
        values[:, :steps],
        present[:, :steps],
        torch.randn(rows, steps, sizes.past, generator=g),
        torch.randn(rows, steps + horizon, sizes.known, generator=g),
        torch.randn(rows, sizes.static, generator=g),
        torch.full((rows,), 1.0 if sizes.family == "student" else 3.0),
    )
    return found, values[:, steps:], present[:, steps:]


def plain(values: Tensor, horizon: int) -> tuple[Windows, Tensor, Tensor]:
    """Windows of values (B, T + H) alone, all present, the last H of them targets."""
    rows, steps = values.shape[0], values.shape[1] - horizon
    found = Windows(
        values[:, :steps],
        torch.ones(rows, steps, dtype=torch.bool),
        torch.zeros(rows, steps, 0),
        torch.zeros(rows, steps + horizon, 0),
        torch.zeros(rows, 0),
        torch.ones(rows),
    )
    return found, values[:, steps:], torch.ones(rows, horizon, dtype=torch.bool)


def arrays(given: Windows) -> runtime.Windows:
    """The same windows for what is used; each is of a series of its own."""
    held = {name: each.numpy() for name, each in vars(given).items()}
    keys = np.stack([np.arange(len(given)), np.full(len(given), 7)], 1).astype(np.uint64)
    return runtime.Windows(**held, keys=keys)


def in_use(net: Autoregressive, number: int = 0) -> autoregressive.Autoregressive:
    """The network in use."""
    held = {name: each.float().numpy() for name, each in net.state_dict().items()}
    return autoregressive.Autoregressive(net.sizes, Weights(held), "", "", number)


def levels(net: Autoregressive, given: Windows, paths: int = 200) -> Tensor:
    """Quantiles (B, H, Q) of paths of the network in use."""
    drawn = in_use(net).paths(arrays(given), paths, 1)
    return torch.from_numpy(path_quantiles(drawn))
