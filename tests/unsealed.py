"""Runs as they were before files had seals."""

from __future__ import annotations

import json
from pathlib import Path

from recurra.bundle import CONFIG, arrays


def unseal(folder: Path) -> Path:
    """Take the seals off all files of a run."""
    for path in folder.rglob("*.safetensors"):
        held, facts, _ = arrays.from_bytes(path.read_bytes())
        path.write_bytes(arrays.to_bytes(held, facts, None))
    for path in folder.rglob("*.json"):
        value = json.loads(path.read_text("utf-8"))
        value.pop("seal", None)
        if path.name == CONFIG:
            value["format"] = 1
        held = value["list"] if value.keys() == {"list"} else value
        path.write_text(json.dumps(held), "utf-8")
    return folder
