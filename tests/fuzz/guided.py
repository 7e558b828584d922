"""Inputs that grow towards code not seen yet: readers and the bundle, by libFuzzer.

    pip install . atheris    # not --editable: modules found by its hooks are not instrumented
    PYTHONPATH=tests python -m fuzz.guided readers -max_total_time=3600

What comes after the target are libFuzzer's own options. It ends at the first fault, and leaves the
input that shows it as `crash-...`; `python -m fuzz.guided readers crash-...` shows it again.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import atheris

# Instrumented as they are imported.
with atheris.instrument_imports(include=["recurra"]):
    from fuzz import options, readers
    from recurra.bundle import arrays, seal
    from recurra.errors import BundleError
    from recurra.runtime.streams import StreamState

REFUSED: Final = (ValueError, RecursionError, BundleError)


def _sealed(content: bytes) -> None:
    seal.opened(seal.parsed(content.decode("utf-8")))


BUNDLE: Final[Mapping[str, Callable[[bytes], object]]] = {
    ".safetensors": arrays.from_bytes,
    ".json": _sealed,
    ".state": StreamState.from_bytes,
}
"""What reads the files of a run, by how they end."""


def _bundle(content: bytes) -> None:
    ways = list(BUNDLE.values())
    try:
        ways[content[0] % len(ways)](content[1:])
    except REFUSED:
        return


def _bundle_seeds() -> list[bytes]:
    found = []
    for number, ending in enumerate(BUNDLE):
        files = sorted(options.FROZEN.glob(f"*/run/*{ending}"))
        found += [bytes([number]) + each.read_bytes() for each in files[:20]]
    return found


def main() -> None:
    """Fuzz the target that is named."""
    target, given = sys.argv[1], [sys.argv[0], *sys.argv[2:]]
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    seeds = folder / "seeds"
    seeds.mkdir()
    kinds = list(readers.valid().values())
    place = folder / "read"
    place.mkdir()

    def read(content: bytes) -> None:
        chosen = kinds[content[0] % len(kinds)]
        for number, (file, whole) in enumerate(chosen.files.items()):
            (place / file).write_bytes(whole if number else content[1:])
        wrong: Any = readers.read(chosen, place)
        if wrong:
            raise RuntimeError(wrong)

    if target == "bundle":
        one, whole = _bundle, _bundle_seeds()
    else:
        one = read
        whole = [bytes([n]) + next(iter(each.files.values())) for n, each in enumerate(kinds)]
    for number, each in enumerate(whole):
        (seeds / str(number)).write_bytes(each)
    if not any(not word.startswith("-") for word in given[1:]):
        given.append(str(seeds))
    atheris.Setup(given, lambda content: one(content) if content else None)
    atheris.Fuzz()


main()
