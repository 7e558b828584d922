"""Files of every kind that training reads, changed at random: read, or refused by a message."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest import mock

import numpy as np

from fuzz import fault
from recurra.errors import RecurraError
from recurra.tasks import TASKS, trainer

WORDS: Final = ("good", "bad", "film", "plot", "actor", "music", "was", "the")
ODD: Final = (
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b'"',
    b"'",
    b"\r",
    b"\n\n",
    b"\t\t",
    b",,",
    b"nan",
    b"1e999",
    b"-0",
    b"99999999999999999999",
    b"2024-13-45",
    b"{",
    b"[]",
    b"#",
    b"\xed\xa0\x80",
    "\u2028한".encode(),
    b"x" * 5000,
)


@dataclass(frozen=True)
class Valid:
    """Files that a task reads, by name; the first is changed."""

    task: str
    files: Mapping[str, bytes]
    options: Mapping[str, Any] = field(default_factory=dict)
    given: tuple[str, ...] = ()


def _sentences(count: int = 80) -> list[str]:
    draw = np.random.default_rng(1)
    return [" ".join(draw.choice(WORDS, 4)) + f" {n}" for n in range(count)]


def _table(between: str, head: str, rows: list[list[str]]) -> bytes:
    return "\n".join([head, *(between.join(row) for row in rows), ""]).encode()


def _npz(**arrays: Any) -> bytes:
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def _parquet(columns: Mapping[str, list[Any]]) -> bytes:
    import polars

    content = io.BytesIO()
    polars.DataFrame(columns).write_parquet(content)
    return content.getvalue()


def _pictures() -> dict[str, bytes]:
    from PIL import Image

    found = {}
    draw = np.random.default_rng(2)
    for number in range(40):
        content = io.BytesIO()
        Image.fromarray(draw.integers(0, 255, (8, 16), np.uint8)).save(content, "png")
        found[f"{number}.png"] = content.getvalue()
    return found


def valid() -> dict[str, Valid]:
    """One valid set of files of every kind, by what it is called."""
    said = _sentences()
    labels = ["yes" if n % 3 else "no" for n in range(len(said))]
    days = [str(np.datetime64("2024-01-01") + n) for n in range(len(said))]
    values = [f"{10 + n % 7 + n / 100:g}" for n in range(len(said))]
    rows = [[a, b] for a, b in zip(said, labels, strict=True)]
    lines = [json.dumps({"text": a, "label": b}) for a, b in rows]
    dated = [[a, b] for a, b in zip(days, values, strict=True)]
    steps = [[str(n // 4), str(n % 4), str(n % 9), labels[n // 4]] for n in range(len(said) * 4)]
    tokens = "".join(
        "".join(f"{word} {'B-X' if word == 'film' else 'O'}\n" for word in text.split()) + "\n"
        for text in said
    )
    ts = "@problemName a\n@timeStamps false\n@univariate true\n@classLabel true a b\n@data\n"
    ts += "".join(f"{n},{n % 5},{n % 3}:{'ab'[n % 2]}\n" for n in range(60))
    pairs = [[a, " ".join(reversed(a.split()))] for a in said]
    pictures = _pictures()
    table = _table("\t", "image\ttext", [[name, name[0]] for name in pictures])
    text = "\n".join(said * 8).encode()
    numbers = np.arange(60 * 5 * 2, dtype=float).reshape(60, 5, 2) % 11
    return {
        "text": Valid("text", {"a.txt": text}),
        "text-documents": Valid(
            "text",
            {f"{n}.txt": text[n::4] for n in range(4)},
            {"reset_at_documents": True},
            tuple(f"{n}.txt" for n in range(4)),
        ),
        "text-words": Valid("text", {"a.txt": text}, {"tokens": "words"}),
        "labels-csv": Valid("labels", {"a.csv": _table(",", "text,label", rows)}),
        "labels-tsv": Valid("labels", {"a.tsv": _table("\t", "text\tlabel", rows)}),
        "labels-jsonl": Valid("labels", {"a.jsonl": "\n".join(lines).encode()}),
        "labels-parquet": Valid("labels", {"a.parquet": _parquet({"text": said, "label": labels})}),
        "labels-files": Valid(
            "labels",
            {"yes.txt": "\n".join(said[:40]).encode(), "no.txt": "\n".join(said[40:]).encode()},
            given=("yes.txt", "no.txt"),
        ),
        "labels-conll": Valid("labels", {"a.conll": tokens.encode()}, {"tag": True}),
        "labels-ts": Valid("labels", {"a.ts": ts.encode()}),
        "labels-npz": Valid("labels", {"a.npz": _npz(X=numbers, y=np.arange(60) % 2)}),
        "labels-long": Valid(
            "labels",
            {"a.csv": _table(",", "id,t,v,label", steps)},
            {"sequence": "id", "time": "t", "label": "label"},
        ),
        "series-csv": Valid("series", {"a.csv": _table(",", "ds,y", dated)}, {"horizon": 3}),
        "series-semicolon": Valid("series", {"a.csv": _table(";", "ds;y", dated)}, {"horizon": 3}),
        "series-panel": Valid(
            "series",
            {"a.csv": _table(",", "unique_id,ds,y", [["n", *r] for r in dated])},
            {"horizon": 3},
        ),
        "series-parquet": Valid(
            "series", {"a.parquet": _parquet({"ds": days, "y": [*map(float, values)]})}
        ),
        "pairs-tsv": Valid("pairs", {"a.tsv": _table("\t", "source\ttarget", pairs)}),
        "pairs-files": Valid(
            "pairs",
            {
                "a.de": "\n".join(a for a, _ in pairs).encode(),
                "a.en": "\n".join(b for _, b in pairs).encode(),
            },
            given=("a.de", "a.en"),
        ),
        "pairs-jsonl": Valid(
            "pairs",
            {
                "a.jsonl": "\n".join(
                    json.dumps({"source": a, "target": b}) for a, b in pairs
                ).encode()
            },
        ),
        "captions-table": Valid("captions", {"a.tsv": table, **pictures}),
        "captions-picture": Valid("captions", {**pictures, "a.tsv": table}, given=("a.tsv",)),
    }


def mutated(content: bytes, draw: np.random.Generator) -> bytes:
    """The content with one to four changes."""
    found = bytearray(content)
    for _ in range(int(draw.integers(1, 5))):
        at, end = sorted(draw.integers(0, len(found) + 1, 2).tolist())
        end = min(end, at + int(draw.integers(1, 200)))
        how = int(draw.integers(7))
        if how == 0:
            del found[at:end]
        elif how == 1:
            found[at:at] = found[at:end] * int(draw.integers(1, 20))
        elif how == 2:
            found[at:at] = ODD[int(draw.integers(len(ODD)))]
        elif how == 3:
            found[at:end] = draw.bytes(end - at)
        elif how == 4:
            del found[at:]
        elif how == 5:
            old, new = (bytes([int(each)]) for each in draw.choice(list(b',;\t\n"0 '), 2))
            found = bytearray(bytes(found).replace(old, new))
        elif found:
            found[at % len(found)] ^= 1 << int(draw.integers(8))
    return bytes(found)


def case(number: int, folder: Path, kinds: Mapping[str, Valid]) -> str | None:
    """Read one changed set; what is wrong with how that ends, or None."""
    draw = np.random.default_rng(number)
    name = list(kinds)[number % len(kinds)]
    chosen = kinds[name]
    first = next(iter(chosen.files))
    for file, content in chosen.files.items():
        (folder / file).write_bytes(mutated(content, draw) if file == first else content)
    wrong = fault(lambda: read(chosen, folder))
    return wrong and f"{number} {name}: {wrong}"


def read(chosen: Valid, folder: Path) -> str | None:
    """Read what lies in a folder as a training would; what is wrong with its message, or None."""
    given = [str(folder / file) for file in chosen.given or [next(iter(chosen.files))]]

    def read_only(model: Any, training: Any, how: Any, **_: Any) -> None:
        training.read(model.options, how, None)

    model: Any = TASKS[chosen.task].model_class(**chosen.options)
    with mock.patch.object(trainer, "fit", read_only):
        try:
            model.fit(given)
        except RecurraError as error:
            if not error.got.strip() or len(str(error)) > 5000:
                return f"a message of {len(str(error)):,} characters"
    return None
