"""What the guides in docs/ show is true: their Python runs, their commands exist."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from blocks import ROOT, blocks, check_shell

RECORDS = {"results.md", "tried.md"}
"""What is no guide: figures, with commands that take minutes."""

GUIDES = sorted(path for path in (ROOT / "docs").glob("*.md") if path.name not in RECORDS)


def named(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("guide", GUIDES, ids=named)
def test_the_python_of_a_guide_runs(
    guide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Block after block, as one reader would type them; those marked no-run are not."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": guide.stem}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for block in blocks(guide, "python"):
            # Empty lines, so that a traceback names the line of the guide.
            code = "\n" * block.line + block.body
            exec(compile(code, str(guide), "exec"), names)


@pytest.mark.parametrize("guide", GUIDES, ids=named)
def test_commands_in_a_guide_exist(guide: Path) -> None:
    check_shell(guide)


@pytest.mark.parametrize("guide", GUIDES, ids=named)
def test_blocks_of_a_guide_are_of_known_kinds(guide: Path) -> None:
    """Else one that is misspelt would never run."""
    known = {"python", "python no-run", "sh", "text", "json", "csv", ""}
    assert {block.kind for block in blocks(guide)} <= known
