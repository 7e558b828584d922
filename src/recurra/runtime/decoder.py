"""One decoder in use: layers over what is written, which look back at what was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, final

import numpy as np
import numpy.typing as npt

from recurra.errors import OptionError
from recurra.runtime.attention import KINDS, Attention
from recurra.runtime.layers import CELLS, Recurrent, linear
from recurra.runtime.state import Array
from recurra.runtime.weights import Weights

Ids = npt.NDArray[np.int64]

FEEDINGS: Final = ("up", "input")


class DecoderSizes(Protocol):
    """The sizes of a decoder, among those of its network.

    targets: V, pieces that it writes, the reserved ones included; cell: rnn, gru or lstm;
    embedding: E, size of a piece's vector, which is the weight of the output too (Press and Wolf,
    2017, arXiv:1608.05859); hidden: H, of what it reads too; layers: L; attention: of
    `recurra.runtime.attention.KINDS`, or none: all that it has of what was read is one vector (Cho
    et al., 2014, arXiv:1406.1078); feeding: where what was found goes. up: to the layer above, so
    that all steps of a known target are read at once. input: to the next step's input too (Luong et
    al., 2015, arXiv:1508.04025, section 3.3), one step after the other.
    """

    @property
    def targets(self) -> int: ...  # noqa: D102
    @property
    def cell(self) -> str: ...  # noqa: D102
    @property
    def embedding(self) -> int: ...  # noqa: D102
    @property
    def hidden(self) -> int: ...  # noqa: D102
    @property
    def layers(self) -> int: ...  # noqa: D102
    @property
    def attention(self) -> str: ...  # noqa: D102
    @property
    def feeding(self) -> str: ...  # noqa: D102


def check_sizes(sizes: DecoderSizes) -> None:
    """Check that a decoder can have these.

    Raises:
        OptionError: it cannot.
    """
    for name, known in (("cell", CELLS), ("attention", (*KINDS, "none")), ("feeding", FEEDINGS)):
        value = getattr(sizes, name)
        if value not in known:
            raise OptionError(f"--{name} {value}", expected=f"one of {', '.join(known)}")
    for name in ("embedding", "hidden", "layers"):
        if getattr(sizes, name) < 1:
            raise OptionError(f"{name} {getattr(sizes, name)}", expected="at least 1")
    if sizes.attention == "none" and sizes.feeding == "input":
        raise OptionError(
            "--feeding input with --attention none", expected="an attention that finds something"
        )


@final
@dataclass(frozen=True, eq=False)
class Reading:
    """What one decoder looks at of B sources.

    values (B, S, H), what is looked at; keys and again (B, S, A), what the first look compares with
    and the second; vector (B, H), what its first state follows from; last (B, S, H + K), what the
    last look finds: values, and beside them what each step shows of K pieces.
    """

    values: Array
    keys: Array
    again: Array
    vector: Array
    last: Array

    def select(self, rows: Ids) -> Reading:
        """The sources named by indices (K,), which may repeat."""
        values = self.values[rows]
        last = values if self.last is self.values else self.last[rows]
        return Reading(values, self.keys[rows], self.again[rows], self.vector[rows], last)


@final
class Decoder:
    """All of a decoder but the product with the vocabulary.

    Args:
        sizes: of it.
        weights: holds them, after `prefix`, as `recurra.networks.decoder.Decoder` names them.
        prefix: of the weights' names.
        name: of the arrays of its state.
        shown: K pieces whose scores are raised by what was shown of them where it looked.

    Raises:
        BundleError: vectors under two names that differ.
    """

    def __init__(
        self,
        sizes: DecoderSizes,
        weights: Weights,
        prefix: str,
        name: str,
        shown: Sequence[int] = (),
    ) -> None:
        self.sizes = a = sizes
        looks = a.attention != "none"
        below = a.layers if a.feeding == "input" or not looks else 1
        self.vectors = weights.matrix(f"{prefix}vectors.weight", a.targets, a.embedding)
        self.bias = weights.take(f"{prefix}bias", a.targets)
        self.compared = self.vectors
        if shown:
            places = np.zeros((a.targets, len(shown)), np.float32)
            places[list(shown), np.arange(len(shown))] = 1.0
            self.compared = np.concatenate([self.vectors, places], 1)
        beside = 0 if a.feeding == "up" and looks else a.hidden if not looks else a.embedding
        self.lower = Recurrent(
            weights,
            a.cell,
            a.embedding + beside,
            a.hidden,
            below,
            prefix=f"{prefix}lower.",
            name=f"{name}lower.",
        )
        self.attention = self.last = None
        if looks:
            self.attention = Attention(weights, f"{prefix}attention.", a.attention, a.hidden)
        self.upper = None
        if a.layers > below:
            self.upper = Recurrent(
                weights,
                a.cell,
                2 * a.hidden,
                a.hidden,
                a.layers - below,
                prefix=f"{prefix}upper.",
                name=f"{name}upper.",
            )
            self.last = Attention(weights, f"{prefix}last.", a.attention, a.hidden)
        self.fed = f"{name}fed" if a.feeding == "input" else ""
        self.bridge = linear(weights, f"{prefix}bridge", a.layers * a.hidden, a.hidden)
        self.output = linear(weights, f"{prefix}output", a.embedding, 2 * a.hidden)

    def reading(
        self, values: Array, vector: Array, threads: int, shown: Array | None = None
    ) -> Reading:
        """What it looks at, of what was read: values (B, S, H), and the vector of each (B, H).

        Args:
            shown: (B, S, K) what each step shows of its pieces, where it has such.
        """
        keys = again = values
        if self.attention is not None:
            keys = self.attention.keys(values, threads)
        if self.last is not None:
            again = self.last.keys(values, threads)
        last = values if shown is None else np.concatenate([values, shown], 2)
        return Reading(values, keys, again, vector, last)

    def begin(self, encoded: Reading, owners: Ids, threads: int) -> dict[str, Array]:
        """The state before the first step of rows of sources `owners` (R,)."""
        a = self.sizes
        started = np.tanh(self.bridge(encoded.vector, threads=threads))[owners]
        found: dict[str, Array] = {}
        layers = [*self.lower.names, *([] if self.upper is None else self.upper.names)]
        for k, (hidden, memory) in enumerate(layers):
            found[hidden] = np.ascontiguousarray(started[:, k * a.hidden : (k + 1) * a.hidden])
            if self.lower.has_cell:
                # What a cell remembers beside its output begins at zero.
                found[memory] = np.zeros_like(found[hidden])
        if self.fed:
            found[self.fed] = np.zeros((len(owners), a.embedding), np.float32)
        return found

    def step(
        self,
        tokens: Ids,
        before: Mapping[str, Array],
        after: dict[str, Array],
        encoded: Reading,
        lengths: Ids,
        owners: Ids,
        threads: int,
    ) -> tuple[Array, Array | None]:
        """One step of R rows: what pieces are compared with, (R, E + K), and where it looked."""
        x, context = self.vectors, None
        rows: Ids | None = tokens
        if self.fed:
            x, rows = np.concatenate([x[tokens], before[self.fed]], 1), None
        elif self.attention is None:
            context = encoded.vector[owners]
            x, rows = np.concatenate([x[tokens], context], 1), None
        shown = self.lower.step(x, before, after, x_rows=rows, threads=threads)
        found, attention = self._found(
            shown,
            context,
            lambda both: self._upper.step(both, before, after, threads=threads),
            encoded,
            lengths,
            owners,
            threads,
        )
        if self.fed:
            after[self.fed] = found
        return found, attention

    def read(
        self, inputs: Ids, counts: Ids, encoded: Reading, lengths: Ids, owners: Ids, threads: int
    ) -> Array:
        """All steps of known inputs (N,), `counts` (B,) of each source: as `step`, (N, E + K)."""
        first = self.begin(encoded, np.arange(len(counts)), threads)
        x, context = self.vectors, None
        rows: Ids | None = inputs
        if self.attention is None:
            context = encoded.vector[owners]
            x, rows = np.concatenate([x[inputs], context], 1), None
        shown, _ = self.lower.run(x, first, lengths=counts, x_rows=rows, threads=threads)
        found, _ = self._found(
            shown,
            context,
            lambda both: self._upper.run(both, first, lengths=counts, threads=threads)[0],
            encoded,
            lengths,
            owners,
            threads,
        )
        return found

    @property
    def _upper(self) -> Recurrent:
        assert self.upper is not None
        return self.upper

    def _found(
        self,
        shown: Array,
        context: Array | None,
        upper: Any,
        encoded: Reading,
        lengths: Ids,
        owners: Ids,
        threads: int,
    ) -> tuple[Array, Array | None]:
        """What the layers over `shown` (R, H) find, (R, E + K), and where they looked last."""
        attention = None
        if self.attention is not None:
            values = encoded.last if self.last is None else encoded.values
            context, attention = self.attention(
                shown, encoded.keys, values, lengths, owners, threads
            )
        assert context is not None
        if self.last is not None:
            shown = upper(np.concatenate([shown, context], 1))
            context, attention = self.last(
                shown, encoded.again, encoded.last, lengths, owners, threads
            )
        context, raised = context[:, : self.sizes.hidden], context[:, self.sizes.hidden :]
        found = self.output(np.concatenate([shown, context], 1), threads=threads)
        np.tanh(found, out=found)
        return (np.concatenate([found, raised], 1) if raised.size else found), attention
