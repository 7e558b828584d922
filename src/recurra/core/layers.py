"""RNN, GRU and LSTM as modules: layers, directions, dropout between layers.

Parameters have torch.nn's names and shapes, so that state_dicts load both ways. Always batch first.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Generic, Literal, TypeVar, final, overload

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from recurra.core import cells
from recurra.core.cells import Cell, Weights
from recurra.core.ragged import Ragged, check_lengths
from recurra.core.scan import (
    Path,
    Scanned,
    Traced,
    check_input,
    check_state,
    choose,
    climb,
    walk,
    walk_states,
)
from recurra.core.state import HiddenState, LSTMState, State, stack, stack_layers
from recurra.errors import OptionError

_PARAMETERS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")

S = TypeVar("S", bound=State)
X = TypeVar("X", Tensor, Ragged)
R = TypeVar("R", Scanned[Any, Any], Traced[Any, Any])


class Recurrent(nn.Module, ABC, Generic[S]):
    """Layers of one cell over time; see RNN, GRU and LSTM.

    Raises:
        OptionError: a size below 1, or a dropout outside 0 to 1.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bias: bool,
        dropout: float,
        bidirectional: bool,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:
        super().__init__()
        sizes = {"input_size": input_size, "hidden_size": hidden_size, "num_layers": num_layers}
        for name, size in sizes.items():
            if size < 1:
                raise OptionError(f"{name}={size}", expected="1 or more")
        if not 0 <= dropout <= 1:
            raise OptionError(f"dropout={dropout}", expected="0 to 1")
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.dropout = dropout
        self.bidirectional = bidirectional
        rows = self.cell.gates * hidden_size
        for k in range(num_layers * self.directions):
            features = input_size if k < self.directions else self.output_size
            shapes = ((rows, features), (rows, hidden_size), (rows,), (rows,))
            for name, shape in zip(self._names(k), shapes, strict=False):
                empty = torch.empty(shape, device=device, dtype=dtype)
                self.register_parameter(name, nn.Parameter(empty))
        self.reset_parameters()

    @property
    @abstractmethod
    def cell(self) -> Cell[S]:
        """One step of the recurrence."""

    @property
    def directions(self) -> int:
        """D: 2 where rows are read backwards as well, else 1."""
        return 2 if self.bidirectional else 1

    @property
    def output_size(self) -> int:
        """Features of the output, D*H."""
        return self.directions * self.hidden_size

    def reset_parameters(self) -> None:
        """Draw all parameters from U(-1/sqrt(H), 1/sqrt(H)), in torch's order."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def zero_state(self, batch: int) -> S:
        """Return a first state of zeros, leaves (B, L*D, H)."""
        like = self.get_parameter("weight_hh_l0")
        one = self.cell.zero_state(batch, self.hidden_size, like)
        return stack_layers([one] * (self.num_layers * self.directions))

    @overload
    def forward(
        self,
        x: Tensor,
        state: S | None = None,
        *,
        lengths: Tensor | Sequence[int] | None = None,
        resets: Tensor | None = None,
    ) -> tuple[Tensor, S]: ...

    @overload
    def forward(
        self,
        x: Ragged,
        state: S | None = None,
        *,
        lengths: None = None,
        resets: Tensor | None = None,
    ) -> tuple[Ragged, S]: ...

    def forward(
        self,
        x: Tensor | Ragged,
        state: S | None = None,
        *,
        lengths: Tensor | Sequence[int] | None = None,
        resets: Tensor | None = None,
    ) -> tuple[Tensor | Ragged, S]:
        """Run the layers over whole sequences.

        Args:
            x: (B, T, F), or Ragged with values (N, F).
            state: first state, leaves (B, L*D, H); zeros where None.
            lengths: steps of each row of a padded x, (B,), any device, zeros allowed.
            resets: (B, T) bool: true at (b, t) cuts row b before step t; no state crosses a cut.

        Returns:
            Output (B, T, D*H), zeros after a row's end, or Ragged if x is; last state (B, L*D, H).

        Raises:
            OptionError: shapes that do not fit, or lengths given beside a Ragged.
        """
        self._check(x, state, lengths, resets)
        if isinstance(x, Ragged):
            return self._forward(x, state, resets)
        known = self._unequal(x, lengths)
        if known is None:
            return self._forward(x, state, resets)
        rows = Ragged.from_padded(x, known)
        top, last = self._forward(rows, state, _within(resets, rows))
        return top.padded(steps=x.shape[1]), last

    @overload
    def trace(
        self,
        x: Tensor,
        state: S | None = None,
        *,
        lengths: Tensor | Sequence[int] | None = None,
        resets: Tensor | None = None,
    ) -> Traced[Tensor, S]: ...

    @overload
    def trace(
        self,
        x: Ragged,
        state: S | None = None,
        *,
        lengths: None = None,
        resets: Tensor | None = None,
    ) -> Traced[Ragged, S]: ...

    def trace(
        self,
        x: Tensor | Ragged,
        state: S | None = None,
        *,
        lengths: Tensor | Sequence[int] | None = None,
        resets: Tensor | None = None,
    ) -> Traced[Tensor, S] | Traced[Ragged, S]:
        """Run as `forward` does and keep every layer's state after each step.

        Returns:
            output, state, and states with leaves (B, T, L*D, H), zeros after a row's end.
        """
        self._check(x, state, lengths, resets)
        if isinstance(x, Ragged):
            return self._trace(x, state, resets)
        known = self._unequal(x, lengths)
        if known is None:
            return self._trace(x, state, resets)
        rows = Ragged.from_padded(x, known)
        traced = self._trace(rows, state, _within(resets, rows))
        missing = (0, 0, 0, 0, 0, x.shape[1] - rows.steps)
        states = traced.states.map(lambda leaf: pad(leaf, missing))
        output = traced.output.padded(steps=x.shape[1])
        return Traced(output, traced.state, states, traced.path)

    def step(self, x: Tensor, state: S | None = None) -> tuple[Tensor, S]:
        """Take one step of a stream: x (B, F) -> output (B, H), state (B, L, H).

        Without gradients the weights are packed once, and packed anew when any of them changes.

        Raises:
            OptionError: the layer reads both ways, so that there is no next step.
        """
        if self.bidirectional:
            raise OptionError("a step of a bidirectional layer", expected="bidirectional=False")
        if x.dim() != 2:
            raise OptionError(
                f"a step of shape {tuple(x.shape)}", expected=f"(B, F) = (B, {self.input_size})"
            )
        output, last = self.forward(x.unsqueeze(1), state)
        return output.squeeze(1), last

    def explain(self, x: Tensor | Ragged, *, every_state: bool = False) -> tuple[Path, ...]:
        """Return which path each layer and direction takes for an input like x, (L*D,), and why."""
        return tuple(
            choose(self.cell, x, self._weights(k), every_state=every_state)
            for k in range(self.num_layers * self.directions)
        )

    def extra_repr(self) -> str:
        """Return the sizes and settings that differ from the default."""
        parts = [f"{self.input_size}, {self.hidden_size}"]
        if self.num_layers != 1:
            parts.append(f"num_layers={self.num_layers}")
        if not self.bias:
            parts.append("bias=False")
        if self.dropout:
            parts.append(f"dropout={self.dropout}")
        if self.bidirectional:
            parts.append("bidirectional=True")
        if self.cell == cells.RNN_RELU:
            parts.append("nonlinearity=relu")
        return ", ".join(parts)

    def _forward(self, x: X, state: S | None, resets: Tensor | None) -> tuple[X, S]:
        cell = self.cell

        def scan(below: X, weights: Weights, first: S | None, reverse: bool) -> Scanned[X, S]:
            return walk(cell, below, weights, first, reverse, resets)

        top, results = self._climb(x, state, scan)
        return top, stack_layers([result.state for result in results])

    def _trace(self, x: X, state: S | None, resets: Tensor | None) -> Traced[X, S]:
        cell = self.cell

        def scan(below: X, weights: Weights, first: S | None, reverse: bool) -> Traced[X, S]:
            return walk_states(cell, below, weights, first, reverse, resets)

        top, results = self._climb(x, state, scan)
        last = stack_layers([result.state for result in results])
        return Traced(top, last, stack([result.states for result in results], 2), results[0].path)

    def _climb(
        self, x: X, state: S | None, scan: Callable[[X, Weights, S | None, bool], R]
    ) -> tuple[X, list[R]]:
        """Return the top layer's output, and what `scan` gave for each layer and direction."""

        def step(below: X, k: int) -> R:
            first = None if state is None else state.layer(k)
            return scan(below, self._weights(k), first, k % self.directions == 1)

        share = self.dropout if self.training else 0.0
        return climb(x, self.num_layers * self.directions, self.directions, share, step)

    def _names(self, k: int) -> list[str]:
        """Names of the parameters of the k-th of all layers and directions."""
        layer, reverse = divmod(k, self.directions)
        suffix = f"_l{layer}_reverse" if reverse else f"_l{layer}"
        return [name + suffix for name in _PARAMETERS[: 4 if self.bias else 2]]

    def _weights(self, k: int) -> Weights:
        return Weights(*[self._weight(name) for name in self._names(k)])

    def _weight(self, name: str) -> Tensor:
        found = self._parameters.get(name)
        # Parametrizations put an attribute in a parameter's place.
        return getattr(self, name) if found is None else found

    def _unequal(self, x: Tensor, lengths: Tensor | Sequence[int] | None) -> Tensor | None:
        """Return the lengths where they say anything, else None."""
        if lengths is None:
            return None
        known = check_lengths(lengths, x.shape[0], x.shape[1])
        return None if bool((known == x.shape[1]).all()) else known

    def _check(
        self,
        x: Tensor | Ragged,
        state: S | None,
        lengths: Tensor | Sequence[int] | None,
        resets: Tensor | None,
    ) -> None:
        if isinstance(x, Ragged) and lengths is not None:
            raise OptionError("lengths beside a Ragged", expected="a Ragged has its own")
        check_input(x, self._weight("weight_ih_l0"), resets)
        between = (self.num_layers * self.directions,)
        check_state(self.cell, state, x, between, self.hidden_size)


