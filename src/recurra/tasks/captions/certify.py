"""The comparisons of a captions model's certificate, on pictures of its own test part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.pictures import PictureForm, Pixels
from recurra.codecs.tokenizer import BEGIN, END
from recurra.errors import InputError
from recurra.runtime.captions import CaptionNetwork
from recurra.runtime.certificate import BY_TORCH, Check, equal, near, not_shown
from recurra.runtime.decoder import Ids
from recurra.runtime.state import Array
from recurra.search.decoding import SearchOptions
from recurra.tasks.captions import data
from recurra.tasks.captions.caption import caption
from recurra.tasks.captions.estimator import CaptionModel
from recurra.tasks.comparison import by_torch, tolerance

PICTURES: Final = 24
"""Pictures that are read each way."""

_STRANGERS: Final = 3

_WAYS: Final = "alone, strangers, steps, captions, torch"
