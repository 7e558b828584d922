"""What a measurement was made on; printed with every result."""

from __future__ import annotations

import os
import platform
from typing import Any

import torch

from recurra import __version__


def described() -> dict[str, Any]:
    """The machine, the versions and the threads, as plain values."""
    return {
        "recurra": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
    }
