"""What a text model is given to read -> one text: paths, a text in memory, parts in files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from recurra.data.files import (
    STANDARD_INPUT,
    TextSource,
    given,
    is_folder,
    joined,
    listed,
    read_text,
)
from recurra.data.long_text import LongText, Text, open_text
from recurra.data.splits import Split
from recurra.errors import DataError
from recurra.tasks.text.data import split_of
from recurra.tasks.text.options import Sample

Source = str | PathLike[str] | Text | Sequence[str | PathLike[str]]
InMemory = str | Sequence[str] | None


def opened(source: Source | Sample, text: InMemory) -> Text | tuple[()]:
    """A text in memory, or that of files; nothing where none is given.

    Raises:
        DataError: it is neither, or both are given; a source is no file.
    """
    if text is not None:
        if source is not Sample.SAMPLE:
            raise DataError("a source and a text", expected="one of them")
        return in_memory(text)
    if isinstance(source, Sample):
        return ()
    if isinstance(source, TextSource | LongText):
        return source
    files = listed(source, f"a source of {type(source).__name__}", "paths, or a text as text=...")
    if not files:
        raise DataError(f"a source of {source!r}", expected="a path, or a text as text=...")
    for each in files:
        if str(each) != STANDARD_INPUT:
            is_folder(Path(each), "", "give a path; from Python a text itself goes as text=...")
    return open_text(files)


def wanted(source: Source | Sample, text: InMemory) -> Text:
    """The same, where there has to be one.

    Raises:
        DataError: nothing is given; as `opened`.
    """
    found = opened(source, text)
    if isinstance(found, tuple):
        raise DataError("no text was given", expected="a path, or a text as text=...")
    return found


def reads_standard_input(source: Source | Sample) -> bool:
    """Whether "-" is among the sources."""
    several = source if isinstance(source, Sequence) and not isinstance(source, str) else [source]
    return any(isinstance(each, str | PathLike) and str(each) == "-" for each in several)


def in_memory(text: Any) -> TextSource:
    """A text that is given as such, or documents, one after the other.

    Where a document does not end with a line, one line end comes between it and the next.

    Raises:
        DataError: it is no text, an empty one, or half a character.
    """
    several = isinstance(text, Iterable) and not isinstance(text, str | bytes)
    documents = list(text) if several else [text]
    for number, each in enumerate(documents):
        called = f"document {number}" if several else "the text"
        if not isinstance(each, str):
            raise DataError(f"{called}: a {type(each).__name__}", expected="a text")
        if not each:
            raise DataError(f"{called}: empty", expected="a text")
        try:
            each.encode("utf-8")
        except UnicodeEncodeError as error:
            raise DataError(
                f"{called}: half a character (a surrogate alone) at {error.start:,}",
                expected="text",
            ) from error
    if not documents:
        raise DataError("no documents", expected="a text, or a list of documents")
    return joined([(each.encode("utf-8"), "the text") for each in documents], "text", (), ())


def with_parts(
    source: Text, valid: Sequence[str], test: Sequence[str], *, reset_at_documents: bool
) -> tuple[Text, Split]:
    """A text, and after it the files that choose and report, as one text; and where these stand.

    Raises:
        DataError: as `read_text`; a text of no file is too long for memory.
    """
    files = [str(each) for each in source.files]
    chosen, reporting = (given(each)[0] if each else [] for each in (valid, test))
    if len(files) == len(source.starts):
        whole: Text = replace(open_text([*files, *chosen, *reporting]), name=source.name)
    elif isinstance(source, LongText):
        raise DataError(
            f"{source.name}: {source.length:,} characters that come from no file, and --test",
            expected="a file, where the text is that long",
        )
    else:
        rest = read_text([*chosen, *reporting])
        text = source.text if source.text.endswith("\n") else source.text + "\n"
        starts = (*source.starts, *(len(text) + each for each in rest.starts))
        whole = TextSource(
            text + rest.text, source.name, (*source.files, *rest.files), source.skipped, starts
        )
    bounds = [*whole.starts, whole.length]
    second = bounds[-1 - len(reporting)]
    if chosen:
        first = bounds[-1 - len(reporting) - len(chosen)]
        return whole, Split.at(first, second, whole.length)
    return whole, split_of(whole, reset_at_documents, whole.length - second)
