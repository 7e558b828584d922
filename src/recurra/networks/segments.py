"""The network that reads the past in segments and gives the whole horizon at once."""

from __future__ import annotations

from typing import Final, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from recurra.core.initial import reset_orthogonal
from recurra.core.layers import GRU
from recurra.core.state import HiddenState
from recurra.errors import OptionError
from recurra.networks.windows import Windows
from recurra.runtime.quantiles import LEVELS
from recurra.runtime.segments import PLACE, Sizes

_MEDIAN: Final = LEVELS.index(0.5)


@final
class Segments(nn.Module):
    """A GRU over segments of w steps, decoding all segments of the horizon side by side.

    As SegRNN does (Lin et al., 2023, arXiv:2308.11200): a level is taken off, w steps go through a
    linear layer and a ReLU into one step of a GRU, and one more step of the same GRU, from the last
    state, gives each segment of the horizon, told apart by where it lies and what is known of it.
    Unlike there the level is the mean of the last season, a linear map of the window is added to
    the medians, and the other quantiles are positive distances from them. The window is not
    brought to a scale of its own: `recurra.tasks.series.scale` has done that for the series.

    A constant added to a window is added to its quantiles. Values at missing steps are not read.
    """

    levels: Tensor

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = s = sizes
        self.read, self.asked = s.read, s.asked
        self.embed = nn.Linear(s.segment * (2 + s.past + s.known), s.hidden)
        self.recurrent = GRU(s.hidden, s.hidden)
        self.places = nn.Parameter(torch.empty(self.asked, PLACE))
        self.ask = nn.Linear(PLACE + s.segment * s.known + s.static, s.hidden)
        self.head = nn.Linear(s.hidden, s.segment * len(LEVELS))
        self.highway = nn.Linear(s.context, s.horizon)
        self.register_buffer("levels", torch.tensor(LEVELS), persistent=False)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw the weights: the first forecast is the level, with intervals about it."""
        reset_orthogonal(self.recurrent)
        nn.init.normal_(self.places, std=0.5)
        nn.init.normal_(self.head.weight, std=0.01)
        for zero in (self.head.bias, self.highway.weight, self.highway.bias):
            zero.zero_()

    def forward(self, windows: Windows) -> Tensor:
        """Quantiles (B, H, Q) at LEVELS, ascending, scaled."""
        s = self.sizes
        beyond = windows.values.shape[1] - s.context
        if beyond < 0:
            raise OptionError(
                f"windows of {windows.values.shape[1]} steps", expected=f"{s.context} or more"
            )
        present = windows.present[:, beyond:]
        # Whatever stands at a missing step, a NaN among it, must not get into a sum.
        values = torch.where(present, windows.values[:, beyond:], 0.0)
        level = _level(values, present, s.period)
        moves = torch.where(present, values - level, 0.0)
        known = windows.known[:, beyond:]
        state = self._state(moves, present, windows.past[:, beyond:], known[:, : s.context])
        out = self._decoded(state, known[:, s.context :], windows.static)
        median = out[..., _MEDIAN] + self.highway(moves) + level
        # At first one of them is 0.3 from the next.
        away = F.softplus(out - 1.0)
        below = away[..., :_MEDIAN].flip(-1).cumsum(-1).flip(-1)
        above = away[..., _MEDIAN + 1 :].cumsum(-1)
        median = median[..., None]
        return torch.cat([median - below, median, median + above], -1)

    def loss(self, windows: Windows, targets: Tensor, there: Tensor) -> Tensor:
        """Twice the pinball loss, mean over levels and steps: about the CRPS (B,), scaled.

        Args:
            targets: (B, H) what came.
            there: (B, H) bool, whether it is known. A row of which nothing is has loss 0.
        """
        errors = targets[..., None] - self(windows)
        losses = 2 * torch.maximum(self.levels * errors, (self.levels - 1) * errors).mean(-1)
        found: Tensor = torch.where(there, losses, 0.0).sum(1) / there.sum(1).clamp(min=1)
        return found

    def _state(self, moves: Tensor, present: Tensor, past: Tensor, known: Tensor) -> Tensor:
        """What the window leaves behind, (B, hidden)."""
        steps = torch.stack([moves, present.to(moves.dtype)], 2)
        steps = torch.cat([steps, past, known], 2)
        # The last segment ends where the horizon begins; it is the first that is filled up.
        steps = F.pad(steps, (0, 0, self.read * self.sizes.segment - self.sizes.context, 0))
        pieces = steps.reshape(len(steps), self.read, self.embed.in_features)
        last: HiddenState = self.recurrent(F.relu(self.embed(pieces)))[1]
        return last.layer(0).hidden

    def _decoded(self, state: Tensor, known: Tensor, static: Tensor) -> Tensor:
        """A number (B, H, Q) for each quantile of each step to come."""
        s, rows, count = self.sizes, len(state), self.asked
        known = F.pad(known, (0, 0, 0, count * s.segment - s.horizon))
        query = torch.cat(
            [
                self.places.expand(rows, -1, -1),
                known.reshape(rows, count, s.segment * s.known),
                static[:, None].expand(-1, count, -1),
            ],
            2,
        )
        step = F.relu(self.ask(query)).flatten(0, 1)
        from_here = HiddenState(state.repeat_interleave(count, 0)[:, None])
        out = F.dropout(self.recurrent.step(step, from_here)[0], s.dropout, self.training)
        found: Tensor = self.head(out)
        return found.reshape(rows, count * s.segment, len(LEVELS))[:, : s.horizon]


def _level(values: Tensor, present: Tensor, period: int) -> Tensor:
    """The mean (B, 1) of the last season; of the window where that is missing, 0 where all is."""
    count, recent = (p.sum(1, keepdim=True) for p in (present, present[:, -period:]))
    mean = values.sum(1, keepdim=True) / count.clamp(min=1)
    season = values[:, -period:].sum(1, keepdim=True) / recent.clamp(min=1)
    return torch.where(recent > 0, season, mean)
