"""The page of a run: one file that a browser shows from disk, all pictures inside."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

from recurra.bundle import REPORT, Run
from recurra.errors import MissingExtra
from recurra.show import curves, figures
from recurra.show.picture import svg
from recurra.tasks.terminal import printable

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

PAGE: Final = "report.html"

_LONG: Final = 200
"""Characters of a setting that are shown."""

_VERSIONS: Final = ("recurra", "created", "python", "torch", "numpy", "format")


@final
@dataclass(frozen=True)
class Section:
    """A part of the page: what its link is called, its title, what it says in a line, its body."""

    name: str
    title: str
    told: str
    body: Markup | str = ""


def write(run: Run, sections: Sequence[Section], pictures: Sequence[str]) -> str:
    """Write the page of a run; returns its name.

    Args:
        sections: the task's own.
        pictures: names of PNG files of the run that are shown as they are.
    """
    config = run.config()
    report: dict[str, Any] | None = run.read_json(REPORT) if run.has(REPORT) else None
    parts = [_curves(run), *sections]
    if pictures:
        parts.append(_pictures(run, pictures))
    with run.intact(REPORT):
        found = None if report is None else figures.table(config["task"], report)
        if report is not None:
            told = printed(figures.told(config["task"], report))
            parts.append(Section("report", "The report in full", "", macro("parts", "pre", told)))
    parts.append(_settings(config, report))
    content = _templates().get_template("page.html").render(
        name=run.path.resolve().name,
        config=config,
        report=report,
        table=found,
        sections=parts,
    )
    run.write_text(PAGE, content)
    return PAGE


def macro(template: str, name: str, *values: object, **named: object) -> Markup:
    """What a macro of a template makes of values; all text in them is escaped."""
    found: Markup = getattr(_templates().get_template(f"{template}.html").module, name)(
        *values, **named
    )
    return found


def printed(text: str) -> str:
    """A text in which nothing moves other text: control characters are written out."""
    return "\n".join(printable(line) for line in text.split("\n"))


@cache
def _templates() -> Environment:
    """The templates beside this module. All that is put into them is escaped.

    Raises:
        MissingExtra: Jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise MissingExtra("Jinja2 is not installed", fix='pip install "recurra[show]"') from error
    found = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["printed"] = printed
    return found


def _curves(run: Run) -> Section:
    drawn = svg(curves.plot(run), "losses over the steps of the training")
    told = "The loss on the part that trains and on the part that chooses, step by step."
    return Section("curves", "Training", told, macro("parts", "picture", drawn))


def _pictures(run: Run, names: Sequence[str]) -> Section:
    inside = [
        (
            Path(name).stem,
            "data:image/png;base64," + base64.b64encode((run.path / name).read_bytes()).decode(),
        )
        for name in names
    ]
    return Section("pictures", "Pictures", "", macro("parts", "pictures", inside))


# -- settings -----------------------------------------------------------------------------------


def _settings(config: Mapping[str, Any], report: Mapping[str, Any] | None) -> Section:
    training = {k: v for k, v in config.get("training", {}).items() if k not in _VERSIONS}
    given = {k: v for k, v in config.get("options", {}).items() if v is not None}
    went = {} if report is None else report.get("training") or {}
    groups = {
        "Network": config.get("architecture", {}),
        "Data": config.get("data", {}),
        "Training": training,
        "How it went": {k: v for k, v in went.items() if k != "sentence"},
        "Options": given,
        "Versions": {
            name: found
            for name in _VERSIONS
            if (found := config.get(name, config.get("training", {}).get(name))) is not None
        },
    }
    rows = {name: list(_flat(group)) for name, group in groups.items() if group}
    return Section("settings", "Settings", "", macro("parts", "settings", rows))


def _flat(values: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    rows = []
    for key, value in values.items():
        name = before + str(key).replace("_", " ")
        if isinstance(value, Mapping):
            rows += _flat(value, f"{name}: ")
        else:
            rows.append((name, _plain(value)))
    return rows


def _plain(value: object) -> str:
    match value:
        case None:
            text = "–"
        case bool():
            text = "yes" if value else "no"
        case int():
            text = f"{value:,}"
        case float():
            text = f"{value:,.6g}"
        case list() | tuple():
            text = ", ".join(_plain(each) for each in value[:_LONG]) or "–"
        case _:
            text = printable(str(value))
    return text if len(text) <= _LONG else text[:_LONG] + "…"
