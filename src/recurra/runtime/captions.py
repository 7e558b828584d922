"""The captions network in use: convolutions read a picture, a decoder or columns say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import ceil, prod
from typing import Any, Final, final

import numpy as np

from recurra.codecs.pictures import PictureForm
from recurra.codecs.tokenizer import BEGIN
from recurra.errors import OptionError
from recurra.runtime.convolution import PictureEncoder, Sizes, coarser
from recurra.runtime.decoder import Decoder, Ids, check_sizes
from recurra.runtime.ensemble import ATTENTION, Encoded, Ensemble, EnsembleDecoder, Nats
from recurra.runtime.layers import Recurrent, linear, log_softmax
from recurra.runtime.network import Network
from recurra.runtime.state import Array
from recurra.runtime.weights import Weights
from recurra.search.ctc import log_likelihood

__all__ = ["ATTENTION", "READINGS", "Architecture", "CaptionNetwork", "Frames"]

READINGS: Final = ("grid", "columns", "ctc")
"""How a picture is read.

grid: a decoder looks at a grid of places. columns: a recurrent layer reads the picture's columns
from both ends, and a decoder looks at these. ctc: the same columns, each of which says a piece or
nothing (connectionist temporal classification, Graves et al. 2006).
"""

MOST_POOLED: Final = 8
"""Rows or columns that one stage makes one of, at most."""

BLANK: Final = BEGIN
"""What a column says of ctc's that says nothing: an id that no text contains."""


@final
@dataclass(frozen=True)
class Architecture:
    """The sizes of a network that captions pictures.

    Args:
        form: what pictures are brought to: `recurra.codecs.pictures.PictureForm` as plain values.
        stages: features after each convolution.
        pools: rows and columns of each convolution's pools.
        rows, columns: of the grid that a picture becomes, at most; of strips all have `rows`.
        reading: of READINGS.
        targets, cell, embedding, hidden, layers, attention, feeding: of the decoder; see
            `recurra.runtime.decoder.DecoderSizes`. hidden is that of the columns too, a half for
            each direction. With ctc there is no decoder, and layers are those of the columns.
        dropout: share dropped in training.
        detected: pieces that each place of a grid says whether it shows them, which the decoder is
            taught to look for, and more likely to say where it looks at them.
    """

    form: Mapping[str, Any]
    stages: Sequence[int]
    pools: Sequence[Sequence[int]]
    rows: int
    columns: int
    reading: str
    targets: int
    cell: str
    embedding: int
    hidden: int
    layers: int
    attention: str
    feeding: str
    dropout: float
    detected: Sequence[int] = ()

    def __post_init__(self) -> None:
        check_sizes(self)
        if self.reading not in READINGS:
            raise OptionError(f"--reading {self.reading}", expected=f"one of {', '.join(READINGS)}")
        if self.reading != "grid" and self.hidden % 2:
            raise OptionError(
                f"--hidden {self.hidden}", expected="an even number: a half for each direction"
            )
        if self.detected and (self.reading != "grid" or self.feeding != "up"):
            raise OptionError("detected pieces", expected="them of a grid, and no input feeding")
        if len(set(self.detected)) < len(self.detected) or max(self.detected, default=0) >= (
            self.targets
        ):
            raise OptionError(
                f"detected {self.detected}", expected=f"different pieces below {self.targets}"
            )
        # Neither pools nor pictures have weights; grids do.
        pools = self.pools
        if len(pools) != len(self.stages) or not all(
            len(each) == 2 and all(1 <= by <= MOST_POOLED for by in each) for each in pools
        ):
            raise OptionError(
                f"pools {pools}",
                expected=f"rows and columns of each stage, from 1 to {MOST_POOLED}",
            )
        form = PictureForm.from_json(self.form)
        down, across = (prod(each) for each in zip(*pools, strict=True))
        grid = (ceil(form.height / down), ceil((form.width or 0) / across))
        if grid != (self.rows, self.columns):
            raise OptionError(
                f"a grid of {self.rows} x {self.columns}",
                expected=f"{grid[0]} x {grid[1]}, as pictures and pools make it",
            )

    @property
    def channels(self) -> int:
        """Of pictures: 1, grey, or 3."""
        return int(self.form["channels"])

    @property
    def early(self) -> list[int]:
        """The stages whose features tell what a place shows.

        The first sees hardly more than a colour, whatever the form it is of: a detector that sees
        the form too misses a colour that it has never seen in that form (docs/tried.md). The first
        that is as coarse as the grid sees forms, and the least around them.
        """
        pooled = [n for n, pool in enumerate(self.pools) if prod(pool) > 1]
        return sorted({0, *pooled[-1:]})

    @property
    def depth(self) -> int:
        """Recurrent layers that read the columns."""
        return self.layers if self.reading == "ctc" else 1

    def to_json(self) -> dict[str, Any]:
        """The sizes as plain values."""
        return asdict(self)


