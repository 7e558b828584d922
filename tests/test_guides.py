"""What the guides in docs/ show is true: from top to bottom their Python and their commands run.

Commands that do not begin with `recurra` (pipes, torchrun) are checked to exist, and not run.
"""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from markdown_it import MarkdownIt

from blocks import ROOT, blocks, check_shell, spoken
from commands import Recurra

RECORDS = {"results.md", "tried.md"}
"""What is no guide: figures, with commands that take minutes."""

GUIDES = sorted(path for path in (ROOT / "docs").glob("*.md") if path.name not in RECORDS)


KOREAN = sorted((ROOT / "docs" / "ko").glob("*.md"))
"""Guides again, in the words of another language."""


def named(path: Path) -> str:
    return path.name


def shortened(words: list[str]) -> list[str]:
    """A training of three steps in place of one of minutes."""
    if "train" not in words:
        return words
    if "--minutes" in words:
        at = words.index("--minutes")
        words = words[:at] + words[at + 2 :]
    return [*words, "--steps", "3", "--threads", "1"]


@pytest.mark.parametrize("guide", GUIDES, ids=named)
def test_a_guide_can_be_followed(
    guide: Path, call: Recurra, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Block after block, as one reader would type them; those marked no-run are not."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": guide.stem}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for block in blocks(guide):
            if block.kind == "python":
                # Empty lines, so that a traceback names the line of the guide.
                code = "\n" * block.line + block.body
                exec(compile(code, str(guide), "exec"), names)
            for words in spoken(block.body) if block.kind == "sh" else ():
                if words[0] != "recurra":
                    continue
                if "<" in words:
                    *words, _, source = words
                    given = io.TextIOWrapper(io.BytesIO(Path(source).read_bytes()), "utf-8")
                    monkeypatch.setattr("sys.stdin", given)
                done = call(*shortened(words[1:]))
                # There is nothing to resume: each training here comes to its end.
                assert done.code == (2 if words[1] == "resume" else 0), (words, done.err)


@pytest.mark.parametrize("guide", GUIDES, ids=named)
def test_commands_in_a_guide_exist(guide: Path) -> None:
    check_shell(guide)


@pytest.mark.parametrize("guide", GUIDES, ids=named)
def test_blocks_of_a_guide_are_of_known_kinds(guide: Path) -> None:
    """Else one that is misspelt would never run."""
    known = {"python", "python no-run", "sh", "sh no-run", "text", "json", "csv", ""}
    assert {block.kind for block in blocks(guide)} <= known


@pytest.mark.parametrize("guide", KOREAN, ids=named)
def test_a_korean_guide_has_the_code_of_the_english_one(guide: Path) -> None:
    """To the byte: so what runs above is what it shows. Each says where the other is."""
    english = ROOT / ("README.md" if guide.name == "README.md" else f"docs/{guide.name}")
    there, back = (
        Path(os.path.relpath(a, b.parent)).as_posix()
        for a, b in ((guide, english), (english, guide))
    )
    head, text = english.read_text("utf-8")[:200], guide.read_text("utf-8")
    assert f"\n\n[한국어]({there})\n\n" in head
    assert f"\n\n[English]({back})\n\n" in text[:200]
    assert re.match("# .*[가-힣a-z]", text)
    if guide.name == "README.md":
        assert check_shell(guide) >= 2
    else:
        assert [(b.kind, b.body) for b in blocks(guide)] == [
            (b.kind, b.body) for b in blocks(english)
        ]


@pytest.mark.parametrize("guide", KOREAN, ids=named)
def test_a_korean_guide_is_whole(guide: Path) -> None:
    """Tables and sections as in the English one, links that lead somewhere, bold that closes."""
    text = guide.read_text("utf-8")
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (guide.parent / link).exists(), link
    assert "**" not in MarkdownIt().enable("table").render(text)
    if guide.name != "README.md":
        english = (ROOT / "docs" / guide.name).read_text("utf-8")
        for mark in (r"^##? ", r"^\|"):
            assert len(re.findall(mark, text, re.M)) == len(re.findall(mark, english, re.M)), mark
