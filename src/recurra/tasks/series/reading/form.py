"""What newer data for a trained model must look like, and reading them by it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self, final

from recurra.codecs.frequency import Frequency
from recurra.data.columns import empty
from recurra.data.files import given_once
from recurra.data.frames import Frame, read_frame, stacked
from recurra.errors import BundleError, DataError, did_you_mean
from recurra.tasks.series.options import EXOGENOUS
from recurra.tasks.series.panel import Panel, SeriesData, shown
from recurra.tasks.series.reading.by_rows import long_of
from recurra.tasks.series.reading.covariates import Covariates
from recurra.tasks.series.reading.from_files import Reading, Rows, known_names, rows_of
from recurra.tasks.series.reading.from_memory import files_of, frame_of
from recurra.tasks.series.reading.steps import panel_of, steps_of
from recurra.tasks.series.reading.times import parts_of

_TELLING: Final = 3  # gaps between rows, below which they say nothing of the frequency


@final
@dataclass(frozen=True, eq=False)
class Form:
    """The frequency, columns and encoders of a training.

    Args:
        frequency: of all its series.
        columns: which column is what, as `rows_of` tells it.
        covariates: how columns beside the target become numbers.
    """

    frequency: Frequency
    columns: dict[str, Any]
    covariates: Covariates

    @classmethod
    def of(cls, data: SeriesData) -> Self:
        """What newer data of these series must look like."""
        return cls(data.panel.frequency, data.columns, data.covariates)

    def to_json(self) -> dict[str, Any]:
        """Its fields as plain values."""
        return {
            "frequency": self.frequency.to_json(),
            "columns": self.columns,
            "covariates": self.covariates.to_json(),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """What `to_json` wrote.

        Raises:
            BundleError: it is none.
        """
        try:
            return cls(
                Frequency.from_json(value["frequency"]),
                checked_columns(value["columns"]),
                Covariates.from_json(value["covariates"]),
            )
        except (KeyError, TypeError) as error:
            raise BundleError(
                "the form of the data is damaged", expected='"frequency", "columns", "covariates"'
            ) from error


def checked_columns(columns: dict[str, Any]) -> dict[str, Any]:
    """Which columns a table had for what, as a run has written it.

    Raises:
        TypeError, KeyError: not as a run would.
    """
    for kind in ("target", *EXOGENOUS):
        if not all(isinstance(each, str) for each in columns[kind]):
            raise TypeError(f"{kind}: {columns[kind]}")
    if not columns["target"]:
        raise TypeError("no target")
    for kind in ("time", "id", "zone"):
        if not isinstance(columns[kind], str | None):
            raise TypeError(f"{kind}: {columns[kind]}")
    return dict(columns)


def more(given: Any, form: Form) -> Panel:
    """Newer data as a panel: the same columns, encoded as in training; other series are allowed.

    Rows without a target, beyond the last one, say what is known of steps to come. A series may
    have such rows alone, and a table without the target such rows only.

    Args:
        given: a file, several, or what `from_python` takes.
        form: what the training read.

    Raises:
        DataError: a column is missing, the frequency is another, or what `read` raises.
        MissingExtra: as `read`.
    """
    columns, paths = form.columns, files_of(given)
    given_once(paths)
    names, decimal = known_names(columns), columns.get("decimal") or "."
    frames = [read_frame(path, header=columns.get("header"), known=names) for path in paths]
    frames = frames or [frame_of(given)]
    if "by_rows" in columns:
        asked = Reading(id=columns["id"], decimal=decimal)
        frames = [long_of(each, asked, least=1)[0] for each in frames]
    frame = _with_columns(stacked(frames), columns)
    target, _, id_, known, past, static = (_names(columns[kind]) for kind in _KINDS)
    reading = Reading(
        target,
        columns["time"],
        id_,
        known,
        past,
        static,
        decimal=decimal,
        zone=columns["zone"],
        spelt=columns.get("spelt"),
        exact=True,
    )
    rows = rows_of(frame, reading)
    if columns["time"] is not None:
        _same_frequency(rows, form.frequency)
    return panel_of(steps_of(rows, form.frequency, empty=True), form.covariates)


def _names(given: str | list[str] | None) -> tuple[str, ...]:
    return () if given is None else (given,) if isinstance(given, str) else tuple(given)


def _with_columns(frame: Frame, columns: dict[str, Any]) -> Frame:
    """The frame, if it has the columns of the training."""
    roles = {each: kind for kind in _KINDS for each in _names(columns[kind])}
    if (time := columns["time"]) is not None:
        del roles[time]
        roles |= dict.fromkeys(parts_of(list(frame.columns), time), "time")
    missing = [name for name in roles if name not in frame.columns]
    optional = {name for name in roles if roles[name] in ("target", "hist_exog")}
    if columns["futr_exog"] and missing and not set(columns["target"]) - set(missing):
        # Of steps to come there is neither a target nor what is known only afterwards.
        gone = {name: empty(len(frame)) for name in missing if name in optional}
        frame = Frame(frame.name, {**frame.columns, **gone}, frame.where)
        missing = [name for name in missing if name not in optional]
    if missing:
        listed = ", ".join(map(repr, frame.columns))
        raise DataError(
            f"{frame.name}: no column {missing[0]!r}, the {roles[missing[0]]} of the training; it "
            f"has {listed}",
            expected="the columns of the training: " + ", ".join(map(repr, roles)),
            fix=did_you_mean(missing[0], frame.columns),
        )
    return frame


_KINDS: Final = ("target", "time", "id", *EXOGENOUS)


def _same_frequency(rows: Rows, frequency: Frequency) -> None:
    """Refuse data whose steps are longer or shorter than those of the training."""
    dates = rows.stamps.dtype.kind == "M"
    if dates == (frequency.unit == "step"):
        raise DataError(
            f"{rows.where(0)}: {'a date' if dates else 'a number'} as the time, "
            f"{shown(rows.stamps[0])}",
            expected="numbers, as in the training" if dates else "dates, as in the training",
        )
    if len(rows.stamps) - len(rows.ids) < _TELLING:
        return
    found = Frequency.infer(rows.stamps, rows.series)
    # Whole days may be business days, and the other way round, where no weekend is there to tell.
    if found.same(frequency) or {found.unit, frequency.unit} == {"B", "D"}:
        return
    if frequency.off(rows.stamps).any() or found.step != frequency.step:
        raise DataError(
            f"{rows.frame.name}: steps that are {found.description}; the model was trained on "
            f"others, {frequency.description}",
            expected=f"steps that are {frequency.description}",
            fix="bring the data to them, or train a model on these",
        )
