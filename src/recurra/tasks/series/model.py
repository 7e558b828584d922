"""The network of the series task: several readers, whose quantiles are averaged."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, final

import torch
from torch import Tensor, nn

from recurra.errors import OptionError
from recurra.tasks.model import Network
from recurra.tasks.series.autoregressive import Autoregressive
from recurra.tasks.series.segments import Segments
from recurra.tasks.series.windows import Windows

Reader_ = Segments | Autoregressive
