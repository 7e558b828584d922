"""The damage matrix: whatever happens to a file of a run is told, or changes nothing.

A case is a file and a damage to it. Then the run is loaded and used, or its training gone on with:
either one clear error that names the run, or results to the last digit those of the intact run.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

from commands import Pressed
from damage import (
    ANY,
    BY_CHANCE,
    OF_JSON,
    TASKS,
    Damage,
    files,
    fit,
    held,
    plain,
    use,
)
from recurra.bundle import HISTORY, WEIGHTS
from recurra.errors import RecurraError
from recurra.tasks import task_of
from recurra.tasks.show import draw
from recurra.tasks.text import evaluate
from recurra.training.progress import Silence

pytest.importorskip("polars")
pytest.importorskip("sklearn")
pytest.importorskip("sacrebleu")


@pytest.fixture(autouse=True, scope="module")
def short_reports() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "FREE_LENGTH", 60)
        yield


Pair = tuple[Path, Path]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Pair]:
    """Of a task two finished runs whose arrays have the same shapes."""
    folder = tmp_path_factory.mktemp("damage")

    @cache
    def of(task: str) -> Pair:
        found = folder / f"{task}-0", folder / f"{task}-1"
        for seed, out in enumerate(found):
            fit(task, seed, out)
        return found

    return of


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Pair]:
    """Of a task two trainings that were interrupted."""
    folder = tmp_path_factory.mktemp("begun")

    @cache
    def of(task: str) -> Pair:
        found = folder / f"{task}-0", folder / f"{task}-1"
        for seed, out in enumerate(found):
            with pytest.raises(KeyboardInterrupt):
                fit(task, seed, out, Pressed(3))
        return found

    return of


Act = Callable[[Path], dict[str, str]]


def matrix(
    whole: Path,
    other: Path,
    own: Path,
    act: Act,
    draws: int,
    names: Sequence[str] = (),
) -> int:
    """Every damage to every file, those by chance so often; the number of cases.

    Args:
        whole, other: the run, and one whose files may stand in for its own.
        own: where a copy is spoilt.
        act: what is done with it, and what it says.
        draws: how often each damage by chance is tried.
        names: the files; without any, all.
    """
    shutil.copytree(whole, own)
    intact, cases, faults = act(own), 0, []
    for name in names or files(whole):
        for damage in [*ANY, OF_JSON] if name.endswith(".json") else ANY:
            for number in range(draws if damage.name in BY_CHANCE else 1):
                shutil.rmtree(own)
                shutil.copytree(whole, own)
                damage.spoil(own / name, random.Random(f"{name} {number}"), other / name)
                fault = judged(act, own, name, intact, damage)
                faults += [f"{name}, {damage.name} {number}: {fault}"] if fault else []
                cases += 1
    assert not faults, "\n".join([f"{len(faults)} of {cases} cases", *faults])
    return cases


def judged(act: Act, own: Path, name: str, intact: dict[str, str], damage: Damage) -> str:
    """What is wrong with how a damage is met; nothing where all is well."""
    try:
        found = act(own)
    except RecurraError as error:
        message = str(error)
        if str(own) not in message:
            return f"does not name the run: {message}"
        # What is damaged is named, or the file that does not fit it any more.
        if name not in message and damage.name not in ("swapped", "missing", "a_folder"):
            return f"does not name the file: {message}"
        return "" if error.expected or error.fix else f"does not say what to do: {message}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if not found.items() <= intact.items():
        return "silence: says something else"
    return ""


@pytest.mark.parametrize("task", TASKS)
def test_damage_is_told_or_changes_nothing(
    runs: Callable[[str], Pair], tmp_path: Path, task: str
) -> None:
    assert matrix(*runs(task), tmp_path / "own", use, 2) > 80


class Steps(Silence):  # type: ignore[misc]  # final for users; a test may look inside
    """Counts them."""

    count = 0

    def stepped(self, *_: object) -> None:
        self.count += 1


def resume(path: Path) -> dict[str, str]:
    """Go on with a training, and say what became of it; what is wrong is said before a step."""
    callback = Steps()
    try:
        model = task_of(path).model_class.resume(path, callbacks=callback)
    except RecurraError as error:
        if callback.count:
            raise AssertionError(f"said only after {callback.count} steps: {error}") from error
        raise
    return {"": plain(model.report["model"]), WEIGHTS: held(path)[WEIGHTS]}


@pytest.mark.parametrize("task", TASKS)
def test_a_damaged_training_goes_on_as_it_would_have_or_says_why_not(
    begun: Callable[[str], Pair], tmp_path: Path, task: str
) -> None:
    assert matrix(*begun(task), tmp_path / "own", resume, 1) > 50


def drawn(path: Path) -> dict[str, str]:
    """Draw a run; the pictures are not compared."""
    draw(path)
    return {}


@pytest.mark.parametrize("task", TASKS)
def test_pictures_of_a_damaged_run(
    runs: Callable[[str], Pair],
    tmp_path: Path,
    task: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("matplotlib")
    # What takes long, and reads nothing.
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda *given, **options: None)
    names = [HISTORY, *(name for name in files(runs(task)[0]) if name.startswith("traces/"))]
    assert matrix(*runs(task), tmp_path / "own", drawn, 1, names) > 15


@pytest.mark.long
@pytest.mark.parametrize("task", TASKS)
def test_damage_at_length(
    runs: Callable[[str], Pair],
    begun: Callable[[str], Pair],
    tmp_path: Path,
    task: str,
) -> None:
    cases = matrix(*runs(task), tmp_path / "used", use, 30)
    cases += matrix(*begun(task), tmp_path / "resumed", resume, 5)
    print(f"{task}: {cases:,} cases")
