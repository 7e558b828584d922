"""The autoregressive network: the next step's distribution, and paths that run freely from it.

As in DeepAR (Salinas et al. 2020, arXiv:1704.04110) one recurrent network reads all series, and
its own samples beyond the origin. What differs: it says how the next value is off a reference that
is a sane forecast by itself, after the airline model of Box and Jenkins (1970), so that few data
do, and what the data bear out decides how far it goes from there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final, final

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from recurra.core.initial import reset_orthogonal
from recurra.core.layers import GRU
from recurra.core.state import HiddenState, State
from recurra.errors import OptionError
from recurra.tasks.series.forecasts import quantiles
from recurra.tasks.series.networks.beside import Beside
from recurra.tasks.series.networks.distributions import (
    Distribution,
    NegativeBinomial,
    StudentT,
    scaled,
)
from recurra.tasks.series.networks.history import (
    CENTRE,
    FEATURES,
    LINEAR,
    SIZES,
    SURPRISE,
    History,
    Look,
    looks,
)
from recurra.tasks.series.windows import Windows

FAMILIES: Final = ("student", "counts")

SURE: Final = 10.0
"""Steps of training data that the reference's first weights are worth."""

SETTLED: Final = 300.0
"""Steps of training data that the settled reference is worth to what learns to depart from it."""

UNIT_ROOT: Final = 4.0
"""The t value from which on a pull to the centre is believed; noise alone reaches 3.4 in 1 of 20
series without one (Dickey and Fuller 1979), and a pull that is none flattens all growth."""

AGO: Final = 0.5
"""Share of a surprise that goes on to the next step, before any data."""

UNEVEN: Final = 0.2
"""Power of the recent sizes of surprises in the scale, before any data."""

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

    def to_json(self) -> dict[str, Any]:
        """The sizes as plain values."""
        return asdict(self)


@final
@dataclass(frozen=True, eq=False)
class StreamState(State):
    """Where B streams stand: what they keep of their values, and the layers' state."""

    history: History
    layers: HiddenState

    @property
    def batch(self) -> int:
        """The number of rows, B."""
        return self.history.batch

    @property
    def hidden(self) -> Tensor:
        """The layers' state, (B, L, H)."""
        return self.layers.hidden


