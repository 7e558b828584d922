"""What every task prints of its figures: text for 80 columns, and reports on other data."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from rich.cells import cell_len, set_cell_size

from recurra.runtime.certificate import Certificate

Summary = Callable[[dict[str, Any]], str]

WIDTH: Final = 79

_JOINERS: Final = "\u200c\u200d"  # they belong to words and emoji, and move no text


def evaluate(model: Any, sources: Sequence[str], summary: Summary, *, as_json: bool) -> None:
    """`recurra evaluate`: the report on other data, or the run's own."""
    found = model.evaluate(list(sources)) if sources else model.report
    print(json.dumps(found, indent=2, ensure_ascii=False) if as_json else summary(found))


def certificate(found: Certificate) -> str:
    """What was shown equal to what, a row each, and what it comes to."""
    rows = [f"runs on {found.kernels}", ""]
    for check in found.checks:
        held = {True: "held", False: "NOT HELD", None: "not shown"}[check.held]
        off = "" if check.difference is None else f"{check.difference:.1e}"
        allowed = "the last bit" if check.allowed == 0 else f"{check.allowed:g}"
        rows.append(f"{held:<10}{off:>9}  of {allowed:<13} {check.name}")
    notes = dict.fromkeys(check.note for check in found.checks)
    return "\n".join(filled([*rows, "", *notes, "", found.sentence()]))


def filled(lines: Sequence[str]) -> Iterator[str]:
    """Lines no wider than a terminal, broken between words."""
    for line in lines:
        if cell_len(line) <= WIDTH:
            yield line
            continue
        so_far = ""
        for word in filter(None, line.split(" ")):
            if so_far and cell_len(so_far) + 1 + cell_len(word) > WIDTH:
                yield so_far
                so_far = ""
            so_far += f" {word}" if so_far else word
        yield so_far


def percent(share: float | None) -> str:
    """A share of one: 83.7 %."""
    return "-" if share is None else f"{100 * share:.1f} %"


def printable(text: str) -> str:
    """A text with what would move the terminal's cursor or its other text written out."""
    return "".join(
        each if each.isprintable() or each in _JOINERS else _written_out(each) for each in text
    )


def _written_out(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def fitted(text: str, width: int, *, tail: bool = False) -> str:
    """A text made printable, and no wider than so many columns: its beginning, or its end."""
    text = printable(text)
    if cell_len(text) <= width:
        return text
    if tail:
        kept = set_cell_size(text[::-1], max(width - 1, 0)).rstrip()[::-1]
        return "…" + kept
    return set_cell_size(text, max(width - 1, 0)).rstrip() + "…"
