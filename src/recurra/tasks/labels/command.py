"""`recurra classify`: the command, and what is printed."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recurra.console import arguments
from recurra.console.commands import Command
from recurra.errors import DataError, OptionError

# What a command needs is imported in it: the help lists them all.
if TYPE_CHECKING:
    from recurra.tasks.labels.estimator import LabelModel


@click.command(cls=Command)
@arguments.run
@arguments.texts
@click.option("--stream", is_flag=True, help="Lines are steps: say a label after each.")
@arguments.as_json
def classify(run: Path, text: tuple[str, ...], stream: bool, as_json: bool) -> None:
    """Say what class each text is of, or tag its tokens."""
    from recurra.data.line_reader import standard_input_lines
    from recurra.tasks.labels.estimator import LabelModel

    model = LabelModel.load(run)
    kind, tagged = model.run.config()["inference"]["kind"], model.network.architecture.tagged
    if stream and text:
        raise OptionError("--stream and texts", expected="steps from standard input")
    groups = iter([list(text)]) if text else standard_input_lines()
    if stream:
        _steps(model, groups, numbers=kind == "numbers", as_json=as_json)
    elif kind == "numbers":
        raise OptionError(
            "a model of number sequences",
            expected="recurra classify RUN --stream < steps.csv, or recurra evaluate RUN FILE",
        )
    elif tagged:
        _tag(model, groups, as_json=as_json)
    else:
        _label(model, groups, as_json=as_json)


def _label(model: LabelModel, groups: Iterator[list[str]], *, as_json: bool) -> None:
    for labels, sure in model.classify(groups):
        if as_json:
            lines = [
                json.dumps({"label": str(label), "probability": round(p, 4)}, ensure_ascii=False)
                for label, p in zip(labels, sure.tolist(), strict=True)
            ]
        else:
            lines = [f"{label}\t{p:.3f}" for label, p in zip(labels, sure.tolist(), strict=True)]
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()


def _tag(model: LabelModel, groups: Iterator[list[str]], *, as_json: bool) -> None:
    """Tokens of a line stand apart by white space; an empty line stays empty."""
    for line in chain.from_iterable(groups):
        tokens = line.split()
        found = model.predict([tokens])[0] if tokens else []
        pairs = list(zip(tokens, found, strict=True))
        if as_json:
            print(json.dumps([{"token": a, "tag": str(b)} for a, b in pairs], ensure_ascii=False))
        else:
            print("\n".join(f"{token}\t{tag}" for token, tag in pairs), end="\n\n")
        sys.stdout.flush()


def _steps(model: LabelModel, groups: Iterator[list[str]], *, numbers: bool, as_json: bool) -> None:
    """A label after each step: a line of numbers or a token each; an empty line begins anew."""
    stream = model.stream()
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
