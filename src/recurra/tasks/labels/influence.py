"""Which steps a decision looked at."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recurra.codecs.sequence_encoder import Encoder, Inputs, Rows
from recurra.networks.label_batch import TensorBatch
from recurra.networks.labels import LabelNetwork, rows_of
from recurra.tasks.labels.splits import LabelData

SHOWN: Final = 12
"""Examples whose steps are recorded, half of them wrong where there are so many."""

MOST_STEPS: Final = 400
"""Longer examples are not shown."""


def influence(
    network: LabelNetwork, batch: TensorBatch, chosen: Tensor
) -> list[NDArray[np.float64]]:
    """The share of each step in the score of the class chosen for its row, (T,) for each of B.

    Gradient times input (Shrikumar et al., 2016, arXiv:1605.01713), summed over a step's features
    and over the members; its size, made to sum to one in each row. A share says where a small
    change would matter, not what the step means.

    Args:
        chosen: the class (B,) of each row whose score is asked about.
    """
    found = torch.zeros(int(batch.lengths.sum()))
    for m in range(len(network.members)):
        member = network.member(m).eval()
        steps = member.steps(batch).detach().requires_grad_()
        scores = member.read(steps, batch.lengths).gather(1, chosen[:, None])
        (slope,) = torch.autograd.grad(scores.sum(), steps)
        found += (steps * slope).sum(1).detach().cpu()
        if member.direct is not None:
            rows = rows_of(batch, chosen.device)
            direct = member.said_directly(batch).gather(1, chosen[rows, None])
            found += direct[:, 0].detach().cpu()
    shares = []
    for row in torch.split(found.abs().double(), batch.lengths.tolist()):
        total = row.sum()
        # Where nothing matters, every step matters the same.
        shares.append((row / total if total > 0 else torch.full_like(row, 1 / len(row))).numpy())
    return shares


def recorded(
    network: LabelNetwork,
    encoder: Encoder,
    inputs: Inputs,
    data: LabelData,
    said: Rows,
    answered: Rows | None = None,
) -> list[dict[str, Any]]:
    """Where the network looked in some examples of the test part, right ones and wrong ones.

    Args:
        inputs: all examples, encoded.
        said: the class (N,) that the network says of each row of the test part.
        answered: the class (N,) that is answered, where that is not by the network alone.
    """
    short = inputs.lengths[data.test] <= MOST_STEPS
    wrong = said != data.targets(data.test)
    places = np.concatenate(
        [np.flatnonzero(short & wrong)[: SHOWN // 2], np.flatnonzero(short & ~wrong)[:SHOWN]]
    )[:SHOWN]
    if not len(places):
        return []
    rows = data.test[places]
    device = next(network.parameters()).device
    batch = TensorBatch.of(inputs, rows).to(device)
    shares = influence(network, batch, torch.from_numpy(said[places]).to(device))
    return [
        {
            "where": data.examples.where[int(row)],
            "said": data.classes[said[place]],
            "true": data.examples.labels[row],
            "steps": encoder.steps(data.examples.inputs[row]),
            "shares": [round(float(share), 4) for share in each],
        }
        | ({} if answered is None else {"answered": data.classes[answered[place]]})
        | _curve(data.examples.inputs[row])
        for row, place, each in zip(rows, places, shares, strict=True)
    ]


def _curve(raw: Any) -> dict[str, Any]:
    """The values of each channel, of numbers; nothing of texts, whose steps can be read."""
    if not isinstance(raw, np.ndarray):
        return {}
    return {"values": [[float(f"{each:.5g}") for each in channel] for channel in raw.T.tolist()]}
