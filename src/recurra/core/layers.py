"""RNN, GRU and LSTM as modules.

Parameters have torch.nn's names and shapes, so that state_dicts load both ways. Always batch first.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, Literal, Unpack, final

import torch

from recurra.core import cells
from recurra.core.cells import Cell
from recurra.core.options import Options, whole
from recurra.core.recurrent import Recurrent
from recurra.core.state import HiddenState, LSTMState
from recurra.errors import OptionError

__all__ = ["GRU", "LSTM", "RNN", "Recurrent"]


@final
class RNN(Recurrent[HiddenState]):
    """Elman's network (1990): h_t = tanh(W_x x_t + b_x + W_h h_(t-1) + b_h), or relu for tanh.

        layer = recurra.nn.RNN(16, 32, nonlinearity="relu")
        output, state = layer(torch.randn(4, 10, 16))  # (B, T, F) -> (B, T, H)

    Args:
        input_size: F.
        hidden_size: H.
        num_layers: L.
        nonlinearity: tanh or relu.
        device: of the parameters.
        dtype: of the parameters.
        options: bias, dropout, bidirectional and others: see Options.
    """

    own: ClassVar[dict[str, Any]] = {"nonlinearity": "tanh"}

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        nonlinearity: Literal["tanh", "relu"] = "tanh",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **options: Unpack[Options],
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise OptionError(f"nonlinearity={nonlinearity}", expected="tanh or relu")
        self.nonlinearity: Literal["tanh", "relu"] = nonlinearity
        super().__init__(input_size, hidden_size, num_layers, device=device, dtype=dtype, **options)

    @property
    def cell(self) -> Cell[HiddenState]:
        """One step of the recurrence."""
        return cells.RNN_TANH if self.nonlinearity == "tanh" else cells.RNN_RELU


@final
class GRU(Recurrent[HiddenState]):
    """Gated recurrent units (Cho et al. 2014), torch's variant; see cells.GRUCell.

        layer = recurra.nn.GRU(16, 32, num_layers=2, bidirectional=True)
        output, state = layer(torch.randn(4, 10, 16))  # (B, T, F) -> (B, T, 2H)

    Args:
        input_size: F.
        hidden_size: H.
        num_layers: L.
        device: of the parameters.
        dtype: of the parameters.
        options: bias, dropout, bidirectional and others: see Options.
    """

    @property
    def cell(self) -> Cell[HiddenState]:
        """One step of the recurrence."""
        return cells.GRU


@final
class LSTM(Recurrent[LSTMState]):
    """Long short-term memory (Gers et al. 2000), without peepholes; see cells.LSTMCell.

        layer = recurra.nn.LSTM(16, 32, num_layers=2)
        output, (hidden, cell) = layer(torch.randn(4, 10, 16))  # hidden and cell (B, L*D, H)
        output, state = layer(torch.randn(4, 10, 16), (hidden, cell))

    Args:
        input_size: F.
        hidden_size: H.
        num_layers: L.
        proj_size: P, size of the hidden state and the output, below H (Sak et al. 2014,
            arXiv:1402.1128; see variants.Projected); 0 for H. The state is hidden (B, L*D, P) and
            cell (B, L*D, H).
        device: of the parameters.
        dtype: of the parameters.
        options: bias, dropout, bidirectional and others: see Options.
    """

    own: ClassVar[dict[str, Any]] = {"proj_size": 0}

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        proj_size: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **options: Unpack[Options],
    ) -> None:
        if proj_size not in range(whole("hidden_size", hidden_size)):
            raise OptionError(
                f"proj_size={proj_size!r}", expected="0, or from 1 to hidden_size - 1"
            )
        self.proj_size = int(proj_size)
        super().__init__(input_size, hidden_size, num_layers, device=device, dtype=dtype, **options)

    @property
    def cell(self) -> Cell[LSTMState]:
        """One step of the recurrence, without what options add to it."""
        return cells.LSTM


BY_NAME: Final = {"rnn": RNN, "gru": GRU, "lstm": LSTM}
"""The layers by the names that options and configurations have for them."""
