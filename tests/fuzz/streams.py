"""Streams of every task for millions of steps: memory that stays, answers that do not drift.

A stream is pushed step after step in a child. After the first 10,000 its resident memory may grow
by a megabyte and no more; at 1,000 steps, 10,000, ... what it says is compared with what the same
model says of the whole sequence up to there. For systems that fork.
"""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from fuzz import children, options

SETTLED: Final = 10_000
"""Steps after which memory is compared."""

WHOLE: Final = 1_000_000
"""Steps of the longest sequence that is read at once."""

GROWTH: Final = 1 << 20
"""Bytes that it may grow by."""

PIECES: Final = 1 << 12
"""Steps after which inputs come again."""

ROUNDED: Final = 1e-6
"""Nats by which two ways of summing probabilities may differ; states are equal to the last bit."""

Said = list[float]


def _text(run: Path) -> tuple[Callable[[int], Any], Any, Callable[[int], Said]]:
    import recurra

    model = recurra.TextModel.load(run)
    text = "".join(np.random.default_rng(1).choice(list("the quick\n"), PIECES))

    def whole(count: int) -> Said:
        times = -(-count // PIECES)
        return [float(model.token_nll((text * times)[:count])[-1])]

    return lambda n: text[n % PIECES], model.stream(), whole


def _labels(run: Path) -> tuple[Callable[[int], Any], Any, Callable[[int], Said]]:
    import recurra

    model = recurra.LabelModel.load(run)
    rows = np.random.default_rng(2).normal(size=(PIECES, 2))

    def whole(count: int) -> Said:
        steps = np.tile(rows, (-(-count // PIECES), 1))[:count]
        return [float(model.predict_proba([steps]).max())]

    return lambda n: rows[n % PIECES], model.stream(), whole


def _series(run: Path) -> tuple[Callable[[int], Any], Any, Callable[[int], Said]]:
    import recurra

    model = recurra.SeriesModel.load(run)
    values = 40 + np.random.default_rng(3).normal(size=PIECES)

    def whole(count: int) -> Said:
        # There is no way to read a series whole from its beginning on: in many small steps of
        # another stream, kept as bytes and taken up again.
        from recurra.runtime.streams import StreamState

        stream, said = model.stream(), None
        for n in range(count):
            if n % 997 == 0:
                stream = model.stream(StreamState.from_bytes(stream.state.to_bytes()))
            said = stream.push(values[n % PIECES])
        return _numbers("series", said)

    return lambda n: values[n % PIECES], model.stream(), whole


def _pairs(run: Path) -> tuple[Callable[[int], Any], Any, Callable[[int], Said]]:
    import recurra

    model = recurra.PairModel.load(run)
    source = "a b c"
    first = len(model.vocabulary) - 5
    ids = first + np.random.default_rng(4).integers(0, 5, PIECES)

    def whole(count: int) -> Said:
        from recurra.codecs.tokenizer import BEGIN

        network = model.network
        read = model._sources.encode_batch([model._lexicon.read(source).text])[0]
        # What the last piece costs, given those before.
        target = np.concatenate([[BEGIN], np.tile(ids, -(-count // PIECES))[: count + 1]])
        return [float(network.log_likelihood([read], [target])[0][-1])]

    return lambda n: int(ids[n % PIECES]), model.stream(source), whole


MADE: Final = {
    "text": (_text, "text-characters"),
    "labels": (_labels, "labels-numbers"),
    "series": (_series, "series-walk"),
    "pairs": (_pairs, "pairs-words"),
}


def _numbers(task: str, said: Any, following: Any = None) -> Said:
    """What of an answer is compared."""
    if task == "text":
        return [float(said.token_nll[-1])]
    if task == "labels":
        return [float(said[1])]
    if task == "pairs":
        return [float(said.log_probabilities[following])]
    return [float(value) for name, value in sorted(said.items()) if name.startswith("recurra")]


def campaign(steps: int, seconds: float, folder: Path) -> int:
    """Push so many steps into a stream of each task, or as long as there is time; the faults."""
    children.load_all()
    faults = 0
    for task in MADE:
        notes = folder / "notes.json"

        def pushed(task: str = task, notes: Path = notes) -> int:
            return _pushed(task, steps, seconds, notes)

        def compared(task: str = task, notes: Path = notes) -> int:
            return _compared(task, notes)

        for part in (pushed, compared):
            ended = children.begin(part, folder / "said", processor=36_000, memory=None).wait(
                36_000
            )
            faults += ended.code != 0
            print(f"streams {task}: {ended.said.strip()}", flush=True)
            if ended.code:
                break
    return faults


def _pushed(task: str, steps: int, seconds: float, notes: Path) -> int:
    make, name = MADE[task]
    drawn, stream, _ = make(options.FROZEN / name / "run")
    marks, settled, most, began = {}, 0, 0, time.perf_counter()
    n = 0
    while n < steps and time.perf_counter() - began < seconds:
        said = stream.push(drawn(n))
        n += 1
        if n % SETTLED == 0:
            held = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
            settled, most = settled or held, max(most, held)
        if n >= 1000 and str(n).strip("0") == "1":
            marks[n] = _numbers(task, said, drawn(n))
    notes.write_text(json.dumps(marks))
    took = time.perf_counter() - began
    print(
        f"{n:,} steps in {took:.0f} s, {1e6 * took / n:.0f} us each; resident memory "
        f"{settled / 2**20:.1f} MB after the first {SETTLED:,}, {(most - settled) / 2**20:+.2f} MB "
        "at most later"
    )
    return int(most - settled > GROWTH)


def _compared(task: str, notes: Path) -> int:
    make, name = MADE[task]
    _, _, whole = make(options.FROZEN / name / "run")
    off = {}
    marks = {int(mark): said for mark, said in json.loads(notes.read_text()).items()}
    for mark, said in marks.items():
        if mark <= WHOLE:
            off[mark] = max(abs(a - b) for a, b in zip(said, whole(mark), strict=True))
    print("away from the whole: " + ", ".join(f"{each:.0e} at {n:,}" for n, each in off.items()))
    return int(any(each > ROUNDED for each in off.values()))
