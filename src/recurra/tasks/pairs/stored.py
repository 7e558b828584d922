"""A copy of the pairs in a run, for data that cannot be read again when it is resumed."""

from __future__ import annotations

import json
from typing import Final

from recurra.bundle import Run
from recurra.data.source_locations import Places
from recurra.tasks.pairs.splits import Pairs

PAIRS: Final = "checkpoint/input.jsonl"


def is_kept(run: Run) -> bool:
    """Whether the run holds a copy."""
    return run.has(PAIRS)


def write(run: Run, pairs: Pairs) -> None:
    """Write the copy as JSON lines; the first says where the pairs stood."""
    places = [[name, unit, len(numbers)] for name, unit, numbers in pairs.where.parts]
    stood = [int(each) for _, _, numbers in pairs.where.parts for each in numbers]
    lines = [json.dumps({"places": places}, ensure_ascii=False)]
    lines += [
        json.dumps({"source": source, "target": target, "at": at}, ensure_ascii=False)
        for source, target, at in zip(pairs.sources, pairs.targets, stood, strict=True)
    ]
    run.write_text(PAIRS, "\n".join(lines) + "\n")


def read(run: Run) -> Pairs:
    """The pairs of the copy.

    Raises:
        BundleError: it is damaged.
    """
    content = run.read_text(PAIRS)
    with run.intact(PAIRS):
        first, *rows = [json.loads(line) for line in content.split("\n") if line]
        parts, begins = [], 0
        for name, unit, count in first["places"]:
            parts.append((name, unit, [int(row["at"]) for row in rows[begins : begins + count]]))
            begins += count
        sides = [tuple(str(row[side]) for row in rows) for side in ("source", "target")]
        return Pairs(sides[0], sides[1], Places(tuple(parts)))
