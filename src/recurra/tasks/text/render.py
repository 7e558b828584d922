"""The report for people, in 80 columns."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from recurra.console.text import percent
from recurra.tasks import contenders
from recurra.tasks import summary as shared
from recurra.tasks.contenders import Column
from recurra.tasks.text import anomaly, evaluate
from recurra.tasks.text.baselines import XZ, Baseline


def baselines_summary(found: Sequence[Baseline], unit: str) -> str:
    """The baselines in one line, the first in words too; `unit` is what they are in."""
    line = ", ".join(f"{b.name} {b.nats:.3f}" for b in found) + f" {unit}"
    if not found:
        return line
    return f"{line}; the first wavers between about {_choices(found[0].nats)} {_counted(unit)}"


def _counted(unit: str) -> str:
    return unit.removeprefix("nats a ") + "s"


def in_words(report: dict[str, Any]) -> str:
    """What the nats of model and baselines mean, and what it means where xz has the fewest."""
    unit, column = evaluate.beside(report["model"]["unit"]), columns(report)[0]
    nats = {each["name"]: float(each["nats"]) for each in report["baselines"]}
    own = float(column.value(report["model"]) or 0.0)
    others = [f"the {name} between {_choices(nats[name])}" for name in list(nats)[:2]]
    first = (
        f"{column.cell(report['model'])} {unit}: this model wavers between about {_choices(own)}"
    )
    said = ", ".join([f"{first} {_counted(unit)}", *others]) + "."
    if XZ in nats and nats[XZ] < min([own, *(nats[name] for name in nats if name != XZ)]):
        said += " Where xz has the fewest, the text repeats long passages, which xz looks up."
    return said


def columns(report: dict[str, Any]) -> list[Column]:
    """What contenders are compared by: nats and bits, in the unit of the baselines."""
    whole = report["model"]["unit"] in ("characters", "bytes")
    unit = evaluate.beside(report["model"]["unit"])

    def value(key: str, figures: dict[str, Any]) -> float:
        # A baseline has one unit, a model several.
        found: float = figures[f"{key}_a_byte" if "unit" in figures and not whole else key]
        return found

    return [
        Column(unit.replace("nats", key), partial(value, key), "{:.4f}".format, meaning=meaning)
        for key, meaning in (
            ("nats", _wavering(report, unit.removeprefix("nats a "), partial(value, "nats"))),
            ("bits", "the same in bits; one is 0.693 nats, as bits count doublings"),
        )
    ]


def _wavering(report: dict[str, Any], what: str, value: Callable[[dict[str, Any]], float]) -> str:
    """What nats are, by the figures of the report."""
    own = value(report["model"])
    said = f"at {own:.2f} it wavers between about {_choices(own)} {what}s that are equally likely"
    if report["baselines"]:
        best = min(report["baselines"], key=value)
        said += f", the {best['name']} at {value(best):.2f} between {_choices(value(best))}"
    return f"how surprising each {what} is on average: {said}"


def _choices(nats: float) -> str:
    """Of how many equally likely things one costs so many nats."""
    return f"{math.exp(nats):.2g}" if nats < 4.6 else f"{math.exp(min(nats, 700)):,.0f}"


def others(model: dict[str, Any]) -> str:
    """The model's figures in other units than the baselines', in a sentence."""
    if model["unit"] == "characters":
        return f"This model: {model['bits_a_byte']:.4f} bits a byte of UTF-8."
    if model["unit"] == "bytes":
        return ""
    one, each = model["unit"].removesuffix("s"), model["bytes"] / model["tokens"]
    spelt = "; unknown words are spelt out, at 8 bits a byte" if one == "word" else ""
    return (
        f"This model: {model['nats']:.4f} nats a {one}, of {each:.2f} bytes on average{spelt}. "
        f"Perplexity {model['perplexity_a_word']:,.5g} a word, of {model['words']:,}: blanks part "
        "them, a line end is one, and so is what is unknown."
    )


def copied_summary(report: dict[str, Any]) -> str:
    """What share of a text stands in the training text, and the figures on the rest."""
    found = report.get("copied")
    if not found:
        return ""
    passages = f"passages of {found['width']} characters or more"
    if not found["share"]:
        return f"Nothing of it stands word for word in the text that trained: no {passages}."
    said = (
        f"{percent(found['share'])} of it stands word for word in the text that trained "
        f"({passages})"
    )
    if found["nats"] is None:
        return f"{said}."
    said += f"; on the rest this model has {found['nats']:.4f}"
    if found["baseline"]:
        said += f", the {found['baseline']['name']} {found['baseline']['nats']:.4f}"
    return f"{said} {evaluate.beside(report['model']['unit'])}."


def summary(report: dict[str, Any]) -> str:
    """The report for a terminal of 80 columns."""
    model, note = report["model"], report["data"].get("note")
    count = f"{model['characters']:,} characters"
    if model["unit"] != "characters":
        count += f" in {model['tokens']:,} {model['unit']}"
    if model["unknown"]:
        count += f", {model['unknown']:,} of them unknown to the model"
    return shared.summary(
        report,
        count,
        contenders.lines(report, columns(report)),
        list(filter(None, [in_words(report), others(model)])),
        list(filter(None, [copied_summary(report)])),
        shared.verdicts(report),
        [lines_summary(report["lines"])] if report.get("lines") else [],
        _free_running(report.get("free_running") or []),
        [f"{note}."] if note else [],
    )


def _free_running(rows: Sequence[dict[str, Any]]) -> list[str]:
    """What it writes when left alone, by temperature."""
    if not rows:
        return []
    lines = ["Left to write by itself (a different matter: no true text is given to it):"]
    lines.append(f"{'temperature':>13}{'known words':>13}{'longest copy':>14}{'new pairs':>11}")
    return [
        *lines,
        *(
            f"{row['temperature']:>13g}{percent(row['known_words']):>13}"
            f"{row['longest_copy']:>9,} char{percent(row['distinct_pairs']):>11}"
            for row in rows
        ),
        "  known words: share of its words that occur in the training text;",
        "  longest copy: longest passage that stands there too;",
        "  new pairs: word pairs not written before.",
    ]


def dynamic_summary(found: dict[str, Any]) -> str:
    """Plain and dynamic evaluation for a terminal of 80 columns."""
    unit = found["unit"].removesuffix("s")
    title = f"{found['data']['name']}: {found['data']['part']}"
    return f"""{title}, {found["tokens"]:,} {found["unit"]}

as trained  {found["plain"]:.4f} nats a {unit}
dynamic     {found["dynamic"]:.4f} nats a {unit}

Dynamic: the weights go on learning from what has been scored, at a rate of
{found["rate"]:g}, chosen on text that they were not trained on. The model stays as it is."""


def lines_summary(found: dict[str, Any]) -> str:
    """What is promised of usual lines, and what later blocks of them did, in a sentence or two."""
    said = anomaly.summary(
        *(found[each] for each in ("threshold", "lines", "expected", "promised"))
    )
    if not found["later"]:
        return f"Lines: {said}."
    later = " and ".join(f"{each:.3g}" for each in found["later"])
    return (
        f"Lines: {said}. In later blocks of them {later} of 1,000 were above what those before had "
        "set."
    )
