"""Files or Python values -> checked pairs, and which of them train, choose and report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import Any, Final

from recurra.bundle import Run
from recurra.data.files import given_once, listed
from recurra.errors import DataError, OptionError
from recurra.tasks.input import ROWS, Input, of_facts, read_rows, write_rows
from recurra.tasks.pairs.dates import dates
from recurra.tasks.pairs.from_files import Found, Reading, pairs_of
from recurra.tasks.pairs.from_memory import pairs_from
from recurra.tasks.pairs.options import PairOptions
from recurra.tasks.pairs.splits import PairData, Pairs, cut

__all__ = [
    "PairData",
    "Pairs",
    "from_python",
    "given",
    "pairs_to_judge",
    "read",
]

SHARE: Final = 0.1
"""What reports where no test part is given."""


def given(X: Any, y: Any, options: PairOptions) -> PairData:
    """What a model is fitted on: pairs, sources and targets apart, files, or None for dates.

    Raises:
        DataError: they are broken, or cannot be learnt from.
        OptionError: a column does not exist, or is named where there is none.
        MissingExtra: a package that they need is not installed.
    """
    if y is None and _is_files(X):
        return read(listed(X), options)
    return from_python(
        X,
        y,
        seed=options.seed,
        source=options.source,
        target=options.target,
        reverse=options.reverse,
        test_files=options.test or [],
        valid_files=options.valid or [],
    )


def read(sources: Sequence[str | Path], options: PairOptions) -> PairData:
    """Read and check what the options name; dates in English and Korean where no source is given.

    Raises:
        DataError: a file is missing or broken, or what it holds cannot be learnt from.
        OptionError: a column does not exist, or is named where there is none.
        MissingExtra: a package that the files, or the dates, need is not installed.
    """
    reading, parts = _reading(options), (options.valid or [], options.test or [])
    if not sources:
        if any(parts):
            raise DataError(
                f"{(parts[1] or parts[0])[0]}: a part, but no data to train on",
                expected="DATA, a table or two parallel files, before --test and --valid",
            )
        return _dates(reading, options.seed)
    return _with_parts(pairs_of(list(sources), reading), parts, reading, options.seed, SHARE)


def from_python(
    X: Any,
    y: Any = None,
    *,
    seed: int = 0,
    source: str | None = None,
    target: str | None = None,
    reverse: bool = False,
    test: float = SHARE,
    test_files: Sequence[str | Path] = (),
    valid_files: Sequence[str | Path] = (),
    name: str = "given",
) -> PairData:
    """Check pairs that were given as Python values.

    Args:
        X: a list of (source, target); rows or a frame with columns for them; or, with y, sources.
        y: their targets.
        seed: which pairs report and choose follows from it.
        source, target: the columns, where nothing else says which they are.
        reverse: whether to take the targets as sources.
        test: the share of the pairs that report, where no file is given for that.
        test_files, valid_files: what reports, and what chooses, where that stands in files.
        name: what the data are called.

    Raises:
        DataError: they are not such, or cannot be learnt from.
        OptionError: the share is not between 0 and 1.
    """
    if not 0 < test < 1:
        raise OptionError(f"test = {test}", expected="a share of the whole, between 0 and 1")
    reading = Reading(source, target, reverse)
    found = pairs_from(X, y, reading, name)
    return _with_parts(found, (valid_files, test_files), reading, seed, test)


def pairs_to_judge(X: Any, y: Any, options: PairOptions) -> Found:
    """Pairs that a model is judged on, what they are called, and what was found in them.

    Args:
        X: files; a list of (source, target); or sources.
        y: the targets of sources.

    Raises:
        DataError: they are broken.
        OptionError: a column does not exist.
    """
    if y is None and _is_files(X):
        files = listed(X)
        if not files:
            raise DataError("no pairs to judge by", expected="a table, or two parallel files")
        return pairs_of(files, _reading(options))
    return pairs_from(X, y, _reading(options), "given")


def _is_files(X: Any) -> bool:
    if X is None or isinstance(X, str | PathLike):
        return True
    return isinstance(X, list | tuple) and all(isinstance(each, str | PathLike) for each in X)


def _reading(options: PairOptions) -> Reading:
    return Reading(options.source, options.target, options.reverse, options.header)


def _dates(reading: Reading, seed: int) -> PairData:
    for option in ("source", "target"):
        if (value := getattr(reading, option)) is not None:
            raise OptionError(
                f"--{option} {value}", expected="a column only where a table is given"
            )
    pairs, days = dates(seed)
    origin = _origin(reading, seed, SHARE) | {"default": True}
    columns = {"source": "English", "target": "Korean"}
    if reading.reverse:
        pairs, columns = pairs.reversed, {"source": "Korean", "target": "English"}
    return cut("dates", pairs, origin, keys=days, columns=columns)


def _origin(reading: Reading, seed: int, share: float) -> dict[str, Any]:
    reads = asdict(reading)
    return {"seed": seed, "share": share, "valid": None, "test": None, "reading": reads}


def _with_parts(
    main: Found,
    parts: tuple[Sequence[str | Path], Sequence[str | Path]],
    reading: Reading,
    seed: int,
    share: float,
) -> PairData:
    """The pairs with those of files that choose, and of files that report, behind them."""
    origin, pairs, counts = _origin(reading, seed, share), main.pairs, Counter(main.counts)
    held: list[Found | None] = []
    for name, files in zip(("valid", "test"), parts, strict=True):
        held.append(_part(name, files, reading) if files else None)
        if (found := held[-1]) is not None:
            origin[name] = [len(pairs), len(pairs) + len(found.pairs)]
            pairs = pairs.followed_by(found.pairs)
            counts.update(found.counts)
    valid, test = (() if found is None else found.files for found in held)
    given_once([*main.files, *valid, *test])
    return cut(
        main.name,
        pairs,
        origin,
        files=main.files,
        test_files=test,
        valid_files=valid,
        columns=main.columns,
        counts=dict(counts),
    )


def _part(name: str, files: Sequence[str | Path], reading: Reading) -> Found:
    if len(files) > 2:
        raise OptionError(
            f"--{name} is given {len(files)} times", expected="one table, or two parallel files"
        )
    return pairs_of(files, reading)


# -- resuming ------------------------------------------------------------------------------------


def _to_copy(run: Run, data: PairData) -> None:
    pairs = data.pairs
    write_rows(run, pairs.where, {"source": pairs.sources, "target": pairs.targets})


def _from_copy(run: Run, facts: dict[str, Any]) -> PairData:
    rows, where = read_rows(run)
    with run.intact(ROWS):
        sources, targets = (tuple(str(row[side]) for row in rows) for side in ("source", "target"))
    return cut(
        facts["name"],
        Pairs(sources, targets, where),
        facts["origin"],
        **of_facts(facts),
    )


def _from_files(facts: dict[str, Any]) -> PairData:
    origin = facts["origin"]
    reading = Reading(**origin["reading"])
    parts = (facts["valid_files"], facts["test_files"])
    return _with_parts(
        pairs_of(facts["files"], reading), parts, reading, origin["seed"], origin["share"]
    )


def _default(facts: dict[str, Any]) -> PairData:
    return _dates(Reading(**facts["origin"]["reading"]), facts["origin"]["seed"])


INPUT: Final = Input(
    copies=(ROWS,),
    write=_to_copy,
    from_copy=_from_copy,
    from_files=_from_files,
    default=_default,
    unit="pairs",
)
