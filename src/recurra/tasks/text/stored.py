"""A text that a run was begun with, kept where it cannot be read twice, and read again."""

from __future__ import annotations

import platform
from dataclasses import replace
from pathlib import Path
from typing import Any

from recurra.bundle import CONFIG, INPUT, Run, disk
from recurra.data.embedded_text import embedded_text, is_embedded
from recurra.data.files import TextSource
from recurra.data.long_text import IN_MEMORY, LongText, Text, open_text
from recurra.data.splits import Split
from recurra.errors import DataError
from recurra.tasks.input import check_regular
from recurra.tasks.text.data import TextData


def store_input(run: Run, data: TextData) -> None:
    """Keep a copy of what cannot be read twice, so that the run can be resumed.

    That is standard input, a pipe, and a text that was given as such.
    """
    source = data.source
    try:
        again = all(file.is_file() for file in source.files)
        if isinstance(source, LongText):
            again = again and len(source.files) == len(source.starts)
        else:
            again = again and _source(data.facts()).sha256 == source.sha256
    except DataError:
        again = False
    if not again:
        whole = range(source.length)
        run.write_bytes(INPUT, (block.encode("utf-8") for block in source.blocks(whole)))


def source_again(run: Run, facts: dict[str, Any]) -> Text:
    """The text that a run was begun with.

    Raises:
        DataError: a file is missing or has changed since, or another Python carries another text.
    """
    with run.intact(CONFIG):
        name, digest, count = str(facts["name"]), str(facts["sha256"]), int(facts["characters"])
        files, starts = list(map(Path, facts["files"])), tuple(map(int, facts.get("starts", (0,))))
    if run.has(INPUT):
        copy = disk.own(run.path / INPUT, run.path)
        if copy.stat().st_size > IN_MEMORY:
            source: Text = open_text([copy])
            source = replace(source, name=name, files=(), starts=starts)
        else:
            source = TextSource(run.read_text(INPUT), name, starts=starts)
    elif not files and not is_embedded(name):
        raise DataError(
            f"{name}: the run's copy of the text is gone",
            expected=f"{INPUT}, since the text came from no file",
            fix="restore the run from a copy, or train again",
        )
    else:
        source = replace(_source(facts), name=name)
    if source.sha256 != digest and not files and not run.has(INPUT):
        with run.intact(CONFIG):
            python = run.config()["training"]["python"]
        raise DataError(
            f"{run.path}: begun on {name}, the text that Python {python} carries; this is Python "
            f"{platform.python_version()}, and carries another",
            expected=f"Python {python}",
            fix="go on with that Python, or train a new run",
        )
    if source.sha256 != digest:
        raise DataError(
            f"{name}: the text has changed since the training began",
            expected=f"the same {count:,} characters",
            fix="put the old files back, or train a new run",
        )
    return source


def text_again(run: Run) -> tuple[Text, Split]:
    """The text that a run was begun with, and where its parts stand.

    Raises:
        DataError: a file is missing or has changed since.
    """
    with run.intact(CONFIG):
        facts = run.config()["data"]
    source = source_again(run, facts)
    with run.intact(CONFIG):
        return source, _split(source, facts)


def read_again(run: Run) -> TextData:
    """The data that a run was begun with, in the tokens that it was begun with.

    Raises:
        DataError: a file is missing or has changed since.
    """
    config = run.config()
    with run.intact(CONFIG):
        inference = config["inference"]
        tokens, apart = str(inference["tokens"]), bool(inference["apart"])
    source, split = text_again(run)
    return TextData.from_source(
        source, tokens, reset_at_documents=apart, beside=run.path, split=split
    )


def _split(source: Text, facts: dict[str, Any]) -> Split:
    first, second = int(facts["train"]), int(facts["train"]) + int(facts["select"])
    return Split.at(first, second, source.length)


def _source(facts: dict[str, Any]) -> Text:
    if not facts["files"]:
        return embedded_text()
    check_regular(facts["files"])
    return open_text(facts["files"])
