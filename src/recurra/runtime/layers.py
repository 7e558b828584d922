"""Layers on arrays: recurrent stacks and linear maps, of weights under torch.nn's names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from recurra import native
from recurra.runtime.state import Array
from recurra.runtime.weights import Weights

CELLS: Final = ("rnn", "gru", "lstm")
"""The cells that tasks can have."""

GATES: Final = {"rnn": 1, "gru": 3, "lstm": 4}

_KERNELS: Final = {"rnn": "rnn_tanh", "gru": "gru", "lstm": "lstm"}


@final
class Recurrent:
    """A stack of recurrent layers, in one direction or both; without anything of training.

    Its state is arrays (B, H) for each layer and direction: `hidden.0`, `hidden.1`, ..., and for
    an LSTM `cell.0`, ..., the backward direction of a layer behind its forward one; all names begin
    with `name`.

    Args:
        weights: holds `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, ... as torch.nn
            names them, after `prefix`.
        features: F of the first layer.
        hidden: H.
        layers: L.
        prefix: of the weights' names.
        name: of the state's arrays.
    """

    def __init__(
        self,
        weights: Weights,
        cell: str,
        features: int,
        hidden: int,
        layers: int,
        *,
        bidirectional: bool = False,
        prefix: str = "",
        name: str = "",
    ) -> None:
        self.hidden, self.layers = hidden, layers
        self.directions = 1 + bidirectional
        self.has_cell = cell == "lstm"
        rows = GATES[cell] * hidden
        self.cells: list[native.Prepared] = []
        for layer in range(layers):
            inputs = features if layer == 0 else hidden * self.directions
            for way in ("", "_reverse")[: self.directions]:
                end = f"_l{layer}{way}"
                self.cells.append(
                    native.Prepared(
                        _KERNELS[cell],
                        weights.matrix(f"{prefix}weight_ih{end}", rows, inputs),
                        weights.matrix(f"{prefix}weight_hh{end}", rows, hidden),
                        weights.take(f"{prefix}bias_ih{end}", rows),
                        weights.take(f"{prefix}bias_hh{end}", rows),
                        weights=weights.kept,
                    )
                )
        self.names = [(f"{name}hidden.{n}", f"{name}cell.{n}") for n in range(len(self.cells))]

    def begin(self, batch: int) -> dict[str, Array]:
        """The state of zeros."""
        names = [pair[: 1 + self.has_cell] for pair in self.names]
        return {n: np.zeros((batch, self.hidden), np.float32) for pair in names for n in pair}

    def step(
        self,
        x: Array | None,
        before: Mapping[str, Array],
        after: dict[str, Array],
        *,
        projected: Array | None = None,
        x_rows: npt.NDArray[np.int64] | None = None,
        threads: int = 1,
    ) -> Array:
        """One step of B streams in one direction: the last layer's output (B, H).

        Args:
            x: (B, F), or a table (V, F) whose rows `x_rows` (B,) are read.
            before: the state, which is not changed.
            after: where the new state is put.
            projected: in place of x: rows (V, G*H) of `native.Prepared.project`.
        """
        for cell, (hidden, memory) in zip(self.cells, self.names, strict=True):
            c = before[memory] if self.has_cell else None
            x, c = cell.step(
                x, before[hidden], c, projected=projected, x_rows=x_rows, threads=threads
            )
            after[hidden] = x
            if c is not None:
                after[memory] = c
            projected = x_rows = None
        assert x is not None
        return x

    def advance(
        self,
        x: Array | None,
        arrays: Mapping[str, Array],
        rows: npt.NDArray[np.int64],
        *,
        projected: Array | None = None,
        x_rows: npt.NDArray[np.int64] | None = None,
        threads: int = 1,
    ) -> Array:
        """One step in place of the streams that are `rows` (B,) of the state's arrays (S, H).

        Returns:
            The last layer's array (S, H), of which `rows` are the outputs.
        """
        for cell, (hidden, memory) in zip(self.cells, self.names, strict=True):
            h = arrays[hidden]
            c = arrays[memory] if self.has_cell else None
            cell.advance(x, h, c, rows=rows, x_rows=x_rows, projected=projected, threads=threads)
            # The layer above reads the rows where they lie.
            x, x_rows, projected = h, rows, None
        assert x is not None
        return x

    def project(self, table: Array, *, threads: int = 1) -> list[Array]:
        """The first layer's part of the gates, of each direction, (V, G*H) for rows (V, F)."""
        return [each.project(table, threads=threads) for each in self.cells[: self.directions]]

    def run(
        self,
        x: Array | None,
        before: Mapping[str, Array] | None = None,
        *,
        lengths: npt.NDArray[np.int64] | None = None,
        resets: npt.NDArray[np.bool_] | None = None,
        projected: Array | None = None,
        x_rows: npt.NDArray[np.int64] | None = None,
        every: list[Array] | None = None,
        threads: int = 1,
    ) -> tuple[Array, dict[str, Array]]:
        """Whole sequences: outputs (B, T, D*H), or (N, D*H) of ragged rows, and the state after.

        Args:
            x: (B, T, F), or (N, F) rows end to end with their `lengths` (B,).
            before: the state; zeros without.
            lengths: real steps of each row; what is behind them reads as zero.
            resets: (B, T) or (N,): true where a row starts again from zeros.
            projected, x_rows: as in `step`, x_rows (B, T) or (N,).
            every: takes the outputs of each layer, where it is given.
        """
        after: dict[str, Array] = {}
        for first in range(0, len(self.cells), self.directions):
            tables = None if projected is None else [projected] * self.directions
            ways = self._layer(first, x, before, after, lengths, resets, tables, x_rows, threads)
            x, projected, x_rows = _joined(ways), None, None
            if every is not None:
                every.append(x)
        assert x is not None
        return x, after

    def run_apart(
        self,
        x: Array | None,
        lengths: npt.NDArray[np.int64],
        *,
        projected: list[Array] | None = None,
        x_rows: npt.NDArray[np.int64] | None = None,
        threads: int = 1,
    ) -> list[Array]:
        """What `run` gives of ragged rows from zeros, the directions apart: (N, H) of each.

        Args:
            x: (N, F) rows end to end with their lengths (B,).
            projected: in place of x: what `project` gave, whose rows `x_rows` (N,) are read.
        """
        after: dict[str, Array] = {}
        ways: list[Array] = []
        for first in range(0, len(self.cells), self.directions):
            if ways:
                x, projected, x_rows = _joined(ways), None, None
            ways = self._layer(first, x, None, after, lengths, None, projected, x_rows, threads)
        return ways

    def _layer(
        self,
        first: int,
        x: Array | None,
        before: Mapping[str, Array] | None,
        after: dict[str, Array],
        lengths: npt.NDArray[np.int64] | None,
        resets: npt.NDArray[np.bool_] | None,
        projected: list[Array] | None,
        x_rows: npt.NDArray[np.int64] | None,
        threads: int,
    ) -> list[Array]:
        """The outputs of one layer, whose first cell has this number, each direction's own."""
        ways = []
        for way in range(self.directions):
            hidden, memory = self.names[first + way]
            done = self.cells[first + way].run(
                x,
                None if before is None else before[hidden],
                None if before is None or not self.has_cell else before[memory],
                lengths=lengths,
                reverse=way == 1,
                resets=resets,
                projected=None if projected is None else projected[way],
                x_rows=x_rows,
                threads=threads,
            )
            ways.append(done.output)
            after[hidden] = done.hidden
            if self.has_cell:
                assert done.cell is not None
                after[memory] = done.cell
        return ways


def _joined(ways: list[Array]) -> Array:
    """The outputs of both directions side by side."""
    return ways[0] if len(ways) == 1 else np.concatenate(ways, -1)


def linear(weights: Weights, name: str, outputs: int, inputs: int) -> native.Linear:
    """A linear map of `name.weight` (outputs, inputs) and `name.bias`."""
    matrix = weights.matrix(f"{name}.weight", outputs, inputs)
    return native.Linear(
        matrix, weights.take(f"{name}.bias", outputs), weights=weights.kept_of(matrix)
    )


def log_softmax(scores: Array) -> npt.NDArray[np.float64]:
    """The log-probabilities (..., V) of scores."""
    wide = scores.astype(np.float64)
    wide -= wide.max(-1, keepdims=True)
    found: npt.NDArray[Any] = wide - np.log(np.exp(wide).sum(-1, keepdims=True))
    return found
