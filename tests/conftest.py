"""Settings and fixtures that all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings

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
