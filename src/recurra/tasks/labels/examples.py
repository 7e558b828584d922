"""Examples with their labels, whatever they came from, as checked values."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, final

import numpy as np

from recurra.codecs.sequence_encoder import Kind
from recurra.data.sequences import Values
from recurra.data.source_locations import Places, composed
from recurra.data.splits import Rows, numbered
from recurra.errors import DataError

Label = str | tuple[str, ...]
"""What is said of an example: a class, or where steps are tagged a class for each of them."""

Input = str | tuple[str, ...] | Values


@final
@dataclass(frozen=True, eq=False)
class Examples:
    """N inputs of a kind, each with its label; made by `texts`, `tokens` and `numbers`.

    `inputs` are texts, tuples of tokens, or arrays (T, C) float32. `labels` are classes; where
    `tagged`, tuples of classes, one for each token. `groups` are keys: examples of the same key
    belong together, None belongs to nobody. `channels` name the columns of numbers.
    """

    kind: Kind
    inputs: Sequence[Any]
    labels: Sequence[Any]
    where: Places
    groups: Sequence[str | None] | None = None
    channels: tuple[str, ...] = ()
    tagged: bool = False

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def noun(self) -> str:
        """What they are called, several of them."""
        if self.tagged:
            return "sentences"
        return {"text": "texts", "tokens": "token lists", "numbers": "sequences"}[self.kind]

    @cached_property
    def keys(self) -> list[Hashable]:
        """For each example a key that all that are the same share; white space is no difference."""
        if self.kind == "text":
            return [" ".join(text.split()) for text in self.inputs]
        if self.kind == "tokens":
            return list(self.inputs)
        return [
            hashlib.blake2b(f"{x.shape}".encode() + x.tobytes(), digest_size=16).digest()
            for x in self.inputs
        ]

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of inputs, labels and groups, in their order."""
        digest = hashlib.sha256(f"{self.kind} {self.tagged} {self.channels}\n".encode())
        for column in (self.inputs, self.labels, self.groups or ()):
            digest.update(f"{len(column)}\n".encode())
            for each in column:
                for piece in each if isinstance(each, tuple) else (each,):
                    content = (
                        piece.tobytes()
                        if isinstance(piece, np.ndarray)
                        else ("\0" if piece is None else piece).encode("utf-8")
                    )
                    digest.update(len(content).to_bytes(8, "little") + content)
                digest.update(b"\n")
        return digest.hexdigest()

    def followed_by(self, other: Examples) -> Examples:
        """These examples and those of another source of the same kind.

        Raises:
            DataError: they are of another kind, or have other channels.
        """
        if (other.kind, other.tagged) != (self.kind, self.tagged):
            raise DataError(
                f"{other.where[0]}: {other.kind}, but {self.where[0]}: {self.kind}",
                expected="the same kind of data in all files",
            )
        if len(other.channels) != len(self.channels):
            raise DataError(
                f"{other.where[0]}: {len(other.channels)} channels, but {self.where[0]}: "
                f"{len(self.channels)}",
                expected="the same channels in all files",
            )
        groups: list[str | None] | None = None
        if self.groups is not None or other.groups is not None:
            groups = [*(self.groups or [None] * len(self))]
            groups += other.groups or [None] * len(other)
        return replace(
            self,
            inputs=[*self.inputs, *other.inputs],
            labels=[*self.labels, *other.labels],
            where=Places(self.where.parts + other.where.parts),
            groups=groups,
        )


def texts(
    inputs: Sequence[str],
    labels: Sequence[str],
    where: Places,
    groups: Sequence[str | None] | None = None,
) -> Examples:
    """Texts, each with a class; Unicode in its composed form (NFC).

    Raises:
        DataError: a text or label is empty, or no text.
    """
    normal = [composed(text, where, row) for row, text in enumerate(inputs)]
    _none_empty([bool(text) and not text.isspace() for text in normal], where, "text")
    _none_empty([bool(label) for label in labels], where, "label")
    return Examples("text", normal, labels, where, groups)


def tokens(
    inputs: Sequence[Sequence[str]],
    labels: Sequence[Label],
    where: Places,
    groups: Sequence[str | None] | None = None,
    *,
    tagged: bool,
) -> Examples:
    """Lists of tokens, each with a class, or with one for each token.

    Raises:
        DataError: a list, token or label is empty, or their numbers differ.
    """
    normal = [
        tuple(composed(token, where, row) for token in sentence)
        for row, sentence in enumerate(inputs)
    ]
    _none_empty([bool(sentence) and all(sentence) for sentence in normal], where, "token")
    _none_empty([all(each) if tagged else bool(each) for each in labels], where, "label")
    if tagged:
        for row, (sentence, each) in enumerate(zip(normal, labels, strict=True)):
            if len(sentence) != len(each):
                raise DataError(
                    f"{where[row]}: {len(sentence):,} tokens, but {len(each):,} labels",
                    expected="a label for each token",
                )
    return Examples("tokens", normal, labels, where, groups, tagged=tagged)


def numbers(
    inputs: Sequence[Values],
    labels: Sequence[str],
    where: Places,
    groups: Sequence[str | None] | None = None,
    channels: tuple[str, ...] = (),
) -> Examples:
    """Sequences of numbers (T, C), checked before, each with a class.

    Raises:
        DataError: a label is empty, or a sequence has other channels than the first.
    """
    _none_empty([bool(label) for label in labels], where, "label")
    for row, each in enumerate(inputs):
        if each.shape[1] != inputs[0].shape[1]:
            raise DataError(
                f"{where[row]}: {each.shape[1]} channels, but {where[0]}: {inputs[0].shape[1]}",
                expected="the same channels in every sequence",
            )
    named = channels or tuple(str(each + 1) for each in range(inputs[0].shape[1]))
    return Examples("numbers", inputs, labels, where, groups, named)


def _none_empty(full: Sequence[bool], where: Places, what: str) -> None:
    if all(full):
        return
    empty = [row for row, each in enumerate(full) if not each]
    more = f", and {len(empty) - 3:,} more" if len(empty) > 3 else ""
    listed = "; ".join(where[row] for row in empty[:3])
    count = f"an empty {what}" if len(empty) == 1 else f"{len(empty):,} empty {what}s"
    raise DataError(
        f"{count}: {listed}{more}",
        expected=f"a {what} in every example",
        fix="fill them, or drop these rows",
    )


def repeats(inputs: Rows, labels: Sequence[Label]) -> tuple[int, int]:
    """How many examples repeat another, and how many are the same as one of another label.

    Args:
        inputs: a number for each example; those of the same number are the same.
        labels: what is said of each.
    """
    said = numbered(labels)
    pairs = np.unique(inputs * (said.max() + 1) + said) // (said.max() + 1)
    several = np.bincount(pairs)[inputs] > 1
    return len(inputs) - len(pairs), int(several.sum())
