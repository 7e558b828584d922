"""What the loop trains: every member on windows drawn from the training part."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from recurra.judge.forecasts import pinball
from recurra.judge.loss import LossSum
from recurra.networks.series import SeriesNetwork
from recurra.networks.windows import Windows
from recurra.tasks.series.forecast import quantiles
from recurra.tasks.series.forecasts import LEVELS, Origins
from recurra.tasks.series.panel import Counts
from recurra.tasks.series.windows import Reader
from recurra.training.loop import Loss


@final
@dataclass(frozen=True, eq=False)
class TrainState:
    """Where a training stands.

    Args:
        step: draws so far.
        said: (V, H, Q) quantiles of the windows that chose, as they were before those were trained
            on too; of no window until then.
    """

    step: int
    said: Tensor

    @property
    def finishing(self) -> bool:
        """Whether the selection part is trained on too."""
        return len(self.said) > 0


@final
class SeriesTrainingTask:
    """The members' losses on windows drawn at random, every one as likely as any other.

    Args:
        train_ends: (S,) targets before these steps train.
        select_ends: (S,) targets before these steps train in the end.
        chosen: windows of the selection part.
        stops: (V,) which of them say how good the network is; the others choose an answer later.
        most_steps: steps beyond which more time would not help.
    """

    unit = "windows"
    ceiling = 1e3

    def __init__(
        self,
        network: SeriesNetwork,
        reader: Reader,
        train_ends: Counts,
        select_ends: Counts,
        chosen: Origins,
        stops: NDArray[np.bool_],
        *,
        batch: int,
        seed: int,
        most_steps: int,
    ) -> None:
        self.network, self.reader, self.chosen = network, reader, chosen
        self.stops = chosen.rows(np.flatnonzero(stops))
        self.train, self.all = _Part.of(train_ends, reader), _Part.of(select_ends, reader)
        self.batch, self.seed, self.most_steps = batch, seed, most_steps

    @property
    def steps_an_epoch(self) -> float:
        """Draws that hold as many windows as the training part has."""
        return max(1.0, self.train.count / self.batch)

    def first(self) -> TrainState:
        """The first draw."""
        return TrainState(0, torch.zeros(0, self.reader.horizon, len(LEVELS)))

    def loss(self, network: nn.Module, train_state: TrainState) -> Loss[TrainState]:
        """The mean losses of the members, on a draw of windows each."""
        assert isinstance(network, SeriesNetwork)
        part = self.all if train_state.finishing else self.train
        mean, total = torch.zeros((), device=self._device), LossSum()
        for number in range(len(network.members)):
            random = np.random.default_rng((self.seed, number, train_state.step))
            drawn = part.draw(random, self.batch)
            windows = Windows.of(self.reader.windows(drawn), self._device)
            values, there = map(torch.from_numpy, self.reader.targets(drawn, part.ends))
            losses = network.member(number).loss(
                windows, values.to(self._device), there.to(self._device)
            )
            mean = mean + losses.mean()
            total = total + LossSum(losses.sum().item(), len(drawn))
        return Loss((mean,), total, replace(train_state, step=train_state.step + 1))

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device

    def select(self, network: nn.Module) -> LossSum:
        """Twice the pinball loss of free-running forecasts of the selection part, scaled.

        They are made as they will be in use.
        """
        assert isinstance(network, SeriesNetwork)
        if not all(bool(each.isfinite().all()) for each in network.parameters()):
            return LossSum(math.nan, 1)
        came = self.reader.came(self.stops, self.all.ends)
        errors = pinball(came, quantiles(network.in_use(), self.reader, self.stops), LEVELS)
        return LossSum(float(np.nansum(errors)), int(np.isfinite(errors).sum()))

    def score(self, network: nn.Module) -> None:
        """Nothing: the loss chooses."""

    def sample(self, network: nn.Module) -> None:
        """Nothing to read."""

    def finish(self, train_state: TrainState) -> TrainState:
        """From here on the selection part trains too; what is said of it before that is kept."""
        said = quantiles(self.network.in_use(), self.reader, self.chosen)
        return replace(train_state, said=torch.from_numpy(said))

    def pack(self, train_state: TrainState) -> Mapping[str, Tensor]:
        """The training state as named arrays."""
        return {"step": torch.tensor(train_state.step), "said": train_state.said}

    def unpack(self, arrays: Mapping[str, Tensor]) -> TrainState:
        """The training state that `pack` took apart."""
        return TrainState(int(arrays["step"]), arrays["said"])


@final
@dataclass(frozen=True, eq=False)
class _Part:
    """Origins whose targets lie before `ends` (S,): from `first` (S,) to `last` (S,) of each."""

    ends: Counts
    first: Counts
    last: Counts

    @classmethod
    def of(cls, ends: Counts, reader: Reader) -> _Part:
        # A series shorter than the horizon and a step lends what targets it has. Of one that lacks
        # a whole context, the later half of the origins is drawn from.
        last = np.maximum(ends - reader.horizon, 1)
        first = np.clip(last // 2, 1, reader.context)
        return cls(ends, first, np.where(ends >= 2, last, first - 1))

    @property
    def count(self) -> int:
        """How many origins there are."""
        return int((self.last - self.first + 1).sum())

    def draw(self, random: np.random.Generator, size: int) -> Origins:
        """So many of them."""
        until = np.cumsum(self.last - self.first + 1)
        picked = random.integers(until[-1], size=size)
        series = np.searchsorted(until, picked, side="right")
        back: Counts = until[series] - 1 - picked
        return Origins(series, self.last[series] - back)
