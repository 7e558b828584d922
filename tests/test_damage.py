"""The damage matrix: whatever happens to a file of a run is told, or changes nothing.

A case is a file and a damage to it. Then the run is loaded and used, or its training gone on with:
either one clear error that names the run, or results to the last digit those of the intact run.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from commands import Pressed
from damage import ANY, BY_CHANCE, COSMETIC, OF_JSON, TASKS, Damage, files, fit, use
from recurra.errors import RecurraError
from recurra.tasks.text import evaluate

pytest.importorskip("polars")
pytest.importorskip("sklearn")
pytest.importorskip("sacrebleu")


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """Of each task two finished runs whose arrays have the same shapes."""
    folder, found = tmp_path_factory.mktemp("damage"), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "FREE_LENGTH", 60)
        for task in TASKS:
            found[task] = (folder / f"{task}-0", folder / f"{task}-1")
            for seed, out in enumerate(found[task]):
                fit(task, seed, out)
    return found


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """Of each task two trainings that were interrupted."""
    folder, found = tmp_path_factory.mktemp("begun"), {}
    for task in TASKS:
        found[task] = (folder / f"{task}-0", folder / f"{task}-1")
        for seed, out in enumerate(found[task]):
            with pytest.raises(KeyboardInterrupt):
                fit(task, seed, out, Pressed(3))
    return found


def damages(name: str) -> list[Damage]:
    return [*ANY, OF_JSON] if name.endswith(".json") else ANY


def told(error: RecurraError, run: Path, name: str) -> None:
    """The message names the file, or the run where it is no run any more; and what can be done."""
    message = str(error)
    assert str(run) in message or name in message, message
    assert error.expected or error.fix, message


def tried(run: Path, name: str, spoil: Any) -> str | None:
    """What the run says after a damage; None where it said what is wrong."""
    try:
        return use(run)
    except RecurraError as error:
        told(error, run, name)
        return None


def matrix(runs: tuple[Path, Path], tmp_path: Path, draws: int) -> int:
    """Every damage to every file, those by chance so often; the number of cases."""
    whole, other = runs
    intact, cases = use(whole), 0
    own = Path(shutil.copytree(whole, tmp_path / "own"))
    assert use(own) == intact
    for name in files(whole):
        for damage in damages(name):
            for number in range(draws if damage.name in BY_CHANCE else 1):
                draw = random.Random(f"{name} {damage.name} {number}")
                damage.spoil(own / name, draw, other / name)
                if (own / name).is_dir() or not (own / name).exists():
                    changed = True
                else:
                    changed = (own / name).read_bytes() != (whole / name).read_bytes()
                try:
                    found = use(own)
                except RecurraError as error:
                    assert changed, (name, damage.name, number)
                    told(error, own, name)
                except Exception as error:
                    raise AssertionError((name, damage.name, number)) from error
                else:
                    assert found == intact or name in COSMETIC, (name, damage.name, number)
                    if damage.name == "swapped":
                        assert name in COSMETIC, name
                cases += 1
                if (own / name).is_dir():
                    (own / name).rmdir()
                shutil.copy(whole / name, own / name)
    return cases


@pytest.mark.parametrize("task", TASKS)
def test_damage_is_told_or_changes_nothing(
    runs: dict[str, tuple[Path, Path]], tmp_path: Path, task: str
) -> None:
    assert matrix(runs[task], tmp_path, 2) > 80
