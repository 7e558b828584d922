"""`recurra translate`: the command, and what is printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recurra.console import arguments
from recurra.console.arguments import given
from recurra.console.commands import Command
from recurra.errors import OptionError

# What a command needs is imported in it: the help lists them all.
if TYPE_CHECKING:
    from recurra.tasks.pairs.estimator import PairModel


@click.command(cls=Command)
@arguments.run
@arguments.texts
@click.option("--beam", type=int, help="Beginnings kept, else 5; 1 is greedy.")
@click.option("--n-best", type=int, help="Translations a text, with scores.")
@click.option("--length-penalty", type=float, help="Else 1; above it, longer.")
@click.option(
    "--coverage-penalty", type=float, help="Above 0 prefers what has looked at all of the source."
)
@click.option("--no-repeat-ngram", type=int, help="No row of so many pieces twice.")
@click.option("--sample", is_flag=True, help="Draw by chance.")
@click.option("--temperature", type=float, help="Of draws; below 1 surer.")
@click.option("--top-k", type=int, help="Draw from the k likeliest pieces.")
@click.option("--top-p", type=float, help="Draw from this much probability.")
@click.option("--seed", type=int, help="For the same draws again.")
@click.option("--show-attention", is_flag=True, help="Show where each piece looked.")
@arguments.as_json
def translate(
    run: Path,
    text: tuple[str, ...],
    beam: int | None,
    n_best: int | None,
    length_penalty: float | None,
    coverage_penalty: float | None,
    no_repeat_ngram: int | None,
    sample: bool,
    temperature: float | None,
    top_k: int | None,
    top_p: float | None,
    seed: int | None,
    show_attention: bool,
    as_json: bool,
) -> None:
    """Translate texts with a model of pairs; an empty line stays empty."""
    from recurra.data.line_reader import standard_input_lines
    from recurra.search.sampling import Sampling
    from recurra.tasks.pairs.attention_map import blocks
    from recurra.tasks.pairs.estimator import PairModel

    search = given(beam=beam, n_best=n_best, no_repeat_ngram=no_repeat_ngram, seed=seed)
    search |= given(length_penalty=length_penalty, coverage_penalty=coverage_penalty)
    sampling = given(temperature=temperature, top_k=top_k, top_p=top_p)
    if sample or sampling:
        if "beam" in search:
            raise OptionError(
                f"--beam {search['beam']} and --sample", expected="one of them: search, or chance"
            )
        search = search | {"sample": Sampling(**sampling)}
    model = PairModel.load(run)
    groups = iter([list(text)]) if text else standard_input_lines()
    several = search.get("n_best", 1) > 1
    for group in groups:
        for source, found in _translated(model, group, search):
            if as_json:
                said = [_plain(each, attention=show_attention) for each in found]
                line = json.dumps({"source": source, "translations": said}, ensure_ascii=False)
                sys.stdout.write(line + "\n")
                continue
            lines = [
                f"{each.score:.4f}\t{_one_line(each.text)}" if several else _one_line(each.text)
                for each in found
            ]
            if show_attention and found:
                best = found[0]
                lines += ["", *blocks(best.source, best.pieces, best.attention)]
            # Where there are several lines for a text, an empty one stands between two texts.
            apart = [""] if several or show_attention or not lines else []
            sys.stdout.write("\n".join([*lines, *apart]) + "\n")
        sys.stdout.flush()


def _translated(
    model: PairModel, texts: Sequence[str], search: dict[str, Any]
) -> Iterator[tuple[str, Sequence[Any]]]:
    """Each text with its translations, the best first; none for a text of blanks."""
    asked = [text for text in texts if text.strip()]
    found = iter(model.translations(asked, **search) if asked else [])
    for text in texts:
        yield text, next(found) if text.strip() else []


def _one_line(text: str) -> str:
    # A line end that a model writes would shift all lines after it.
    return " ".join(text.splitlines())


def _plain(each: Any, *, attention: bool) -> dict[str, Any]:
    """A translation as plain values."""
    import numpy as np

    found = {
        "text": each.text,
        "score": round(float(each.score), 6),
        "log_probability": round(float(each.log_probability), 6),
        "ended": bool(each.ended),
    }
    if attention:
        found |= {
            "source_pieces": list(each.source),
            "pieces": list(each.pieces),
            "attention": np.round(np.asarray(each.attention, np.float64), 4).tolist(),
        }
    return found