@final
@dataclass(frozen=True, eq=False)
class Frames:
    """What the columns of B pictures say: log-probabilities (N, V), those of picture after picture.

    lengths: (B,) columns of each.
    """

    values: Array
    lengths: Ids

    def rows(self) -> list[Array]:
        """Those of each picture, (T, V)."""
        return np.split(self.values, np.cumsum(self.lengths)[:-1])


@final
class CaptionNetwork(Network[Architecture]):
    """A network that captions, on arrays, as it was trained.

    encoded = network.encode(pictures, sizes)        # PictureForm.numbers gives both
    decoder = network.decoder(encoded)               # of a grid or columns
    frames = network.frames(pictures, sizes)         # of ctc
    """

    def _take(self, weights: Weights) -> None:
        a = self.architecture
        self.encoder = PictureEncoder(weights, "encoder.", a.channels, a.stages, a.pools)
        features = a.stages[-1]
        if a.reading == "grid":
            self.inner = linear(weights, "inner", a.hidden, features)
            self.down = weights.take("down", a.rows, a.hidden)
            self.across = weights.take("across", a.columns, a.hidden)
            if a.detected:
                self.detectors = [
                    linear(weights, f"detectors.{number}", len(a.detected), a.stages[stage])
                    for number, stage in enumerate(a.early)
                ]
        else:
            self.inner = linear(weights, "inner", a.hidden, a.rows * features)
            self.reader = Recurrent(
                weights,
                a.cell,
                a.hidden,
                a.hidden // 2,
                a.depth,
                bidirectional=True,
                prefix="reader.",
            )
        if a.reading == "ctc":
            self.head = linear(weights, "head", a.targets, a.hidden)
        else:
            one = Decoder(a, weights, "decoder.", "", a.detected)
            self.ensemble = Ensemble([one], weights, self.threads)

    @property
    def multiple(self) -> tuple[int, int]:
        """What heights and widths of arrays of pictures have to be multiples of."""
        return self.encoder.multiple

    def grids(self, sizes: Sizes) -> Sizes:
        """Rows and columns (B, 2) of places that pictures of these sizes are looked at by."""
        found: Sizes = -(-sizes // np.array(self.multiple))
        if self.architecture.reading != "grid":
            found[:, 0] = 1
        return found

    def encode(self, pictures: Array, sizes: Sizes) -> Encoded:
        """Read pictures (B, H, W, C) of sizes (B, 2), for `decoder`."""
        decoder, shown = self.ensemble.members[0], None
        if self.architecture.reading == "grid":
            values, lengths, shown = self._grid(pictures, sizes)
            vector = values.sum(1) / np.maximum(lengths, 1)[:, None].astype(np.float32)
        else:
            values, lengths, vector = self._columns(pictures, sizes)
        return Encoded((decoder.reading(values, vector, self.threads, shown),), lengths)

    def decoder(self, encoded: Encoded) -> EnsembleDecoder:
        """What writes the captions of these pictures, step by step."""
        return self.ensemble.decoder(encoded)

    def frames(self, pictures: Array, sizes: Sizes) -> Frames:
        """What each column of pictures (B, H, W, C) of sizes (B, 2) says, where there is ctc."""
        values, lengths, _ = self._columns(pictures, sizes)
        real = np.arange(values.shape[1]) < lengths[:, None]
        scores = self.head(np.ascontiguousarray(values[real]), threads=self.threads)
        return Frames(log_softmax(scores).astype(np.float32), lengths)

    def log_likelihood(
        self, pictures: Array, sizes: Sizes, owners: Ids, targets: Sequence[Ids]
    ) -> list[Nats]:
        """The log-probability of known captions: of each piece but the first; with ctc of all.

        Args:
            pictures: (B, H, W, C) of sizes (B, 2).
            owners: (N,) the picture of each caption.
            targets: ids (T,) each of N captions, from BEGIN to END.
        """
        if self.architecture.reading == "ctc":
            rows = self.frames(pictures, sizes).rows()
            return [
                np.array([log_likelihood(rows[owner], target[1:-1], BLANK)])
                for owner, target in zip(owners.tolist(), targets, strict=True)
            ]
        read = self.encode(pictures, sizes)
        return self.ensemble.log_likelihood(lambda rows: read.select(owners[rows]), targets)

    def _grid(self, pictures: Array, sizes: Sizes) -> tuple[Array, Ids, Array | None]:
        """What places hold, (B, S, H), row after row of each picture, and how many these are.

        With them what they show of detected pieces, (B, S, K): the more, the surer.
        """
        every, grids = self.encoder.every(pictures, sizes, self.threads)
        x = every[-1]
        batch, rows, columns, features = x.shape
        flat = self.inner(x.reshape(-1, features), threads=self.threads)
        x = flat.reshape(batch, rows, columns, -1)
        x += self.down[:rows, None] + self.across[:columns]
        np.maximum(x, 0.0, out=x)
        if not self.architecture.detected:
            return _in_rows(x, grids), grids.prod(1), None
        surest = np.full((batch * rows * columns, 1), -np.inf, np.float32)
        for stage, detector in zip(self.architecture.early, self.detectors, strict=True):
            seen = coarser(every[stage], rows, columns)
            flat = detector(seen.reshape(-1, seen.shape[3]), threads=self.threads)
            surest = np.maximum(surest, flat)
        np.logaddexp(surest, 0.0, out=surest)
        shown = surest.reshape(batch, rows, columns, -1)
        return _in_rows(x, grids), grids.prod(1), _in_rows(shown, grids)

    def _columns(self, pictures: Array, sizes: Sizes) -> tuple[Array, Ids, Array]:
        """What columns hold, (B, S, H), how many there are, and the reader's last state (B, H)."""
        x, grids = self.encoder(pictures, sizes, self.threads)
        batch, _, columns, _ = x.shape
        x = np.ascontiguousarray(x.transpose(0, 2, 1, 3)).reshape(batch * columns, -1)
        x = self.inner(x, threads=self.threads)
        np.maximum(x, 0.0, out=x)
        lengths = np.ascontiguousarray(grids[:, 1])
        values, last = self.reader.run(
            x.reshape(batch, columns, -1), lengths=lengths, threads=self.threads
        )
        ways = self.reader.names[-2:]
        return values, lengths, np.concatenate([last[hidden] for hidden, _ in ways], 1)


def _in_rows(x: Array, grids: Sizes) -> Array:
    """Places (B, H, W, F) of grids (B, 2), row after row, (B, S, F); zeros after the last."""
    values = np.zeros((len(x), int(grids.prod(1).max(initial=1)), x.shape[3]), np.float32)
    for row, (height, width) in enumerate(grids.tolist()):
        values[row, : height * width] = x[row, :height, :width].reshape(-1, x.shape[3])
    return values
