"""Docstrings as the reference shows them: as they are at run time, examples in colours."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from textwrap import dedent
from typing import Any

import griffe

import recurra


def pieces(docstring: str) -> Iterator[tuple[str, bool]]:
    """Stretches of a docstring, and whether each is an example: indented behind an empty line."""
    for k, text in enumerate(re.split(r"(?<=\n\n)((?:    .*(?:\n|$)|\n(?=\n?    ))+)", docstring)):
        yield text, bool(k % 2)


def is_python(text: str) -> bool:
    """Whether an example is Python; else it is a table, or equations."""
    try:
        ast.parse(dedent(text))
    except SyntaxError:
        return False
    return True


def fenced(docstring: str) -> str:
    """A docstring whose indented blocks are Markdown's."""
    return "".join(
        f"```{'python' if is_python(text) else 'text'}\n{dedent(text).strip()}\n```\n\n"
        if block
        else text
        for text, block in pieces(docstring)
    ).rstrip()


class Docstrings(griffe.Extension):
    """Puts options, which a model's class adds when it is made, into its docstring."""

    def on_class_instance(self, *, cls: griffe.Class, **_: Any) -> None:
        """A class was read."""
        home = getattr(recurra, cls.name, None) if cls.name in recurra.__all__ else None
        if home is not None and cls.docstring and home.__module__ == cls.module.path:
            said = inspect.getdoc(home) or ""
            cls.docstring.value = said.replace("\nOptions:\n", "\nKeyword Args:\n")

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Anything was read."""
        if obj.docstring:
            obj.docstring.value = fenced(obj.docstring.value)
