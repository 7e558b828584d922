"""Fenced blocks of Markdown files, and whether the commands in them exist."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks.__main__ import bench
from recurra.cli import recurra

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Block:
    """What stands between two fences: `kind` is the word behind the first, `line` its number."""

    kind: str
    body: str
    line: int


def blocks(path: Path, kind: str | None = None) -> list[Block]:
    """The fenced blocks of a file, those of a kind or all."""
    text = path.read_text("utf-8")
    assert text.strip(), f"{path.name} is empty"
    found = [
        Block(match[1], match[2], text.count("\n", 0, match.start()) + 1)
        for match in re.finditer(r"^```([^\n]*)\n(.*?)^```$", text, re.M | re.S)
    ]
    return [block for block in found if kind is None or block.kind == kind]


def check_shell(path: Path) -> int:
    """All `sh` blocks of a file are shell, and their recurra commands exist; how many there are."""
    commands = 0
    for block in blocks(path, "sh"):
        done = subprocess.run(
            ["sh", "-n"], input=block.body, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        commands += sum(check_words(words) for words in spoken(block.body))
    return commands


def spoken(body: str) -> Iterator[list[str]]:
    """The commands of a block as words; a line ending with a backslash goes on."""
    for line in body.replace("\\\n", " ").split("\n"):
        words = shlex.split(line, comments=True)
        if words:
            yield words


def check_words(words: list[str]) -> bool:
    """Check a line that runs recurra, or a file of this repository; whether it runs recurra."""
    if words[0].startswith("./"):
        assert (ROOT / words[0]).exists(), words
    if words[:2] == ["./dev", "bench"]:
        _parse(bench, words[2:])
    start = next((n for n, word in enumerate(words) if Path(word).name == "recurra"), None)
    if start is None:
        return False
    rest = words[start + 1 :]
    for sign in ("|", ">", "<", "&&"):
        rest = rest[: rest.index(sign)] if sign in rest else rest
    _parse(recurra, rest)
    return True


def _parse(command: click.Command, words: list[str]) -> None:
    """Parse a command line down to its last subcommand, without calling it."""
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name, *words = words
        found = command.get_command(click.Context(command), name)
        assert found, f"no command {name!r}"
        command = found
    options = {name for each in command.params for name in [*each.opts, *each.secondary_opts]}
    options |= {"--help", "-h", "--debug"}
    for word in words:
        if word.startswith("-") and word != "-":
            assert word.split("=")[0] in options, f"{command.name} has no {word}"
