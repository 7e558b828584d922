"""What reaches a terminal: text, and of control characters only our own.

Names, texts and paths come from data and files of anybody's. On a terminal a control character in
them could set its title, move its cursor, or type for the user; it is shown instead, as Python
writes it. Pipes and files get everything as it is.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, cast, final

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderHook, RenderResult

# C0 without tab and line end, DEL, C1, what turns the direction of text, halves of characters.
_CONTROL: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def written_out(character: str) -> str:
    """A character as Python writes it where it cannot be printed."""
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def shown(text: str) -> str:
    """A text with its control characters written out, but for tabs and ends of lines."""
    return _CONTROL.sub(lambda found: written_out(found[0]), text.replace("\r\n", "\n"))


@final
class Terminal:
    """A stream that leads to a terminal; what is written to it is `shown`.

    Args:
        stream: the terminal's own.
    """

    def __init__(self, stream: Any) -> None:
        self.stream, self._held = stream, ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Write a text; returns its length."""
        # A line end of two characters may come in two pieces.
        whole = self._held + text
        self._held = "\r" if whole.endswith("\r") else ""
        self.stream.write(shown(whole.removesuffix("\r") if self._held else whole))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several."""
        for line in lines:
            self.write(line)


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Guard standard output and standard error where they are terminals.

    They are as they were afterwards; not after an error, whose traceback is still to be printed.
    """
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (Terminal(each) if _is_terminal(each) else each for each in before)
    yield
    sys.stdout, sys.stderr = before


def _is_terminal(stream: Any) -> bool:
    return not isinstance(stream, Terminal) and stream is not None and bool(stream.isatty())


def console(*, stderr: bool = False) -> Console:
    """A console of rich's, whose colours and bars reach the terminal; texts in it are `shown`."""
    from rich.console import Console

    stream: Any = sys.stderr if stderr else sys.stdout
    if not isinstance(stream, Terminal):
        return Console(stderr=stderr, force_jupyter=False)
    made = Console(file=stream.stream, force_jupyter=False)
    made.push_render_hook(cast("RenderHook", _Hook()))  # whose class would be imported for it
    return made


@final
class _Hook:
    """Guards what a console renders, but for what it controls the terminal by itself."""

    def process_renderables(self, renderables: list[Any]) -> list[Any]:
        return [_Shown(each) for each in renderables]


@final
class _Shown:
    def __init__(self, inner: RenderableType) -> None:
        self.inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.segment import Segment

        for text, style, control in console.render(self.inner, options):
            yield Segment(text if control else shown(text), style, control)
