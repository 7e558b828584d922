"""`recurra classify`: the command, and what is printed."""

from __future__ import annotations

import json
import math
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recurra.console import arguments
from recurra.console.commands import Argument, Command
from recurra.errors import DataError, OptionError
from recurra.tasks.labels.task import LABELS
from recurra.tasks.reading_options import reading_options

# What a command needs is imported in it: the help lists them all.
if TYPE_CHECKING:
    from recurra.tasks.labels.estimator import LabelModel


@click.command(cls=Command)
@arguments.run
@click.argument(
    "asked",
    cls=Argument,
    nargs=-1,
    metavar="[TEXT|FILE]...",
    help="Texts, or files of a kind that training reads; without any, lines of standard input.",
)
@click.option(
    "--out",
    type=Path,
    help="A file of all rows, their columns kept: .csv, .tsv, "
    ".jsonl or .parquet; of a tagger CoNLL.",
)
@click.option("--probabilities", is_flag=True, help="Those of all classes, which --out has too.")
@click.option("--stream", is_flag=True, help="Lines are steps: say a label after each.")
@click.option(
    "--answer",
    type=click.Choice(["best", "network"]),
    help="Best: what the report says; or what the network says alone.",
)
@reading_options([LABELS])
@arguments.as_json
def classify(
    run: Path,
    asked: tuple[str, ...],
    out: Path | None,
    probabilities: bool,
    stream: bool,
    answer: str | None,
    as_json: bool,
    **reading: Any,
) -> None:
    """Say what class each text or row of a file is of, or tag its tokens."""
    from recurra.data.line_reader import standard_input_lines
    from recurra.tasks.labels.estimator import LabelModel
    from recurra.tasks.reading_options import read_by

    files = _files(asked)
    if out is not None and not files:
        raise OptionError(f"--out {out}", expected="a file to classify")
    model = LabelModel.load(run)
    if answer is not None:
        model.set_params(answer=answer)
    read_by(model, reading)
    kind, tagged = model.run.config()["inference"]["kind"], model.network.architecture.tagged
    if stream and asked:
        raise OptionError("--stream and texts", expected="steps from standard input")
    if tagged and probabilities:
        raise OptionError("--probabilities of a tagger", expected="its tags alone")
    if files:
        _of_files(model, files, out, probabilities, as_json=as_json)
        return
    groups = iter([list(asked)]) if asked else standard_input_lines()
    if stream:
        _steps(model, groups, numbers=kind == "numbers", as_json=as_json)
    elif kind == "numbers":
        raise OptionError(
            "a model of number sequences",
            expected="recurra classify RUN FILE, or recurra classify RUN --stream < steps.csv",
        )
    elif tagged:
        _tag(model, (line.split() for line in chain.from_iterable(groups)), as_json=as_json)
    else:
        _label(model, groups, probabilities, as_json=as_json)


# -- files --------------------------------------------------------------------------------------


def _files(asked: Sequence[str]) -> list[Path]:
    """The files and folders, where what is asked about is such; none where it is texts.

    A word is a text, even where a file is called so: one without a suffix is named with its
    folder, ./names.

    Raises:
        DataError: a file does not exist, though it is called like one.
        OptionError: there are both.
    """
    from recurra.data.files import is_folder
    from recurra.tasks.labels.from_files import READ_SUFFIXES

    paths = [Path(each) for each in asked]
    called = [
        each.suffix.lower() in READ_SUFFIXES and not any(map(str.isspace, str(each)))
        for each in paths
    ]
    files = [
        _exists(path, each) or like for path, each, like in zip(paths, asked, called, strict=True)
    ]
    if not any(files):
        return []
    if not all(files):
        raise OptionError(
            f"{asked[files.index(True)]}, which is a file, and {asked[files.index(False)]!r}",
            expected="files alone, or texts alone; texts that are called like files are given on "
            "standard input",
        )
    for each in paths:
        is_folder(each, "a file of a kind that training reads")  # which refuses what is not there
    return paths


def _exists(path: Path, asked: str) -> bool:
    if not path.suffix and not set(asked) & {"/", os.sep}:
        return False
    try:
        return path.is_file() or path.is_dir()
    except (OSError, ValueError):  # no path: a long text, one with a null
        return False


