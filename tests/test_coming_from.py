"""What stands on the right of the tables of docs/coming-from.md runs, from top to bottom."""

from __future__ import annotations

import io
import re
import shlex
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import torch

from blocks import ROOT, blocks, check_words
from commands import Recurra
from recurra.tasks.series.baselines import classical

GUIDE = ROOT / "docs" / "coming-from.md"
FEW = ["--steps", "3", "--threads", "1"]
ELSEWHERE = {"--epochs", "--metric"}
"""Options that exclude the steps of this test, or ask for more of it."""


def right() -> Iterator[tuple[int, str]]:
    """Line and code of the last cells."""
    for number, line in enumerate(GUIDE.read_text("utf-8").split("\n"), 1):
        if line.startswith("| "):
            for code in re.findall(r"`([^`]+)`", line.split(" | ")[-1]):
                yield number, code


def kind(code: str) -> str:
    return "option" if code[:2] == "--" else "sh" if code[:8] == "recurra " else "python"


def trained(words: list[str]) -> list[str]:
    """The words of a training, for three steps in place of minutes."""
    at = words.index("--minutes")
    return [*words[:at], *words[at + 2 :], *FEW]


def test_each_kind_is_there() -> None:
    kinds = [kind(code) for _, code in right()]
    assert all(kinds.count(each) > 10 for each in ("option", "sh", "python"))


def test_what_stands_on_the_right_runs(
    call: Recurra, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(classical, "installed", lambda: False)  # it takes seconds
    names: dict[str, Any] = {"__name__": GUIDE.stem}
    (setup,) = blocks(GUIDE, "python")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        exec(setup.body, names)
        training: list[str] = []
        for way, cells in groupby(right(), lambda each: kind(each[1])):
            if way == "option":
                optional(call, training, [code for _, code in cells])
                continue
            for line, code in cells:
                if way == "python":
                    few = re.sub(r"\bminutes=\d+", "steps=3, hidden=4, threads=1, ensemble=1", code)
                    exec(compile("\n" * (line - 1) + few, str(GUIDE), "exec"), names)
                    continue
                words = shlex.split(code)
                assert check_words(words)
                if "<" in words:
                    *words, _, source = words
                    given = io.TextIOWrapper(io.BytesIO(Path(source).read_bytes()), "utf-8")
                    monkeypatch.setattr("sys.stdin", given)
                if words[1] == "lab":  # tests/labs runs them
                    continue
                training = words if words[1] == "train" else training
                done = call(*(trained(words) if words[1] == "train" else words)[1:])
                # There is nothing to resume: each training here comes to its end.
                assert done.code == (2 if words[1] == "resume" else 0), (code, done.err)


def optional(call: Recurra, training: list[str], codes: list[str]) -> None:
    """A training with all that goes together; of what excludes each other, the last."""
    found: dict[str, list[str]] = {}
    for code in codes:
        words = shlex.split(code)
        assert check_words([*training, *words])
        if words[0] not in ELSEWHERE:
            found[words[0]] = words
    few = trained(training)
    few[few.index("--out") + 1] += "-again"
    done = call(*few[1:], *(word for words in found.values() for word in words))
    assert done.code == 0, done.err
