"""Settings and fixtures that all tests share."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import settings

from commands import Done, Recurra
from recurra.cli import main
from small import SMALL, small_text

torch.set_num_threads(1)

# Machines that run tests are shared: a slow example says nothing about the code.
settings.register_profile("recurra", deadline=None, max_examples=30)
settings.load_profile("recurra")


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data that is no part of the repository."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("RECURRA_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}; RECURRA_DATA can name one")
    return folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished text run, and corpus.txt beside it; for reading alone."""
    from recurra.tasks.text.estimator import TextModel

    folder = tmp_path_factory.mktemp("trained")
    (folder / "corpus.txt").write_text(small_text())
    options: dict[str, Any] = {**SMALL, "steps": 120}
    TextModel(**options).fit(folder / "corpus.txt", out=folder / "run")
    return folder / "run"


@pytest.fixture
def own_run(trained: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, to be spoilt."""
    return Path(shutil.copytree(trained, tmp_path / "own"))


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Recurra:
    """A command run in this process, with what it printed."""

    def run(*words: object) -> Done:
        capsys.readouterr()
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Done(code, out, err)

    return run
