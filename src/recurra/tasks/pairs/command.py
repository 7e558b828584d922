"""`recurra translate`: the command, and what is printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recurra.console import arguments
from recurra.console.commands import Command
from recurra.tasks import searches

# What a command needs is imported in it: the help lists them all.
if TYPE_CHECKING:
    from recurra.tasks.pairs.estimator import PairModel


@click.command(cls=Command)
@arguments.run
@arguments.texts
@searches.options("Translations a text")
@click.option(
    "--coverage-penalty", type=float, help="Above 0 prefers what has looked at all of the source."
)
@arguments.as_json
def translate(
    run: Path, text: tuple[str, ...], show_attention: bool, as_json: bool, **search: Any
) -> None:
    """Translate texts with a model of pairs; an empty line stays empty."""
    from recurra.data.line_reader import standard_input_lines
    from recurra.tasks.pairs.attention_map import blocks
    from recurra.tasks.pairs.estimator import PairModel

    how = searches.asked(search)
    model = PairModel.load(run)
    groups = iter([list(text)]) if text else standard_input_lines()
    several = how.get("n_best", 1) > 1
    for group in groups:
        for source, found in _translated(model, group, how):
            if as_json:
                said = [_plain(each, attention=show_attention) for each in found]
                line = json.dumps({"source": source, "translations": said}, ensure_ascii=False)
                sys.stdout.write(line + "\n")
                continue
            lines = [
                (f"{each.score:.4f}\t" if several else "") + searches.one_line(each.text)
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


def _plain(each: Any, *, attention: bool) -> dict[str, Any]:
    """A translation as plain values."""
    if not attention:
        return searches.plain(each)
    return searches.plain(
        each,
        source_pieces=list(each.source),
        pieces=list(each.pieces),
        attention=searches.rounded(each.attention),
    )
