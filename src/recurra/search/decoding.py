"""How sequences are written: the options of a search, and a decoder that is asked by them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Protocol, Self, TypeVar, final

import numpy as np
from numpy.typing import NDArray

from recurra.errors import OptionError, check_count
from recurra.names import meant
from recurra.search.beam import Beam, beam
from recurra.search.hypotheses import Decoder, Hypothesis, Rows
from recurra.search.logits_processors import Integers
from recurra.search.sampling import Sampling, generators, sample_sequences

PRUNE: Final = 1.5
"""Nats behind the likeliest hypothesis at which another is given up, where one is asked for: of
rows three fifths are left, and BLEU is what it was (docs/tried.md)."""

_NEXT_DRAW: Final = 0xD1B54A32D192ED03
"""Odd, and not the step from row to row: draws of one text differ from those of its neighbours."""


class Looking(Rows, Protocol):
    """A state that says in `attention` (R, S) where its step looked."""

    def __getitem__(self, name: str, /) -> NDArray[Any]:
        """An array of the state."""
        ...


D = TypeVar("D", bound=Looking)


class Decoding(Decoder[D], Protocol[D]):
    """A decoder of B sources."""

    def begin(self, copies: int = 1) -> D:
        """The state of B * copies rows before anything is written."""
        ...


@final
@dataclass(frozen=True)
class SearchOptions:
    """How sequences are written, checked once.

    Args:
        beam: hypotheses kept alive of each sequence; 1 is greedy.
        n_best: sequences told of each: the best of the beam, or so many draws.
        length_penalty, coverage_penalty, no_repeat_ngram: see `recurra.search.beam.Beam`'s.
        sample: draw by chance instead, in the order drawn; the penalties do nothing then.
        seed: of the draws, which are the same whatever is written beside them.
        longest: the most tokens of any, however long its limit is.

    Raises:
        OptionError: one is out of range.
    """

    beam: int = 5
    n_best: int = 1
    length_penalty: float = 1.0
    coverage_penalty: float = 0.0
    no_repeat_ngram: int = 0
    sample: Sampling | None = None
    seed: int = 0
    longest: int = 1_000

    def __post_init__(self) -> None:
        self.search()
        check_count("longest", self.longest, "pieces", most=10**9)
        if self.seed < 0:
            raise OptionError(f"seed = {self.seed}", expected="0 or more")

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """The options that are given by name.

        Raises:
            OptionError: no such option, or one is out of range.
        """
        return cls(**meant(given, [each.name for each in fields(cls)], "option"))

    @property
    def places(self) -> int:
        """Rows that a sequence takes while it is written."""
        return self.beam if self.sample is None else self.n_best

    def reported(self) -> dict[str, Any]:
        """What a report says of them: what is always told, and what else was changed."""
        others = ("coverage_penalty", "no_repeat_ngram")
        found = {"beam": self.beam, "length_penalty": self.length_penalty}
        return found | {name: value for name in others if (value := getattr(self, name))}

    def search(self) -> Beam:
        """The beam search that these options describe."""
        # Who asks for several wants those too that are far behind the best.
        return Beam(
            self.places,
            self.n_best,
            self.length_penalty,
            self.coverage_penalty,
            self.no_repeat_ngram,
            prune=PRUNE if self.n_best == 1 else math.inf,
        )


def chances(how: SearchOptions, count: int) -> list[list[np.random.Generator]]:
    """Sources of chance of each sequence, one a draw: the first is the same for any `n_best`."""
    if how.sample is None:
        return [[] for _ in range(count)]
    draws = [generators((how.seed + k * _NEXT_DRAW) % 2**63, count) for k in range(how.n_best)]
    return [list(each) for each in zip(*draws, strict=True)]


def write(
    decoder: Decoding[D],
    how: SearchOptions,
    chance: Sequence[np.random.Generator],
    *,
    begin: int,
    end: int,
    limits: Integers,
    excluded: Sequence[int],
    attention: Callable[[D], NDArray[Any]],
    coverage: Callable[[D], NDArray[Any]],
    sources: Integers,
) -> list[list[Hypothesis]]:
    """The hypotheses of each of B sequences; see `beam` and `sample_sequences`.

    Args:
        chance: of the draws of all sequences, side by side; see `chances`.
    """
    if how.sample is not None:
        return sample_sequences(
            decoder,
            decoder.begin(how.n_best),
            how.sample.sampler(excluded),
            chance,
            begin=begin,
            end=end,
            limits=limits,
            remember=how.sample.remembers,
            no_repeat_ngram=how.no_repeat_ngram,
            attention=attention,
        )
    return beam(
        decoder,
        decoder.begin(),
        begin=begin,
        end=end,
        limits=limits,
        options=how.search(),
        excluded=excluded,
        attention=attention,
        coverage=coverage,
        sources=sources,
    )