def _of_files(
    model: LabelModel, files: Sequence[Path], out: Path | None, everything: bool, *, as_json: bool
) -> None:
    """Classify the rows of files: into a file, or as lines."""
    import numpy as np

    from recurra.tasks.labels import answers

    tagged = model.network.architecture.tagged
    if out is not None:
        answers.check_form(out, tagged=tagged)
        if out.resolve() in [each.resolve() for each in files]:
            raise OptionError(f"--out {out}", expected="another file than what is read")
    read = [model.read_inputs(each) for each in files]
    if out is None:
        for each in read:
            if tagged:
                _tag(model, each.inputs, as_json=as_json)
            else:
                _label(model, iter([each.inputs]), everything, as_json=as_json)
        return
    if tagged:
        if len(read) > 1:
            raise OptionError(f"--out {out} of {len(read)} files", expected="a file for each")
        assert read[0].tagged is not None
        answers.write_tags(out, read[0].tagged, _tags(model, read[0].inputs))
        return
    for path, each in zip(files, read, strict=True):
        if list(each.columns) != list(read[0].columns):
            raise DataError(
                f"{path}: columns {', '.join(each.columns)}; {files[0]}: "
                f"{', '.join(read[0].columns)}",
                expected="files of the same columns, or an --out for each",
            )
    beside: dict[str, Sequence[Any]] = {
        name: [value for each in read for value in each.columns[name]] for name in read[0].columns
    }
    chances = np.concatenate(list(model.probabilities(each.inputs for each in read)))
    answers.write(out, answers.columns_of(beside, chances, [str(c) for c in model.classes_]))


# -- lines --------------------------------------------------------------------------------------


def _label(
    model: LabelModel, groups: Iterator[Sequence[Any]], everything: bool, *, as_json: bool
) -> None:
    classes = [str(each) for each in model.classes_]
    if everything and not as_json:
        print("\t".join(["label", "probability", *classes]))
    for chances in model.probabilities(groups):
        lines = []
        for row, best in zip(chances, chances.argmax(1).tolist(), strict=True):
            if as_json:
                said: dict[str, Any] = {"label": classes[best], "probability": _rounded(row[best])}
                if everything:
                    said["probabilities"] = dict(zip(classes, map(_rounded, row), strict=True))
                lines.append(json.dumps(said, ensure_ascii=False))
            else:
                shown = [row[best], *(row if everything else ())]
                lines.append("\t".join([classes[best], *(f"{p:.3f}" for p in shown)]))
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()


def _rounded(probability: float) -> float:
    return round(float(probability), 4)


def _tag(model: LabelModel, rows: Iterable[Sequence[str]], *, as_json: bool) -> None:
    """A sentence after the other; an empty one stays empty."""
    unsplit: dict[str, None] = {}
    for tokens in rows:
        found = _tags(model, [tokens])[0] if tokens else []
        unsplit |= dict.fromkeys(model.unsplit([tokens]))
        pairs = list(zip(tokens, found, strict=True))
        if as_json:
            print(json.dumps([{"token": a, "tag": str(b)} for a, b in pairs], ensure_ascii=False))
        else:
            print("\n".join(f"{token}\t{tag}" for token, tag in pairs), end="\n\n")
        sys.stdout.flush()
    if unsplit:
        some = ", ".join(list(unsplit)[:3]) + (", ..." if len(unsplit) > 3 else "")
        print(
            f"recurra: tokens that look unsplit ({some}): in training words and marks stood apart, "
            "a blank between them",
            file=sys.stderr,
        )


def _tags(model: LabelModel, rows: Sequence[Sequence[str]]) -> list[list[Any]]:
    with warnings.catch_warnings():  # of tokens that look unsplit, which `_tag` tells in the end
        warnings.simplefilter("ignore", UserWarning)
        found: list[list[Any]] = model.predict(rows)
    return found


def _steps(model: LabelModel, groups: Iterator[list[str]], *, numbers: bool, as_json: bool) -> None:
    """A label after each step: a line of numbers or a token each; an empty line begins anew."""
    stream = model.stream()
    if model.answer.baseline is not None:
        print(
            "recurra: step by step the network answers alone, without the "
            f"{model.answer.chosen['baseline']}",
            file=sys.stderr,
        )
    channels = model.network.architecture.channels
    for number, line in enumerate(chain.from_iterable(groups), 1):
        if not line.strip():
            stream = model.stream()
            continue
        label, p = stream.push(_values(line, channels, number) if numbers else line)
        if as_json:
            print(json.dumps({"label": str(label), "probability": round(p, 4)}, ensure_ascii=False))
        else:
            print(f"{label}\t{p:.3f}")
        sys.stdout.flush()


def _values(line: str, channels: int, number: int) -> list[float]:
    """The numbers of a line, with commas, semicolons or blanks between them."""
    from recurra.data.sequences import number_of

    parts = line.replace(",", " ").replace(";", " ").split()
    if len(parts) != channels:
        raise DataError(
            f"standard input, line {number:,}: {len(parts)} values",
            expected=f"{channels}, one a channel, with commas or blanks between them",
        )
    values = []
    for part in parts:
        value = number_of(part)
        if value is None or not math.isfinite(value):
            raise DataError(
                f"standard input, line {number:,}: {part!r} is no finite number",
                expected=f"{channels} finite numbers",
            )
        values.append(value)
    return values
