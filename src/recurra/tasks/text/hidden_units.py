"""Units of a text model's state that are worth a look, and what they go with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recurra.data.streams import Ids
from recurra.runtime.text import TextNetwork

UNITS: Final = 6

Features = NDArray[np.float64]


def telling(
    network: TextNetwork,
    ids: Ids,
    pieces: Sequence[str],
    breaks: NDArray[np.int64],
    cut: int,
) -> tuple[NDArray[np.float32], list[dict[str, Any]]]:
    """The most telling hidden units over a passage.

    For each thing that a reader can see in the text (`visible`), the unit that goes with it most,
    as the text before the passage says; then those that vary most. How well they go together is
    told of the passage itself, which has chosen nothing.

    Args:
        ids, pieces: the text before the passage and the passage (N,), and what the ids stand for.
        breaks: which of them only say that a document begins; no state crosses it.
        cut: where the passage begins.

    Returns:
        Values (N - cut, U) after each token, and of each unit its layer, its number, what it goes
        with and how well (Pearson's r).
    """
    resets = np.zeros((1, len(ids)), np.bool_)
    resets[0, breaks] = True
    layers: list[NDArray[np.float32]] = []
    network.read(np.asarray(ids, np.int64)[None], resets=resets, every=layers)
    units = network.architecture.hidden
    values = np.concatenate([layer[0] for layer in layers], 1)  # (N, L * H)
    seen = visible(pieces)
    chosen: dict[int, str] = {}
    if cut > 1:
        for name, feature in seen.items():
            size = np.abs(correlations(values[:cut], feature[:cut]))
            size[list(chosen)] = 0.0
            if len(chosen) < UNITS - 2 and size.max() > 0.3:
                chosen[int(size.argmax())] = name
    for unit in np.argsort(-values[cut:].std(0), kind="stable"):
        if len(chosen) < UNITS:
            chosen.setdefault(int(unit), "")
    summary = [
        {
            "layer": unit // units + 1,
            "unit": unit % units + 1,
            "goes_with": name or None,
            "r": float(correlations(values[cut:, [unit]], seen[name][cut:])[0]) if name else None,
        }
        for unit, name in chosen.items()
    ]
    return values[cut:, list(chosen)], summary


def visible(pieces: Sequence[str]) -> dict[str, Features]:
    """What a reader can see of each token (T,), by name; the most telling first."""
    line, word, counts = 0, 0, []
    for piece in pieces:
        line = 0 if "\n" in piece else line + len(piece)
        word = 0 if not piece[-1:].isalpha() else len(piece) + word * piece.isalpha()
        counts.append((line, word))
    ends = [*("\n" in piece for piece in pieces[1:]), False]
    return {
        "the place in the line": np.array([each for each, _ in counts], np.float64),
        "the line ending next": np.array(ends, np.float64),
        "the place in the word": np.array([each for _, each in counts], np.float64),
        "capital letters": np.array([piece != piece.lower() for piece in pieces], np.float64),
        "marks and digits": np.array(
            [any(not c.isalpha() and not c.isspace() for c in piece) for piece in pieces],
            np.float64,
        ),
    }


def correlations(values: NDArray[np.float32], feature: Features) -> Features:
    """Pearson's r of each column of (T, U) with (T,); 0 where either is constant."""
    off, centred = values - values.mean(0, dtype=np.float64), feature - feature.mean()
    scale = np.sqrt((off**2).sum(0) * (centred**2).sum())
    found: Features = np.divide(centred @ off, scale, out=np.zeros(len(scale)), where=scale > 1e-9)
    return found
