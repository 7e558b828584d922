"""The labels network in use: bags of features or numbers in, scores of classes or of tags out."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from recurra.codecs.sequence_encoder import Batch
from recurra.errors import OptionError
from recurra.native import folds
from recurra.runtime.chain import Chain
from recurra.runtime.layers import CELLS, Recurrent, linear
from recurra.runtime.network import Network
from recurra.runtime.pooling import Pool
from recurra.runtime.ragged import Rows
from recurra.runtime.sequence_convolutions import SequenceConvolutions, Sizes
from recurra.runtime.state import Array, State
from recurra.runtime.weights import Weights

_AT_ONCE: Final = 2048
"""Steps that a layer goes through at a time, whole rows of them."""


@final
@dataclass(frozen=True)
class Architecture:
    """The sizes of a network for labels.

    Args:
        features: V, ids of features, or 0 where the inputs are numbers.
        channels: C, channels of numbers, or 0.
        classes: K.
        tagged: a label for each step, not one for all.
        embedding: size of a unit's vector.
        cell: rnn, gru or lstm.
        hidden: H, in each direction.
        layers: L.
        bidirectional: whether a second direction reads from the end.
        pooling: how steps become one vector, kinds of `recurra.runtime.pooling` joined by +.
        dropout: share dropped before and after the recurrent layers, and between them.
        noise: standard deviation of what is added to scaled numbers in training.
        hidden_features: share of a unit's features that training hides: a word is to be known by
            any of its parts.
        members: M, networks whose scores are averaged.
        direct: how much all features of a text, read by a linear map alone, count beside what the
            recurrent layers read (Cheng et al., 2016, arXiv:1606.07792); 0 where they do not.
        convolutions: stages that numbers go through first, each of which halves the steps.
        filters: features after each of them.
    """

    features: int
    channels: int
    classes: int
    tagged: bool
    embedding: int
    cell: str
    hidden: int
    layers: int
    bidirectional: bool
    pooling: str
    dropout: float
    noise: float
    hidden_features: float
    members: int
    direct: float = 0.0
    convolutions: int = 0
    filters: int = 0

    def __post_init__(self) -> None:
        if self.cell not in CELLS:
            raise OptionError(f"cell {self.cell!r}", expected=f"one of {', '.join(CELLS)}")
        if (self.features > 0) == (self.channels > 0):
            raise OptionError(
                f"{self.features} features and {self.channels} channels", expected="one of both"
            )
        if self.direct and (self.tagged or not self.features):
            raise OptionError(f"direct {self.direct:g}", expected="0, but for classes of texts")

        if self.convolutions and (self.tagged or not self.channels or not self.bidirectional):
            raise OptionError(
                f"{self.convolutions} convolutions",
                expected="0, but for sequences of numbers that are read from both ends",
            )

    @property
    def before(self) -> Sizes:
        """The convolutions before the recurrent layers."""
        return Sizes(self.channels, self.filters, self.convolutions)

    @property
    def inputs(self) -> int:
        """What the recurrent layers read at each step."""
        if self.features:
            return self.embedding
        return self.filters if self.convolutions else self.channels

    def to_json(self) -> dict[str, Any]:
        """The sizes as plain values."""
        return asdict(self)


@final
class _Member:
    """One of the networks whose scores are averaged, behind its embedding."""

    def __init__(self, a: Architecture, weights: Weights, number: int) -> None:
        prefix, name = f"members.{number}.", f"{number}."
        self.convolutions = None
        if a.convolutions:
            self.convolutions = SequenceConvolutions(
                weights, a.before, prefix=f"{prefix}convolutions."
            )
        self.recurrent = Recurrent(
            weights,
            a.cell,
            a.inputs,
            a.hidden,
            a.layers,
            bidirectional=a.bidirectional,
            prefix=f"{prefix}recurrent.",
            name=name,
        )
        directions = self.recurrent.directions
        width = a.hidden * directions
        self.pool = Pool(a.pooling, width, directions, weights, prefix=f"{prefix}pool.", name=name)
        self.head = linear(
            weights, f"{prefix}head", a.classes, width if a.tagged else self.pool.size
        )
        self.chain = None
        if a.tagged:
            self.chain = Chain(
                weights.take(f"{prefix}chain.first", a.classes),
                weights.take(f"{prefix}chain.between", a.classes, a.classes),
                weights.take(f"{prefix}chain.last", a.classes),
            )

    def read(
        self, steps: Array, places: Rows | None, lengths: Rows, tagged: bool, threads: int
    ) -> Array:
        """Scores (B, K) of rows, or where steps are tagged (N, K).

        Args:
            steps: (N, F), or (U, F) of distinct units, where `places` (N,) says which each is.
        """
        # A unit that comes again has its part of the first layer's gates worked out once.
        tables = None if places is None else self.recurrent.project(steps, threads=threads)
        found, begun = [], 0
        for part in _parts(lengths):
            own = lengths[part]
            window = slice(begun, begun := begun + int(own.sum()))
            x = steps[window] if places is None else None
            if self.convolutions is not None:
                x, own = self.convolutions(steps[window], own, threads=threads)
            ways = self.recurrent.run_apart(
                x,
                own,
                projected=tables,
                x_rows=None if places is None else places[window],
                threads=threads,
            )
            read = (
                np.concatenate(ways, 1) if tagged else self.pool.whole(ways, own, threads=threads)
            )
            found.append(self.head(read, threads=threads))
        return np.concatenate(found)

    def advance(
        self,
        steps: Array,
        places: Rows | None,
        arrays: dict[str, Array],
        rows: Rows,
        tagged: bool,
        threads: int,
    ) -> Array:
        """One more step, in place, of the streams that are `rows` (B,) of a state: scores (B, K).

        Args:
            steps: (B, F), or (U, F) of distinct units, where `places` (B,) says which each is.
        """
        hidden = self.recurrent.advance(steps, arrays, rows, x_rows=places, threads=threads)
        if tagged:
            return self.head(hidden, rows=rows, threads=threads)
        last, count = hidden[rows], arrays[_STEPS][rows] + 1
        so_far = {name: arrays[name][rows] for name in self.pool.names.values()}
        self.pool.add(last, so_far, threads=threads)
        for name, each in so_far.items():
            arrays[name][rows] = each
        return self.head(self.pool.read(last, count, so_far), threads=threads)

    def look(self, arrays: Mapping[str, Array], tagged: bool, threads: int) -> Array:
        """Scores (B, K) where streams stand."""
        last = arrays[self.recurrent.names[-1][0]]
        read = last if tagged else self.pool.read(last, arrays[_STEPS], arrays)
        return self.head(read, threads=threads)


@final
class LabelNetwork(Network[Architecture]):
    """A labels network on arrays, as it was trained: members whose scores are averaged.

        network = LabelNetwork(architecture, arrays)
        scores = network.scores(encoder.encode(["not bad"]).batch(np.zeros(1, np.int64)))

    `size` is the number of its weights. A row's scores are the same to the last bit alone and in
    any company, and where it reads in one direction those of a stream.

    Raises:
        OptionError: pooling that there is not.
    """

    def _take(self, weights: Weights) -> None:
        a = self.architecture
        numbers = range(a.members)
        # Side by side, so that a unit's features are looked up once for all members.
        self._table = self._direct = None
        if a.features:
            self._table = _tables(weights, numbers, "embedding", a.features, a.embedding)
        if a.direct:
            self._direct = _tables(weights, numbers, "direct", a.features, a.classes)
        self.members = [_Member(a, weights, number) for number in numbers]
        chains = [each.chain for each in self.members if each.chain is not None]
        self.chain = Chain.mean(chains) if chains else None

    # -- whole rows --------------------------------------------------------------------------

    def scores(self, batch: Batch, member: int | None = None) -> Array:
        """Scores (B, K) of rows, or where steps are tagged (N, K).

        Args:
            member: the one to ask; all of them without.
        """
        asked = range(len(self.members)) if member is None else range(member, member + 1)
        steps = self._steps(batch, asked)
        found = [
            self.members[m].read(x, batch.places, batch.lengths, self._tagged, self.threads)
            for m, x in zip(asked, steps, strict=True)
        ]
        mean = _mean(found)
        if self._direct is None:
            return mean
        said, many = self._said(batch, asked)
        lengths = batch.lengths
        sums = folds.sums(said, lengths, ids=batch.places, threads=self.threads)
        owners = np.repeat(np.arange(len(lengths)), lengths)
        each = many[:, 0] if batch.places is None else many[batch.places, 0]
        count = np.bincount(owners, each, len(lengths))[:, None].astype(np.float64)
        return mean + self._directly(sums, count)

    def tags(self, scores: Array, lengths: Rows) -> Rows:
        """The likeliest tags (N,) of rows, given the scores (N, K) of their steps, end to end."""
        assert self.chain is not None
        return self.chain.best(scores.astype(np.float32, copy=False), lengths)

    # -- streams -----------------------------------------------------------------------------

    def begin(self, batch: int = 1) -> State:
        """The state of B streams that have read nothing.

        Raises:
            OptionError: the network reads from both ends.
        """
        if self.architecture.bidirectional:
            raise OptionError(
                "this model reads from both ends, so it must wait for the last step",
                expected="a model of one direction",
                fix="train with --no-bidirectional",
            )
        arrays: dict[str, Array] = {_STEPS: np.zeros((batch, 1))}
        for member in self.members:
            arrays |= member.recurrent.begin(batch)
            if not self._tagged:
                arrays |= member.pool.begin(batch)
        if self._direct is not None:
            arrays[_SAID] = np.zeros((batch, self._direct.shape[1]), np.float32)
            arrays[_MANY] = np.zeros((batch, 1))
        return State(arrays)

    def step(self, inputs: Batch, state: State) -> tuple[Array, State]:
        """One more step of each of B streams, a batch of rows of one step: scores (B, K), state."""
        after = {name: array.copy() for name, array in state.arrays.items()}
        return self.advance(inputs, after, np.arange(state.batch)), State(after)

    def advance(self, inputs: Batch, arrays: dict[str, Array], rows: Rows) -> Array:
        """The same in place, of the streams that are `rows` (B,) of a state's arrays (S, ...)."""
        asked, places = range(len(self.members)), inputs.places
        mean = _mean(
            [
                member.advance(x, places, arrays, rows, self._tagged, self.threads)
                for member, x in zip(self.members, self._steps(inputs, asked), strict=True)
            ]
        )
        arrays[_STEPS][rows] += 1
        if self._direct is None:
            return mean
        said, many = self._said(inputs, asked)
        if places is not None:
            said, many = said[places], many[places]
        arrays[_SAID][rows] += said
        arrays[_MANY][rows] += many
        return mean + self._directly(arrays[_SAID][rows], arrays[_MANY][rows])

    def look(self, state: State) -> Array:
        """Scores (B, K) where streams stand."""
        found = [each.look(state.arrays, self._tagged, self.threads) for each in self.members]
        mean = _mean(found)
        return mean if self._direct is None else mean + self._directly(state[_SAID], state[_MANY])

    # -- features ----------------------------------------------------------------------------

    @property
    def _tagged(self) -> bool:
        return self.architecture.tagged

    def _steps(self, batch: Batch, asked: range) -> Sequence[Array]:
        """What each member's layers read at each step, or of each distinct unit, (N, F)."""
        if self._table is None:
            assert batch.values is not None
            return [np.ascontiguousarray(batch.values)] * len(asked)
        assert batch.ids is not None
        assert batch.counts is not None
        size = self.architecture.embedding
        table = self._table[:, asked.start * size : asked.stop * size]
        # The mean of a unit's features, of which 0 is none; of no features it is zero.
        many: Array = batch.counts
        if not batch.ids.all():
            owners = np.repeat(np.arange(len(many)), many)
            many = np.bincount(owners, batch.ids != 0, len(many))
        mean = folds.sums(table, batch.counts, ids=batch.ids, threads=self.threads)
        mean /= np.maximum(many, 1).astype(np.float32)[:, None]
        return [
            np.ascontiguousarray(mean[:, at : at + size]) for at in range(0, mean.shape[1], size)
        ]

    def _said(self, batch: Batch, asked: range) -> tuple[Array, npt.NDArray[np.float64]]:
        """What each unit's features say directly (U, M*K), and how many they are (U, 1)."""
        assert self._direct is not None
        assert batch.ids is not None
        assert batch.counts is not None
        size = self.architecture.classes
        table = self._direct[:, asked.start * size : asked.stop * size]
        said = folds.sums(table, batch.counts, ids=batch.ids, threads=self.threads)
        return said, batch.counts[:, None].astype(np.float64)

    def _directly(self, said: Array, many: npt.NDArray[np.float64]) -> Array:
        """What features add to scores (B, K): the more there are, the less each of them says."""
        size = self.architecture.classes
        mean = _mean([said[:, at : at + size] for at in range(0, said.shape[1], size)])
        root = np.sqrt(np.maximum(many, 1)).astype(np.float32)
        found: Array = np.float32(self.architecture.direct) * mean / root
        return found


def _parts(lengths: Rows) -> list[slice]:
    """Rows one after another, in parts of few steps: what is made of them stays in a cache."""
    ends = np.cumsum(lengths)
    number = (ends - lengths) // _AT_ONCE
    cuts = np.flatnonzero(np.diff(number)) + 1
    bounds = [0, *cuts.tolist(), len(lengths)]
    return [slice(*pair) for pair in itertools.pairwise(bounds)]


_STEPS, _SAID, _MANY = "steps", "said", "features"


def _tables(weights: Weights, members: range, name: str, features: int, size: int) -> Array:
    """The members' tables of features (V, M*size), of which 0 is none."""
    every = [weights.matrix(f"members.{m}.{name}.weight", features, size) for m in members]
    found: Array = np.concatenate(every, 1)
    found[0] = 0
    return found


def _mean(scores: Sequence[Array]) -> Array:
    """The mean of the members' scores, in their order."""
    total = scores[0]
    for each in scores[1:]:
        total = total + each
    found: Array = total / np.float32(len(scores))
    return found
