"""The next value's forecast after each value, as values arrive, in constant memory."""

from __future__ import annotations

from typing import Any, Final, final

import numpy as np
import torch
from torch import Tensor

from recurra.codecs import calendar
from recurra.errors import OptionError
from recurra.tasks.series.forecast import real
from recurra.tasks.series.forecasts import INTERVALS, LEVELS
from recurra.tasks.series.intervals import Widths
from recurra.tasks.series.model import SeriesNetwork
from recurra.tasks.series.networks.autoregressive import Autoregressive, StreamState
from recurra.tasks.series.networks.beside import Beside
from recurra.tasks.series.networks.distributions import Distribution, scaled
from recurra.tasks.series.panel import Panel, shown
from recurra.tasks.series.scale import Scale

_FIRST: Final = np.zeros(1, np.int64)


@final
class Stream:
    """Forecasts of one series that goes on from where the training's data ended.

        stream = model.stream()
        stream.next()           # of the first step after the data
        stream.step(21.5)       # that step's value in, the forecast of the one after it out

    Args:
        panel: the one series, its last steps.
        widths: of the intervals.

    Raises:
        OptionError: the model reads the past in pieces, is of several series, or reads columns
            beside the target.
    """

    def __init__(self, network: SeriesNetwork, scale: Scale, panel: Panel, widths: Widths) -> None:
        a = network.architecture
        if a.kind != "autoregressive":
            raise OptionError(
                "a stream of a model that reads segments",
                expected="a model of --model autoregressive, which reads one step at a time",
            )
        if len(panel) != 1:
            raise OptionError(f"a stream of {len(panel):,} series", expected="a model of one")
        if panel.known.shape[1] or panel.past.shape[1]:
            raise OptionError("a stream of a model with columns beside the target", expected="none")
        self._network = network
        self._scale, self._panel, self._turns = scale, panel, a.turns
        self._widths = widths.first(1)
        self._members = [network.member(number) for number in range(a.members)]
        self._place = int(panel.starts[0])
        self._levels = torch.tensor(LEVELS, dtype=torch.float64)
        self._device = next(network.parameters()).device
        self._states: list[StreamState | None] = [None] * a.members
        self._said = self._begin()
        for value in panel.of(0).tolist():
            self.step(value)

    def next(self) -> dict[str, Any]:
        """The forecast of the step to come: its stamp, the median, and the ends of intervals."""
        said = self._said.cpu().numpy()[:, None]
        found = real(self._network, self._scale, self._widths, said, _FIRST)[0, 0]
        stamp = self._panel.frequency.stamps(np.array([self._place]))[0]
        row: dict[str, Any] = {"ds": shown(stamp), "recurra": float(found[LEVELS.index(0.5)])}
        for size, (low, high) in INTERVALS.items():
            row[f"recurra-lo-{size}"] = float(found[low])
            row[f"recurra-hi-{size}"] = float(found[high])
        return row

    def step(self, value: float) -> dict[str, Any]:
        """Take the value of the step to come, NaN where it is missing; forecast the one after.

        Raises:
            OptionError: an infinite value.
        """
        if np.isinf(value):
            raise OptionError(f"a value of {value}", expected="a finite number, or NaN if missing")
        present = torch.tensor([not np.isnan(value)], device=self._device)
        own = self._scale.scale(np.array([0.0 if np.isnan(value) else value]), _FIRST)
        given = torch.from_numpy(own).to(self._device)
        self._place += 1
        beside, said = self._beside(), []
        with torch.inference_mode():
            for number, member in enumerate(self._members):
                assert isinstance(member, Autoregressive)
                state = self._states[number]
                assert state is not None
                one, self._states[number] = member.step(given, present, beside, state)
                said.append(self._quantiles(one, beside))
        self._said = torch.stack(said).mean(0)
        return self.next()

    def _begin(self) -> Tensor:
        beside, said = self._beside(), []
        with torch.inference_mode():
            for number, member in enumerate(self._members):
                assert isinstance(member, Autoregressive)
                one, self._states[number] = member.begin(beside)
                said.append(self._quantiles(one, beside))
        return torch.stack(said).mean(0)

    def _quantiles(self, said: Distribution, beside: Beside) -> Tensor:
        """Of one member, (1, Q), scaled."""
        return scaled(said, said.quantile(self._levels), beside.unit[:, None])

    def _beside(self) -> Beside:
        """What is known of the step to come."""
        days = calendar.features(self._panel.frequency, np.array([self._place]), self._turns)
        parts = (
            days,
            np.zeros((1, 0), np.float32),
            np.ones(1, np.float32),
            self._panel.static,
            self._scale.spread.astype(np.float32),
        )
        return Beside(*(torch.from_numpy(each).to(self._device) for each in parts))
