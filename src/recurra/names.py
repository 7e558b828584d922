"""Names that people bring from elsewhere, and what they are called here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import wraps
from inspect import Parameter, signature
from typing import Any, Final, ParamSpec, TypeVar

from recurra.errors import unknown

P = ParamSpec("P")
T = TypeVar("T")

_SAME: Final[Mapping[str, tuple[str, ...]]] = {
    "hidden": ("hidden_size", "hidden_dim", "hidden_units", "num_units", "units", "n_hidden"),
    "layers": ("num_layers", "n_layers", "n_layer"),
    "embedding": ("embedding_dim", "embedding_size", "embed_dim", "emb_dim", "n_embd"),
    "cell": ("rnn_type", "cell_type"),
    "lr": ("learning_rate", "learning_rate_init"),
    "batch": ("batch_size",),
    "steps": ("max_steps", "num_steps", "max_iter", "iterations"),
    "epochs": ("num_epochs", "n_epochs", "max_epochs", "num_train_epochs"),
    "seed": ("random_state", "random_seed"),
    "threads": ("n_jobs", "num_threads", "n_threads"),
    "horizon": ("h", "fh", "prediction_length", "forecast_horizon", "output_chunk_length"),
    "context": ("input_size", "context_length", "lookback", "input_chunk_length"),
    "level": ("levels",),
    "samples": ("num_samples", "n_samples"),
    "frequency": ("freq",),
    "season": ("season_length",),
    "length": ("max_new_tokens", "max_tokens", "max_length", "num_tokens"),
    "longest": ("max_new_tokens", "max_tokens", "max_length"),
    "beam": ("num_beams", "beam_size", "beam_width"),
    "n_best": ("num_return_sequences", "nbest"),
    "count": ("num_return_sequences", "n"),
    "no_repeat_ngram": ("no_repeat_ngram_size",),
    "stop": ("stop_sequences", "stop_strings"),
    "callbacks": ("callback",),
    "progress": ("verbose", "progress_bar"),
    "out": ("output_dir", "save_dir", "run_dir"),
}
"""What is meant by each: the same thing in the same unit, so that it can be taken for it."""

_NEAR: Final[Mapping[str, str]] = {
    "time_limit": "minutes",
    "max_time": "minutes",
    "class_weight": "balanced",
    "do_sample": "sample",
    "dtype": "precision",
    "temp": "temperature",
    "quantiles": "level",
}
"""What is meant but takes other values: named, not taken."""


def meant(given: Mapping[str, Any], known: Collection[str], what: str) -> dict[str, Any]:
    """What was given, by the names that are known.

    Args:
        what: a name is of: "option", "argument of generate".

    Raises:
        OptionError: a name that is not known, and the nearest one; or one given twice.
    """
    found: dict[str, Any] = {}
    for name, value in given.items():
        own = name
        if name not in known:
            own = next((k for k in known if name in _SAME.get(k, ())), "")
        if not own or own in found or (own != name and own in given):
            near = _NEAR.get(name, "")
            raise unknown(what, name, list(known), own or (near if near in known else ""))
        found[own] = value
    return found


def guessed(call: Callable[P, T]) -> Callable[P, T]:
    """Let a function be called by names that people bring from elsewhere, and name wrong ones.

    Raises:
        OptionError: there is no such argument.
    """
    listed = signature(call).parameters.values()
    if any(each.kind is Parameter.VAR_KEYWORD for each in listed):
        return call  # which looks at names itself
    known = [each.name for each in listed if each.name not in ("self", "cls")]
    what = f"argument of {getattr(call, '__name__', 'this')}"

    @wraps(call)
    def called(*given: P.args, **named: P.kwargs) -> T:
        if not named.keys() <= set(known):
            own: Any = meant(named, known, what)
            return call(*given, **own)
        return call(*given, **named)

    return called
