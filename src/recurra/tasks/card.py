"""The end of a training: its report, and the model card, which says the same in Markdown."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from recurra.bundle import CARD, REPORT, Run
from recurra.console.text import printable
from recurra.tasks.contenders import Column, contenders


def write(
    run: Run,
    report: Mapping[str, Any],
    *,
    what: str,
    network: str,
    trained_on: str,
    blocks: Sequence[str],
    commands: Sequence[str],
    limits: str,
) -> None:
    """Write the report and the model card of a run.

    Args:
        report: with its "training".
        what: the model is: "Text in, one of the classes out: a recurrent model".
        network: in a few words.
        trained_on: how much there was of which data.
        blocks: paragraphs and tables, Markdown; empty ones are left out.
        commands: what to do with it, each after "recurra ".
        limits: what it does not know.
    """
    made = f"made by recurra {run.config()['recurra']} ({network})"
    head = f"{what}, {made}, trained on {code(report['data']['name'])} ({trained_on})."
    todo = "\n".join(f"    recurra {printable(command)}" for command in commands)
    title = _MARKS.sub(r"\\\g<0>", printable(run.path.name))
    text = "\n\n".join(filter(None, [f"# {title}", head, *blocks, todo, limits]))
    # Tables and commands keep their lines.
    filled = (textwrap.fill(each, 99) if each[:1].isalnum() else each for each in text.split("\n"))
    run.write_text(CARD, "\n".join(filled) + "\n")
    run.write_json(REPORT, report)


def code(text: str) -> str:
    """Text out of data as code, in which nothing is Markdown: no link, picture or HTML."""
    # A fence longer than any in the text, and blanks, which do not belong to it.
    runs = re.findall("`+", text := printable(text))
    fence = "`" * (1 + max(map(len, runs), default=0))
    apart = " " if runs or not text.strip() else ""
    return f"{fence}{apart}{text}{apart}{fence}" if text else ""


def comparison(report: dict[str, Any], columns: Sequence[Column]) -> str:
    """The table of model and baselines."""
    rows = ((name, *(each.cell(found) for each in columns)) for name, found in contenders(report))
    return table(["", *(each.name for each in columns)], rows)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; no cell breaks it. What comes from data is `code`."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("|".join(["", *map(_cell, cells), ""]) for cells in lines)


_MARKS: Final = re.compile(r"[\\`*_{}\[\]<>()#+!|~&$-]")
"""What Markdown takes for more than text."""


def _cell(text: str) -> str:
    return f" {printable(text)} ".replace("|", "\\|") if text else " "
