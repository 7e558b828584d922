"""What the page says of a text run: how it came to write, what surprises it, what it carries."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.bundle import HISTORY, REPORT, Run
from recurra.console.text import percent
from recurra.show.page import Section, Table, macro, printed
from recurra.show.picture import BLUE, CHART, ORANGE, Picture, figure, svg, titled
from recurra.tasks import contenders
from recurra.tasks.text import render
from recurra.tasks.text.traces import INSIDE

SAMPLES: Final = 6

EDGES: Final = (0.5, 1.0, 2.0, 4.0, 6.0)
"""Nats a token at which one level of surprise ends and the next begins."""

DEAR: Final = (1.0, 2.0, 4.0, 6.0, 9.0)
"""The same where tokens are longer and cost twice as much."""

NEAR: Final = 0.01
"""A loss this near to that with the whole text before it is as good as that."""

_MARKED: Final = 3  # the level from which on blanks are drawn
_TINTS: Final = 4  # levels of a unit's value on either side of zero


@final
@dataclass(frozen=True)
class Cell:
    """What is drawn as one: a token with the marks upon it, its level, and its numbers in words."""

    text: str
    level: int
    title: str


def draw(run: Run) -> list[Picture]:  # noqa: ARG001
    """No files: all that is drawn is in the page's sections."""
    return []


def sections(run: Run) -> list[Section]:
    """All there is to say of a text run.

    Raises:
        BundleError: what it recorded is damaged, or of another run.
    """
    with run.intact(HISTORY):
        found = [_samples(run)]
    if not run.has(INSIDE):
        summary = "Nothing of its inside is recorded: this training has not come to its end."
        return [*found, Section("inside", "Inside", summary)]
    arrays, facts = run.read_arrays(INSIDE)
    report = run.read_json(REPORT) if run.has(REPORT) else None
    with run.intact(REPORT):
        scored = None if report is None else float(report["model"]["nats"])
    with run.intact(INSIDE):
        if scored is not None and not np.isclose(scored, facts["whole"]):
            raise ValueError(f"of a run with {facts['whole']:.4f} nats a token, not {scored:.4f}")
        found += [
            _surprise(arrays["passage"], facts),
            _units(arrays["units"], facts),
            _context(arrays, facts["whole"]),
            _gradient(arrays["gradient"]),
        ]
    if report is not None:
        with run.intact(REPORT):
            found.append(_memory(report, facts))
    return found


def _samples(run: Run) -> Section:
    lines = [line for line in run.history() if isinstance(line.get("sample"), str)]
    places = sorted({round(x) for x in np.linspace(0, len(lines) - 1, SAMPLES)} if lines else ())
    rows = [
        {
            "step": lines[k]["step"],
            "losses": [
                (name, lines[k][key])
                for key, name in (("train", "training"), ("select", "selection"))
                if lines[k].get(key) is not None
            ],
            "text": printed(lines[k]["sample"]),
        }
        for k in places
    ]
    summary = "What it wrote by itself at some steps, at temperature 0.8 and without a prompt."
    if not rows:
        summary = "This run has recorded no samples."
    return Section("samples", "Samples as it learnt", summary, macro("text", "samples", rows))


# -- surprise -----------------------------------------------------------------------------------


def _surprise(nats: NDArray[Any], facts: dict[str, Any]) -> Section:
    passage = facts["passage"]
    summary = (
        f"An ordinary passage of the test part: it costs {nats.mean():.3f} nats a token, the whole "
        f"{facts['whole']:.3f}. The more a token stands out, the less it was "
        "expected after all the true text before it."
    )
    edges = levels(facts["whole"])
    legend = [
        f"{low:g} to {high:g}" if high else f"{low:g} or more"
        for low, high in zip([0.0, *edges], [*edges, None], strict=True)
    ]
    signs = (
        f"nats a token; underlined from {edges[-2]:g} on, bold as well from {edges[-1]:g} on. "
        "Blanks are drawn (␣, ↵) where they surprise. "
        + ", ".join(f"{each:g} nats are a chance of {_chance(each)}" for each in edges[-3:])
        + "."
    )
    surprises = [
        {
            "nats": each["nats"],
            "before": printed("".join(each["before"])),
            "piece": _drawn(each["piece"], _MARKED),
            "after": printed("".join(each["after"])),
        }
        for each in facts["surprises"]
    ]
    cells = surprised(passage["pieces"], nats, edges)
    body = macro("text", "surprise", cells, legend, signs, surprises)
    return Section("surprise", "What surprises it", summary, body)


