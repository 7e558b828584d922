"""What a recurrent layer can be told beside its sizes: listed, described and checked once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from numbers import Real
from types import MappingProxyType
from typing import Any, TypedDict, Unpack

import numpy as np

from recurra.errors import OptionError, did_you_mean


class Options(TypedDict, total=False):
    """Options of RNN, GRU and LSTM, all by name; with none of them a layer is torch.nn's.

        options: recurra.nn.Options = {"dropout": 0.2, "bidirectional": True}
        layer = recurra.nn.LSTM(16, 32, num_layers=2, **options)

    Args:
        bias: learn b_x and b_h.
        dropout: share of the numbers between layers that is dropped in training, at each step
            anew (Zaremba et al. 2014, arXiv:1409.2329).
        bidirectional: read each row backwards as well, output and state side by side.
        locked_dropout: share dropped between layers with one mask a row, the same at all steps of
            a call (Gal & Ghahramani 2016, arXiv:1512.05287); in place of `dropout`. Input and
            output are LockedDropout's, with shares of their own, as in AWD-LSTM.
        weight_dropout: share of the recurrent weights (weight_hh) that is dropped in training,
            drawn once a call: h_t = f(W_x x_t + (M * W_h) h_(t-1)) (DropConnect as in AWD-LSTM,
            Merity et al. 2017, arXiv:1708.02182).
        zoneout: probability that a unit keeps its value over a step in training, s' = d * s_(t-1) +
            (1 - d) * s_t, and the expectation of that in evaluation (Krueger et al. 2017,
            arXiv:1606.01305). Runs on the loop.
        residual: y_l = x_l + layer_l(dropped x_l) for layers whose input and output sizes are equal
            (He et al. 2016, arXiv:1512.03385; GNMT, Wu et al. 2016, arXiv:1609.08144). The state
            is the cell's own.
        layer_norm: normalise inside of each step (Ba et al. 2016, arXiv:1607.06450; the equations
            are in core/variants.py). Runs on the loop.
        learn_state: the first state is a parameter, h0 and c0 of each layer and direction, where
            none is given and after resets.
        batch_first: True, which it always is; so that what is written for torch.nn can stay.
    """

    bias: bool
    dropout: float
    bidirectional: bool
    locked_dropout: float
    weight_dropout: float
    zoneout: float
    residual: bool
    layer_norm: bool
    learn_state: bool
    batch_first: bool


DEFAULTS: Mapping[str, bool | float] = MappingProxyType(
    {
        "bias": True,
        "dropout": 0.0,
        "bidirectional": False,
        "locked_dropout": 0.0,
        "weight_dropout": 0.0,
        "zoneout": 0.0,
        "residual": False,
        "layer_norm": False,
        "learn_state": False,
        "batch_first": True,
    }
)

_SHARES = ("dropout", "locked_dropout", "weight_dropout", "zoneout")


def complete(**options: Unpack[Options]) -> Options:
    """Return all options, those that are not given with their defaults.

    Raises:
        OptionError: one that is not known, not of its kind or outside 0 to 1, two dropouts between
            layers, or time first.
    """
    for name, value in options.items():
        if name not in DEFAULTS:
            raise OptionError(
                f"{name}={value}",
                expected=", ".join(DEFAULTS),
                fix=did_you_mean(name, DEFAULTS),
            )
    every: Any = {**DEFAULTS, **options}
    for name, default in DEFAULTS.items():
        value = every[name]
        if name in _SHARES:
            number = isinstance(value, Real) and not isinstance(value, bool)
            if not number or not 0 <= value <= 1:
                raise OptionError(f"{name}={value!r}", expected="0 to 1")
        elif not isinstance(value, (bool, np.bool_)):
            raise OptionError(f"{name}={value!r}", expected="True or False")
        every[name] = type(default)(value)
    if not every["batch_first"]:
        raise OptionError(
            "batch_first=False", expected="batch first, always", fix="call with x.transpose(0, 1)"
        )
    if every["dropout"] and every["locked_dropout"]:
        raise OptionError(
            f"dropout={every['dropout']} and locked_dropout={every['locked_dropout']}",
            expected="one mask between layers",
            fix="leave one of them out",
        )
    known: Options = every
    return known


def whole(name: str, value: Any) -> int:
    """Return a size as an int.

    Raises:
        OptionError: not a whole number, or below 1.
    """
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= 1:
        return int(value)
    raise OptionError(f"{name}={value!r}", expected="a whole number, 1 or more")


def spelled_out(init: Callable[..., None]) -> inspect.Signature:
    """Return a constructor's signature with the options one by one, for `help` and completion."""
    known = inspect.signature(init)
    before = [p for p in known.parameters.values() if p.kind is not p.VAR_KEYWORD]
    between = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=value,
            annotation=type(value).__name__,
        )
        for name, value in DEFAULTS.items()
    ]
    return known.replace(parameters=[*before[1:], *between])
