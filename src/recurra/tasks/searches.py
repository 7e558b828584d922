"""What commands whose models write by a search take, and how they print what was written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from recurra.console.arguments import given
from recurra.errors import OptionError

F = TypeVar("F", bound=Callable[..., Any])

_SAMPLING: Final = ("temperature", "top_k", "top_p")


def options(written: str) -> Callable[[F], F]:
    """The options of a search, for a command that takes them as `**search`.

    Args:
        written: what --n-best counts: "Translations a text".
    """
    every = (
        click.option("--beam", type=int, help="Beginnings kept, else 5; 1 is greedy."),
        click.option("--n-best", type=int, help=f"{written}, with scores."),
        click.option("--length-penalty", type=float, help="Else 1; above it, longer."),
        click.option("--no-repeat-ngram", type=int, help="No row of so many pieces twice."),
        click.option("--sample", is_flag=True, help="Draw by chance."),
        click.option("--temperature", type=float, help="Of draws; below 1 surer."),
        click.option("--top-k", type=int, help="Draw from the k likeliest pieces."),
        click.option("--top-p", type=float, help="Draw from this much probability."),
        click.option("--seed", type=int, help="For the same draws again."),
        click.option("--show-attention", is_flag=True, help="Show where each piece looked."),
    )

    def decorated(command: F) -> F:
        for option in reversed(every):
            command = option(command)
        return command

    return decorated


JUDGED: Final = ("beam", "length_penalty", "no_repeat_ngram", "coverage_penalty")
"""The options of a search by which what a model writes is judged."""


def judging(command: F) -> F:
    """The options of a search, for a command that judges models that write by one."""
    every = (
        click.option("--beam", type=int, help="Of pairs and captions: beginnings kept, else 5."),
        click.option("--length-penalty", type=float, help="Of the same: else 1; above it, longer."),
        click.option("--no-repeat-ngram", type=int, help="Of the same: no row of so many twice."),
        click.option("--coverage-penalty", type=float, help="Of pairs: as of translate."),
    )
    for option in reversed(every):
        command = option(command)
    return command


def asked(search: dict[str, Any]) -> dict[str, Any]:
    """The options of `recurra.search.decoding.SearchOptions` that were given.

    Raises:
        OptionError: a search and chance are both asked for.
    """
    from recurra.search.sampling import Sampling

    sampling = given(**{name: search.pop(name) for name in _SAMPLING})
    sample, found = search.pop("sample"), given(**search)
    if not sample and not sampling:
        return found
    if "beam" in found:
        raise OptionError(
            f"--beam {found['beam']} and --sample", expected="one of them: search, or chance"
        )
    return found | {"sample": Sampling(**sampling)}


def one_line(text: str) -> str:
    """A text on one line: a line end that a model writes would shift all lines after it."""
    return " ".join(text.splitlines())


def plain(each: Any, **more: Any) -> dict[str, Any]:
    """What was written as plain values, and more of it."""
    return {
        "text": each.text,
        "score": round(float(each.score), 6),
        "log_probability": round(float(each.log_probability), 6),
        "ended": bool(each.ended),
    } | more


def rounded(attention: Any) -> Any:
    """Where was looked, as nested lists."""
    import numpy as np

    return np.round(np.asarray(attention, np.float64), 4).tolist()
