"""The blocks of the labs as Python files, each on its document's lines, for ruff and mypy.

python tests/lab_blocks.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

from recurra import labs


def extract(folder: Path) -> list[Path]:
    """Write a file for each lab; the blocks of its languages are the same."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for lab in labs.all_labs():
        path = folder / f"{lab.name.replace('-', '_')}.py"
        path.write_text(lab.document().code, "utf-8")
        written.append(path)
    return written


if __name__ == "__main__":
    extract(Path(sys.argv[1]))
