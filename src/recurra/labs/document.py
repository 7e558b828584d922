"""A lab as a document: prose in Markdown, and between it Python that runs in one namespace.

A block's info string says what it is for: "python" alone; "python settings", whose names a run may
change; "python picture ALT", which draws, with a text for those who cannot see it; "python check",
which asserts what the prose says.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Final, Literal, final, get_args

from recurra.data.files import bytes_of, decoded

Kind = Literal["prose", "code", "settings", "picture", "check"]
LANGUAGES: Final = ("en", "ko")


@final
@dataclass(frozen=True)
class Part:
    """A stretch of prose, or a block of code.

    Args:
        line: of the document, from 0, where the text begins.
        alt: of a picture.
    """

    kind: Kind
    text: str
    line: int
    alt: str = ""

    def compiled(self, path: Path) -> tuple[CodeType, CodeType | None]:
        """The statements, and the expression that they end with, if so; in the document's lines.

        Raises:
            SyntaxError: it is no Python.
        """
        tree = ast.parse("\n" * self.line + self.text, str(path))
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        statements = compile(tree, str(path), "exec")
        if not isinstance(last, ast.Expr):
            return statements, None
        return statements, compile(ast.Expression(last.value), str(path), "eval")


@final
@dataclass(frozen=True)
class Document:
    """A document and where it lies; its first line is "# " and its question."""

    path: Path
    parts: tuple[Part, ...]

    @classmethod
    def read(cls, path: Path) -> Document:
        """Read a Markdown file.

        Raises:
            DataError: it cannot be read.
        """
        text = decoded(bytes_of(path), str(path))
        return cls(path, tuple(_parts(text)))

    @property
    def title(self) -> str:
        """Its first line."""
        return self.parts[0].text.split("\n", 1)[0].removeprefix("# ")

    @property
    def code(self) -> str:
        """Its blocks as one file, each on its own lines."""
        lines: list[str] = []
        for part in self.parts:
            if part.kind != "prose":
                lines += [""] * (part.line - len(lines)) + part.text.splitlines()
        return "\n".join(lines) + "\n"


def _parts(text: str) -> Iterator[Part]:
    from markdown_it import MarkdownIt

    lines, at = text.splitlines(), 0
    blocks = [token for token in MarkdownIt().parse(text) if token.type == "fence"]
    for token in blocks:
        language, kind, alt = (*token.info.split(maxsplit=2), "", "", "")[:3]
        if language != "python" or token.level or token.map is None:
            continue
        begin, end = token.map
        yield Part("prose", "\n".join(lines[at:begin]).strip(), at)
        known: Kind = "code" if kind not in get_args(Kind) else kind  # type: ignore[assignment]
        yield Part(known, token.content, begin + 1, alt)
        at = end
    yield Part("prose", "\n".join(lines[at:]).strip(), at)
