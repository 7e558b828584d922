"""The autoregressive network as it is trained: the next step's distribution, given those before.

As in DeepAR (Salinas et al. 2020, arXiv:1704.04110) one recurrent network reads all series, and in
use (`recurra.runtime.autoregressive`) its own samples beyond the origin. What differs: it says how
the next value is off a reference that is a sane forecast by itself, after the airline model of Box
and Jenkins (1970), so that few data do, and what the data bear out decides how far it goes from
there.
"""

from __future__ import annotations

from typing import Final, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from recurra.core.initial import reset_orthogonal
from recurra.core.layers import GRU
from recurra.networks.distributions import Distribution, NegativeBinomial, StudentT
from recurra.networks.history import Look, looks
from recurra.networks.windows import Beside, Windows
from recurra.runtime.autoregressive import Sizes
from recurra.runtime.history import CENTRE, FEATURES, LINEAR, SIZES, SURPRISE

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
        self.recurrent = GRU(s.features, s.hidden, s.layers, dropout=s.dropout)
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
        raw, said = self._distribution(windows, look)
        nats = _nats(said, values, windows.unit)
        if self.training:
            known = windows.known
            off = (raw[..., 0] - self._linear(look, known) @ self.first) / self.spread
            recent = look.features[..., LINEAR : LINEAR + len(SIZES)].sum(-1)
            wide = raw[..., 1] - self.level - UNEVEN * recent
            nats = nats + SETTLED / self.steps * (off.square() / 2 + wide.square())
        return torch.where(scored, nats, 0.0).sum(1) / scored.sum(1).clamp(min=1)

    def distributions(self, windows: Windows, targets: Tensor, there: Tensor) -> Distribution:
        """What is said of each step (B, T + H), given those before it; arguments as of `loss`."""
        return self._distribution(windows, self._looks(windows, targets, there)[0])[1]

    def nats(self, windows: Windows, targets: Tensor, there: Tensor) -> Tensor:
        """What each step (B, T + H) costs, whether it is scored or not; arguments as of `loss`."""
        look, values, _ = self._looks(windows, targets, there)
        return _nats(self._distribution(windows, look)[1], values, windows.unit)

    def _distribution(self, windows: Windows, look: Look) -> tuple[Tensor, Distribution]:
        """What is said of each step, raw (B, N, 3) and as distributions (B, N)."""
        beside = Beside.of(windows)
        inputs = self._inputs(look.features, beside)
        if self.training and self.sizes.noise:
            inputs = inputs + self.sizes.noise * torch.randn_like(inputs)
        output: Tensor = self.recurrent(inputs)[0]
        raw = self._raw(look, F.dropout(output, self.sizes.dropout, self.training), beside.known)
        return raw, self._said(look, raw, windows.unit[:, None].expand_as(look.reference))

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
            parts += [beside.past, beside.observed.unsqueeze(-1)]
        static = beside.static.unsqueeze(1)
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


def _nats(said: Distribution, values: Tensor, unit: Tensor) -> Tensor:
    # Rounded: scaling and back is not exact, and counts are whole.
    return said.nats(values if isinstance(said, StudentT) else torch.round(values * unit[:, None]))