@final
class RNN(Recurrent[HiddenState]):
    """Elman's network (1990): h_t = tanh(W_x x_t + b_x + W_h h_(t-1) + b_h), or relu for tanh."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        nonlinearity: Literal["tanh", "relu"] = "tanh",
        bias: bool = True,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise OptionError(f"nonlinearity={nonlinearity}", expected="tanh or relu")
        self.nonlinearity: Literal["tanh", "relu"] = nonlinearity
        super().__init__(
            input_size, hidden_size, num_layers, bias, dropout, bidirectional, device, dtype
        )

    @property
    def cell(self) -> Cell[HiddenState]:
        """One step of the recurrence."""
        return cells.RNNCell(self.nonlinearity)


@final
class GRU(Recurrent[HiddenState]):
    """Gated recurrent units (Cho et al. 2014), torch's variant; see cells.GRUCell."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        bias: bool = True,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            input_size, hidden_size, num_layers, bias, dropout, bidirectional, device, dtype
        )

    @property
    def cell(self) -> Cell[HiddenState]:
        """One step of the recurrence."""
        return cells.GRU


@final
class LSTM(Recurrent[LSTMState]):
    """Long short-term memory (Gers et al. 2000), without peepholes; see cells.LSTMCell."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        bias: bool = True,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            input_size, hidden_size, num_layers, bias, dropout, bidirectional, device, dtype
        )

    @property
    def cell(self) -> Cell[LSTMState]:
        """One step of the recurrence."""
        return cells.LSTM


def _within(resets: Tensor | None, rows: Ragged) -> Tensor | None:
    return None if resets is None else resets[:, : rows.steps]
