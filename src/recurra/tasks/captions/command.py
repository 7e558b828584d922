"""`recurra caption`: the command, and what is printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from recurra.console import arguments
from recurra.console.arguments import given
from recurra.console.commands import Argument, Command
from recurra.errors import OptionError

# What a command needs is imported in it: the help lists them all.
if TYPE_CHECKING:
    from recurra.tasks.captions.estimator import CaptionModel

TOGETHER: Final = 256
"""Pictures that are read and captioned together, so that memory does not grow with their number."""


@click.command(cls=Command)
@arguments.run
@click.argument(
    "image", cls=Argument, nargs=-1, help="Pictures; without any, paths from standard input."
)
@click.option("--beam", type=int, help="Beginnings kept, else 5; 1 is greedy.")
@click.option("--n-best", type=int, help="Captions a picture, with scores.")
@click.option("--length-penalty", type=float, help="Else 1; above it, longer.")
@click.option("--no-repeat-ngram", type=int, help="No row of so many pieces twice.")
@click.option("--sample", is_flag=True, help="Draw by chance.")
@click.option("--temperature", type=float, help="Of draws; below 1 surer.")
@click.option("--top-k", type=int, help="Draw from the k likeliest pieces.")
@click.option("--top-p", type=float, help="Draw from this much probability.")
@click.option("--seed", type=int, help="For the same draws again.")
@click.option("--show-attention", is_flag=True, help="Show where each piece looked.")
@arguments.as_json
def caption(
    run: Path,
    image: tuple[str, ...],
    beam: int | None,
    n_best: int | None,
    length_penalty: float | None,
    no_repeat_ngram: int | None,
    sample: bool,
    temperature: float | None,
    top_k: int | None,
    top_p: float | None,
    seed: int | None,
    show_attention: bool,
    as_json: bool,
) -> None:
    """Say what pictures show; a line for each, in their order.

    \b
    recurra caption runs/meters photo.png more/*.jpg
    recurra caption runs/meters < paths.txt > texts.txt
    """
    from recurra.data.line_reader import standard_input_lines
    from recurra.search.sampling import Sampling
    from recurra.tasks.captions.attention_map import blocks
    from recurra.tasks.captions.estimator import CaptionModel

    search = given(beam=beam, n_best=n_best, no_repeat_ngram=no_repeat_ngram, seed=seed)
    search |= given(length_penalty=length_penalty)
    sampling = given(temperature=temperature, top_k=top_k, top_p=top_p)
    if sample or sampling:
        if "beam" in search:
            raise OptionError(
                f"--beam {search['beam']} and --sample", expected="one of them: search, or chance"
            )
        search = search | {"sample": Sampling(**sampling)}
    model = CaptionModel.load(run)
    groups: Iterable[Sequence[str]] = _groups(image) if image else standard_input_lines()
    several = search.get("n_best", 1) > 1
    for group in groups:
        for path, found in _captioned(model, group, search):
            if as_json:
                said = [_plain(each, attention=show_attention) for each in found]
                line = json.dumps({"image": path, "captions": said}, ensure_ascii=False)
                sys.stdout.write(line + "\n")
                continue
            named = f"{path}\t" if len(image) > 1 else ""
            lines = [
                named + (f"{each.score:.4f}\t" if several else "") + _one_line(each.text)
                for each in found
            ]
            if show_attention and found:
                lines += ["", *blocks(found[0].pieces, found[0].attention)]
            apart = [""] if several or show_attention or not lines else []
            sys.stdout.write("\n".join([*lines, *apart]) + "\n")
        sys.stdout.flush()


def _groups(images: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(images)
    while some := list(islice(rest, TOGETHER)):
        yield some


def _captioned(
    model: CaptionModel, paths: Sequence[str], search: dict[str, Any]
) -> Iterator[tuple[str, Sequence[Any]]]:
    """Each picture with its captions, the best first; none for an empty line."""
    asked = [path.strip() for path in paths if path.strip()]
    found = iter(model.captions(asked, **search) if asked else [])
    for path in paths:
        yield path.strip(), next(found) if path.strip() else []


def _one_line(text: str) -> str:
    # A line end that a model writes would shift all lines after it.
    return " ".join(text.splitlines())


def _plain(each: Any, *, attention: bool) -> dict[str, Any]:
    """A caption as plain values."""
    import numpy as np

    found = {
        "text": each.text,
        "score": round(float(each.score), 6),
        "log_probability": round(float(each.log_probability), 6),
        "ended": bool(each.ended),
    }
    if attention:
        found |= {
            "pieces": list(each.pieces),
            "attention": np.round(np.asarray(each.attention, np.float64), 4).tolist(),
        }
    return found
