"""Provisional."""
from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from recurra.core.initial import reset_orthogonal
from recurra.core.layers import GRU
from recurra.core.state import HiddenState
from recurra.tasks.series.forecasts import LEVELS
from recurra.tasks.series.windows import Windows


@final
@dataclass(frozen=True)
class Sizes:
    context: int
    horizon: int
    period: int
    known: int
    past: int
    static: int
    series: int
    segment: int
    hidden: int
    dropout: float


@final
class Segments(nn.Module):
    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = s = sizes
        w, hid = s.segment, s.hidden
        self.N, self.J = -(-s.context // w), -(-s.horizon // w)
        self.emb = nn.Linear(w * (2 + s.known), hid)
        self.gru = GRU(hid, hid)
        reset_orthogonal(self.gru)
        self.pos = nn.Parameter(torch.randn(self.J, 16) * 0.5)
        self.dec = nn.Linear(16 + w * s.known, hid)
        self.head = nn.Linear(hid, w * len(LEVELS))
        self.high = nn.Linear(s.context, s.horizon)
        nn.init.zeros_(self.high.weight)
        nn.init.zeros_(self.high.bias)

    def forward(self, win: Windows) -> Tensor:
        s = self.sizes
        x, p = win.values, win.present.float()
        B, k, w = len(x), s.period, s.segment
        level = ((x * p)[:, -k:].sum(1) / p[:, -k:].sum(1).clamp(min=1))[:, None]
        last = torch.where(p[:, -k:] > 0, x[:, -k:], level)
        ro = last.repeat(1, -(-s.horizon // k))[:, : s.horizon]
        d = (x - level) * p
        sp = (d.abs().sum(1) / p.sum(1).clamp(min=1) + 0.1)[:, None]
        d = d / sp
        pad = self.N * w - s.context
        f = torch.cat([torch.stack([F.pad(d, (pad, 0)), F.pad(p, (pad, 0))], -1), F.pad(win.known[:, : s.context], (0, 0, pad, 0))], -1)
        e = F.relu(self.emb(f.reshape(B, self.N, -1)))
        h = self.gru(e)[1].hidden[:, 0]
        fk = F.pad(win.known[:, s.context :], (0, 0, 0, self.J * w - s.horizon))
        q = torch.cat([self.pos.expand(B, -1, -1), fk.reshape(B, self.J, -1)], -1)
        q = F.relu(self.dec(q)).reshape(B * self.J, 1, -1)
        o, _ = self.gru(q, HiddenState(h.repeat_interleave(self.J, 0)[:, None]))
        o = self.head(F.dropout(o[:, 0], s.dropout, self.training)).reshape(B, self.J * w, -1)[:, : s.horizon]
        med = o[..., 3] + self.high(d)
        up = F.softplus(o[..., 4:] - 1).cumsum(-1)
        lo = F.softplus(o[..., :3] - 1).flip(-1).cumsum(-1).flip(-1)
        med = med[..., None]
        return torch.cat([med - lo, med, med + up], -1) * sp[..., None] + ro[..., None]

    def loss(self, win: Windows, targets: Tensor, there: Tensor) -> Tensor:
        q = self(win)
        levels = torch.tensor(LEVELS)
        e = targets[..., None] - q
        loss = 2 * torch.maximum(levels * e, (levels - 1) * e).mean(-1) * there
        return loss.sum(1) / there.sum(1).clamp(min=1)
