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
from recurra.console.commands import Argument, Command
from recurra.tasks import searches

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
@searches.options("Captions a picture")
@arguments.as_json
def caption(
    run: Path, image: tuple[str, ...], show_attention: bool, as_json: bool, **search: Any
) -> None:
    """Say what pictures show; a line for each, in their order."""
    from recurra.data.line_reader import standard_input_lines
    from recurra.tasks.captions.attention_map import blocks
    from recurra.tasks.captions.estimator import CaptionModel

    how = searches.asked(search)
    model = CaptionModel.load(run)
    groups: Iterable[Sequence[str]] = _groups(image) if image else standard_input_lines()
    several = how.get("n_best", 1) > 1
    for group in groups:
        for path, found in _captioned(model, group, how):
            if as_json:
                said = [_plain(each, attention=show_attention) for each in found]
                line = json.dumps({"image": path, "captions": said}, ensure_ascii=False)
                sys.stdout.write(line + "\n")
                continue
            named = f"{path}\t" if len(image) > 1 else ""
            lines = [
                named + (f"{each.score:.4f}\t" if several else "") + searches.one_line(each.text)
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


def _plain(each: Any, *, attention: bool) -> dict[str, Any]:
    """A caption as plain values."""
    if not attention:
        return searches.plain(each)
    return searches.plain(
        each, pieces=list(each.pieces), attention=searches.rounded(each.attention)
    )
