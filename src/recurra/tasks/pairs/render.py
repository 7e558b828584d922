"""The report of a pairs run in words and tables, for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from rich.cells import cell_len

from recurra.console.text import WIDTH, fitted, percent
from recurra.judge.translation import MEANS, NAMES, Metric
from recurra.tasks import contenders
from recurra.tasks import summary as shared
from recurra.tasks.contenders import Column, estimated
from recurra.tasks.pairs.splits import notes

SHOWN: Final = 3
"""Best sentences shown, and worst ones."""

METRICS: Final[dict[Metric, tuple[Metric, ...]]] = {
    "bleu": ("bleu", "chrf", "exact"),
    "chrf": ("chrf", "exact"),
}
"""What is shown in which order, by what decides; of texts too short for it no BLEU."""


def summary(report: dict[str, Any]) -> str:
    """The report for a terminal of 80 columns."""
    data = report["data"]
    return shared.summary(
        report,
        f"{data['pairs']:,} pairs",
        contenders.lines(report, columns(report)),
        verdicts(report),
        [writing(report)] + ([forced(report)] if report["forced"] else []),
        _lengths(report),
        list(_sentences("Went best:", report["best"])),
        list(_worst(report)),
        [
            f"{NAMES[metric]}: {report['signatures'][metric]}"
            for metric in METRICS[report["metric"]]
            if metric in report["signatures"]
        ],
        shared.notes(notes(data["found"])),
        end=trained(report.get("training") or {}),
    )


# -- figures ------------------------------------------------------------------------------------


def figure(metric: Metric, value: float | None) -> str:
    """A figure as it is usually written: 34.2, or a share."""
    return percent(value) if metric == "exact" else f"{value:.1f}"


def columns(report: dict[str, Any]) -> list[Column]:
    """What contenders are compared by."""
    return [
        estimated(
            NAMES[each], each, partial(figure, each), 100 if each == "exact" else 1, MEANS[each]
        )
        for each in METRICS[report["metric"]]
    ]


def verdicts(report: dict[str, Any]) -> list[str]:
    """The verdicts, the first with the p of the test that others know."""
    lines = shared.verdicts(report, exact_verdict="Exact to the letter")
    verdict = report["verdict"]
    if verdict and verdict["p"] is not None:
        lines[0] += f" By sacrebleu's paired test p = {verdict['p']:.3f}."
    return lines


def search(how: Mapping[str, Any]) -> str:
    """How texts were looked for, in a few words: "beam of 5"."""
    beam = how.get("beam")
    if how.get("sample"):
        return "drawn by chance"
    if beam is None:
        return "the likeliest found"
    return "the likeliest piece each time" if beam == 1 else f"beam of {beam}"


def writing(report: dict[str, Any]) -> str:
    """How it writes by itself, in sentences."""
    found = report["writing"]
    ratio = found["words"] / max(found["reference_words"], 1)
    sentence = (
        f"Written by itself ({search(report['search'])}): {percent(found['ended'])} of the texts "
        f"came to an end; they are {ratio:.2f} times as long as they should be; "
        f"{percent(found['repeated'])} of their rows of three words stood in the same text before "
        f"({percent(found['reference_repeated'])} in the references)."
    )
    if found["empty"]:
        sentence += f" {percent(found['empty'])} of them are empty."
    if found["unknown"] and any(found["unknown"].values()):
        sentence += (
            f" Its vocabularies lack {percent(found['unknown']['sources'])} of the pieces of the "
            f"sources and {percent(found['unknown']['targets'])} of those of the targets."
        )
    return sentence


def forced(report: dict[str, Any]) -> str:
    """What it says of true texts piece by piece, in a sentence."""
    found = report["forced"]
    return (
        f"Given the true pieces before (teacher forcing), the next one costs it "
        f"{found['nats_a_piece']:.3f} nats, {found['nats_a_character']:.3f} a character."
    )


def trained(training: Mapping[str, Any]) -> list[str]:
    """What else is known of a training: what chose, and how much was padding."""
    lines = shared.chosen(training, _score)
    if training.get("padding") is not None:
        lines.append(f"Of the steps of its batches {percent(training['padding'])} were padding.")
    return lines


def _score(metric: Metric, score: float) -> str:
    return f"{score:.1f} {'% exact' if metric == 'exact' else NAMES[metric]}"


def _lengths(report: dict[str, Any]) -> list[str]:
    """The figures by length of the source, where more than one is told apart."""
    rows, metrics = report["lengths"]["rows"], METRICS[report["metric"]]
    if len(rows) < 2:
        return []
    unit = f"{report['lengths']['unit']} in the source"
    lines = [f"{unit:26}{'sentences':>10}" + "".join(f"{NAMES[metric]:>10}" for metric in metrics)]
    for row in rows:
        span = f"{row['from']:,}"
        if row["to"] > row["from"]:
            span += f" to {row['to']:,}"
        cells = "".join(f"{figure(metric, row[metric]):>10}" for metric in metrics)
        lines.append(f"{span:26}{row['sentences']:>10,}{cells}")
    return lines


# -- sentences ----------------------------------------------------------------------------------


def _sentences(head: str, shown: Sequence[dict[str, Any]]) -> Iterator[str]:
    """A few sentences: where each stands, what was read, what was said, what is true."""
    if shown:
        yield head
    for each in shown[:SHOWN]:
        worth = f"chrF {each['chrf']:.1f}"
        yield f"  {fitted(each['where'], WIDTH - 4 - cell_len(worth), tail=True)}: {worth}"
        yield f"    source  {fitted(each['source'], WIDTH - 12)}"
        if each["said"] == each["true"]:
            yield f"    exact   {fitted(each['said'], WIDTH - 12)}"
            continue
        yield f"    said    {fitted(each['said'], WIDTH - 12) or '(nothing)'}"
        yield f"    true    {fitted(each['true'], WIDTH - 12)}"


def _worst(report: dict[str, Any]) -> Iterator[str]:
    wrong = [each for each in report["worst"] if each["said"] != each["true"]]
    if not wrong:
        yield "Not one of them is wrong."
        return
    yield from _sentences("Went worst:", wrong)
