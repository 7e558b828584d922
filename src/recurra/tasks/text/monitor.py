"""What is printed of lines: the most surprising of a file, or those that stand out as they come."""

from __future__ import annotations

import heapq
import json
import math
import sys
from collections.abc import Iterator
from typing import Any

from rich.cells import cell_len

from recurra.console.text import WIDTH, filled, fitted, printable
from recurra.errors import OptionError, check_count, counted
from recurra.tasks.text import anomaly
from recurra.tasks.text.anomaly import Line
from recurra.tasks.text.estimator import TextModel
from recurra.tasks.text.repeats import Repeats


def rank(model: TextModel, source: str, *, top: int, as_json: bool) -> None:
    """`recurra evaluate --per-line`: the `top` lines, the most surprising first; 0 for all.

    A terminal gets each line with a mark below its most surprising place; a pipe gets columns
    apart by tabs: score, line number, nats, nats a token, column, the line.
    """
    check_count("top", top, "lines, or 0 for all", least=0, most=10**9)
    seen, repeats = _Seen(), Repeats(model.line_statistics.threshold(anomaly.QUANTILE))
    found = (_ranked(line, repeats) for line in seen.of(model.lines(source)))
    rows = sorted(found) if top == 0 else heapq.nsmallest(top, found)
    ranked = [line for *_, line in rows]
    again = repeats.counts
    if as_json:
        odd = [{"again": again.get(line.name, 0)} | line.to_json() for line in ranked]
        shown = seen.to_json() | {"source": source, "top": odd}
        print(json.dumps(shown, indent=2, ensure_ascii=False))
    elif sys.stdout.isatty():
        named = fitted(source, WIDTH - 1, tail=True)
        head = f"{named}: {seen.summary()}; each line is read after those before it"
        head += repeats.summary()
        print("\n".join([*filled([head]), ""]))
        print("\n".join(row for line in ranked for row in _block(line, again.get(line.name, 0))))
    elif ranked:
        print("\n".join("\t".join(_columns(line)) for line in ranked))


def watch(
    model: TextModel,
    source: str,
    *,
    quantile: float | None,
    threshold: float | None,
    every: bool,
    as_json: bool,
) -> None:
    """`recurra evaluate --watch`: lines as they come, those marked that stand out.

    Each is printed as soon as it is whole, with "!" where it is marked, else "-": score, line
    number, nats a token, column, the line. A name that is odd is marked once: see `Repeats`.

    Args:
        quantile: of usual lines, this share is not marked; 0.99 where nothing is given.
        threshold: the score itself, in its place.
        every: also lines that are not marked.
    """
    if quantile is not None and threshold is not None:
        raise OptionError("--quantile and --threshold", expected="one of them")
    if threshold is not None and not math.isfinite(threshold):
        raise OptionError(f"--threshold {threshold}", expected="a finite score")
    line_statistics = model.line_statistics
    share = anomaly.QUANTILE if quantile is None else quantile
    limit = line_statistics.threshold(share) if threshold is None else threshold
    rates = line_statistics.expected(limit), line_statistics.alarms(limit)
    said = anomaly.summary(limit, len(line_statistics.scores), *rates)
    print(f"watching: {said}", file=sys.stderr)
    screen, seen, repeats, marked = sys.stdout.isatty(), _Seen(), Repeats(limit), 0
    try:
        for group in model.line_groups(source):
            for line in seen.of(iter(group)):
                again = repeats.again(line)
                odd = line.damaged or (line.score > limit and again is None)
                marked += odd
                if not (odd or every):
                    continue
                if as_json:
                    shown = {"marked": odd, "again": repeats.counts.get(again or "", 0)}
                    print(json.dumps(shown | line.to_json(), ensure_ascii=False))
                elif screen:
                    head = f"{'!' if odd else '-'} {line.number:>8,} {line.score:>8.2f}  "
                    print(head + fitted(_noted(line) + line.text, WIDTH - cell_len(head)))
                else:
                    print("\t".join(["!" if odd else "-", *_columns(line)]))
            sys.stdout.flush()
    finally:
        print(f"{seen.summary()}; {marked:,} marked{repeats.summary()}", file=sys.stderr)


class _Seen:
    """How much has gone by."""

    def __init__(self) -> None:
        self.lines, self.tokens, self.nats = 0, 0, 0.0

    def of(self, found: Iterator[Line]) -> Iterator[Line]:
        for line in found:
            self.lines += 1
            self.tokens += line.tokens
            self.nats += line.nats
            yield line

    def summary(self) -> str:
        return f"{counted(self.lines, 'line')}, {self.nats / max(1, self.tokens):.3f} nats a token"

    def to_json(self) -> dict[str, Any]:
        mean = self.nats / max(1, self.tokens)
        return {"lines": self.lines, "tokens": self.tokens, "nats_per_token": mean}


def _ranked(line: Line, repeats: Repeats) -> tuple[float, int, int, Line]:
    """What lines are sorted by: where a name has rung before, by what else is odd."""
    again = repeats.again(line)
    score = line.score if again is None else repeats.limit
    return -score, line.number, line.column, line


def _columns(line: Line) -> list[str]:
    figures = [f"{line.score:.3f}", str(line.number), f"{line.nats:.3f}", f"{line.per_token:.4f}"]
    return [*figures, str(line.column), line.text]


def _noted(line: Line) -> str:
    return "[not UTF-8] " if line.damaged else ""


def _block(line: Line, again: int) -> Iterator[str]:
    """A line on a screen: its figures, the text around its most surprising place, a mark there."""
    unknown = f", {line.unknown:,} unknown" if line.unknown else ""
    yield (
        f"line {line.number:,}: score {line.score:.2f}, {line.nats:.1f} nats, "
        f"{line.per_token:.2f} a token{unknown}{', not UTF-8' if line.damaged else ''}"
        + (f"; {line.name[:20]} came {again:,} times more" if again else "")
    )
    room = WIDTH - 2
    before, after = printable(line.text[: line.column - 1]), printable(line.text[line.column - 1 :])
    if cell_len(before) + cell_len(after) > room:
        before = fitted(before, max(room - cell_len(after), room * 2 // 3), tail=True)
        after = fitted(after, room - cell_len(before))
    yield f"  {before}{after}"
    yield f"  {' ' * cell_len(before)}^ {line.worst:.1f} nats"
