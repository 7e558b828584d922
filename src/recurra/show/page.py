"""The page of a run: one file that a browser shows from disk, all pictures inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

from recurra.bundle import CONFIG, REPORT, Run
from recurra.console.text import printable
from recurra.errors import MissingExtra
from recurra.judge.verdict import on_network
from recurra.show.picture import Picture, inline

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
    summary: str
    body: Markup | str = ""


@final
@dataclass(frozen=True)
class Row:
    """A contender: its name, its figures as they are read, and how long the bar of the first is."""

    name: str
    cells: tuple[str, ...]
    bar: float | None


@final
@dataclass(frozen=True)
class Table:
    """The figures of all contenders, which way the first of them runs, and what else there is.

    The terms are what figures mean, by name.
    """

    head: tuple[str, ...]
    rows: tuple[Row, ...]
    better: str
    note: str = ""
    terms: tuple[tuple[str, str], ...] = ()


@final
@dataclass(frozen=True)
class Head:
    """What the page begins with."""

    name: str
    task: str
    version: str
    created: str | None
    verdict: str | None = None
    tone: str = "unsure"
    answer: str = ""
    data: str = ""
    table: Table | None = None


def write(
    run: Run,
    training: Picture,
    sections: Sequence[Section],
    pictures: Sequence[Picture],
    table: Callable[[dict[str, Any]], Table],
    summary: Callable[[dict[str, Any]], str],
) -> str:
    """Write the page of a run; returns its name.

    Args:
        training: of the losses.
        sections: the task's own.
        pictures: the task's own; those with a caption are shown.
        table: the figures of a report.
        summary: a report as a terminal has it.
    """
    config = run.config()
    report = run.read_json(REPORT) if run.has(REPORT) else None
    said = "" if report is None else _trained(report)
    parts = list(sections)
    if shown := [each for each in pictures if each.caption]:
        parts.append(Section("pictures", "Pictures", "", _pictures(run, shown)))
    parts.append(Section("curves", "Training", said, _pictures(run, [training])))
    head = Head(run.path.resolve().name, config["task"], config["recurra"], config.get("created"))
    if report is not None:
        with run.intact(REPORT):
            head = replace(head, **_judged(report), table=table(report))
            body = macro("parts", "pre", printed(summary(report)))
            parts.append(Section("report", "The report in full", "", body))
    with run.intact(CONFIG):
        parts.append(_settings(config, report))
    content = _templates().get_template("page.html").render(head=head, sections=parts)
    run.write_text(PAGE, content)
    return PAGE


def alone(run: Run, section: Section) -> Picture:
    """Write a section as a page of its own beside the pictures."""
    name = f"figures/{section.name}.html"
    template = _templates().get_template("alone.html")
    run.write_text(name, template.render(name=run.path.resolve().name, each=section))
    return Picture(name)


def _judged(report: dict[str, Any]) -> dict[str, Any]:
    verdict = report.get("verdict")
    found: dict[str, Any] = {
        "data": f"{report['data']['name']}: {report['data']['part']}",
        "verdict": "No verdict: there is no baseline to compare it with.",
        "answer": (report.get("chosen") or report.get("answer") or {}).get("sentence", ""),
    }
    if verdict:
        tone = {True: "better", False: "worse", None: "unsure"}[verdict["better"]]
        sentence = str(verdict["sentence"])
        if found["answer"]:  # which verdicts are not about
            sentence = on_network(sentence)
        found |= {"verdict": sentence, "tone": tone}
    return found


def _trained(report: Mapping[str, Any]) -> str:
    """How a training went, and what was shown equal to what."""
    with_end = (report.get(name) for name in ("training", "certificate"))
    return printed(" ".join(str(each["sentence"]) for each in with_end if each))


def macro(template: str, name: str, *values: object, **named: object) -> Markup:
    """What a macro of a template makes of values; all text in them is escaped.

    Raises:
        KeyError: a value lacks what the macro reads, as where a file is damaged.
    """
    module = _templates().get_template(f"{template}.html").module
    from jinja2 import UndefinedError

    try:
        found: Markup = getattr(module, name)(*values, **named)
    except UndefinedError as error:
        raise KeyError(str(error)) from error
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
    found.filters |= {"printed": printed, "printable": printable}
    return found


def _pictures(run: Run, pictures: Sequence[Picture]) -> Markup:
    inside = [(inline(run.read_text(each.name), each.label), each.caption) for each in pictures]
    return macro("parts", "pictures", inside)


# -- settings -----------------------------------------------------------------------------------


def _settings(config: Mapping[str, Any], report: Mapping[str, Any] | None) -> Section:
    training = {k: v for k, v in config["training"].items() if k not in _VERSIONS}
    given = {k: v for k, v in config["options"].items() if v is not None}
    went = {} if report is None else report.get("training") or {}
    groups = {
        "Network": config["inference"]["architecture"],
        "Data": config["data"],
        "Training": training,
        "How it went": {k: v for k, v in went.items() if k != "sentence"},
        "Options": given,
        "Versions": {
            name: found
            for name in _VERSIONS
            if (found := config.get(name, config["training"].get(name))) is not None
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
        elif value is not None:  # nothing was set
            rows.append((name, _plain(value)))
    return rows


def _plain(value: object) -> str:
    match value:
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
