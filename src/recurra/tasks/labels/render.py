"""The report of a labels run in words and tables, for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from rich.cells import cell_len, set_cell_size

from recurra.console.text import WIDTH, filled, fitted, percent, printable
from recurra.tasks.labels.targets import NAMES, Metric

CLASSES: Final = 12
"""Classes in the table of classes, the largest; the others are counted."""

GRID: Final = 8
"""Classes up to which the confusion matrix is drawn whole."""

SHOWN: Final = 5
"""Confusions of more classes, and examples that it is most wrong about."""

_FOUND: Final = {
    "repeats": "repeat another (they stay together in one part)",
    "conflicting": "are the same as one of another label",
    "in_test": "were left out of training, since the test part has the same",
    "blank_lines": "blank lines were skipped",
    "trimmed_labels": "labels had blanks around them",
}


def summary(report: dict[str, Any]) -> str:
    """The report for a terminal of 80 columns."""
    data = report["data"]
    count = f"{data['examples']:,} {data['noun']}"
    if data["steps"] is not None:
        count += f" ({data['steps']:,} tokens)"
    kinds = f"{len(data['classes'])} {'tags' if data['steps'] is not None else 'classes'}"
    blocks = [
        [f"{printable(data['name'])}: {data['part']}, {count}, {kinds}"],
        _contenders(report),
        _verdicts(report),
        [calibration(report)],
        _classes(report),
        _confusion(report),
        list(_wrong(report)),
        _found(data["found"]),
        [report["training"]["sentence"]] if report.get("training") else [],
    ]
    found = ["\n".join(filled(block)) for block in blocks if block]
    return "\n\n".join(found)


# -- figures ------------------------------------------------------------------------------------


def _metrics(report: dict[str, Any]) -> list[Metric]:
    found: list[Metric] = ["span_f1", "accuracy"] if report["data"]["spans"] else ["accuracy"]
    return [*found, "macro_f1"]


def _contenders(report: dict[str, Any]) -> list[str]:
    """The table of model and baselines."""
    first, *others = _metrics(report)
    if len(others) > 1:
        others = others[:1]  # of spans the macro F1 of B- and I- says little
    rows = [("this model", report["model"])]
    rows += [(each["name"], each) for each in report["baselines"]]
    width = max(len(name) for name, _ in rows) + 1
    head = f"{'':{width}}{NAMES[first]:>8}{'95 % interval':>15}"
    lines = [head + "".join(f"{NAMES[each]:>10}" for each in others)]
    for name, figures in rows:
        line = f"{name:{width}}{percent(figures[first]['estimate']):>{max(8, len(NAMES[first]))}}"
        line += f"{_interval(figures[first]):>15}"
        lines.append(line + "".join(f"{percent(figures[m]['estimate']):>10}" for m in others))
    return lines


def _interval(figure: dict[str, Any]) -> str:
    if figure["low"] is None:
        return "not known"
    return f"{100 * figure['low']:.1f} to {100 * figure['high']:.1f}"


def _verdicts(report: dict[str, Any]) -> list[str]:
    lines = []
    if report.get("verdict"):
        lines.append(f"Verdict: {report['verdict']['sentence']}")
    if report.get("macro_verdict"):
        lines.append(f"Each class alike: {report['macro_verdict']['sentence']}")
    if report.get("averaged"):
        lines.append(averaged(report))
    return lines


def averaged(report: dict[str, Any]) -> str:
    """What the mean of model and baseline is worth, in a sentence."""
    mean, metric = report["averaged"], _metrics(report)[0]
    if mean["weight"] in (0.0, 1.0):
        one = "this model" if mean["weight"] else f"the {mean['baseline']}"
        return f"Averaging the two does not help: where it was weighed, all went to {one}."
    gain = mean["advantage"]
    sentence = (
        f"Averaged with it ({mean['weight']:g} of this model's probabilities, "
        f"{1 - mean['weight']:g} of the baseline's, as the part that chooses weighs them): "
        f"{percent(mean[metric]['estimate'])} {NAMES[metric]}, "
        f"{100 * gain['estimate']:+.1f} points against the baseline alone"
    )
    if gain["low"] is None:
        return f"{sentence}."
    return f"{sentence} (95 % interval {100 * gain['low']:.1f} to {100 * gain['high']:.1f})."


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
    return [f"Of all examples: {'; '.join(parts)}."] if parts else []
