"""Sequences of numbers as shares of steps at which convolutions are above a bias: MiniRocket."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.errors import BundleError

Values = NDArray[np.float32]
Arrays = dict[str, NDArray[Any]]

TAPS: Final = 9
KERNELS: Final = tuple(itertools.combinations(range(TAPS), 3))
"""The three of nine taps that weigh 2 in a kernel; the others weigh -1: 84 kernels."""

FEATURES: Final = 10_000
MOST_STEPS: Final = 1 << 20
"""Steps that no shorter sequence is brought to."""

_MOST_DILATIONS: Final = 32
_AT_ONCE: Final = 1 << 17  # values gone through together: they stay in a cache
_GOLDEN: Final = (5**0.5 + 1) / 2


@final
@dataclass(frozen=True, eq=False)
class RandomConvolutions:
    """Kernels of nine taps, at several dilations, and biases that their outputs are compared with.

    MiniRocket (Dempster, Schmidt & Webb 2021, arXiv:2012.08791): of each kernel, dilation and bias
    the share of steps at which the convolution is above the bias. Of sequences with several
    channels each kernel sums some of them. Shorter sequences are zero up to the greatest length
    that was learnt from, so that their length counts too.

        kernels = RandomConvolutions.drawn(sequences, seed=0)
        kernels.features(sequences)  # (N, 9996)

    Args:
        length: steps that a row has at least.
        dilations: steps between taps, ascending, (n,).
        many: features of each kernel at each dilation, (n,).
        biases: of each kernel, dilation after dilation, (84, sum(many)).
        channels: whether a kernel at a dilation sums a channel, (n, 84, C).
    """

    length: int
    dilations: NDArray[np.int64]
    many: NDArray[np.int64]
    biases: NDArray[np.float32]
    channels: NDArray[np.uint8]

    @classmethod
    def drawn(cls, sequences: Sequence[Values], seed: int) -> RandomConvolutions:
        """Dilations up to the greatest length; biases are quantiles of outputs of drawn sequences.

        Args:
            sequences: (T, C) each, on one scale for all channels.
            seed: draws the sequences and the channels.
        """
        draw = np.random.default_rng(seed)
        length = max(len(each) for each in sequences)
        each = FEATURES // len(KERNELS)
        most = min(each, _MOST_DILATIONS)
        length = max(length, TAPS)
        exponent = np.log2((length - 1) / (TAPS - 1))
        powers = np.logspace(0, exponent, most, base=2).astype(np.int64)
        dilations, counts = np.unique(powers, return_counts=True)
        many = (counts * (each / most)).astype(np.int64)
        many[: each - many.sum()] += 1
        width = sequences[0].shape[1]
        channels = np.zeros((len(dilations), len(KERNELS), width), np.uint8)
        for row in channels.reshape(-1, width):
            size = int(2 ** draw.uniform(0, np.log2(min(width, TAPS) + 1)))
            row[draw.choice(width, size, replace=False)] = 1
        begun = cls(length, dilations, many, np.zeros((len(KERNELS), each), np.float32), channels)
        ends = np.cumsum(many)
        for place, (end, count) in enumerate(zip(ends, many, strict=True)):
            chosen = draw.integers(0, len(sequences), len(KERNELS))
            at = (np.arange(end - count, end) + 1) * _GOLDEN % 1
            for kernel, number in enumerate(chosen.tolist()):
                x = begun._rows([sequences[number]], length)
                output = next(begun._outputs(x, place, [kernel]))[0]
                begun.biases[kernel, end - count : end] = np.quantile(output, at)
        return begun

    def features(self, sequences: Sequence[Values]) -> NDArray[np.float32]:
        """The shares (N, 84 * sum(many)) of sequences (T, C), the same in any company."""
        lengths = np.array([max(len(each), self.length) for each in sequences], np.int64)
        found = np.empty((len(sequences), self.biases.size), np.float32)
        for length in np.unique(lengths).tolist():
            alike = np.flatnonzero(lengths == length)
            most = max(1, _AT_ONCE // (length * self.channels.shape[2]))
            for part in np.split(alike, range(most, len(alike), most)):
                found[part] = self._shares(self._rows([sequences[k] for k in part], length))
        return found

    def _rows(self, sequences: Sequence[Values], length: int) -> Values:
        """Sequences (T, C) with zeros behind, (C, B, length)."""
        found = np.zeros((self.channels.shape[2], len(sequences), length), np.float32)
        for row, each in enumerate(sequences):
            found[:, row, : len(each)] = each.T
        return found

    def _shares(self, rows: Values) -> NDArray[np.float32]:
        """The shares (B, F) of rows (C, B, T)."""
        found = np.empty((rows.shape[1], len(KERNELS), self.biases.shape[1]), np.float32)
        ends = np.cumsum(self.many).tolist()
        for place, (dilation, end) in enumerate(zip(self.dilations.tolist(), ends, strict=True)):
            numbers = range(end - int(self.many[place]), end)
            edge = TAPS // 2 * dilation
            for kernel, output in enumerate(self._outputs(rows, place, range(len(KERNELS)))):
                # Every second kernel is looked at only where all its taps lie within the row.
                seen = output[:, edge:-edge] if (place + kernel) % 2 else output
                for number in numbers:
                    above = np.count_nonzero(seen > self.biases[kernel, number], axis=1)
                    found[:, kernel, number] = above / np.float32(seen.shape[1])
        return found.reshape(rows.shape[1], -1)

    def _outputs(self, x: Values, place: int, kernels: Sequence[int]) -> Iterator[Values]:
        """The convolutions (B, T) of rows (C, B, T) by some kernels at a dilation."""
        steps, dilation = x.shape[2], int(self.dilations[place])
        taps = np.zeros((TAPS, *x.shape), np.float32)
        for tap in range(TAPS):
            # Beyond its ends a row is zero.
            shift = max(min((tap - TAPS // 2) * dilation, steps), -steps)
            target = slice(max(-shift, 0), steps - max(shift, 0))
            taps[tap][:, :, target] = x[:, :, max(shift, 0) : steps - max(-shift, 0)]
        rest = -taps.sum(0)
        taps *= 3
        for kernel in kernels:
            one, two, three = KERNELS[kernel]
            each = np.flatnonzero(self.channels[place, kernel])
            if len(each) == 1:  # by far the most
                (c,) = each
                yield rest[c] + taps[one, c] + taps[two, c] + taps[three, c]
                continue
            yield rest[each].sum(0) + sum(taps[tap, each].sum(0) for tap in (one, two, three))

    def to_arrays(self) -> Arrays:
        """What `from_arrays` makes it from."""
        return {
            "length": np.array([self.length], np.int64),
            "dilations": self.dilations,
            "many": self.many,
            "biases": self.biases,
            "channels": self.channels,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> RandomConvolutions:
        """What `to_arrays` took apart, of unknown origin.

        Raises:
            BundleError: it is none.
        """
        names = {"length": np.int64, "dilations": np.int64, "many": np.int64, "biases": np.float32}
        found = [arrays.get(name, np.zeros(0)) for name in (*names, "channels")]
        length, dilations, many, biases, channels = found
        types = [each.dtype for each in found] == [*names.values(), np.uint8]
        if (
            not types
            or length.shape != (1,)
            or length[0] > MOST_STEPS
            or dilations.ndim != 1
            or many.shape != dilations.shape
            or (dilations < 1).any()
            or (dilations > (length[0] - 1) // (TAPS - 1)).any()
            or (many < 1).any()
            or (many > biases.size).any()
            or biases.shape != (len(KERNELS), many.sum())
            or not np.isfinite(biases).all()
            or channels.ndim != 3
            or channels.shape[:2] != (len(dilations), len(KERNELS))
            or not channels.any(2).all()
        ):
            raise BundleError("the convolutions are damaged", expected="biases for each dilation")
        return cls(int(length[0]), dilations, many, biases, channels)
