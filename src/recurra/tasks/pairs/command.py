"""`recurra translate`: the command, and what is printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from recurra.console import arguments
from recurra.console.commands import Command
from recurra.errors import DataError, OptionError, counted
from recurra.tasks import searches

# What a command needs is imported in it: the help lists them all.
if TYPE_CHECKING:
    from recurra.tasks.pairs.estimator import PairModel
    from recurra.tasks.pairs.known import Read

_SHOWN: Final = 60  # columns of a text in a warning

_FEW: Final = 0.5
"""The share known below which a text may be in another language."""


@click.command(cls=Command)
@arguments.run
@arguments.texts
@searches.options("Translations a text")
@click.option(
    "--coverage-penalty", type=float, help="Above 0 prefers what has looked at all of the source."
)
@click.option(
    "--replace-unknown",
    is_flag=True,
    help="Unknown words stand in the translation as they are, where it looked at them.",
)
@click.option(
    "--score",
    "scored",
    is_flag=True,
    help="Before each translation the mean log-probability of its pieces, and the share of its "
    "source's words that are known.",
)
@click.option(
    "--target",
    type=Path,
    help="With --score: score these, a line for each text, in place of translating.",
)
@arguments.as_json
def translate(
    run: Path,
    text: tuple[str, ...],
    replace_unknown: bool,
    scored: bool,
    target: Path | None,
    show_attention: bool,
    as_json: bool,
    **search: Any,
) -> None:
    """Translate texts with a model of pairs; an empty line stays empty."""
    from recurra.data.line_reader import standard_input_lines
    from recurra.tasks.pairs.attention_map import blocks
    from recurra.tasks.pairs.estimator import PairModel

    how = searches.asked(search)
    if target is not None and not scored:
        raise OptionError(f"--target {target}", expected="--score beside it")
    model = PairModel.load(run)
    groups = iter([list(text)]) if text else standard_input_lines()
    if target is not None:
        if how or replace_unknown or show_attention:
            raise OptionError("--target and options of a search", expected="one of them")
        _score(model, groups, target, as_json=as_json)
        return
    several = how.get("n_best", 1) > 1
    if replace_unknown:
        how["replace_unknown"] = True
    for group in groups:
        for source, read, found in _translated(model, group, how):
            if not as_json:
                _warn(source, read)
            if as_json:
                said = [_plain(each, attention=show_attention) for each in found]
                _write({"source": source, **_known(read), "translations": said})
                continue
            lines = [
                (f"{_mean(each):.4f}\t{read.known:.2f}\t" if scored else "")
                + (f"{each.score:.4f}\t" if several and not scored else "")
                + searches.one_line(each.text)
                for each in found
            ]
            if show_attention and found:
                best = found[0]
                lines += ["", *blocks(best.source, best.pieces, best.attention)]
            # Where there are several lines for a text, an empty one stands between two texts.
            apart = [""] if several or show_attention or not lines else []
            sys.stdout.write("\n".join([*lines, *apart]) + "\n")
        sys.stdout.flush()


def _score(
    model: PairModel, groups: Iterator[Sequence[str]], target: Path, *, as_json: bool
) -> None:
    """Say of each source how likely the target on the same line of a file is."""
    from recurra.data.files import lined

    sources = [each for group in groups for each in group]
    targets = lined(target, "a text on each line").removesuffix("\n").split("\n")
    if len(sources) != len(targets):
        raise DataError(
            f"{counted(len(sources), 'text')}, and {target} has {counted(len(targets), 'line')}",
            expected="a target for each text",
        )
    for source, true, pair in zip(
        sources, targets, model.score_pairs(sources, targets), strict=True
    ):
        if as_json:
            _write({"source": source, "target": true} | pair.to_json())
        else:
            sys.stdout.write(f"{pair.score:.4f}\t{pair.known:.2f}\t{true}\n")


def _translated(
    model: PairModel, texts: Sequence[str], search: dict[str, Any]
) -> Iterator[tuple[str, Read, Sequence[Any]]]:
    """Each text, how it is read, its translations, the best first; none for a text of blanks."""
    asked = [text for text in texts if text.strip()]
    found = iter(model.translations(asked, **search) if asked else [])
    for text, read in zip(texts, model.read(texts), strict=True):
        yield text, read, next(found) if text.strip() else []


def _warn(source: str, read: Read) -> None:
    """Say on standard error what of a text training had not, or had in another case."""
    from recurra.console.text import fitted

    said = []
    if read.recased:
        said.append(f"read as {fitted(read.text, _SHOWN)!r}")
    if read.unknown:
        shown = ", ".join(repr(fitted(each, _SHOWN)) for each in read.unknown[:5])
        more = f" and {len(read.unknown) - 5:,} more" if len(read.unknown) > 5 else ""
        said.append(f"not in what it was trained on: {shown}{more}")
    if read.known < _FEW:
        said.append("which makes most of it: another language?")
    if said:
        line = f"recurra: {fitted(source, _SHOWN)!r}: {'; '.join(said)}"
        print(line, file=sys.stderr, flush=True)


def _known(read: Read) -> dict[str, Any]:
    found: dict[str, Any] = {"known": round(read.known, 4), "unknown": list(read.unknown)}
    return found | {"read_as": read.text} if read.recased else found


def _mean(each: Any) -> float:
    """The mean log-probability of what was written, its end among it, in nats."""
    return float(each.log_probability) / (len(each.pieces) + bool(each.ended))


def _write(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


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
