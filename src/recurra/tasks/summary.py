"""What a terminal of 80 columns says of a report in every task: verdicts, notes, paragraphs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from recurra.console.text import filled, printable
from recurra.tasks import contenders


def summary(
    report: Mapping[str, Any], about: str, *blocks: Sequence[str], end: Sequence[str] = ()
) -> str:
    """A report: what it is of and how much of that, the task's blocks, how it was trained.

    Args:
        about: how much there is of the data: "3,000 texts, 4 classes".
        blocks: paragraphs, a line or several each; empty ones are left out.
        end: what else there is to say of the training.
    """
    data, training = report["data"], report.get("training")
    head = f"{printable(data['name'])}: {data['part']}, {about}"
    trained = [training["sentence"], *end] if training else []
    found = ("\n".join(filled(block)) for block in ([head], *blocks, trained) if block)
    return "\n\n".join(found)


def verdicts(report: Mapping[str, Any], **others: str) -> list[str]:
    """The verdict, others by what stands before them, and against what none is claimed."""
    heads = {"verdict": "Verdict", **others}
    said = ((head, report.get(name)) for name, head in heads.items())
    lines = [f"{head}: {each['sentence']}" for head, each in said if each]
    return lines + contenders.left_out(report)


def chosen(training: Mapping[str, Any], shown: Callable[[Any, float], str]) -> list[str]:
    """What chose the weights of a model that writes, in a sentence, where something did.

    Args:
        training: with what `training.session.selected` found.
        shown: a metric and the score by it, as they are read.
    """
    found = training.get("selected")
    if not found or found["score"] is None:
        return []
    line = (
        "They were chosen by what the model writes by itself of the selection part: "
        f"{shown(found['metric'], found['score'])}"
    )
    if found.get("nats_a_piece") is not None:
        line += f" (there teacher-forced: {found['nats_a_piece']:.3f} nats a piece)"
    return [line + "."]


def notes(found: Sequence[str]) -> list[str]:
    """What was found in the data, in a sentence."""
    return [f"In the data: {'; '.join(found)}."] if found else []