@final
class Autoregressive(nn.Module):
    """Reads one step at a time and gives the distribution of the next value, in scaled units.

    location = reference + size * (slopes . what is linear + head of the layers)
    log scale = log size + bias + unevenness . sizes of late surprises + head of the layers

    `settle` sets size (the mean surprise) and slopes; the head begins at zero.
    """

    units: Tensor
    size: Tensor
    first: Tensor
    centred: Tensor
    spread: Tensor
    level: Tensor
    steps: Tensor

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = s = sizes
        width = FEATURES + s.known + (s.past + 1 if s.past else 0) + s.static
        self.recurrent = GRU(width, s.hidden, s.layers, dropout=s.dropout)
        self.head = nn.Linear(s.hidden, 3)
        self.slopes = nn.Parameter(torch.empty(LINEAR + s.known))
        self.unevenness = nn.Parameter(torch.empty(FEATURES - LINEAR))
        for name in ("units", "first"):
            self.register_buffer(name, torch.empty(LINEAR + s.known))
        for name in ("size", "centred", "spread", "level", "steps"):
            self.register_buffer(name, torch.empty(()))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw the weights: at first the network says what its reference says."""
        reset_orthogonal(self.recurrent)
        nn.init.zeros_(self.head.weight)
        self._reset_reference()

    def _reset_reference(self) -> None:
        # Five degrees of freedom: an outlier now and then.
        self.head.bias.copy_(torch.tensor([0.0, 0.0, 3.0]))
        self.unevenness.zero_()
        self.unevenness[: len(SIZES)] = UNEVEN
        for buffer in (self.units, self.size, self.spread, self.steps):
            buffer.fill_(1.0)
        for buffer in (self.first, self.level, self.centred):
            buffer.zero_()
        if self.sizes.period > 1:
            self.first[SURPRISE] = AGO
        self.slopes.copy_(self.first)

    @torch.no_grad()
    def settle(self, windows: Windows, targets: Tensor, there: Tensor, share: float = 1.0) -> None:
        """Set the reference's weights by ridge regression, before anything is trained.

        They are not asked to be small but to be near the first ones, as if SURE steps said so; and
        there is no pull to the centre that is not beyond doubt.

        Args:
            windows: rows that do not overlap, so that no step counts twice; with targets (B, H) and
                there (B, H) as in `loss`.
            share: the share of the training part that they are.
        """
        self._reset_reference()
        look, values, scored = self._looks(windows, targets, there)
        surprise = (values - look.reference)[scored].double()
        if not len(surprise):
            return
        x = torch.cat([look.features[..., :LINEAR], windows.known], -1)[scored].double()
        units = x.square().mean(0).sqrt().clamp(min=1e-6)
        x, first = x / units, self.first.double() * units
        ridge = torch.eye(x.shape[1], dtype=x.dtype, device=x.device) * SURE
        for centred in (True, False):
            x[:, CENTRE] *= centred
            inverse = torch.linalg.inv(x.T @ x + ridge)
            found = first + inverse @ (x.T @ (surprise - x @ first))
            error = surprise - x @ found
            doubt = inverse[CENTRE, CENTRE].sqrt() * error.std()
            if found[CENTRE] > UNIT_ROOT * doubt:
                break
        self.size.copy_(surprise.abs().mean().clamp(min=1e-3))
        self.spread.copy_(error.abs().mean().clamp(min=1e-3) / self.size)
        self.units.copy_(units)
        self.first.copy_(found / self.size)
        self.slopes.copy_(self.first)
        self.centred.fill_(float(centred))
        self.steps.fill_(len(surprise) / share)
        if self.sizes.family == "counts":
            unit = windows.unit[:, None].expand_as(values)[scored].double()
            mean = ((values[scored] - error) * unit).clamp(min=1e-2)
            # By moments: what the variance has beyond a Poisson distribution's.
            beyond = ((error * unit).square() - mean).sum() / mean.square().sum()
            self.level.copy_(torch.log(beyond.clamp(1e-2, 10.0)))
        else:
            self.level.copy_(torch.log(self.spread))
        self.head.bias[1] = self.level

    def loss(self, windows: Windows, targets: Tensor, there: Tensor) -> Tensor:
        """Mean nats (B,) of the present steps of windows and targets, each given those before.

        Steps of the first cycle of a row are read, and not scored where they are not targets. In
        training a row has added what it costs to depart from the settled reference: the mean
        squared departure, as if SETTLED steps had seen none.

        Args:
            windows: B rows.
            targets: (B, H) scaled.
            there: (B, H) bool.
        """
        look, values, scored = self._looks(windows, targets, there)
        beside = Beside.of(windows)
        inputs = self._inputs(look.features, beside)
        if self.training and self.sizes.noise:
            inputs = inputs + self.sizes.noise * torch.randn_like(inputs)
        output: Tensor = self.recurrent(inputs)[0]
        raw = self._raw(look, F.dropout(output, self.sizes.dropout, self.training), beside.known)
        unit = windows.unit[:, None].expand_as(values)
        said = self._said(look, raw, unit)
        # Rounded: scaling and back is not exact, and counts are whole.
        nats = said.nats(values if isinstance(said, StudentT) else torch.round(values * unit))
        if self.training:
            off = (raw[..., 0] - self._linear(look, beside.known) @ self.first) / self.spread
            recent = look.features[..., LINEAR : LINEAR + len(SIZES)].sum(-1)
            wide = raw[..., 1] - self.level - UNEVEN * recent
            nats = nats + SETTLED / self.steps * (off.square() / 2 + wide.square())
        return torch.where(scored, nats, 0.0).sum(1) / scored.sum(1).clamp(min=1)

    def forward(
        self, windows: Windows, paths: int = 100, generator: Generator | None = None
    ) -> Tensor:
        """Quantiles (B, H, Q) at LEVELS of that many sample paths from the windows' ends on."""
        return torch.cat([quantiles(each) for each in self._runs(windows, paths, generator)])

    def paths(self, windows: Windows, count: int, generator: Generator | None = None) -> Tensor:
        """Sample paths (B, count, H) from the windows' ends on; those of several networks mix."""
        return torch.cat(list(self._runs(windows, count, generator)))

    def begin(self, beside: Beside) -> tuple[Distribution, StreamState]:
        """The distribution (B,) of the first value of B streams; `beside` is of the first step."""
        batch = len(beside.known)
        history = History.empty(batch, self.sizes.period, self.slopes)
        said, _, layers = self._next(history, self.recurrent.zero_state(batch), beside)
        return said, StreamState(history, layers)

    def step(
        self, value: Tensor, present: Tensor, beside: Beside, state: StreamState
    ) -> tuple[Distribution, StreamState]:
        """One value of each stream in, the distribution of the next out, in constant memory.

        Args:
            value: (B,) scaled; where not present any.
            present: (B,) bool.
            beside: what is read beside the values at the next step.
            state: from `begin`, or from the step before.
        """
        look = state.history.look(self.size, self.sizes.period)
        history = state.history.push(value, present, look)
        said, _, layers = self._next(history, state.layers, beside)
        return said, StreamState(history, layers)

    def _next(
        self, history: History, layers: HiddenState, beside: Beside
    ) -> tuple[Distribution, Look, HiddenState]:
        look = history.look(self.size, self.sizes.period)
        output, layers = self.recurrent.step(self._inputs(look.features, beside), layers)
        return self._said(look, self._raw(look, output, beside.known), beside.unit), look, layers

    @torch.no_grad()
    def _runs(self, windows: Windows, count: int, generator: Generator | None) -> Iterator[Tensor]:
        """Sample paths (some of B, count, H), each reading what it said itself."""
        beside = Beside.of(windows)
        batch, steps = windows.values.shape
        look = looks(windows.values, windows.present, self.sizes.period, self.size)
        history = History.empty(batch, self.sizes.period, windows.values)
        for t in range(steps):
            history = history.push(windows.values[:, t], windows.present[:, t], look.at(t))
        layers = self.recurrent(self._inputs(look.features, beside.at(slice(steps))))[1]
        together = max(1, ROWS // count)
        for start in range(0, batch, together):
            rows = torch.arange(start, min(batch, start + together), device=history.before.device)
            forked = rows.repeat_interleave(count)
            ahead = beside.at(slice(steps, None)).select(forked)
            yield self._run(history, layers, forked, ahead, generator).reshape(len(rows), count, -1)

    def _run(
        self,
        history: History,
        layers: HiddenState,
        forked: Tensor,
        ahead: Beside,
        generator: Generator | None,
    ) -> Tensor:
        """Paths (R, H) that go on from the rows named by forked (R,); `ahead` is of R rows."""
        horizon, period, layers = ahead.known.shape[1], self.sizes.period, layers.select(forked)
        present = torch.ones(len(forked), dtype=torch.bool, device=forked.device)
        values: list[Tensor] = []
        kept: dict[int, History] = {}
        after: History | None = None
        for h in range(horizon):
            # Phases are looked up one by one: to fork and to turn them all would take longer than
            # all else, and most are never met again.
            phase = history.phase(h).select(forked) if h < period else kept.pop(h)
            now = phase if after is None else phase.since(after)
            said, look, layers = self._next(now, layers, ahead.at(h))
            values.append(scaled(said, said.sample(generator), ahead.unit))
            after = now.push(values[-1], present, look)
            if h + period < horizon:
                kept[h + period] = after
        return torch.stack(values, 1)

    def _looks(
        self, windows: Windows, targets: Tensor, there: Tensor
    ) -> tuple[Look, Tensor, Tensor]:
        """Of windows and targets: what is known before each step, the values, what is scored."""
        present = torch.cat([windows.present, there], 1)
        values = torch.where(present, torch.cat([windows.values, targets], 1), 0.0)
        look = looks(values, present, self.sizes.period, self.size)
        asked = torch.zeros_like(present)
        asked[:, windows.values.shape[1] :] = True
        return look, values, present & (look.started | asked)

    def _inputs(self, features: Tensor, beside: Beside) -> Tensor:
        """What the layers read, (..., F), of features (..., FEATURES)."""
        linear = features[..., :LINEAR] / self.size
        # One wild value must not drown what is read for long.
        parts = [self._shown(linear).clamp(-10.0, 10.0), features[..., LINEAR:], beside.known]
        if self.sizes.past:
            parts += [beside.past, beside.told.unsqueeze(-1)]
        static = beside.static if features.dim() == 2 else beside.static.unsqueeze(1)
        return torch.cat([*parts, static.expand(*features.shape[:-1], -1)], -1)

    def _shown(self, linear: Tensor) -> Tensor:
        """The linear features, with the centre's only where there is a pull to it."""
        centre = linear[..., CENTRE : CENTRE + 1] * self.centred
        return torch.cat([linear[..., :CENTRE], centre, linear[..., CENTRE + 1 :]], -1)

    def _linear(self, look: Look, known: Tensor) -> Tensor:
        """All that the reference is linear in, (..., LINEAR + K), in its units."""
        return torch.cat([self._shown(look.features[..., :LINEAR]), known], -1) / self.units

    def _raw(self, look: Look, output: Tensor, known: Tensor) -> Tensor:
        """What is said of a step, (..., 3): how far off in sizes, log scale, degrees."""
        added = torch.stack(
            [
                self._linear(look, known) @ self.slopes,
                look.features[..., LINEAR:] @ self.unevenness,
                torch.zeros_like(look.reference),
            ],
            -1,
        )
        found: Tensor = self.head(output) + added
        return found

    def _said(self, look: Look, raw: Tensor, unit: Tensor) -> Distribution:
        """The distribution (...) of a step."""
        location = look.reference + self.size * raw[..., 0]
        if self.sizes.family == "counts":
            return NegativeBinomial.of(location, raw[..., 1:], unit)
        return StudentT.of(location, self.size, raw[..., 1:])
