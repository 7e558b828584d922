"""The fuzz itself: a few cases of each kind run here; `./dev fuzz` runs thousands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fuzz import fault, options, readers
from recurra import cli
from recurra.tasks import TASKS


def test_every_kind_is_valid_as_it_stands_and_twenty_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = readers.valid()
    assert len(kinds) >= 20
    assert {each.task for each in kinds.values()} == set(TASKS)
    monkeypatch.setattr(readers, "mutated", lambda content, _: content)
    refused: list[str] = []

    def noted(read: Any) -> str | None:
        wrong = fault(read)
        refused.extend([wrong] if wrong else [])
        return wrong

    monkeypatch.setattr(readers, "fault", noted)
    monkeypatch.setattr(readers, "RecurraError", ())  # a refusal is a fault here
    for number in range(len(kinds)):
        folder = tmp_path / str(number)
        folder.mkdir()
        readers.case(number, folder, kinds)
    assert refused == []


def test_changed_files_are_read_or_refused(tmp_path: Path) -> None:
    kinds = readers.valid()
    assert [readers.case(n, tmp_path, kinds) for n in range(42)] == [None] * 42


def test_odd_options_have_a_message(tmp_path: Path) -> None:
    known = dict(enumerate(options.commands()))
    options.prepare(tmp_path)
    assert [options.case(n, tmp_path, known) for n in range(17)] == [None] * 17


def test_faults_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> str | None:
        raise KeyError("broken")

    assert "KeyError" in str(fault(broken))
    monkeypatch.setattr(cli, "main", lambda _: 1 / 0)
    known = dict(enumerate(options.commands()))
    assert "ZeroDivisionError" in str(options.case(0, tmp_path, known))
