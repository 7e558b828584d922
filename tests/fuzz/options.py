"""Options of every command with odd values: exit 0, 1 or 2, and one message where it is not 0."""

from __future__ import annotations

import contextlib
import io
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from unittest import mock

import click
import numpy as np

from fuzz import fault, readers
from recurra import cli
from recurra.tasks import TASKS

VALUES: Final = (
    *("", " ", "-", "--", "-1", "0", "1", "2", "3", "0.5", "1e-300", "1e308", "nan", "inf", "-inf"),
    *(
        "99999999999999999999",
        "-99999999999999999999",
        "x",
        "é한",
        "a,b",
        ",",
        ":",
        "bpe:",
        "words:1",
    ),
    *("bpe:999999999999", "/nowhere/at/all", "%s", "\udcff", "x" * 5000, "true", "None", "[]"),
)
ENDLESS: Final = frozenset({"steps", "epochs", "minutes", "run_all"})
"""Options that ask for a long time, and get it."""

FROZEN: Final = Path(__file__).parents[1] / "frozen"
RUNS: Final = {
    "text": "text-bytes",
    "labels": "labels-characters",
    "series": "series-panel",
    "pairs": "pairs-words",
    "captions": "captions-strips",
}
SMALL: Final = {
    "text": ("--size", "tiny", "--hidden", "4", "--batch", "2", "--bptt", "8"),
    **dict.fromkeys(("labels", "series"), ("--hidden", "4", "--batch", "8", "--ensemble", "1")),
    **dict.fromkeys(("pairs", "captions"), ("--hidden", "4", "--batch", "8", "--embedding", "4")),
}
GIVEN: Final = {
    "text": "text",
    "labels": "labels-tsv",
    "series": "series-csv",
    "pairs": "pairs-tsv",
    "captions": "captions-table",
}


def prepare(folder: Path) -> None:
    """Runs and data of every task, below a folder."""
    kinds = readers.valid()
    for task, name in RUNS.items():
        shutil.copytree(FROZEN / name / "run", folder / "runs" / task, dirs_exist_ok=True)
        (folder / task).mkdir(exist_ok=True)
        for file, content in kinds[GIVEN[task]].files.items():
            (folder / task / file).write_bytes(content)


def commands() -> Iterator[tuple[list[str], click.Command]]:
    """Every command but groups, with the words that call it."""
    context = click.Context(cli.recurra)
    for name in cli.recurra.list_commands(context):
        found = cli.recurra.get_command(context, name)
        if isinstance(found, click.Group):
            for each in found.list_commands(context):
                inner = found.get_command(context, each)
                assert inner is not None
                yield [name, each], inner
        elif found is not None:
            yield [name], found


def words_of(
    words: list[str], command: click.Command, folder: Path, draw: np.random.Generator
) -> list[str]:
    """A call of a command: sound arguments for the most part, and odd options."""
    verbs = {each.verb: each.name for each in TASKS.values()}
    task = verbs.get(words[0], str(draw.choice(list(RUNS))))
    if words[0] == "train":
        task = words[1]
        data = folder / task / next(iter(readers.valid()[GIVEN[task]].files))
        found = [*words, str(data), *SMALL[task], "--steps", "2", "--threads", "1"]
        found += ["--out", str(folder / "out"), "--overwrite"]
    elif words[0] in ("lab", "doctor", "completion"):
        found = [*words, *([] if words[0] == "doctor" else [str(draw.choice(["x", "bash", ""]))])]
    else:
        found = [*words, str(folder / "runs" / task)]
        if draw.random() < 0.3:
            found.append(str(draw.choice(VALUES)))
    options = [
        each
        for each in command.params
        if isinstance(each, click.Option) and each.name not in ENDLESS
    ]
    for _ in range(int(draw.integers(1, 4)) if options else 0):
        option = options[int(draw.integers(len(options)))]
        found.append(str(draw.choice([*option.opts, *option.secondary_opts])))
        if not option.is_flag:
            found.append(VALUES[int(draw.integers(len(VALUES)))])
    # A text of length 0 has no end, which is what that asks for.
    pairs = zip(["", *found], found, strict=False)
    return ["1" if (before, each) == ("--length", "0") else each for before, each in pairs]


def case(number: int, folder: Path, known: Mapping[int, Any]) -> str | None:
    """Call one command with odd options; what is wrong with how that ends, or None."""
    draw = np.random.default_rng(number)
    words, command = known[number % len(known)]
    given = words_of(words, command, folder, draw)

    def call() -> str | None:
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            contextlib.chdir(folder),
            mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"1\na good film\n\n"))),
        ):
            code = cli.main(given)
        said = err.getvalue()
        if code not in (0, 1, 2) or "internal error" in said or "Traceback" in said:
            return f"exit {code}: {said[-600:]}"
        if code and not said.strip() and words != ["certify"]:
            return f"exit {code} without a message"
        return None

    wrong = fault(call)
    shown = " ".join(each if len(each) < 60 else f"{each[:9]}..." for each in given)
    return wrong and f"{number} recurra {shown!a}: {wrong}"
