from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from recurra import TextModel
from recurra.bundle import CONFIG, Run
from recurra.errors import BundleError
from recurra.training import lock
from recurra.training.plan import Plan
from toys import Witness

HOW: dict[str, Any] = {"steps": 4, "hidden": 8, "layers": 1, "embedding": 4, "batch": 2, "bptt": 16}


@pytest.fixture
def text(tmp_path: Path) -> Path:
    file = tmp_path / "text.txt"
    file.write_text("all that is said here is said again and again\n" * 40)
    return file


def test_one_process_at_a_time(tmp_path: Path) -> None:
    place = tmp_path / "runs" / "one"
    with lock.held(place):
        with pytest.raises(BundleError) as caught, lock.held(place):
            raise AssertionError
        assert str(caught.value).startswith(f"{place}: process {os.getpid()} is training there")
        with lock.held(tmp_path / "runs" / "another"):
            pass
    with lock.held(place):
        pass
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_lock_file_without_its_process_is_no_lock(tmp_path: Path) -> None:
    (tmp_path / ".one.lock").write_text("not a number")
    with lock.held(tmp_path / "one"), pytest.raises(BundleError), lock.held(tmp_path / "one"):
        raise AssertionError


class Meanwhile(Witness):
    """Does something at the first report."""

    def __init__(self, work: Any) -> None:
        super().__init__()
        self.work = work

    def reported(self, line: Mapping[str, Any], plan: Plan, best: bool) -> None:
        if not self.lines:
            self.work()
        super().reported(line, plan, best)


def test_a_run_in_training_is_neither_overwritten_nor_resumed(tmp_path: Path, text: Path) -> None:
    place, refused = tmp_path / "run", []

    def others() -> None:
        attempts: list[Callable[[], object]] = [
            lambda: TextModel(**HOW).fit(text, out=place, overwrite=True),
            lambda: TextModel.resume(place),
        ]
        for attempt in attempts:
            with pytest.raises(BundleError, match="is training there") as caught:
                attempt()
            refused.append(caught)

    TextModel(**HOW).fit(text, out=place, callbacks=Meanwhile(others))
    assert len(refused) == 2
    assert [line["step"] for line in Run(place).history()] == [1, 2, 3, 4]
    # Who reads goes on to work; what is done is free.
    TextModel(**HOW).fit(text, out=place, overwrite=True)


def test_a_training_whose_run_was_taken_away_ends(tmp_path: Path, text: Path) -> None:
    place = tmp_path / "run"
    with pytest.raises(BundleError, match="removed or replaced while it was trained"):
        TextModel(**HOW).fit(text, out=place, callbacks=Meanwhile(lambda: shutil.rmtree(place)))
    assert not (place / CONFIG).exists()
