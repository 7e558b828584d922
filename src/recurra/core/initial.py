"""First weights of recurrent layers that train well."""

from __future__ import annotations

import torch
from torch import nn

from recurra.core.layers import LSTM, Recurrent
from recurra.core.parameters import BEGUN, kind


@torch.no_grad()
def reset_orthogonal(layers: Recurrent) -> None:  # type: ignore[type-arg]
    """Draw the weights: orthogonal recurrent maps, and an LSTM that remembers at first.

    Orthogonal: Saxe et al., 2014 (arXiv:1312.6120). Forget bias of 1: Jozefowicz et al., 2015.
    """
    for name, parameter in layers.named_parameters():
        if kind(name) in BEGUN:
            continue
        if name.startswith("weight_hr"):
            nn.init.orthogonal_(parameter)
            continue
        gates = torch.chunk(parameter, layers.cell.gates)
        if name.startswith("weight_hh"):
            for gate in gates:
                nn.init.orthogonal_(gate)
        elif name.startswith("weight_ih"):
            for gate in gates:
                nn.init.xavier_uniform_(gate)
        else:
            parameter.zero_()
            if isinstance(layers, LSTM) and name.startswith("bias_ih"):
                gates[1].fill_(1.0)