def levels(whole: float) -> tuple[float, ...]:
    """Where levels of surprise end, for tokens that cost so many nats on average."""
    return EDGES if whole < 3 else DEAR


def _chance(nats: float) -> str:
    return f"{100 * math.exp(-nats):.2g} %"


def surprised(
    pieces: Sequence[str], nats: NDArray[Any], edges: Sequence[float] = EDGES
) -> list[Cell]:
    """The cells of a passage, coloured by how surprising its tokens are.

    Args:
        pieces, nats: what each token is and what it cost, (T,) each.
        edges: where one level ends and the next begins.
    """
    if len(pieces) != len(nats):
        raise ValueError(f"{len(pieces)} tokens, {len(nats)} figures")
    found = []
    for text, places in joined(pieces):
        cost = float(nats[places].sum())
        level = int(np.searchsorted(edges, cost, "right"))
        title = f"{cost:.2f} nats, {_chance(cost)}"
        found.append(Cell(_drawn(text, level), level, title))
    return found


def joined(pieces: Sequence[str]) -> list[tuple[str, list[int]]]:
    """Tokens with those that are drawn upon them, such as accents, and their places."""
    found: list[tuple[str, list[int]]] = []
    for place, piece in enumerate(pieces):
        ties = found and found[-1][0].endswith("\u200d")
        upon = piece[:1] == "\u200d" or unicodedata.category(piece[:1] or " ") in ("Mn", "Mc", "Me")
        if found and (upon or ties) and not found[-1][0][-1:].isspace():
            text, places = found[-1]
            found[-1] = (text + piece, [*places, place])
        else:
            found.append((piece, [place]))
    return found


def _drawn(text: str, level: int) -> str:
    """A token as it is drawn: blanks as signs where they are surprising."""
    if level >= _MARKED and text.isspace():
        text = text.replace(" ", "␣").replace("\t", "⇥").replace("\n", "↵\n")
    return "\t".join(printed(part) for part in text.split("\t"))


# -- units of the state -------------------------------------------------------------------------


def _units(values: NDArray[Any], facts: dict[str, Any]) -> Section:
    pieces = joined(facts["passage"]["pieces"][: len(values)])
    rows = []
    for column, unit in zip(values.T, facts["units"], strict=True):
        most = max(float(np.abs(column).max()), 1e-9)
        cells = []
        for text, places in pieces:
            value = float(column[places[-1]])
            level = round(_TINTS * value / most)
            # A line end has no ground to colour.
            shown = printed(text).replace("\n", "↵\n" if level else "\n")
            cells.append(Cell(shown, level, f"{value:+.2f}"))
        title = f"Layer {unit['layer']}, unit {unit['unit']}"
        if unit["goes_with"]:
            r = f"{unit['r']:+.2f}".replace("-", "−")
            why = f"goes with {unit['goes_with']} (r = {r})"
        else:
            why = "varies more than most"
        rows.append({"title": title, "why": why, "cells": cells, "most": most})
    summary = (
        "Numbers that the network (of several the first) carries from token to token, after each "
        "token of the beginning of that passage. Those that go with something a reader can see "
        "were chosen on other text; r is told of this one."
    )
    return Section("units", "What it carries", summary, macro("text", "units", rows, _TINTS))


# -- how far back -------------------------------------------------------------------------------


def settled(steps: NDArray[Any], nats: NDArray[Any], whole: float) -> int | None:
    """The first of the steps from which on all losses are within 1 % of the whole's, if any."""
    off = np.flatnonzero(np.abs(nats - whole) > NEAR * whole)
    first = int(off[-1]) + 1 if len(off) else 0
    return int(steps[first]) if first < len(steps) else None


