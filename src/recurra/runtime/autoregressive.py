"""The autoregressive network on arrays: the next step's distribution, and paths that run freely."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Final, final

import numpy as np

from recurra import native
from recurra.errors import OptionError
from recurra.runtime import history
from recurra.runtime.distributions import (
    FAMILIES,
    Distribution,
    NegativeBinomial,
    StudentT,
    generators,
    scaled,
)
from recurra.runtime.history import CENTRE, FEATURES, KEPT, LINEAR, RECENT, Look
from recurra.runtime.layers import Recurrent
from recurra.runtime.state import Array
from recurra.runtime.weights import Weights
from recurra.runtime.windows import Beside, Windows

ROWS: Final = 16384
"""Paths that run together: what they keep stays in the cache."""


@final
@dataclass(frozen=True)
class Sizes:
    """The sizes of the network.

    Args:
        period: m, steps of a season; 1 where there is none.
        known, past, static: K, P, D of the windows.
        hidden: H.
        layers: L.
        dropout: share dropped after the layers, and between them.
        noise: standard deviation of what training adds to what the layers read.
        family: "student", or "counts" for whole numbers from 0 on.
    """

    period: int
    known: int
    past: int
    static: int
    hidden: int
    layers: int
    dropout: float
    noise: float
    family: str

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise OptionError(f"family {self.family!r}", expected=f"one of {', '.join(FAMILIES)}")
        if self.period < 1:
            raise OptionError(f"period={self.period}", expected="1 or more")

    @property
    def features(self) -> int:
        """What the layers read of a step."""
        return FEATURES + self.known + (self.past + 1 if self.past else 0) + self.static

    def to_json(self) -> dict[str, Any]:
        """The sizes as plain values."""
        return asdict(self)


@final
class Autoregressive:
    """See `recurra.networks.autoregressive.Autoregressive`, whose weights these are.

    Its state: `phases` (B, m, KEPT) of which the next step's is the first, `recent` (B, RECENT),
    as in `recurra.runtime.history`, and the layers'; all names begin with `name`.
    """

    def __init__(self, sizes: Sizes, weights: Weights, prefix: str, name: str, number: int) -> None:
        self.sizes, self.number = sizes, number
        s, wide = sizes, LINEAR + sizes.known
        self.phases, self.recent = f"{name}phases", f"{name}recent"
        self.recurrent = Recurrent(
            weights, "gru", s.features, s.hidden, s.layers, prefix=f"{prefix}recurrent.", name=name
        )
        self.size = np.float32(weights.take(f"{prefix}size").item())
        self.centred = np.float32(weights.take(f"{prefix}centred").item())
        self.begun = history.shrinkage(s.period)
        # The head, and beside it what the reference and the scale are linear in.
        slopes = weights.take(f"{prefix}slopes", wide) / weights.take(f"{prefix}units", wide)
        slopes[CENTRE] *= self.centred
        joint = np.zeros((3, s.hidden + FEATURES + s.known), np.float32)
        joint[:, : s.hidden] = weights.take(f"{prefix}head.weight", 3, s.hidden)
        joint[0, s.hidden : s.hidden + LINEAR] = slopes[:LINEAR]
        joint[0, s.hidden + FEATURES :] = slopes[LINEAR:]
        uneven = weights.take(f"{prefix}unevenness", FEATURES - LINEAR)
        joint[1, s.hidden + LINEAR : s.hidden + FEATURES] = uneven
        bias = weights.take(f"{prefix}head.bias", 3)
        self.head = native.Linear(joint, bias, weights=weights.kept_of(joint))
        for only_trained, shape in (
            ("first", (wide,)),
            ("spread", ()),
            ("level", ()),
            ("steps", ()),
        ):
            weights.take(prefix + only_trained, *shape)

    # -- step by step ---------------------------------------------------------------------------

    def begin(self, batch: int) -> dict[str, Array]:
        """The state of B streams that have read nothing."""
        return {
            self.phases: np.zeros((batch, self.sizes.period, KEPT), np.float32),
            self.recent: np.zeros((batch, RECENT), np.float32),
        } | self.recurrent.begin(batch)

    def advance(
        self,
        value: Array,
        present: Array,
        beside: Beside,
        arrays: dict[str, Array],
        rows: Array,
        threads: int,
    ) -> Distribution:
        """One value of each stream in, (B,), the distribution of the next out; in place.

        Args:
            present: (B,) bool; before the first value none is.
            beside: what is read beside the values at the next step.
            arrays: the state (S, ...), whose `rows` (B,) the streams are.
        """
        turns = arrays[self.phases][rows]
        phase, recent = turns[:, 0].T.copy(), arrays[self.recent][rows].T.copy()
        look = history.look(phase, recent, self.size, self.begun)
        phase, recent = history.push(phase, recent, value, present, look)
        turns = np.concatenate([turns[:, 1:], phase.T[:, None]], 1)
        arrays[self.phases][rows], arrays[self.recent][rows] = turns, recent.T
        look = history.look(np.ascontiguousarray(turns[:, 0].T), recent, self.size, self.begun)
        return self._said(
            look,
            beside,
            lambda x: self.recurrent.advance(x, arrays, rows, threads=threads)[rows],
            threads,
        )

    # -- whole windows --------------------------------------------------------------------------

    def paths(self, windows: Windows, count: int, threads: int) -> Array:
        """Sample paths (B, H, count) from the windows' ends on."""
        beside, (batch, steps) = Beside.of(windows), windows.values.shape
        horizon = windows.known.shape[1] - steps
        phases, recent, inputs = self._read(windows, beside)
        layers = self.recurrent.run(inputs, threads=threads)[1]
        found = np.empty((batch, horizon, count), np.float32)
        together = max(1, ROWS // count)
        for start in range(0, batch, together):
            rows = np.arange(start, min(batch, start + together))
            forked = np.repeat(rows, count)
            found[rows] = self._run(
                phases,
                recent[:, forked],
                {name: each[forked] for name, each in layers.items()},
                forked,
                beside.at(slice(steps, None)),
                windows.keys[rows],
                steps,
                threads,
            )
        return found

    def first(self, windows: Windows, threads: int) -> Distribution:
        """What is said of the first step (B,) beyond windows, which are read whole."""
        beside, steps = Beside.of(windows), windows.values.shape[1]
        phases, recent, inputs = self._read(windows, beside)
        layers = self.recurrent.run(inputs, threads=threads)[1]
        look = history.look(phases[steps % self.sizes.period], recent, self.size, self.begun)
        read = partial(self.recurrent.step, before=layers, after={}, threads=threads)
        return self._said(look, beside.at(steps), read, threads)

    def _read(self, windows: Windows, beside: Beside) -> tuple[Array, Array, Array]:
        """Phases (m, KEPT, B), the t-th step's at t % m, recent (RECENT, B), and what layers read.

        That is (B, T, F). The same arithmetic as in `step`, one step after another.
        """
        (batch, steps), period = windows.values.shape, self.sizes.period
        phases = np.zeros((period, KEPT, batch), np.float32)
        recent = np.zeros((RECENT, batch), np.float32)
        values = np.ascontiguousarray(windows.values.T)
        present = np.ascontiguousarray(windows.present.T)
        inputs = np.empty((batch, steps, self.sizes.features), np.float32)
        for t in range(steps):
            phase = phases[t % period]
            look = history.look(phase, recent, self.size, self.begun)
            self._inputs(look.features, beside.at(t), inputs[:, t])
            phases[t % period], recent = history.push(phase, recent, values[t], present[t], look)
        return phases, recent, inputs

    def _run(
        self,
        phases: Array,
        recent: Array,
        layers: dict[str, Array],
        forked: Array,
        ahead: Beside,
        keys: Array,
        steps: int,
        threads: int,
    ) -> Array:
        """Paths (W, H, count) that go on from the rows named by forked (R,), W windows' in order.

        Args:
            phases: (m, KEPT, B), that of step t at t % m.
            recent, layers: of R rows.
            ahead: of B windows, at H steps.
            keys: (W, 2) of the windows.
            steps: that have been read.
        """
        horizon, period, windows = ahead.known.shape[1], self.sizes.period, len(keys)
        each, unit = len(forked) // windows, ahead.unit[forked]
        chance = generators(keys, self.number)
        uniforms = np.empty((0, 2, windows, each), np.float32)
        if self.sizes.family != "counts":
            uniforms = np.empty((horizon, 2, windows, each), np.float32)
            for number, generator in enumerate(chance):
                uniforms[:, :, number] = generator.random((horizon, 2, each), np.float32)
        found = np.empty((horizon, len(forked)), np.float32)
        read = partial(self.recurrent.step, before=layers, after=layers, threads=threads)
        kept: dict[int, Array] = {}
        for h in range(horizon):
            # Phases are looked up one by one: to fork and to turn them all would take longer than
            # all else, and most are never met again.
            phase = phases[(steps + h) % period][:, forked] if h < period else kept.pop(h)
            look = history.look(phase, recent, self.size, self.begun)
            said = self._said(look, ahead.at(h).select(forked), read, threads)
            if isinstance(said, StudentT):
                drawn = said.sample(uniforms[h, 0].reshape(-1), uniforms[h, 1].reshape(-1))
            else:
                drawn = scaled(said, said.sample(chance), unit)
            found[h] = drawn
            phase, recent = history.push(phase, recent, found[h], None, look)
            if h + period < horizon:
                kept[h + period] = phase
        return found.reshape(horizon, windows, each).transpose(1, 0, 2)

    # -- what both do ---------------------------------------------------------------------------

    def _inputs(self, features: Array, beside: Beside, out: Array) -> None:
        """What the layers read, (R, F), of features (FEATURES, R)."""
        linear = features[:LINEAR] / self.size
        linear[CENTRE] *= self.centred
        # One wild value must not drown what is read for long.
        out[:, :LINEAR] = np.clip(linear, -10.0, 10.0).T
        out[:, LINEAR:FEATURES] = features[LINEAR:].T
        parts = [beside.known]
        if self.sizes.past:
            parts += [beside.past, beside.observed[:, None]]
        at = FEATURES
        for part in (*parts, beside.static):
            out[:, at : at + part.shape[1]] = part
            at += part.shape[1]

    def _said(
        self,
        look: Look,
        beside: Beside,
        layers: Callable[[Array], Array],
        threads: int,
    ) -> Distribution:
        """The distribution of a step (R,), once the layers have read it, (R, F) -> (R, H)."""
        hidden, rows = self.sizes.hidden, len(look.reference)
        inputs = np.empty((rows, self.sizes.features), np.float32)
        self._inputs(look.features, beside, inputs)
        read = np.empty((rows, hidden + FEATURES + self.sizes.known), np.float32)
        read[:, :hidden] = layers(inputs)
        read[:, hidden : hidden + FEATURES] = look.features.T
        read[:, hidden + FEATURES :] = beside.known
        raw = np.ascontiguousarray(self.head(read, threads=threads).T)
        location = look.reference + self.size * raw[0]
        if self.sizes.family == "counts":
            return NegativeBinomial.of(location, raw[1:], beside.unit)
        return StudentT.of(location, self.size, raw[1:])
