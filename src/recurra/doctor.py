"""What recurra finds on this machine: versions, cores, instruction sets, and which path runs."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from typing import Any

import torch

from recurra import __version__, native
from recurra.nn import GRU, LSTM, RNN
from recurra.training.precision import measure

_LIBRARIES = ("torch", "numpy", "safetensors", "rich", "typer", "matplotlib")


def examine() -> dict[str, Any]:
    """Everything as plain values."""
    x = torch.zeros(1, 2, 8)
    layers: tuple[RNN | GRU | LSTM, ...] = (RNN(8, 8), GRU(8, 8), LSTM(8, 8))
    paths = {type(layer).__name__: layer.explain(x)[0] for layer in layers}
    return {
        "recurra": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "libraries": {name: _installed(name) for name in _LIBRARIES},
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "bfloat16": str(measure(torch.device("cpu"))),
        "native": native.instructions(),
        "native_absent": native.absent or None,
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "paths": {name: {"name": path.name, "reason": path.reason} for name, path in paths.items()},
    }


def told(found: dict[str, Any]) -> str:
    """The same for people."""
    libraries = ", ".join(
        f"{name} {version or 'not installed'}" for name, version in found["libraries"].items()
    )
    lines = [
        ("recurra", found["recurra"]),
        ("python", f"{found['python']} ({sys.executable})"),
        ("machine", f"{found['platform']}; {found['processor']}"),
        ("cores", f"{found['cores']}, torch uses {found['threads']}"),
        ("instructions", found["instructions"]),
        ("products", found["bfloat16"]),
        ("native", found["native_absent"] or f"built; runs on {found['native']}"),
        ("cuda", found["cuda"] or "none"),
        ("libraries", libraries),
    ]
    lines += [(f"{n} runs on", f"{p['name']}: {p['reason']}") for n, p in found["paths"].items()]
    return "\n".join(f"{name:>13}  {value}" for name, value in lines)


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            names = [
                line.split(":", 1)[1].strip() for line in file if line.startswith("model name")
            ]
        return names[0] if names else platform.machine()
    except OSError:
        return platform.processor() or platform.machine()
