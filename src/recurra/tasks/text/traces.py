"""What goes on inside a trained text model, recorded once, so that pictures need no network.

All of it follows from the weights and the data alone: nothing is drawn by chance, and the same
run records the same numbers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recurra.bundle import Arrays, Run
from recurra.data.streams import Ids, among
from recurra.runtime.text import TextNetwork
from recurra.tasks.text import freerun
from recurra.tasks.text.data import TextData
from recurra.tasks.text.hidden_units import telling

INSIDE: Final = "traces/inside.safetensors"

PASSAGE: Final = 1200
"""Tokens of the test part that are shown with their surprise."""

WATCHED: Final = 320
"""The first tokens of that passage, over which units of the state are shown."""

SURPRISES: Final = 8

FAR: Final = 1024
"""Tokens of carried state up to which the loss is told, where the test part is long enough."""

BACK: Final = 256
"""Tokens back up to which the gradient is followed."""

WARM: Final = 256
"""Tokens read before what is recorded, so that the state has come to itself."""

_STUDIED: Final = 4096  # tokens before the passage that tell which units are worth a look
_WORK: Final = 2e10  # weights times tokens that a measurement may take: half a second on a core
_LOGIT: Final = 50  # what a logit costs beside its weights, in weights
_NEAR: Final = 32  # tokens of carried state up to which windows are short, and many
_WINDOWS: Final = 128
_MOST: Final = 2048
ROWS: Final = 16  # windows whose gradients are held at a time

Places = NDArray[np.int64]
Nats = NDArray[np.float64]


def record(
    run: Run,
    network: TextNetwork,
    read: TextData,
    nats: Nats,
    gradient: Callable[[Places], NDArray[np.float32]],
) -> None:
    """Write what there is to see inside a network into the run.

    Args:
        nats: what each token of the test part (N,) cost, the state carried from the first on.
        gradient: gives the norms (D,) of the gradient by distance, of where documents begin: see
            `recurra.tasks.text.influence`.
    """
    first, breaks = read.parts.test.start, _breaks(read, read.parts.test)
    whole = float(nats.mean())
    # As many as there are ids: what stands before a document costs nothing.
    nats = np.insert(nats, breaks - np.arange(len(breaks)), 0.0)
    start, end = ordinary(nats)
    pieces = shown(read, range(first + start, first + end))
    # From the beginning of a line, where one is near.
    cut = next((k for k, piece in enumerate(pieces[:200], 1) if piece.endswith("\n")), 0)
    if cut < len(pieces):
        start, pieces = start + cut, pieces[cut:]
    arrays: Arrays = {"passage": nats[start:end].astype(np.float32)}
    # Units are chosen on what stands before the passage.
    stretch = range(max(0, first + start - _STUDIED), first + min(end, start + WATCHED))
    arrays["units"], summary = telling(
        network,
        read.ids[stretch.start : stretch.stop],
        shown(read, stretch),
        _breaks(read, stretch),
        first + start - stretch.start,
    )
    arrays |= context(network, read.test, nats, read.unknown_rate, breaks, whole)
    arrays["gradient"] = gradient(breaks)
    facts = {
        "whole": whole,
        "passage": {"start": start, "pieces": pieces},
        "surprises": surprises(nats, read),
        "units": summary,
        "learnt": learnt(network, read),
        "truth": truth(read),
    }
    run.write_arrays(INSIDE, arrays, facts)


def seconds_needed(network: TextNetwork, read: TextData) -> float:
    """How long `record` is going to take, from a small piece of its work."""
    piece = read.train[: min(1024, len(read.train))]
    rows = np.asarray(piece[: len(piece) // ROWS * ROWS], np.int64)
    if not len(rows):
        return 0.0
    rows = rows.reshape(ROWS, -1)
    start = time.perf_counter()
    network.token_nll(rows, rows, read.unknown_rate)
    pace = (time.perf_counter() - start) / rows.size
    far, near, both = FAR + FAR // 8, _NEAR + _NEAR // 8, 2 * WARM
    spans = [(far, 1), (near, 1), (both, 2), (WARM + 3 * BACK, 1)]
    tokens = 4 * _STUDIED
    for span, times in spans:
        count = windows(network, span, _MOST if span == near else _WINDOWS)
        tokens += times * span * min(count, len(read.test))
    return pace * tokens


def shown(read: TextData, places: range) -> list[str]:
    """What each id (T,) of a stretch stands for; a line end where a document begins."""
    pieces = read.vocabulary.shown(read.ids[places.start : places.stop])
    for each in _breaks(read, places):
        pieces[each] = "\n"
    return pieces


def _breaks(read: TextData, places: range) -> Places:
    """Where in a stretch ids stand that only say that a document begins."""
    found = read.starts_in(places)
    return np.zeros(0, np.int64) if found is None else found


# -- a passage ----------------------------------------------------------------------------------


def ordinary(nats: Nats) -> tuple[int, int]:
    """Where a passage starts and ends whose mean surprise is nearest to that of the whole."""
    size = min(PASSAGE, len(nats))
    starts = np.arange(0, len(nats) - size + 1, max(1, size // 2))
    sums = np.concatenate([[0.0], np.cumsum(nats)])
    means = (sums[starts + size] - sums[starts]) / size
    start = int(starts[np.argmin(np.abs(means - nats.mean()))])
    return start, start + size


def surprises(nats: Nats, read: TextData) -> list[dict[str, Any]]:
    """The most surprising tokens of the test part, apart from each other, in their passages."""
    left = nats.copy()
    found: list[dict[str, Any]] = []
    while len(found) < SURPRISES and np.isfinite(left.max()):
        at = int(np.argmax(left))
        left[max(0, at - 200) : at + 200] = -np.inf
        first = read.parts.test.start
        last = min(first + at + 21, read.parts.test.stop)
        pieces = shown(read, range(first + max(0, at - 40), last))
        middle = min(at, 40)
        found.append(
            {
                "at": at,
                "nats": float(nats[at]),
                "before": pieces[:middle],
                "piece": pieces[middle],
                "after": pieces[middle + 1 :],
            }
        )
    return found


# -- how far back it looks ----------------------------------------------------------------------


def context(
    network: TextNetwork,
    ids: Ids,
    nats: Nats,
    unknown_rate: float,
    breaks: Places,
    whole: float,
) -> Arrays:
    """The loss on test tokens when the state was reset k = 1, 2, 4, ... tokens before.

    Windows spread over the text are read from a state of zeros, and what their k-th token costs
    more than it did with the state carried from the start of the text is added to the mean of the
    whole. Taking the difference token by token leaves out most of the noise. From k = 8 on, the
    next k/8 tokens count as well.

    Args:
        ids, nats: the test part (N,), and what its tokens cost with the state carried.
        breaks: which of them only say that a document begins.
        whole: the mean over the others.

    Returns:
        `context.steps` (K,), `context.nats` (K,) and `context.error` (K,), its standard error.
    """
    far = min(FAR, 1 << max(0, (len(ids) // 4).bit_length() - 1))
    near = min(far, _NEAR)
    # Short windows cost little: many of them make up for counting few tokens each.
    bands = [(1, near, _MOST)] if near == far else [(1, near, _MOST), (2 * near, far, _WINDOWS)]
    steps, means, errors = [], [], []
    for first, last, most in bands:
        span = min(last + last // 8, len(ids) - 1)
        starts = spread(len(ids) - 1 - span, windows(network, span, most))
        cost, places = _cost(network, ids, starts, span, unknown_rate, breaks)
        excess = cost - nats[places]
        band = [1 << power for power in range(far.bit_length()) if first <= 1 << power <= last]
        binned = np.ma.stack([excess[:, k - 1 : k + k // 8].mean(1) for k in band], 1)
        steps += band
        means += list((binned.mean(0) + whole).filled(whole))
        errors += list((binned.std(0) / np.sqrt(len(binned))).filled(0.0))
    return {
        "context.steps": np.array(steps, np.int64),
        "context.nats": np.array(means),
        "context.error": np.array(errors),
    }


# -- by heart -----------------------------------------------------------------------------------


def learnt(network: TextNetwork, read: TextData) -> dict[str, Any]:
    """The loss on the text it learnt and on the test part, both read in the same windows."""
    span = min(2 * WARM, len(read.test) - 1, len(read.train) - 1)
    warm = span // 2
    count = windows(network, 2 * span)
    found = {}
    for name, ids, part in (
        ("train", read.train, read.parts.train),
        ("test", read.test, read.parts.test),
    ):
        starts, breaks = spread(len(ids) - 1 - span, count), _breaks(read, part)
        cost = _cost(network, ids, starts, span, read.unknown_rate, breaks)[0][:, warm:]
        found[name] = {"nats": float(cost.mean()), "tokens": int(cost.count())}
    return found


def truth(read: TextData) -> dict[str, Any]:
    """What of a true text stands in the training text: beside what the model writes."""
    text = read.text(read.tested[:2000])
    (found,) = freerun.measure([text], "".join(read.known()))
    return {
        "characters": found.characters,
        "known_words": found.known_words if found.words else None,
        "distinct_pairs": found.distinct_pairs,
        "longest_copy": len(found.copied.text),
    }


def _cost(
    network: TextNetwork,
    ids: Ids,
    starts: NDArray[np.int64],
    span: int,
    unknown_rate: float,
    breaks: Places,
) -> tuple[np.ma.MaskedArray[Any, np.dtype[np.float64]], NDArray[np.int64]]:
    """Nats (W, span) of the tokens of windows read from a state of zeros, and their places.

    Masked where a document begins: what stands there is no token.
    """
    places = starts[:, None] + np.arange(span)
    inputs, targets = (np.asarray(ids[places + ahead], np.int64) for ahead in (0, 1))
    nats, _ = network.token_nll(inputs, targets, unknown_rate, resets=among(places, breaks))
    return np.ma.MaskedArray(nats, among(places + 1, breaks)), places + 1


def windows(network: TextNetwork, tokens: int, most: int = _WINDOWS) -> int:
    """How many windows of so many tokens a measurement may take: `most`, or an eighth of it."""
    weights = network.size + _LOGIT * network.architecture.symbols
    return int(np.clip(_WORK / weights / tokens, most // 8, most))


def spread(last: int, count: int) -> NDArray[np.int64]:
    """Up to `count` different places from 0 to `last`, evenly spread."""
    return np.unique(np.linspace(0, last, count).astype(np.int64))
