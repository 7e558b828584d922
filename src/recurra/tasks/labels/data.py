"""Raw files and Python values -> checked examples, and which of them train, choose and report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

import numpy as np

from recurra.bundle import Run
from recurra.codecs.sequence_encoder import Kind
from recurra.data.files import given_once, listed, name_of
from recurra.data.sequences import check_layout
from recurra.data.source_locations import Places
from recurra.errors import DataError, MissingExtra
from recurra.tasks.input import ROWS, Input
from recurra.tasks.labels import stored
from recurra.tasks.labels.examples import Examples, numbers
from recurra.tasks.labels.from_files import Reading, examples_of
from recurra.tasks.labels.from_memory import examples_from
from recurra.tasks.labels.options import LabelOptions
from recurra.tasks.labels.splits import FOLDS, LabelData, cut

__all__ = [
    "FOLDS",
    "Examples",
    "Kind",
    "LabelData",
    "digits",
    "examples_to_judge",
    "files_of",
    "from_python",
    "read",
]


def read(sources: Sequence[str | Path], options: LabelOptions) -> LabelData:
    """Read and check what the options name; handwritten digits where no source is given.

    Raises:
        DataError: a file is missing or broken, or what it holds cannot be learnt from.
        OptionError: a column does not exist, or an option does not suit the files.
        MissingExtra: a package that the files need is not installed.
    """
    test = [options.test] if options.test is not None else []
    return _read(list(sources), test, reading_of(options), options.seed)


def from_python(
    X: Any,
    y: Any,
    groups: Any = None,
    *,
    seed: int = 0,
    test: float = 0.1,
    name: str = "given",
    layout: str | None = None,
) -> LabelData:
    """Check inputs and labels that were given as Python values.

    Args:
        X: texts, token lists, arrays (steps, channels), or an array (N, steps) or
            (N, steps, channels).
        y: a label for each: text, whole numbers or truth values; for token lists also a list of
            labels for each, one a token.
        groups: keys; what shares one is kept in one part.
        seed: which rows report and choose follows from it.
        test: the share of the rows that report; 0 for none.
        name: what the data are called.
        layout: of arrays, see `recurra.data.sequences.laid_out`.

    Raises:
        DataError: they are not such, or cannot be learnt from.
    """
    examples, label_type = examples_from(X, y, groups, layout=layout)
    origin = {"seed": seed, "share": test, "held": None}
    return cut(name, examples, origin, label_type=label_type)


def files_of(X: Any) -> list[str | Path]:
    """The files that X names where there is no y; none for None.

    Raises:
        DataError: X names none.
    """
    return listed(X, "inputs without labels", "X and y, or files that hold both")


def examples_to_judge(
    X: Any, y: Any, options: LabelOptions, likely: Mapping[str, str]
) -> tuple[Examples, str]:
    """Examples that a model is judged on, and what they are called.

    Args:
        X: files, where y is None; else inputs.
        y: their labels.
        options: by which files are read.
        likely: columns that are looked for first.

    Raises:
        DataError: they are broken.
    """
    if y is not None:
        return examples_from(X, y, layout=options.layout)[0], "given"
    sources = files_of(X)
    found = examples_of(sources, reading_of(options), groups_needed=False, likely=likely)
    return found.examples, name_of(sources)


def digits(seed: int) -> LabelData:
    """Handwritten digits that scikit-learn carries: 1,797 pictures of 8 x 8, read row by row.

    Raises:
        MissingExtra: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits  # type: ignore[import-untyped,unused-ignore]
    except ImportError as error:
        raise MissingExtra(
            "the default data of labels come with scikit-learn, which is not installed",
            fix='pip install "recurra[labels]", or give data of your own',
        ) from error
    pictures, labels = load_digits(return_X_y=True)
    values = list((pictures.reshape(-1, 8, 8) / 16).astype(np.float32))
    where = Places((("digits", "X", range(len(values))),))
    examples = numbers(values, [str(each) for each in labels.tolist()], where)
    return cut("digits", examples, {"seed": seed, "share": 0.1, "held": None, "default": True})


def reading_of(options: LabelOptions) -> Reading:
    """How the options say that files are read."""
    check_layout(options.layout)
    return Reading(**{each.name: getattr(options, each.name) for each in fields(Reading)})


def _read(
    sources: Sequence[str | Path],
    test: Sequence[str | Path],
    reading: Reading,
    seed: int,
    name: str | None = None,
) -> LabelData:
    if not sources:
        if test:
            raise DataError(f"{test[0]}: to report on, but no data to train on")
        return digits(seed)
    found = examples_of(sources, reading)
    examples, counts = found.examples, Counter(found.counts)
    origin = {"seed": seed, "share": 0.1, "held": None, "reading": asdict(reading)}
    test_files: tuple[Path, ...] = ()
    if test:
        held = examples_of(test, reading, groups_needed=False)
        given_once([*found.files, *held.files])
        origin |= {"share": 0.0, "held": len(examples)}
        examples, test_files = examples.followed_by(held.examples), held.files
        counts.update(held.counts)
    return cut(
        name or name_of(sources),
        examples,
        origin,
        files=found.files,
        test_files=test_files,
        columns=found.columns,
        counts=counts,
    )


# -- resuming --------------------------------------------------------------------------------------


def _from_copy(run: Run, facts: dict[str, Any]) -> LabelData:
    return cut(
        facts["name"],
        stored.read(run, facts),
        facts["origin"],
        label_type=facts["label_type"],
        files=tuple(map(Path, facts["files"])),
        test_files=tuple(map(Path, facts["test_files"])),
        columns=facts["columns"],
        counts=facts["found"],
    )


def _from_files(facts: dict[str, Any]) -> LabelData:
    origin = facts["origin"]
    reading = Reading(**origin["reading"])
    return _read(facts["files"], facts["test_files"], reading, origin["seed"], facts["name"])


INPUT: Final = Input(
    copies=(ROWS, stored.NUMBERS),
    write=lambda run, data: stored.write(run, data.examples),
    from_copy=_from_copy,
    from_files=_from_files,
    default=lambda facts: digits(facts["origin"]["seed"]),
    unit="examples",
)