def _context(arrays: dict[str, NDArray[Any]], whole: float) -> Section:
    steps, nats, error = (arrays[f"context.{name}"] for name in ("steps", "nats", "error"))
    found = settled(steps, nats, whole)
    if found is None:
        summary = (
            f"After {steps[-1]:,} tokens the loss is still more than 1 % from its end, "
            f"{whole:.3f}: it uses more context than that."
        )
    else:
        summary = (
            f"After {found:,} tokens the loss is within 1 % of its end, {whole:.3f}: so much "
            "context it uses, and so many tokens it has to read before its figures can be trusted."
        )
    drawn = figure(*CHART)
    axes = drawn.add_subplot()
    axes.fill_between(steps, nats - 2 * error, nats + 2 * error, color=BLUE, alpha=0.2, linewidth=0)
    axes.plot(steps, nats, "o-", color=BLUE, markersize=4)
    axes.axhline(whole, color=ORANGE, linestyle="--", linewidth=1.2, label="state never reset")
    if found is not None:
        axes.axvline(found, color="grey", linestyle=":", linewidth=1.2, label="within 1 %")
    axes.set_xscale("log", base=2)
    axes.set_xticks(steps, [f"{step:,}" for step in steps])
    axes.minorticks_off()
    axes.set_xlabel("tokens read since the state was reset")
    titled(axes, "loss, nats a token")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    label = "loss against tokens of carried state"
    return Section(
        "context", "How much context it uses", summary, macro("parts", "picture", svg(drawn, label))
    )


def _gradient(norms: NDArray[Any]) -> Section:
    shares = np.cumsum(norms) / max(float(norms.sum()), 1e-30)
    half, most = (int(np.searchsorted(shares, share)) + 1 for share in (0.5, 0.99))
    summary = (
        "How much a small change of a token, so far back, would change the loss (norm of the "
        f"gradient by its vector, mean over places). Half of it lies in the last {half:,} "
        f"token{'s' if half > 1 else ''}, 99 % in the last {most:,}."
    )
    drawn = figure(*CHART)
    axes = drawn.add_subplot()
    back = np.arange(1, len(norms) + 1)
    axes.plot(back, np.where(norms > 0, norms, np.nan), color=BLUE, linewidth=1.6)
    axes.set_yscale("log")
    axes.set_xlabel("tokens back, 1 the last before the predicted one")
    titled(axes, "norm of the gradient")
    axes.grid(alpha=0.3)
    label = "gradient by distance"
    return Section(
        "gradient", "How far back it looks", summary, macro("parts", "picture", svg(drawn, label))
    )


# -- by heart -----------------------------------------------------------------------------------


def _memory(report: dict[str, Any], facts: dict[str, Any]) -> Section:
    train, test = (facts["learnt"][part]["nats"] for part in ("train", "test"))
    summary = (
        f"The text it learnt costs it {train:.3f} nats a token, the test part, read in the same "
        f"windows, {test:.3f}: {100 * (test / train - 1):+.1f} %. What it writes by itself is "
        "looked up in the training text, and so is a piece of the test part, for comparison."
    )
    written = [(f"written at temperature {e['temperature']:g}", e) for e in report["free_running"]]
    rows = [
        (
            name,
            percent(each["known_words"]),
            percent(each["distinct_pairs"]),
            f"{each['longest_copy']:,} characters",
        )
        for name, each in [*written, ("true text of the test part", facts["truth"])]
    ]
    copied = [(name, printed(each["longest_copied"])) for name, each in written]
    return Section(
        "memory", "What it knows by heart", summary, macro("text", "memory", rows, copied)
    )


def table(report: dict[str, Any]) -> Table:
    """The figures of a report."""
    note = " ".join(filter(None, [render.others(report["model"]), render.copied_summary(report)]))
    return contenders.table(report, render.columns(report), "lower is better", note)
