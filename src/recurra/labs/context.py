"""What a lab is given to run with, and the few forms in which it shows what it found."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

from recurra.errors import OptionError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.console import Console, RenderableType

_FIGURE: Final = re.compile(r"[-+]?[\d.,]*(e[-+]?\d+)?( %| s|\+)?")


@final
@dataclass(frozen=True)
class LabContext:
    """Where a lab prints, what it reads, how long it may take, and where its pictures go.

    Args:
        console: all output goes here.
        path: the file of a lab that reads one.
        quick: fewer steps, for tests; the result is shown, not reached.
        seed: of all random numbers.
        out: folder for pictures and pages, made where missing; nothing is saved without it.

    Raises:
        OptionError: `out` is a file, or the seed is below 0.
    """

    console: Console
    path: Path | None = None
    quick: bool = False
    seed: int = 0
    out: Path | None = None

    def __post_init__(self) -> None:
        if self.out is not None and self.out.exists() and not self.out.is_dir():
            raise OptionError(f"--out {self.out} is a file", expected="a folder, or a new name")
        if self.seed < 0:
            raise OptionError(f"--seed {self.seed}", expected="0 or more")

    def heading(self, name: str, question: str) -> None:
        """Begin a lab."""
        from rich.rule import Rule
        from rich.text import Text

        self.console.print(Rule(Text(f"lab {name}", style="bold")))
        self.say(question[0].upper() + question[1:] + ".", style="italic")

    def section(self, title: str) -> None:
        """Begin a part of a lab."""
        self.console.print()
        self.say(title, style="bold cyan")

    def say(self, line: str, *, style: str = "") -> None:
        """Print a line as it is: brackets are no markup, and numbers get no colours."""
        self.console.print(line, style=style, markup=False, highlight=False, soft_wrap=False)

    def aside(self, line: str) -> None:
        """Print what is only by the way."""
        self.say(line, style="dim")

    def show(self, renderable: RenderableType) -> None:
        """Print something that rich knows how to draw."""
        self.console.print(renderable)

    def table(self, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
        """Print rows under their columns: text to the left, columns of figures to the right."""
        from rich.box import SIMPLE_HEAD
        from rich.table import Table
        from rich.text import Text

        cells = [[c if isinstance(c, Text) else Text(str(c)) for c in row] for row in rows]
        table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1), header_style="bold")
        for k, column in enumerate(columns):
            figures = all(_FIGURE.fullmatch(row[k].plain) for row in cells)
            table.add_column(Text(column), justify="right" if figures else "left")
        for row in cells:
            table.add_row(*row)
        self.console.print(table)

    def spelled(self, label: str, written: str, truth: str) -> None:
        """Print how much of a text that was written is right, and it, what is wrong in red."""
        from rich.text import Text

        right = sum(a == b for a, b in zip(written, truth, strict=False))
        line = Text(f"{label}  {right} of {len(truth)}  '")
        for k, character in enumerate(written):
            line.append(character, style="" if truth[k : k + 1] == character else "bold red")
        self.console.print(line.append("'"))

    def answer(self, question: str, answer: str) -> None:
        """Print the lab's question, and what its own figures say to it."""
        from rich.panel import Panel
        from rich.text import Text

        self.console.print()
        self.console.print(Panel(Text(answer), title=Text(question), title_align="left"))

    def picture(self, name: str, draw: Callable[[Axes], None], *, height: float = 4.0) -> None:
        """Draw into `out`/`name`.png; without `out` do nothing, without matplotlib say so.

        Raises:
            OptionError: the folder cannot be written.
        """
        if self.out is None:
            return
        try:
            from matplotlib.figure import Figure
        except ImportError:
            self.say(f"no picture {name}.png: matplotlib is missing: pip install 'recurra[show]'")
            return
        figure = Figure(figsize=(7.0, height), layout="constrained")
        draw(figure.add_subplot())
        self._write(f"{name}.png", lambda path: figure.savefig(path, dpi=120))

    def page(self, name: str, html: str) -> None:
        """Write `html` to `out`/`name`.html; without `out` do nothing.

        Raises:
            OptionError: the folder cannot be written.
        """
        self._write(f"{name}.html", lambda path: path.write_text(html, encoding="utf-8"))

    def _write(self, name: str, write: Callable[[Path], object]) -> None:
        if self.out is None:
            return
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            write(self.out / name)
        except OSError as error:
            raise OptionError(
                f"--out {self.out}: {name} cannot be written: {error.strerror or error}",
                expected="a folder that this user may write to",
            ) from error
        self.aside(f"saved {self.out / name}")
