"""What blocks of labs show beside what they print: tables, and where a text is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, Final, Literal, final

if TYPE_CHECKING:
    import rich.table

_FIGURE: Final = re.compile(r"[-+]?[\d.,]*(e[-+]?\d+)?( %| s|초|\+)?")


@final
@dataclass(frozen=True)
class Table:
    """Rows under their columns, for a terminal and for a notebook."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __rich__(self) -> rich.table.Table:
        from rich.box import SIMPLE_HEAD
        from rich.table import Table
        from rich.text import Text

        made = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1), header_style="bold")
        for k, column in enumerate(self.columns):
            justify: Literal["right", "left"] = "right" if self._figures(k) else "left"
            # Folded: an ellipsis would replace the last of letters that are two cells wide.
            made.add_column(Text(column), justify=justify, overflow="fold")
        for row in self.rows:
            made.add_row(*map(Text.from_ansi, row))
        return made

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(each)}</th>" for each in self.columns)
        body = "".join(
            "<tr>"
            + "".join(
                f'<td align="{"right" if self._figures(k) else "left"}">{_html(each)}</td>'
                for k, each in enumerate(row)
            )
            + "</tr>\n"
            for row in self.rows
        )
        return f"<table>\n<tr>{head}</tr>\n{body}</table>"

    def _figures(self, k: int) -> bool:
        return all(_FIGURE.fullmatch(_plain(row[k])) for row in self.rows)


def table(columns: str | Iterable[str], rows: Iterable[Iterable[object]]) -> Table:
    """Rows under their columns, those of figures to the right.

    Args:
        columns: their names, or one text with bars between them: "step | loss".
        rows: a cell is shown as `str` has it, a float with four digits that count.
    """
    names = columns.split("|") if isinstance(columns, str) else columns
    return Table(
        tuple(each.strip() for each in names), tuple(tuple(map(_cell, row)) for row in rows)
    )


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def marked(written: str, truth: str) -> str:
    """A text between quotes, red where it is not the true one, behind how much is right."""
    right = [a == b for a, b in zip(written, truth, strict=False)]
    right += [False] * (len(written) - len(right))
    runs = (
        (ok, "".join(c for _, c in run))
        for ok, run in groupby(zip(right, written, strict=True), lambda each: each[0])
    )
    text = "".join(some if ok else red(some) for ok, some in runs)
    return f"{sum(right):3} of {len(truth)} '{text}'"


def red(text: str) -> str:
    """A text in red, on a terminal, in a notebook, on a page."""
    return f"\x1b[1;31m{text}\x1b[0m"


def blue(text: str) -> str:
    """A text in blue."""
    return f"\x1b[34m{text}\x1b[0m"


def _html(text: str) -> str:
    colour = {"1;31": "#e03030", "34": "#4080e0"}
    return re.sub(
        "\x1b\\[([\\d;]+)m(.*?)\x1b\\[0m",
        lambda found: f'<span style="color: {colour.get(found[1], "inherit")}">{found[2]}</span>',
        escape(text),
    )


def _plain(text: str) -> str:
    return re.sub("\x1b\\[[\\d;]*m", "", text)
