"""The layers and the values they take: `recurra.nn.GRU(64, 256)`."""

from __future__ import annotations

from recurra.core.arguments import Path, Traced
from recurra.core.attention import Attention, AttentionOutput, Memory
from recurra.core.dropout import LockedDropout
from recurra.core.layers import GRU, LSTM, RNN
from recurra.core.options import Options
from recurra.core.ragged import Ragged
from recurra.core.state import HiddenState, LSTMState, State, stack_layers

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Attention",
    "AttentionOutput",
    "HiddenState",
    "LSTMState",
    "LockedDropout",
    "Memory",
    "Options",
    "Path",
    "Ragged",
    "State",
    "Traced",
    "stack_layers",
]
