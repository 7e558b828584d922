"""What recurra finds on this machine: versions, cores, instruction sets, and which path runs."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from pathlib import Path
from typing import Any

from recurra import __version__, native
from recurra.errors import OptionError
from recurra.runtime.threads import available
from recurra.tasks import TASKS
from recurra.tasks.task import INSTALL

_LIBRARIES = ("numpy", "safetensors", "rich", "click", "torch", "matplotlib")


def examine() -> dict[str, Any]:
    """Everything as plain values."""
    found = {
        "recurra": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": available(),
        "libraries": {name: _installed(name) for name in _LIBRARIES},
        "native": native.instructions(),
        "native_absent": native.absent or None,
        "tasks": {
            name: {"use": True, "missing_to_train": task.missing()} for name, task in TASKS.items()
        },
        "training": None,
    }
    return found | ({} if _installed("torch") is None else {"training": _training()})


def build() -> None:
    """Compile what is compiled on request: autograd's node in C++, for the torch that is here.

    Raises:
        OptionError: torch, the kernels, a compiler or headers are missing, or it does not compile.
    """
    if _installed("torch") is None:
        raise OptionError("--build: torch is not installed", expected="torch", fix=INSTALL)
    from recurra.core import extension

    extension.build()


def documentation(root: Path = Path(__file__).parents[2]) -> str:
    """Where site and guides are: beside the source, where this is a checkout of it."""
    site = root / "build" / "site" / "index.html"
    if (root / "mkdocs.yml").exists():
        names = ", ".join(sorted(path.stem for path in (root / "docs").glob("*.md")))
        said = [
            f"site:     {site}" if site.exists() else f"site:     ./dev docs in {root} builds it"
        ]
        said += [f"guides:   {root / 'docs'}: {names}"]
    else:
        said = ["site:     not here: it and the guides come with the source; ./dev docs builds it"]
    said += ["lessons:  recurra lab", "options:  recurra COMMAND --help"]
    return "\n".join([*said, "names:    help(recurra.TextModel) in Python"])


def _training() -> dict[str, Any]:
    """What training finds here: what torch has, and which path layers take."""
    import torch

    from recurra.core import extension, native_path
    from recurra.nn import GRU, LSTM, RNN
    from recurra.training.precision import measure

    x = torch.zeros(1, 2, 64)
    layers: tuple[RNN | GRU | LSTM, ...] = (RNN(64, 64), GRU(64, 64), LSTM(64, 64))
    paths = {type(layer).__name__: layer.explain(x)[0] for layer in layers}
    with torch.autocast("cpu", torch.bfloat16):
        paths["bfloat16"] = layers[-1].explain(x)[0]
    return {
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "bfloat16": str(measure(torch.device("cpu"))),
        "node": None if native_path.node is None else str(extension.place()),
        "node_absent": native_path.absent_node or None,
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "paths": {name: {"name": path.name, "reason": path.reason} for name, path in paths.items()},
    }


def summary(found: dict[str, Any]) -> str:
    """The same for people."""
    libraries = ", ".join(
        f"{name} {version or 'not installed'}" for name, version in found["libraries"].items()
    )
    lines = [
        ("recurra", found["recurra"]),
        ("python", f"{found['python']} ({sys.executable})"),
        ("machine", f"{found['platform']}; {found['processor']}"),
        ("cores", f"{found['cores']}; models in use take {found['threads']} threads at most"),
        ("native", found["native_absent"] or f"built; runs on {found['native']}"),
        ("libraries", libraries),
    ]
    for task, ready in found["tasks"].items():
        lacks = ", ".join(ready["missing_to_train"])
        train = f"to train it needs {lacks}" if lacks else "ready to train"
        lines.append((task, f"ready to use; {train}"))
    if training := found["training"]:
        lines += [
            ("torch", f"{training['threads']} threads, {training['instructions']}"),
            ("products", training["bfloat16"]),
            (
                "autograd",
                f"small layers' node is in C++: {training['node']}"
                if training["node"]
                else f"small layers' node is in Python: {training['node_absent']}",
            ),
            ("cuda", f"{training['cuda'] or 'none'}; no GPU has run this version yet"),
        ]
        lines += [
            (f"{name} runs on", f"{path['name']}: {path['reason']}")
            for name, path in training["paths"].items()
        ]
    if any(ready["missing_to_train"] for ready in found["tasks"].values()):
        lines.append(("to do", INSTALL))
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
