"""How far back a text network looks: gradients of a token's loss by the vectors before it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recurra.codecs.tokenizer import UNKNOWN
from recurra.data.streams import Ids, among
from recurra.networks.text import TextNetwork, log_probabilities
from recurra.runtime import text as runtime
from recurra.tasks.text.traces import BACK, ROWS, WARM, Places, spread, windows


def influence(
    network: TextNetwork,
    in_use: runtime.TextNetwork,
    ids: Ids,
    unknown_rate: float,
    breaks: Places,
) -> NDArray[np.float32]:
    """The mean norm (D,) of the gradient of a token's loss by the vectors of the tokens before it.

    Entry 0 belongs to the token just before the one that is predicted. The state in which the
    windows begin was read from the tokens before them.
    """
    back = min(BACK, max(1, (len(ids) - 1) // 2))
    warm = min(WARM, len(ids) - 1 - back)
    # Backwards costs twice what forwards does, and a target is one place of a window.
    starts = spread(len(ids) - 1 - warm - back, windows(in_use, warm + 3 * back))
    starts = starts[ids[starts + warm + back] != UNKNOWN]
    norms = np.zeros(back)
    if not len(starts):
        return norms.astype(np.float32)
    device = network.embedding.weight.device
    for some in np.array_split(starts, max(1, -(-len(starts) // ROWS))):
        places = some[:, None] + np.arange(warm + back + 1)
        window = torch.from_numpy(np.asarray(ids[places], np.int64)).to(device)
        resets = torch.from_numpy(among(places, breaks)).to(device)
        state = None
        if warm:
            with torch.no_grad():
                _, state = network.read(window[:, :warm], None, resets[:, :warm])
        with _embedded(network) as embedded:
            hidden, _ = network.read(window[:, warm:-1], state, resets[:, warm:-1])
        scores = log_probabilities(network.logits(hidden[:, -1]), unknown_rate)
        losses = -scores.gather(1, window[:, -1:])
        slope = torch.cat(torch.autograd.grad(losses.sum(), embedded), -1)
        norms += slope.double().norm(dim=2).sum(0).flip(0).cpu().numpy()
    found: NDArray[np.float32] = (norms / max(1, len(starts))).astype(np.float32)
    return found


@contextmanager
def _embedded(network: TextNetwork) -> Iterator[list[Tensor]]:
    """The vectors (B, T, E) that each member reads inside, as what gradients are taken by."""
    kept: list[Tensor] = []

    def leaf(_module: object, _inputs: object, output: Tensor) -> Tensor:
        kept.append(output.detach().requires_grad_())
        return kept[-1]

    hooks = [each.embedding.register_forward_hook(leaf) for each in network.members]
    try:
        yield kept
    finally:
        for hook in hooks:
            hook.remove()
