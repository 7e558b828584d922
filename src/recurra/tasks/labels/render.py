"""The report of a labels run in words and tables, for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from rich.cells import cell_len, set_cell_size

from recurra.console.text import WIDTH, fitted, percent, printable
from recurra.tasks import contenders
from recurra.tasks import summary as shared
from recurra.tasks.contenders import Column, estimated
from recurra.tasks.labels.targets import NAMES, Metric

CLASSES: Final = 12
"""Classes in the table of classes, the largest; the others are counted."""

GRID: Final = 8
"""Classes up to which the confusion matrix is drawn whole."""

SHOWN: Final = 5
"""Confusions of more classes, and examples that it is most wrong about."""

_MEANS: Final[dict[Metric, str]] = {
    "accuracy": "how many of a hundred are answered right",
    "macro_f1": "the F1 of each class, every class alike; F1 is high where most of what was called "
    "so is so (precision) and most of what is so was found (recall)",
    "span_f1": "how many of a hundred spans are found and named right to the word, weighed against "
    "those that are none (F1: the harmonic mean of precision and recall)",
}
_FOUND: Final = {
    "repeats": "examples repeat another (they stay together in one part)",
    "conflicting": "examples are the same as one of another label",
    "in_test": "examples were left out of training, since the test part has the same",
    "blank_lines": "blank lines were skipped",
    "trimmed_labels": "labels had blanks around them",
    "comments": "lines were left out as comments",
    "blank_tokens": "tokens are a blank",
}


def summary(report: dict[str, Any]) -> str:
    """The report for a terminal of 80 columns."""
    data = report["data"]
    count = f"{data['examples']:,} {data['noun']}"
    if data["steps"] is not None:
        count += f" ({data['steps']:,} tokens)"
    kinds = f"{len(data['classes'])} {'tags' if data['steps'] is not None else 'classes'}"
    return shared.summary(
        report,
        f"{count}, {kinds}",
        contenders.lines(report, columns(report)),
        verdicts(report),
        [calibration(report)],
        _classes(report),
        _confusion(report),
        list(_wrong(report)),
        _found(data["found"]),
    )


# -- figures ------------------------------------------------------------------------------------


def columns(report: dict[str, Any]) -> list[Column]:
    """What contenders are compared by; of spans the macro F1 of B- and I- says little."""
    metrics: list[Metric] = ["accuracy", "macro_f1"]
    if report["data"]["spans"]:
        metrics = ["span_f1", "accuracy"]
    return [estimated(NAMES[each], each, percent, 100, _MEANS[each]) for each in metrics]


def verdicts(report: dict[str, Any]) -> list[str]:
    """The verdicts on the network, what is answered with, and what that is worth."""
    lines = shared.verdicts(report, macro_verdict="Each class alike")
    if failure := report.get("failure"):
        lines.append(failure)
    if chosen := report.get("chosen"):
        answer, line = report.get("answer"), chosen["sentence"]
        if answer and answer.get("advantage") and chosen["weight"] > 0:
            first, gain = columns(report)[0], answer["advantage"]
            low, high = (gain[end] for end in ("low", "high"))
            interval = (
                "" if low is None else f" (95 % interval {100 * low:.1f} to {100 * high:.1f})"
            )
            line += (
                f" On {report['data']['part']} it has {first.cell(answer)} {first.name}, "
                f"{100 * gain['estimate']:+.1f} points against the {chosen['baseline']} "
                f"alone{interval}."
            )
        lines.append(line)
    return lines


def calibration(report: dict[str, Any]) -> str:
    """How far its probabilities can be trusted, in a sentence."""
    found = report["calibration"]
    return (
        f"When it answers, it is {percent(found['confidence'])} sure on average, and right in "
        f"{percent(found['accuracy'])}. The gap, bin by bin, is {100 * found['error']:.1f} points "
        f"(expected calibration error), where chance alone makes {100 * found['chance']:.1f}."
    )


# -- classes ------------------------------------------------------------------------------------


def _classes(report: dict[str, Any]) -> list[str]:
    """Precision, recall and F1 of the largest classes."""
    rows = sorted(report["classes"], key=lambda row: -row["examples"])
    shown, rest = rows[:CLASSES], rows[CLASSES:]
    names = [fitted(each["name"], 34) for each in shown]
    what, count = ("class", "examples")
    if report["data"]["steps"] is not None:
        what, count = ("type of span", "spans") if report["data"]["spans"] else ("tag", "tokens")
    width = max([cell_len(what), *map(cell_len, names)]) + 2
    lines = [f"{what:{width}}{count:>8}{'precision':>12}{'recall':>9}{'F1':>9}"]
    for name, each in zip(names, shown, strict=True):
        said = percent(each["precision"]) if each["predicted"] else "never said"
        recall = percent(each["recall"]) if each["examples"] else "-"
        lines.append(
            f"{set_cell_size(name, width)}{each['examples']:>8,}{said:>12}{recall:>9}"
            f"{percent(each['f1']):>9}"
        )
    if rest:
        least = f"{sum(each['examples'] for each in rest):,}"
        lines.append(f"and {len(rest):,} smaller ones, {least} {count} together")
    return lines


def _confusion(report: dict[str, Any]) -> list[str]:
    """A small matrix whole; of a larger one the commonest mistakes."""
    names = report["data"]["classes"]
    if len(names) <= GRID and report["data"]["steps"] is None:
        grid = _grid([printable(name) for name in names], report["confusion"])
        if max(map(cell_len, grid)) <= WIDTH:
            return grid
    mistakes = report["confusions"][:SHOWN]
    if not mistakes:
        return []
    lines = ["What it confuses most:"]
    for each in mistakes:
        said, true = fitted(each["predicted"], 24), fitted(each["true"], 24)
        lines.append(f"  {true} taken for {said}: {each['count']:,} of {each['of']:,}")
    return lines


def _grid(names: Sequence[str], matrix: Sequence[Sequence[int]]) -> list[str]:
    cells = [[f"{count:,}" for count in row] for row in matrix]
    left = min(max(map(cell_len, names)), 20)
    # As wide as the longest name, as far as the line allows.
    room = (WIDTH - left - 2) // len(names) - 2
    wide = min(max(map(cell_len, names)), room)
    wide = max([wide, *(len(cell) for row in cells for cell in row)])
    head = "".join(_right(fitted(name, wide), wide + 2) for name in names)
    lines = ["Rows: what is true; columns: what it said.", " " * (left + 2) + head]
    for name, row in zip(names, cells, strict=True):
        line = set_cell_size(fitted(name, left), left + 2)
        lines.append(line + "".join(cell.rjust(wide + 2) for cell in row))
    return lines


def _right(text: str, width: int) -> str:
    return " " * (width - cell_len(text)) + text


# -- examples -----------------------------------------------------------------------------------


def _wrong(report: dict[str, Any]) -> Iterator[str]:
    """The examples that it is most wrong about, two lines each."""
    shown = report["wrong"][:SHOWN]
    if not shown:
        yield "Not one of them is wrong."
        return
    yield "Most wrong about:"
    for each in shown:
        said, true = fitted(each["predicted"], 20), fitted(each["true"], 20)
        odds = f"said {said} ({_odds(each['p_predicted'])}), true {true} ({_odds(each['p_true'])})"
        yield f"  {fitted(each['where'], WIDTH - 4 - cell_len(odds), tail=True)}: {odds}"
        yield f"    {example(each)}"


def _odds(probability: float) -> str:
    """A probability that never reads as none or all."""
    if probability < 0.0005:
        return "under 0.1 %"
    return "over 99.9 %" if probability > 0.9995 else percent(probability)


def example(each: dict[str, Any]) -> str:
    """An example in one line."""
    if "steps" in each:
        steps = f"{each['steps']:,} step{'' if each['steps'] == 1 else 's'}"
        if each["channels"] == 1:
            return steps
        return f"{steps} of {each['channels']:,} channels"
    if "text" in each:
        return fitted(each["text"], WIDTH - 4)
    token = fitted(each["token"], 40)
    room = WIDTH - 8 - cell_len(token)
    before = printable(each["before"])
    after = fitted(each["after"], max(room - min(cell_len(before), room // 2), 1))
    before = fitted(before, max(room - cell_len(after), 1), tail=True)
    return " ".join(piece for piece in (before, f"[{token}]", after) if piece)


def _found(found: dict[str, int]) -> list[str]:
    """What was found in the data, in a sentence."""
    parts = [f"{found[key]:,} {words}" for key, words in _FOUND.items() if found.get(key)]
    parts += [
        f"{count:,} {key.replace('_', ' ')}"
        for key, count in found.items()
        if count and key not in _FOUND
    ]
    return shared.notes(parts)
