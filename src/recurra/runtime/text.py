"""The text network in use: embedding, recurrent layers, a linear head; members averaged."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from recurra import native
from recurra.codecs.tokenizer import UNKNOWN
from recurra.errors import OptionError
from recurra.runtime.layers import CELLS, Recurrent
from recurra.runtime.network import Network
from recurra.runtime.state import Array, State
from recurra.runtime.weights import Weights

Ids = npt.NDArray[np.integer[Any]]
Nats = npt.NDArray[np.float64]

TABLE: Final = 2048
"""Symbols up to which the input's part of the first layer's gates is worked out once for each."""

_VALUES: Final = 1 << 20
"""Outputs of a layer that exist at a time; longer sequences are read in chunks."""


@final
@dataclass(frozen=True)
class Architecture:
    """The sizes of a text network.

    Args:
        symbols: V, the vocabulary with its unknown.
        cell: rnn, gru or lstm.
        embedding: size of a token's vector.
        hidden: H.
        layers: L.
        dropout: share of outputs dropped after each layer in training.
        members: networks whose probabilities are averaged.
    """

    symbols: int
    cell: str
    embedding: int
    hidden: int
    layers: int
    dropout: float
    members: int = 1

    def __post_init__(self) -> None:
        if self.cell not in CELLS:
            raise OptionError(f"cell {self.cell!r}", expected=f"one of {', '.join(CELLS)}")
        for name in ("embedding", "hidden", "layers", "members"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} {getattr(self, name)}", expected="at least 1")
        if not 0.0 <= self.dropout < 1.0:
            raise OptionError(f"dropout {self.dropout}", expected="at least 0 and below 1")

    def to_json(self) -> dict[str, Any]:
        """The sizes as plain values."""
        return asdict(self)


@final
class _Member:
    """One of the networks whose probabilities are averaged."""

    def __init__(self, a: Architecture, weights: Weights, prefix: str, name: str) -> None:
        embedding = weights.matrix(f"{prefix}embedding.weight", a.symbols, a.embedding)
        self.recurrent = Recurrent(
            weights,
            a.cell,
            a.embedding,
            a.hidden,
            a.layers,
            prefix=f"{prefix}recurrent.",
            name=name,
        )
        # The unknown has no weights: its score is minus infinity.
        head = np.zeros((a.symbols, a.hidden), np.float32)
        head[1:] = weights.matrix(f"{prefix}head.weight", a.symbols - 1, a.hidden)
        bias = np.full(a.symbols, -np.inf, np.float32)
        bias[1:] = weights.take(f"{prefix}head.bias", a.symbols - 1)
        self.head = native.Linear(head, bias, weights=weights.kept_of(head))
        # By the network alone, never by the batch: all ways of reading have the same sums.
        self.table: Array | None = embedding
        self.projected: Array | None = None
        if a.symbols <= TABLE:
            self.table, self.projected = None, self.recurrent.cells[0].project(embedding)


@final
class TextNetwork(Network[Architecture]):
    """A text network on arrays, as it was trained.

        network = TextNetwork(architecture, arrays)
        logits, state = network.step(np.array([5]), network.begin())

    `size` is the number of its weights.
    """

    def _take(self, weights: Weights) -> None:
        self.members = [
            _Member(
                self.architecture,
                weights,
                f"others.{number - 1}." if number else "",
                f"{number}." if number else "",
            )
            for number in range(self.architecture.members)
        ]

    def begin(self, batch: int = 1) -> State:
        """The state of B streams that have read nothing."""
        arrays: dict[str, Array] = {}
        for member in self.members:
            arrays |= member.recurrent.begin(batch)
        return State(arrays)

    def step(self, inputs: Ids, state: State) -> tuple[Array, State]:
        """Read a token of each of B streams, ids (B,): scores (B, V) of the next, and the state.

        Scores of one network are its logits, those of several log-probabilities.
        """
        ids, after = _rows(inputs), dict[str, Array]()
        scores = []
        for member in self.members:
            top = member.recurrent.step(
                member.table,
                state.arrays,
                after,
                projected=member.projected,
                x_rows=ids,
                threads=self.threads,
            )
            scores.append(member.head(top, threads=self.threads))
        return _mean(scores), State(after)

    def advance(self, inputs: Ids, arrays: dict[str, Array], rows: npt.NDArray[np.int64]) -> Array:
        """The same in place, of the streams that are `rows` (B,) of a state's arrays (S, H)."""
        ids = _rows(inputs)
        scores = []
        for member in self.members:
            top = member.recurrent.advance(
                member.table,
                arrays,
                rows,
                projected=member.projected,
                x_rows=ids,
                threads=self.threads,
            )
            scores.append(member.head(top, rows=rows, threads=self.threads))
        return _mean(scores)

    def stack(self, logits: Array, state: State) -> native.Stack | None:
        """What writes one stream on from its logits (1, V) and state, by itself.

        None where the logits are those of several members, or the kernels are missing.
        """
        if len(self.members) > 1 or not native.compiled:
            return None
        (member,) = self.members
        layers = member.recurrent
        return native.Stack(
            layers.cells,
            member.head,
            logits,
            hidden=[state[hidden] for hidden, _ in layers.names],
            memory=[state[memory] for _, memory in layers.names] if layers.has_cell else (),
            table=member.table,
            projected=member.projected,
        )

    def look(self, state: State) -> Array:
        """Scores (B, V), as of `step`, of what follows where streams stand."""
        return _mean(
            [
                member.head(state[member.recurrent.names[-1][0]], threads=self.threads)
                for member in self.members
            ]
        )

    def read(
        self,
        ids: Ids,
        state: State | None = None,
        resets: npt.NDArray[np.bool_] | None = None,
        *,
        every: list[Array] | None = None,
    ) -> tuple[list[Array], State]:
        """Read ids (B, T): what each member's head reads, (B, T, H) each, and the state.

        Args:
            resets: (B, T) bool: true where a document begins, into which no state is carried.
            every: takes the first member's outputs of each layer.
        """
        rows, after = _rows(ids), dict[str, Array]()
        found: list[Array] = []
        for member in self.members:
            output, own = member.recurrent.run(
                member.table,
                None if state is None else state.arrays,
                resets=None if resets is None else np.ascontiguousarray(resets),
                projected=member.projected,
                x_rows=rows,
                every=every if not found else None,
                threads=self.threads,
            )
            found.append(output)
            after |= own
        return found, State(after)

    def scores(self, hidden: list[Array]) -> Array:
        """Scores (N, V), as of `step`, of what the heads read, (N, H) each."""
        return _mean(
            [m.head(h, threads=self.threads) for m, h in zip(self.members, hidden, strict=True)]
        )

    def token_nll(
        self,
        inputs: Ids,
        targets: Ids,
        unknown_rate: float,
        *,
        state: State | None = None,
        resets: npt.NDArray[np.bool_] | None = None,
    ) -> tuple[Nats, State]:
        """The negative log-likelihood in nats of each target (B, T), and the state after them.

        Memory does not grow with T but for the result.

        Args:
            inputs: (B, T), each what stands before its target.
            unknown_rate: the probability of the unknown token, which no network predicts.
            state: before the first input; zeros without.
            resets: (B, T): where inputs begin a document.
        """
        batch, steps = inputs.shape
        found = np.empty((batch, steps))
        chunk = max(1, _VALUES // (max(1, batch) * self.architecture.hidden))
        for start in range(0, steps, chunk):
            window = slice(start, start + chunk)
            cut = None if resets is None else resets[:, window]
            hidden, state = self.read(inputs[:, window], state, cut)
            aims = np.ascontiguousarray(targets[:, window], np.int64)
            found[:, window] = self.hidden_nll(hidden, aims, unknown_rate)
        return found, self.begin(batch) if state is None else state

    def hidden_nll(
        self, hidden: list[Array], targets: npt.NDArray[np.int64], unknown_rate: float
    ) -> Nats:
        """The same of what the heads read already, (B, T, H) each, before the targets (B, T)."""
        wanted = targets.reshape(-1)
        known = np.where(wanted == UNKNOWN, -1, wanted)
        logs = [
            member.head.log_likelihood(
                h.reshape(-1, h.shape[-1]), known, threads=self.threads
            ).astype(np.float64)
            for member, h in zip(self.members, hidden, strict=True)
        ]
        mean = logs[0] if len(logs) == 1 else _log_mean(logs)
        nll: Nats = -(mean + np.log1p(-unknown_rate))
        nll[wanted == UNKNOWN] = -math.log(unknown_rate) if unknown_rate else math.inf
        return nll.reshape(targets.shape)


def _rows(ids: Ids) -> npt.NDArray[np.int64]:
    """Ids as the kernels take them."""
    given = np.asarray(ids)
    if given.dtype.kind not in "iu":
        raise OptionError(f"ids: {given.dtype} {given.shape}", expected="whole numbers")
    return np.ascontiguousarray(given, np.int64)


def _mean(scores: list[Array]) -> Array:
    """What several networks say together: the logarithm of the mean of their probabilities."""
    if len(scores) == 1:
        return scores[0]
    logs = []
    for each in scores:
        shifted = each - each.max(-1, keepdims=True)
        logs.append(shifted - np.log(np.exp(shifted).sum(-1, keepdims=True)))
    with np.errstate(divide="ignore"):
        found: Array = np.log(sum(np.exp(each) for each in logs) / len(logs))
    return found


def _log_mean(logs: list[Nats]) -> Nats:
    """The logarithm of the mean of what these are the logarithms of."""
    total = logs[0]
    for each in logs[1:]:
        total = np.logaddexp(total, each)
    return total - math.log(len(logs))
