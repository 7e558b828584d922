"""The layers and the values they take: `recurra.nn.GRU(64, 256)`."""

from __future__ import annotations

from recurra.core.layers import GRU, LSTM, RNN
from recurra.core.ragged import Ragged
from recurra.core.scan import Path, Traced
from recurra.core.state import HiddenState, LSTMState, State, stack_layers

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "HiddenState",
    "LSTMState",
    "Path",
    "Ragged",
    "State",
    "Traced",
    "stack_layers",
]
