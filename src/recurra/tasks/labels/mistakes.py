"""Which classes are mistaken for which, and the examples that the model is most wrong about."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recurra.tasks.labels.targets import Targets

Numbers = NDArray[np.int64]
Floats = NDArray[np.float64]

WRONG: Final = 20
"""Examples that it is most wrong about, in the report; people are shown the first of them."""

CONFUSIONS: Final = 20
"""Pairs of classes that are mistaken for each other most."""

LONGEST: Final = 200
"""Characters of a text that the report keeps."""


def by_class(truth: Targets, predicted: Numbers) -> list[dict[str, Any]]:
    """Precision, recall and F1 of each class; where tags mark spans, of each type of span."""
    if truth.spans:
        counts = truth.span_counts(predicted)
        sums = (counts.true.sum(0), counts.said.sum(0), counts.right.sum(0))
        return [_figures(*each) for each in zip(counts.types, *reversed(sums), strict=True)]
    matrix = _counts(truth, predicted)
    right, said, true = np.diag(matrix), matrix.sum(0), matrix.sum(1)
    return [_figures(*each) for each in zip(truth.classes, right, said, true, strict=True)]


def _figures(name: str, right: int, said: int, true: int) -> dict[str, Any]:
    """Precision, recall and F1 of a class, 0 where nothing was said or true of it."""
    right, said, true = int(right), int(said), int(true)
    return {
        "name": name,
        "examples": true,
        "predicted": said,
        "precision": right / max(said, 1),
        "recall": right / max(true, 1),
        "f1": 2 * right / max(said + true, 1),
    }


def _counts(truth: Targets, predicted: Numbers) -> Numbers:
    """How often what is true (rows) was taken for what (columns), (K, K)."""
    kinds = len(truth.classes)
    found: Numbers = np.bincount(truth.targets * kinds + predicted, minlength=kinds**2)
    return found.reshape(kinds, kinds)


def confusion(truth: Targets, predicted: Numbers) -> dict[str, Any]:
    """The matrix of what is true (rows) and said (columns), and its commonest mistakes."""
    matrix = _counts(truth, predicted)
    wrong = matrix - np.diag(np.diag(matrix))
    order = np.argsort(-wrong, axis=None, kind="stable")[:CONFUSIONS]
    pairs = [divmod(int(place), len(truth.classes)) for place in order]
    return {
        "confusion": matrix.tolist(),
        "confusions": [
            {
                "true": truth.classes[true],
                "predicted": truth.classes[said],
                "count": int(wrong[true, said]),
                "of": int(matrix[true].sum()),
            }
            for true, said in pairs
            if wrong[true, said]
        ],
    }


def wrong(
    truth: Targets, predicted: Numbers, of_true: Floats, of_said: Floats
) -> list[dict[str, Any]]:
    """The examples whose true label it finds least likely, of those that it has wrong.

    The same text comes once; of a sentence whose steps are tagged the step of which that holds.

    Args:
        of_true: probability of the true label (S,).
        of_said: probability of the label said (S,).
    """
    places = np.flatnonzero(predicted != truth.targets)
    places = places[np.argsort(of_true[places], kind="stable")]
    found: dict[object, dict[str, Any]] = {}
    for place in places.tolist():
        number, step = truth.place(place)
        row = int(truth.rows[number])
        content = truth.examples.inputs[row]
        key = number if isinstance(content, np.ndarray) else content
        if key in found:
            continue
        found[key] = {
            "where": truth.examples.where[row],
            **_shown(truth, row, step),
            "true": truth.classes[truth.targets[place]],
            "predicted": truth.classes[predicted[place]],
            "p_true": float(of_true[place]),
            "p_predicted": float(of_said[place]),
        }
        if len(found) == WRONG:
            break
    return list(found.values())


def _shown(truth: Targets, row: int, step: int | None) -> dict[str, Any]:
    """What can be shown of an example: a text, or how many numbers there are."""
    content = truth.examples.inputs[row]
    if truth.examples.kind == "numbers":
        return {"steps": len(content), "channels": int(content.shape[1])}
    if isinstance(content, str):
        return {"text": _cut(content)}
    if step is None:
        return {"text": _cut(" ".join(content))}
    # The tokens before it may be many: as much of them as leaves room for those after it.
    before, after = " ".join(content[:step]), " ".join(content[step + 1 :])
    room = LONGEST // 2
    return {
        "before": before if len(before) <= room else "…" + before[-room:],
        "token": _cut(content[step]),
        "after": after if len(after) <= room else after[:room] + "…",
    }


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"
