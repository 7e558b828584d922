"""The network for series in use: members that read a window each way, their quantiles averaged."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Final, NamedTuple, TypeVar, final

import numpy as np
import numpy.typing as npt

from recurra.errors import OptionError
from recurra.runtime import autoregressive
from recurra.runtime import segments as pieces
from recurra.runtime.autoregressive import Autoregressive
from recurra.runtime.distributions import Distribution, scaled
from recurra.runtime.network import Network
from recurra.runtime.quantiles import LEVELS, path_quantiles
from recurra.runtime.segments import Segments
from recurra.runtime.sizes import SEASON, STEPS
from recurra.runtime.state import Array, State
from recurra.runtime.weights import Weights
from recurra.runtime.windows import Beside, Windows

S = TypeVar("S", pieces.Sizes, autoregressive.Sizes)

KINDS: Final = ("segments", "autoregressive")

PATHS: Final = 200
"""Sample paths, those of all members together."""


@final
@dataclass(frozen=True)
class Architecture:
    """The sizes of a network for series.

    Args:
        kind: segments (reads the past in pieces, gives the whole horizon at once), or
            autoregressive (one step at a time, and its own samples beyond the origin).
        context: T, steps that are read before an origin.
        horizon: H, steps that are forecast.
        period: steps of a season; 1 where there is none.
        known, past, static: columns K, P and D of the windows.
        segments: steps of a piece, of one member after the other; of segments alone.
        hidden: units of the recurrent layers.
        layers: L; of the autoregressive kind alone.
        dropout: share dropped around the recurrent layers.
        noise: what training adds to what is read; of the autoregressive kind alone.
        family: of distributions; of the autoregressive kind alone.
        turns: of the calendar, those that are read.
        members: M, networks whose quantiles are averaged.
    """

    kind: str
    context: int
    horizon: int
    period: int
    known: int
    past: int
    static: int
    segments: list[int]
    hidden: int
    layers: int
    dropout: float
    noise: float
    family: str
    turns: list[str]
    members: int

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise OptionError(f"--model {self.kind}", expected=f"one of {', '.join(KINDS)}")
        for name, most in (("context", STEPS), ("horizon", STEPS), ("period", SEASON)):
            # What reads step by step has no weights of these sizes.
            if not 1 <= getattr(self, name) <= most:
                raise OptionError(f"{name} {getattr(self, name)}", expected=f"from 1 to {most:,}")

    def to_json(self) -> dict[str, Any]:
        """The sizes as plain values."""
        return asdict(self)

    def sizes(self, number: int) -> pieces.Sizes | autoregressive.Sizes:
        """Those of a member."""
        own = asdict(self) | {"segment": self.segments[number % len(self.segments)]}

        def some(kind: type[S]) -> S:
            return kind(**{each.name: own[each.name] for each in fields(kind)})

        if self.kind == "segments":
            return some(pieces.Sizes)
        return some(autoregressive.Sizes)


class Step(NamedTuple):
    """What B streams read at a step.

    Args:
        values: (B,) scaled, those that have come since the step before; where not present any.
        present: (B,) bool; before the first value none is.
        beside: what is read beside the values at the step to come.
    """

    values: Array
    present: npt.NDArray[np.bool_]
    beside: Beside


@final
class SeriesNetwork(Network[Architecture]):
    """A network for series on arrays, as it was trained.

        network = SeriesNetwork(architecture, arrays)
        network(windows)                                    # quantiles (B, H, Q), scaled
        quantiles, state = network.step(step, network.begin(2))

    A window's forecast is the same to the last bit among whatever windows it stands: paths are
    drawn by its own key. `size` is the number of weights.
    """

    def _take(self, weights: Weights) -> None:
        self.members: list[Segments | Autoregressive] = []
        for number in range(self.architecture.members):
            sizes, prefix = self.architecture.sizes(number), f"members.{number}."
            if isinstance(sizes, pieces.Sizes):
                self.members.append(Segments(sizes, weights, prefix))
            else:
                name = f"{number}." if number else ""
                self.members.append(Autoregressive(sizes, weights, prefix, name, number))

    def __call__(self, windows: Windows, *, paths: int = PATHS) -> Array:
        """Quantiles (B, H, Q) at LEVELS, scaled: the members' mean, or those of all their paths.

        Args:
            paths: of all members together, for those that draw paths.
        """
        if self.architecture.kind == "autoregressive":
            return path_quantiles(self.paths(windows, paths))
        said = [each(windows, self.threads) for each in self.members if isinstance(each, Segments)]
        return _mean(said)

    def paths(self, windows: Windows, count: int) -> Array:
        """Sample paths (B, H, count or some more), scaled: of each member as many.

        Raises:
            OptionError: the network reads the past in pieces.
        """
        members = self._stepping("sample paths")
        share = -(-count // len(members))
        return np.concatenate([each.paths(windows, share, self.threads) for each in members], -1)

    def first(self, windows: Windows) -> Array:
        """Quantiles (B, Q) of the first step beyond windows, scaled, as `step` gives them.

        Raises:
            OptionError: the network reads the past in pieces.
        """
        said = [each.first(windows, self.threads) for each in self._stepping()]
        unit = windows.unit[:, None]
        return _mean([scaled(each, each.quantile(LEVELS), unit) for each in said])

    # -- step by step -----------------------------------------------------------------------

    def begin(self, batch: int = 1) -> State:
        """The state of B streams that have read nothing.

        Raises:
            OptionError: the network reads the past in pieces.
        """
        arrays: dict[str, Array] = {}
        for member in self._stepping():
            arrays |= member.begin(batch)
        return State(arrays)

    def step(self, inputs: Step, state: State) -> tuple[Array, State]:
        """Read a value of each of B streams: quantiles (B, Q) of the next, scaled, and the state.

        Raises:
            OptionError: the network reads the past in pieces; inputs of other widths than the
                state and the network have, or a value that is present and not finite.
        """
        after, said = self._stepped(inputs, state)
        return self._quantiles(inputs, said), State(after)

    def read(self, inputs: Step, state: State) -> State:
        """The state that `step` leaves, for those who do not ask what comes next."""
        return State(self._stepped(inputs, state)[0])

    def advance(self, inputs: Step, arrays: dict[str, Array], rows: npt.NDArray[np.int64]) -> Array:
        """`step` in place, of the streams that are `rows` (B,) of a state's arrays (S, ...)."""
        return self._quantiles(inputs, self._advanced(inputs, arrays, rows))

    def _stepped(self, inputs: Step, state: State) -> tuple[dict[str, Array], list[Distribution]]:
        after = {name: array.copy() for name, array in state.arrays.items()}
        return after, self._advanced(inputs, after, np.arange(state.batch))

    def _advanced(
        self, inputs: Step, arrays: dict[str, Array], rows: npt.NDArray[np.int64]
    ) -> list[Distribution]:
        members = self._stepping()
        self._check(inputs, len(rows))
        values = inputs.values.astype(np.float32)
        return [
            each.advance(values, inputs.present, inputs.beside, arrays, rows, self.threads)
            for each in members
        ]

    @staticmethod
    def _quantiles(inputs: Step, said: list[Distribution]) -> Array:
        unit = inputs.beside.unit[:, None]
        return _mean([scaled(each, each.quantile(LEVELS), unit) for each in said])

    def _stepping(self, what: str = "a stream") -> list[Autoregressive]:
        found = [each for each in self.members if isinstance(each, Autoregressive)]
        if not found:
            raise OptionError(
                f"{what} of a model that reads segments",
                expected="a model of --model autoregressive, which reads one step at a time",
            )
        return found

    def _check(self, inputs: Step, batch: int) -> None:
        a, beside = self.architecture, inputs.beside
        shapes = {
            "values": (inputs.values, (batch,)),
            "present": (inputs.present, (batch,)),
            "known": (beside.known, (batch, a.known)),
            "past": (beside.past, (batch, a.past)),
            "static": (beside.static, (batch, a.static)),
            "unit": (beside.unit, (batch,)),
        }
        for name, (array, shape) in shapes.items():
            if array.shape != shape:
                raise OptionError(
                    f"a step with {name} of shape {array.shape}",
                    expected=f"{shape}, for {batch} stream{'s' * (batch != 1)} of this model",
                )
        for name, found in (
            ("values", inputs.values[inputs.present]),
            *((name, array) for name, (array, _) in shapes.items() if name in ("known", "past")),
        ):
            if not np.isfinite(found).all():
                raise OptionError(
                    f"a step with {name} that are NaN or infinite",
                    expected="finite numbers; a missing value is one that is not present",
                )


def _mean(said: list[Array]) -> Array:
    """The mean of what members say, added up in their order."""
    total = said[0]
    for each in said[1:]:
        total = total + each
    return total / np.float32(len(said)) if len(said) > 1 else total
