"""The text task on the command line: calls, and what is printed of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recurra.errors import OptionError, counted
from recurra.tasks.text.estimator import TextModel

if TYPE_CHECKING:
    from recurra.tasks.text.options import TextOptions
    from recurra.training.loop import Callback


def train(
    options: TextOptions,
    sources: Sequence[str],
    out: Path | None,
    *,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """`recurra train text`."""
    from recurra.data.files import STANDARD_INPUT
    from recurra.tasks import command
    from recurra.tasks.text import report

    named = Path(sources[0]).stem if sources else "python"
    command.train(
        TextModel(**vars(options)),
        sources,
        out,
        "stdin" if STANDARD_INPUT in sources else named,
        _callback(quiet, options.tokens),
        report.summary,
        None if quiet else _sample,
        overwrite=overwrite,
        as_json=as_json,
    )


def resume(path: Path, *, as_json: bool, quiet: bool) -> None:
    """`recurra resume`."""
    from recurra.bundle import Run
    from recurra.tasks import command
    from recurra.tasks.text import report

    how = Run.open(path, task="text").config()["inference"]["tokens"]

    def fit() -> TextModel:
        return TextModel.resume(path, callback=_callback(quiet, str(how)))

    shown = None if quiet else _sample
    command.trained(path, fit, report.summary, shown, as_json=as_json)


def evaluate(path: Path, sources: Sequence[str], *, as_json: bool) -> None:
    """`recurra evaluate`."""
    from recurra.tasks import render
    from recurra.tasks.text import report

    render.evaluate(TextModel.load(path), sources, report.summary, as_json=as_json)


def lines(path: Path, sources: Sequence[str], *, top: int, as_json: bool) -> None:
    """`recurra evaluate --per-line`."""
    from recurra.tasks.text import monitor

    monitor.rank(TextModel.load(path), _one(sources, "--per-line"), top=top, as_json=as_json)


def watched(path: Path, sources: Sequence[str], *, as_json: bool, **how: Any) -> None:
    """`recurra evaluate --watch`; `how` as in `recurra.tasks.text.monitor`."""
    from recurra.data.files import STANDARD_INPUT
    from recurra.tasks.text import monitor

    source = _one(sources or [STANDARD_INPUT], "--watch")
    monitor.watch(TextModel.load(path), source, as_json=as_json, **how)


def _one(sources: Sequence[str], option: str) -> str:
    if len(sources) != 1:
        raise OptionError(
            f"{option} and {counted(len(sources), 'file')}",
            expected="one file, or - for standard input",
        )
    return sources[0]


def generate(
    path: Path,
    *,
    prompt: str | None,
    prompt_file: str | None,
    count: int,
    as_json: bool,
    writing: dict[str, Any],
) -> None:
    """`recurra generate`; `writing` are the options of TextModel.generate."""
    if prompt is not None and prompt_file is not None:
        raise OptionError("--prompt and --prompt-file", expected="one of them")
    if prompt_file is not None:
        from recurra.data.files import read_text

        prompt = read_text([prompt_file]).text
    model, prompt = TextModel.load(path), prompt or ""
    if count == 1 and not as_json:
        pieces = model.generate(prompt, **writing)
        sys.stdout.write(prompt)
        for piece in pieces:
            sys.stdout.write(piece)
            sys.stdout.flush()
        sys.stdout.write("\n")
        return
    texts = model.continuations(prompt, count=count, **writing)
    if as_json:
        shown = {"prompt": prompt, "continuations": texts, "options": writing}
        print(json.dumps(shown, indent=2, ensure_ascii=False))
        return
    for number, text in enumerate(texts, 1):
        print(f"--- {number}\n{prompt}{text}")


def dynamic(path: Path, sources: Sequence[str], *, as_json: bool) -> None:
    """`recurra evaluate --dynamic`."""
    from recurra.tasks.text import report

    found = TextModel.load(path).dynamic(list(sources) or None)
    summary = json.dumps(found, indent=2, ensure_ascii=False) if as_json else None
    print(summary or report.dynamic_summary(found))


def _callback(quiet: bool, how: str) -> Callback:
    from recurra.codecs import grammar
    from recurra.tasks import command

    unit, _ = grammar.parsed(how)
    return command.callback(quiet, unit=unit, measure=f"nats a {unit.removesuffix('s')}")


def _sample(model: TextModel) -> None:
    print("A sample, at temperature 0.8:\n")
    length = 400 if model.vocabulary.unit in ("characters", "bytes") else 120
    for piece in model.generate(length=length, seed=model.seed):
        print(piece, end="", flush=True)
    print("\n")
