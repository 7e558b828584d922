"""The report of a captions run in words and tables, for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from rich.cells import cell_len

from recurra.console.text import WIDTH, fitted, percent
from recurra.judge.captions import MEANS, NAMES, SHARES, Metric
from recurra.tasks import contenders
from recurra.tasks import summary as shared
from recurra.tasks.captions.evaluate import METRICS
from recurra.tasks.captions.splits import notes
from recurra.tasks.contenders import Column, estimated

SHOWN: Final = 3
"""Best pictures shown, and worst ones."""


def summary(report: dict[str, Any]) -> str:
    """The report for a terminal of 80 columns."""
    data = report["data"]
    return shared.summary(
        report,
        f"{data['pictures']:,} pictures",
        contenders.lines(report, columns(report)),
        verdicts(report),
        preferred(report),
        [writing(report), forced(report)],
        list(_examples("Went best:", report["best"], report["metric"])),
        list(_worst(report)),
        shared.notes(notes(data["found"])),
        end=trained(report.get("training") or {}),
    )


def figure(metric: str, value: float | None) -> str:
    """A figure as it is usually written: 34.2, or a share."""
    if value is None:
        return ""
    return percent(value) if metric in SHARES else f"{value:.1f}"


def columns(report: dict[str, Any]) -> list[Column]:
    """What contenders are compared by."""
    return [
        estimated(
            NAMES[each], each, partial(figure, each), 100 if each in SHARES else 1, MEANS[each]
        )
        for each in METRICS[report["metric"]]
    ]


def verdicts(report: dict[str, Any]) -> list[str]:
    """The verdicts."""
    return shared.verdicts(report, exact_verdict="Exact to the letter")


def preferred(report: dict[str, Any]) -> list[str]:
    """Whether true captions are likelier than false ones, where there are such."""
    named = [("this model", report["model"]), *((x["name"], x) for x in report["baselines"])]
    said = [
        f"{percent(found['estimate'])} by {who}{_between(found)}"
        for who, each in named
        if (found := each.get("preferred"))
    ]
    if not said:
        return []
    return [
        "Of a true and a false caption of one picture the true one is likelier a piece: "
        f"{'; '.join(said)}."
    ]


def _between(found: Mapping[str, Any]) -> str:
    if found["low"] is None:
        return ""
    return f" (95 % interval {100 * found['low']:.1f} to {100 * found['high']:.1f})"


def writing(report: dict[str, Any]) -> str:
    """How it writes by itself, in a sentence."""
    found, beam = report["writing"], report["search"].get("beam")
    sentence = f"Written by itself (beam of {beam}): "
    sentence += f"{percent(found['ended'])} of the captions came to an end"
    if found["empty"]:
        sentence += f"; {percent(found['empty'])} are empty"
    return sentence + "."


def forced(report: dict[str, Any]) -> str:
    """What it says of true captions piece by piece, in a sentence."""
    found = report["forced"]
    sentence = f"A piece of a true caption costs it {found['nats_a_piece']:.3f} nats."
    if found["impossible"]:
        sentence += (
            f" {found['impossible']:,} captions are longer than their pictures are wide: CTC "
            "cannot write them."
        )
    return sentence


def trained(training: Mapping[str, Any]) -> list[str]:
    """What else is known of a training: what chose."""
    return shared.chosen(training, _score)


def _score(metric: Metric, score: float) -> str:
    """A score, which is larger where better: of error rates it is what they leave of a hundred."""
    if metric in SHARES:
        return f"{score:.1f} % {'exact' if metric == 'exact' else 'right'}"
    return f"{score:.1f} {NAMES[metric]}"


def _examples(head: str, shown: Sequence[dict[str, Any]], metric: Metric) -> Iterator[str]:
    """A few pictures: which, what was said, what is true."""
    if shown:
        yield head
    for each in shown[:SHOWN]:
        worth = f"{NAMES[metric]} {figure(metric, each['worth'])}"
        yield f"  {fitted(each['where'], WIDTH - 4 - cell_len(worth), tail=True)}: {worth}"
        if each["said"] in each["true"]:
            yield f"    exact   {fitted(each['said'], WIDTH - 12)}"
            continue
        yield f"    said    {fitted(each['said'], WIDTH - 12) or '(nothing)'}"
        for true in each["true"][:2]:
            yield f"    true    {fitted(true, WIDTH - 12)}"


def _worst(report: dict[str, Any]) -> Iterator[str]:
    wrong = [each for each in report["worst"] if each["said"] not in each["true"]]
    if not wrong:
        yield "Not one of them is wrong."
        return
    yield from _examples("Went worst:", wrong, report["metric"])
