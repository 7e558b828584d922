"""A document run: its blocks in one namespace, what comes out of each told as it comes."""

from __future__ import annotations

import contextlib
import io
import linecache
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, final

from recurra.errors import OptionError
from recurra.labs.document import Document, Part
from recurra.labs.words import WORDS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST: Final = 60
"""Lines that a block may print; what is more is counted."""


@final
@dataclass(frozen=True)
class Printed:
    """Lines, with their colours as ANSI has them."""

    text: str


@final
@dataclass(frozen=True)
class Shown:
    """The value of a block's last expression."""

    value: object


@final
@dataclass(frozen=True)
class Picture:
    """A picture twice, and what it shows in words."""

    png: bytes
    svg: str
    alt: str


@final
@dataclass(frozen=True)
class Remark:
    """What the runner itself says; a view says it in its reader's language."""

    name: Literal["untrue", "more_lines"]
    about: object

    def said(self, language: str) -> str:
        """It in a language: en or ko."""
        template: str = getattr(WORDS[language], self.name)
        return template.format(self.about)


Output = Printed | Shown | Picture | Remark


class View(Protocol):
    """Who is told of each part before it runs, and of all that comes out of it, as it comes."""

    def begin(self, part: Part) -> None:
        """A part is next."""

    def tell(self, output: Output) -> None:
        """Something came out of it."""


def run(
    document: Document, view: View, changes: Mapping[str, object], *, strict: bool = True
) -> list[list[Output]]:
    """Run all blocks; the process is left as it was found.

    Args:
        changes: names of the settings block, and what they are to be instead.
        strict: whether what a check finds untrue is an error; else it is told.

    Returns:
        What came out of each part.

    Raises:
        OptionError: a change of what is no setting.
        Exception: whatever a block raises; its traceback names the line of the document.
    """
    names: dict[str, Any] = {"__name__": "lab"}
    done: list[list[Output]] = []
    stdout = sys.stdout
    with _as_found() as drawn:
        for part in document.parts:
            outputs: list[Output] = []
            done.append(outputs)
            view.begin(part)

            def tell(output: Output, outputs: list[Output] = outputs) -> None:
                outputs.append(output)
                with contextlib.redirect_stdout(stdout):
                    view.tell(output)

            if part.kind == "prose" or (part.kind == "picture" and not _draws()):
                continue
            with contextlib.redirect_stdout(_Lines(tell)) as lines:
                try:
                    _execute(part, document.path, names, tell)
                except AssertionError as error:
                    if strict or part.kind != "check":
                        raise
                    tell(Remark("untrue", _source(error)))
                finally:
                    lines.close()
            if part.kind == "settings":
                _change(names, changes, document.path)
            for figure in _figures(drawn):
                tell(_picture(figure, part.alt))
    return done


def _execute(part: Part, path: Path, names: dict[str, Any], tell: Callable[[Output], None]) -> None:
    statements, last = part.compiled(path)
    exec(statements, names)
    value = None if last is None else eval(last, names)
    if value is not None and part.kind != "picture":
        tell(Shown(value))


def _change(names: dict[str, Any], changes: Mapping[str, object], path: Path) -> None:
    for name, value in changes.items():
        if name not in names:
            raise OptionError(
                f"{path.name} has no setting called {name}", expected="one of its settings block"
            )
        names[name] = value


def _source(error: AssertionError) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return linecache.getline(last.filename, last.lineno or 0).strip().removeprefix("assert ")


@final
class _Lines(io.TextIOBase):
    """What is printed, line by line as each is whole; the last may have no end."""

    def __init__(self, tell: Callable[[Output], None]) -> None:
        self.heard, self.held, self.count = tell, "", 0

    def write(self, text: str) -> int:
        """Tell the lines that are whole."""
        *whole, self.held = (self.held + text).split("\n")
        for line in whole:
            self.count += 1
            if self.count <= MOST:
                self.heard(Printed(line))
        return len(text)

    def close(self) -> None:
        """Tell what is left, and how much was not told."""
        if self.held:
            self.write("\n")
        if self.count > MOST:
            self.heard(Remark("more_lines", self.count - MOST))
        super().close()


@contextlib.contextmanager
def _as_found() -> Iterator[Callable[[], list[int]]]:
    """Threads, random numbers and matplotlib as they were before, once the blocks have run."""
    import torch

    from recurra.training.loop import chance_put_back

    threads = torch.get_num_threads()
    with chance_put_back(), _drawn_unseen() as drawn:
        try:
            yield drawn
        finally:
            torch.set_num_threads(threads)


def _draws() -> bool:
    return find_spec("matplotlib") is not None


@contextlib.contextmanager
def _drawn_unseen() -> Iterator[Callable[[], list[int]]]:
    """Pictures for files, in no window; a caller's settings and figures stay.

    What is given says the numbers of the figures that were drawn since.
    """
    if not _draws():
        yield list
        return
    import matplotlib
    from matplotlib import pyplot

    chosen: Any = matplotlib.rcParams  # whose own way to ask chooses a backend
    before, open_ = chosen._get_backend_or_none(), set(pyplot.get_fignums())
    with matplotlib.rc_context():
        pyplot.switch_backend("agg")
        chosen.update(
            {"figure.figsize": (6.4, 3.6), "figure.constrained_layout.use": True, "axes.grid": True}
            | {"grid.alpha": 0.3, "legend.frameon": False}
        )
        try:
            yield lambda: [k for k in pyplot.get_fignums() if k not in open_]
        finally:
            for number in pyplot.get_fignums():
                if number not in open_:
                    pyplot.close(number)
    if before is not None and before != "agg":
        pyplot.switch_backend(before)


def _figures(drawn: Callable[[], list[int]]) -> Iterator[Figure]:
    """Those that a block drew with pyplot; each is closed."""
    for number in drawn():
        from matplotlib import pyplot

        figure = pyplot.figure(number)
        yield figure
        pyplot.close(figure)


def _picture(figure: Figure, alt: str) -> Picture:
    from recurra.show.picture import svg

    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120)
    return Picture(content.getvalue(), svg(figure, alt), alt)
