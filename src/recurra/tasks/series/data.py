"""Raw files and Python values -> series on one frequency, and which steps train, choose, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from recurra.data.files import STANDARD_INPUT, given_once, name_of
from recurra.data.frames import Frame, read_frame, stacked
from recurra.errors import DataError, MissingExtra, OptionError, counted
from recurra.runtime.distributions import FAMILIES
from recurra.tasks.input import Input
from recurra.tasks.series.options import EXOGENOUS, SeriesOptions
from recurra.tasks.series.panel import Counts, Panel, SeriesData
from recurra.tasks.series.reading import stored
from recurra.tasks.series.reading.by_rows import long_of
from recurra.tasks.series.reading.covariates import Covariates, Encoder
from recurra.tasks.series.reading.form import Form, more
from recurra.tasks.series.reading.from_files import Reading, Rows, known_names, rows_of
from recurra.tasks.series.reading.from_memory import files_of, frame_of
from recurra.tasks.series.reading.steps import Steps, panel_of, static_rows, steps_of
from recurra.tasks.series.scale import Scale
from recurra.tasks.series.splits import cut, horizon_of, origins, season_of, size_of
from recurra.tasks.series.suits import check_panel
from recurra.tasks.series.tables import frame_kind

__all__ = [
    "Form",
    "Panel",
    "SeriesData",
    "default",
    "files_of",
    "from_python",
    "more",
    "origins",
    "read",
    "scaled_for",
]

_OPTIONS = (
    "target",
    "horizon",
    "time",
    "time_format",
    "decimal",
    "header",
    "id",
    *EXOGENOUS,
    "frequency",
    "season",
)
_PARTS = ("test", "select")


def read(sources: Sequence[str | Path], options: SeriesOptions) -> SeriesData:
    """Read and check what the options name; carbon dioxide of Mauna Loa where no source is given.

    Raises:
        DataError: a file is missing or broken, or what it holds cannot be learnt from.
        OptionError: a column does not exist, or an option does not suit the files.
        MissingExtra: a package that the files need is not installed.
    """
    return _read(list(sources), _asked(options))


def from_python(frame: Any, options: SeriesOptions, name: str = "given") -> SeriesData:
    """Check series that were given as a frame of pandas or polars, columns by name, or numbers.

    Raises:
        DataError: they are none, or cannot be learnt from.
        OptionError: a column does not exist, or `--test` names a file.
    """
    asked = _asked(options)
    if _test_file(asked) is not None:
        raise OptionError(
            f"--test {options.test}", expected="steps or a share where the data are no files"
        )
    data = _of_frame(*long_of(frame_of(frame, name), _reading(asked)), asked, name)
    kind = frame_kind(frame)
    return data if kind is None else replace(data, origin=data.origin | {"frame": kind})


def default(options: SeriesOptions) -> SeriesData:
    """Weekly carbon dioxide of Mauna Loa, 1958 to 2001, which statsmodels carries.

    Raises:
        MissingExtra: statsmodels is not installed.
    """
    return _default(_asked(options))


def scaled_for(options: Mapping[str, Any], data: SeriesData) -> SeriesData:
    """The series on the scale that options of the model need.

    Counts are as they are, over their mean; of what `positive` says is from 0 on, nothing below.

    Raises:
        OptionError: no such distribution.
        DataError: values that are no counts, or below 0.
    """
    family = options["distribution"]
    if family not in FAMILIES:
        raise OptionError(f"--distribution {family}", expected=" or ".join(FAMILIES))
    scale = data.scale
    if family == "counts":
        scale = Scale.of_counts(data.panel, data.train_ends)
    scale = replace(scale, floor=bool(options.get("positive")))
    check_panel(data.panel, scale, family, name=data.name)
    return replace(data, scale=scale)


def _asked(options: SeriesOptions) -> dict[str, Any]:
    """The options that say how data are read and cut."""
    return {name: getattr(options, name) for name in (*_OPTIONS, *_PARTS)}


def _reading(asked: dict[str, Any]) -> Reading:
    return Reading(
        **{each.name: asked[each.name] for each in fields(Reading) if each.name in asked}
    )


def _test_file(asked: dict[str, Any]) -> Path | None:
    test = asked["test"]
    return Path(test) if test is not None and size_of(test, "test") is None else None


def _read(
    sources: Sequence[str | Path], asked: dict[str, Any], name: str | None = None
) -> SeriesData:
    test = _test_file(asked)
    if not sources:
        if test is not None:
            raise DataError(f"{test}: to report on, but no data to train on")
        return _default(asked)
    if any(str(each) == STANDARD_INPUT for each in sources):
        raise DataError(
            "series are not read from standard input",
            expected="a table: .csv, .tsv, .jsonl, .ndjson or .parquet",
        )
    files = tuple(Path(each) for each in sources)
    test_files = () if test is None else (test,)
    given_once([*files, *test_files])
    reading = _reading(asked)
    known = known_names(vars(reading))
    first = read_frame(files[0], header=reading.header, known=known)
    frame, reading = long_of(first, reading)
    frames = [frame]
    for path in (*files[1:], *test_files):
        # What the first of them says holds for the others.
        header = reading.header if first.header else False
        frame = read_frame(path, header=header, known=[*known, *first.names])
        frames.append(frame if reading.by_rows is None else long_of(frame, _reading(asked), 1)[0])
    held = sum(map(len, frames[: len(files)])) if test_files else None
    name = name or name_of(sources)
    return _of_frame(stacked(frames), reading, asked, name, files, test_files, held)


def _default(asked: dict[str, Any]) -> SeriesData:
    try:
        from statsmodels.datasets import co2
    except ImportError as error:
        raise MissingExtra(
            "the default data of series come with statsmodels, which is not installed",
            fix='pip install "recurra[series]", or give data of your own',
        ) from error
    values = co2.load_pandas().data["co2"]
    columns = {"ds": values.index.to_numpy(), "co2": values.to_numpy()}
    data = _of_frame(frame_of(columns, "co2"), _reading(asked), asked, "co2")
    return replace(data, origin=data.origin | {"default": True})


def _of_frame(
    frame: Frame,
    reading: Reading,
    asked: dict[str, Any],
    name: str,
    files: tuple[Path, ...] = (),
    test_files: tuple[Path, ...] = (),
    held: int | None = None,
) -> SeriesData:
    """Rows -> steps -> parts -> what is fitted on the training part -> a panel.

    Args:
        held: the first row of a given test part.
    """
    rows = rows_of(frame, reading)
    steps = steps_of(rows, asked["frequency"])
    lengths = steps.lengths
    test = size_of(asked["test"], "test") if held is None else _held(steps, held)
    select = size_of(asked["select"], "select")
    if asked["select"] is not None and select is None:
        raise OptionError(f"--select {asked['select']}", expected="steps, or a share below 1")
    period = season_of(steps.frequency, lengths, asked["season"])
    horizon = horizon_of(lengths, period, asked["horizon"], test, select)
    train_ends, select_ends = cut(lengths, horizon, test, select)
    covariates = _fitted(rows, steps, train_ends)
    panel = panel_of(steps, covariates)
    scale = Scale.of(panel, train_ends, period=period)
    found = steps.found | {
        "trimmed": steps.found["trimmed"] - int(panel.ahead.sum()),
        "ahead": int(panel.ahead.sum()),
        "short": int((select_ends == lengths).sum()),
        "constant": _constant(panel, train_ends),
    }
    if not frame.header:
        found["headerless"] = 1
    return SeriesData(
        name,
        files,
        panel,
        train_ends,
        select_ends,
        horizon,
        period,
        scale,
        covariates,
        found,
        rows.columns,
        {"asked": asked},
        test_files,
    )


def _held(steps: Steps, held: int) -> Counts:
    """Steps (S,) of each series that lie in the test file.

    Raises:
        DataError: one does not follow the steps of the other files, or nothing leads up to it.
    """
    rows = steps.rows
    reports = rows.row[steps.order] >= held
    count = len(steps.kept)
    first, last = steps.lengths.copy(), np.full(count, -1)
    np.minimum.at(first, steps.series[reports], steps.step[reports])
    np.maximum.at(last, steps.series[~reports], steps.step[~reports])
    wrong = np.flatnonzero((first < steps.lengths) & (last >= first))
    if len(wrong):
        at = np.flatnonzero(reports & (steps.series == wrong[0]))[0]
        raise DataError(
            f"{rows.where(int(steps.order[at]))}: lies before steps of the data to train on",
            expected="a test file whose rows follow those of the other files",
        )
    alone = np.flatnonzero(last < 0)
    if len(alone):
        named = rows.ids[int(steps.kept[alone[0]])]
        raise DataError(
            f"series {named!r} is in the test file alone ({counted(len(alone), 'such series')})"
            if len(alone) == 1
            else f"{len(alone):,} series are in the test file alone: {named!r} ...",
            expected="steps in the data to train on that lead up to those of the test file",
        )
    return steps.lengths - first


def _fitted(rows: Rows, steps: Steps, train_ends: Counts) -> Covariates:
    """The encoders of the columns beside the target, fitted on rows that train."""
    of_training = np.zeros(len(rows.frame), bool)
    of_training[rows.row[steps.order[steps.step < train_ends[steps.series]]]] = True
    trains = np.flatnonzero(of_training)
    static = rows.columns["stat_exog"]
    of_series = static_rows(rows, static)[steps.kept] if static else trains
    return Covariates(
        *(
            tuple(
                Encoder.of(rows.frame, name, of_series if kind == "stat_exog" else trains)
                for name in rows.columns[kind]
            )
            for kind in EXOGENOUS
        )
    )


def _constant(panel: Panel, ends: Counts) -> int:
    """How many series have one value in training."""
    series = np.repeat(np.arange(len(panel)), panel.lengths)
    step = np.arange(len(panel.values)) - panel.begins[series]
    seen = (step < ends[series]) & ~np.isnan(panel.values)
    low, high = np.full(len(panel), np.inf), np.full(len(panel), -np.inf)
    np.minimum.at(low, series[seen], panel.values[seen])
    np.maximum.at(high, series[seen], panel.values[seen])
    return int((low == high).sum())


# -- resuming --------------------------------------------------------------------------------------


def _from_files(facts: dict[str, Any]) -> SeriesData:
    asked = dict(facts["origin"]["asked"])
    if facts["test_files"]:
        asked["test"] = facts["test_files"][0]
    return replace(_read(facts["files"], asked, facts["name"]), origin=facts["origin"])


INPUT: Final = Input(
    copies=(stored.INPUT,),
    write=stored.write,
    from_copy=lambda run, facts: replace(stored.read(run, facts), origin=facts["origin"]),
    from_files=_from_files,
    default=lambda facts: _default(facts["origin"]["asked"]),
    unit="steps",
)
