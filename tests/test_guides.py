"""What the guides in docs/ show is true: from top to bottom their Python and their commands run.

Commands that do not begin with `recurra` (pipes, torchrun) are checked to exist, and not run.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import torch

from blocks import ROOT, blocks, check_shell, spoken
from commands import Recurra

RECORDS = {"results.md", "tried.md"}
"""What is no guide: figures, with commands that take minutes."""

GUIDES = sorted(path for path in (ROOT / "docs").glob("*.md") if path.name not in RECORDS)


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
