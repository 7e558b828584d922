"""Whole steps of recurrent layers against torch.nn and ONNX Runtime, interleaved in one process.

A training step is forward, backward and all gradients through the public layer, with products of
torch's own between steps, as a model around the layer makes them. A stream's step is taken twice,
on one thread: by `recurra.native.Prepared` on arrays, and by the layer on tensors.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

import recurra.nn
from benchmarks import BenchOptions
from benchmarks import onnx as onnx_peer
from benchmarks.machine import described
from benchmarks.timing import (
    Step,
    interleaved,
    product_rate,
    quartiles,
    span,
    without_gradients,
)
from recurra import native
from recurra.core.ragged import Ragged
from recurra.errors import OptionError

TRAIN: Final[dict[str, tuple[tuple[int, int, int, int], ...]]] = {
    "small": ((1, 64, 35, 35), (8, 7, 5, 10), (512, 7, 5, 10), (1, 200, 70, 100), (1, 16, 16, 16)),
    "middle": ((32, 64, 64, 128), (32, 128, 256, 256)),
    "large": ((64, 128, 512, 512), (16, 256, 1024, 1024)),
}
"""Groups of (batch, steps, input, hidden)."""

RAGGED: Final = tuple(
    (mean, full, hidden) for mean in (20, 200) for full in (0.25, 0.6) for hidden in (128, 256)
)
"""Mean length, share of the padded batch that is real, hidden."""

STREAM: Final = tuple((rows, hidden) for hidden in (35, 128, 512) for rows in (1, 32, 256))
"""Rows, hidden."""

OPTIONS: Final[dict[str, float | bool]] = {
    "dropout": 0.3,
    "locked_dropout": 0.3,
    "weight_dropout": 0.3,
    "residual": True,
    "learn_state": True,
    "proj_size": 128,
    "zoneout": 0.1,
    "layer_norm": True,
}
"""What a training step of two layers LSTM(256) over 32 rows of 128 steps is timed with."""

KINDS: Final = ("train", "bfloat16", "infer", "ragged", "option", "stream", "int8")
CELLS: Final = ("GRU", "RNN", "LSTM")
GATES: Final = {"RNN": 1, "GRU": 3, "LSTM": 4}
ROWS: Final = 32
"""Rows of a ragged batch."""


@final
@dataclass(frozen=True)
class Case:
    """One measurement: what is computed, by us and by its peers.

    Args:
        operations: floating-point ones in the products of a step.
        ours: a step.
        peers: theirs, by name.
        what: whose step ours is.
        dtype: what its products are in.
    """

    kind: str
    cell: str
    batch: int
    steps: int
    features: int
    hidden: int
    operations: float
    ours: Step
    peers: dict[str, Step]
    what: str = "recurra.nn"
    dtype: str = "float32"


def run(options: BenchOptions) -> None:
    """Print a line for each peer of each case, geometric means of the small shapes, and JSON.

    Raises:
        OptionError: no case's description has all words of `--only`.
    """
    _check(options.only)
    machine = described() | {"native": native.instructions(), "onnxruntime": onnx_peer.version()}
    print(json.dumps(machine))
    rate = product_rate()
    print(f"torch's float32 product of 1024 x 1024 by 1024 x 1024: {rate:.0f} GFLOP/s")
    print(
        f"{'kind':<9}{'cell':<5}{'batch':>6}{'steps':>6}{'input':>6}{'hidden':>7}  "
        f"{'ours':<15}{'peer':<14}"
        f"{'ours ms':>9} {'(quartiles)':<17}{'peer ms':>10} {'(quartiles)':<17}"
        f"{'ratio':>6}{'GFLOP/s':>9}{'of rate':>8}"
    )
    rows = [row for case in cases(options.only) for row in measured(case, rate, options.seconds)]
    means = _small_means(rows)
    for cell, mean in means.items():
        print(f"train, small shapes, {cell}: geometric mean {mean:.2f}")
    print(json.dumps({"rows": rows, "small": means, "gflops": rate, "machine": machine}))


def cases(only: str = "") -> Iterator[Case]:
    """Yield the cases whose description ("train GRU 32 64 64 128 middle") has all words of `only`.

    Each is made when it is wanted, so that the large ones do not lie side by side in memory.
    """
    threads = torch.get_num_threads()
    try:
        for kind in KINDS:
            # A server gives each core streams of its own rather than all cores to one.
            torch.set_num_threads(1 if kind in ("stream", "int8") else threads)
            for cell in CELLS:
                for text, make in _made(kind, cell):
                    if set(only.split()) <= set(text.split()):
                        yield make()
    finally:
        torch.set_num_threads(threads)


def measured(case: Case, rate: float, seconds: float) -> list[dict[str, Any]]:
    """Time a case, print its lines, and return its rows."""
    names = ["ours", *case.peers]
    times = interleaved([case.ours, *case.peers.values()], seconds)
    spread = {name: quartiles(each) for name, each in zip(names, times, strict=True)}
    ours = spread["ours"]
    speed = case.operations / ours[1] / 1e6
    rows = []
    for name in case.peers:
        theirs = spread[name]
        print(
            f"{case.kind:<9}{case.cell:<5}{case.batch:>6}{case.steps:>6}{case.features:>6}"
            f"{case.hidden:>7}  {case.what:<15}{name:<14}{ours[1]:>9.3f} {span(ours):<17}"
            f"{theirs[1]:>10.3f} {span(theirs):<17}{theirs[1] / ours[1]:>6.2f}{speed:>9.1f}"
            f"{speed / rate:>8.2f}",
            flush=True,
        )
        rows.append(
            {
                "kind": case.kind,
                "cell": case.cell,
                "batch": case.batch,
                "steps": case.steps,
                "input": case.features,
                "hidden": case.hidden,
                "dtype": case.dtype,
                "ours": case.what,
                "peer": name,
                "ours_ms": ours[1],
                "peer_ms": theirs[1],
                "ratio": theirs[1] / ours[1],
                "ours_quartiles": [ours[0], ours[2]],
                "peer_quartiles": [theirs[0], theirs[2]],
            }
        )
    return rows


def _made(kind: str, cell: str) -> Iterator[tuple[str, Callable[[], Case]]]:
    """Yield the cases of a kind: words that describe each, and what makes it."""
    if kind == "stream":
        for rows, hidden in STREAM:
            words = f"stream {cell} {rows} 1 {hidden} {hidden}"
            yield f"{words} arrays", _later(_stream_of_arrays, cell, rows, hidden)
            yield f"{words} tensors", _later(_stream, cell, rows, hidden)
    elif kind == "int8":
        for rows, hidden in ((1, 128), (64, 128), (1, 512), (64, 512)):
            words = f"int8 {cell} {rows} 1 {hidden} {hidden}"
            yield words, _later(_stream_of_arrays, cell, rows, hidden, "int8")
    elif kind == "option":
        for name in OPTIONS if cell == "LSTM" else ():
            yield f"option {cell} 32 128 256 256 {name}", _later(_option, name)
    elif kind == "ragged":
        for mean, full, hidden in RAGGED:
            words = f"ragged {cell} mean-{mean} full-{full} {hidden}"
            yield words, _later(_ragged, cell, mean, full, hidden)
    else:
        make = {"train": _train, "bfloat16": _train_in_bfloat16, "infer": _infer}[kind]
        for group, shapes in TRAIN.items():
            for shape in shapes:
                words = f"{kind} {cell} {' '.join(map(str, shape))} {group}"
                yield words, _later(make, cell, *shape)


def _check(only: str) -> None:
    described = [text for kind in KINDS for cell in CELLS for text, _ in _made(kind, cell)]
    if not any(set(only.split()) <= set(text.split()) for text in described):
        each = [next(text for text in described if text.startswith(kind)) for kind in KINDS]
        raise OptionError(
            f"bench layers --only {only!r}: no case has all of these words",
            expected=f"words of cases such as {', '.join(map(repr, each))}; "
            f"cells {', '.join(CELLS)}; groups {', '.join(TRAIN)}; options {', '.join(OPTIONS)}",
        )


def _later(make: Callable[..., Case], *arguments: object) -> Callable[[], Case]:
    return lambda: make(*arguments)


def _pair(cell: str, features: int, hidden: int) -> tuple[Any, nn.RNNBase]:
    """Our layer and torch's, with the same weights."""
    ours: Any = getattr(recurra.nn, cell)(features, hidden)
    theirs: nn.RNNBase = getattr(nn, cell)(features, hidden, batch_first=True)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def _operations(cell: str, rows: int, features: int, hidden: int, *, trained: bool) -> float:
    return 2.0 * rows * GATES[cell] * hidden * (features + hidden) * (3 if trained else 1)


def _step(module: nn.Module, x: Tensor, call: Callable[[], Tensor], half: bool = False) -> Step:
    """A training step: `call` gives the output, whose slope is 1 throughout."""
    parameters = list(module.parameters())

    def step() -> None:
        x.grad = None
        for parameter in parameters:
            parameter.grad = None
        with torch.autocast("cpu", torch.bfloat16) if half else nullcontext():
            output = call()
        output.backward(torch.ones_like(output))  # type: ignore[no-untyped-call]

    return step


def _train(cell: str, batch: int, steps: int, features: int, hidden: int) -> Case:
    ours, theirs = _pair(cell, features, hidden)
    x = torch.randn(batch, steps, features, requires_grad=True)
    return Case(
        "train", cell, batch, steps, features, hidden,
        _operations(cell, batch * steps, features, hidden, trained=True),
        _step(ours, x, lambda: ours(x)[0]),
        {
            "torch.nn": _step(theirs, x, lambda: theirs(x)[0]),
            "torch.nn bf16": _step(theirs, x, lambda: theirs(x)[0], half=True),
        },
    )  # fmt: skip


def _train_in_bfloat16(cell: str, batch: int, steps: int, features: int, hidden: int) -> Case:
    """Both under autocast; "ours" as a peer is the same layer in float32."""
    ours, theirs = _pair(cell, features, hidden)
    x = torch.randn(batch, steps, features, requires_grad=True)
    return Case(
        "bfloat16", cell, batch, steps, features, hidden,
        _operations(cell, batch * steps, features, hidden, trained=True),
        _step(ours, x, lambda: ours(x)[0], half=True),
        {
            "torch.nn bf16": _step(theirs, x, lambda: theirs(x)[0], half=True),
            "ours, float32": _step(ours, x, lambda: ours(x)[0]),
        },
        dtype="bfloat16",
    )  # fmt: skip


def _infer(cell: str, batch: int, steps: int, features: int, hidden: int) -> Case:
    ours, theirs = _pair(cell, features, hidden)
    x = torch.randn(batch, steps, features)
    peers = {"torch.nn": without_gradients(lambda: theirs(x))}
    session = onnx_peer.session(cell, theirs, x)
    if session is not None:
        peers["onnxruntime"] = session
    return Case(
        "infer", cell, batch, steps, features, hidden,
        _operations(cell, batch * steps, features, hidden, trained=False),
        without_gradients(lambda: ours(x)),
        peers,
    )  # fmt: skip


def _stream(cell: str, rows: int, hidden: int) -> Case:
    ours, theirs = _pair(cell, hidden, hidden)
    x, state = torch.randn(rows, hidden), ours.zero_state(rows)
    return Case(
        "stream", cell, rows, 1, hidden, hidden,
        _operations(cell, rows, hidden, hidden, trained=False),
        without_gradients(lambda: ours.step(x, state)),
        _stream_peers(cell, theirs, x),
    )  # fmt: skip


def _stream_of_arrays(cell: str, rows: int, hidden: int, kept: Any = "float32") -> Case:
    _, theirs = _pair(cell, hidden, hidden)
    weights = [parameter.detach().numpy() for parameter in theirs.parameters()]
    kind = "rnn_tanh" if cell == "RNN" else cell.lower()
    prepared, plain = (native.Prepared(kind, *weights, weights=k) for k in (kept, "float32"))
    x, h = torch.randn(rows, hidden), np.zeros((rows, hidden), np.float32)
    array, c = x.numpy(), h if cell == "LSTM" else None
    return Case(
        "stream" if kept == "float32" else kept, cell, rows, 1, hidden, hidden,
        _operations(cell, rows, hidden, hidden, trained=False),
        lambda: prepared.step(array, h, c),
        _stream_peers(cell, theirs, x)
        if kept == "float32"
        else {"ours, float32": lambda: plain.step(array, h, c), **_onnx(cell, theirs, x, kept)},
        "recurra.native",
        kept,
    )  # fmt: skip


def _stream_peers(cell: str, theirs: nn.RNNBase, x: Tensor) -> dict[str, Step]:
    """Steps from a first state of zeros, as ours are."""
    wide, zero = x[:, None], x.new_zeros(1, x.shape[0], theirs.hidden_size)
    hx: Any = (zero, zero) if cell == "LSTM" else zero
    peers = {"torch.nn": without_gradients(lambda: theirs(wide, hx))}
    return peers | _onnx(cell, theirs, x)


def _onnx(cell: str, theirs: nn.RNNBase, x: Tensor, kept: str = "float32") -> dict[str, Step]:
    """ONNX Runtime, which has int8 of LSTMs alone."""
    int8 = kept == "int8"
    if int8 and cell != "LSTM":
        return {}
    session = onnx_peer.session(cell, theirs, x[:, None], int8=int8)
    return {} if session is None else {"onnx int8" if int8 else "onnxruntime": session}


def _ragged(cell: str, mean: int, full: float, hidden: int) -> Case:
    lengths = lengths_of(mean, full)
    steps, total = int(lengths.max()), int(lengths.sum())
    ours, theirs = _pair(cell, hidden, hidden)
    padded = torch.randn(ROWS, steps, hidden, requires_grad=True)
    values = torch.randn(total, hidden, requires_grad=True)
    even = torch.randn(ROWS, total // ROWS, hidden, requires_grad=True)

    def packed() -> Tensor:
        rows = pack_padded_sequence(padded, lengths, True, enforce_sorted=False)
        output: Tensor = theirs(rows)[0].data
        return output

    return Case(
        "ragged", cell, ROWS, steps, hidden, hidden,
        _operations(cell, total, hidden, hidden, trained=True),
        _step(ours, values, lambda: ours(Ragged(values, lengths))[0].values),
        {
            "torch padded": _step(theirs, padded, lambda: theirs(padded)[0]),
            "torch packed": _step(theirs, padded, packed),
            # As many real steps in rows of one length: what unequal rows cost us.
            "ours, full": _step(ours, even, lambda: ours(even)[0]),
        },
    )  # fmt: skip


def _option(name: str) -> Case:
    """A step with an option; the peer is the same layers without it."""
    made: Any = recurra.nn.LSTM
    ours, plain = made(256, 256, 2, **{name: OPTIONS[name]}), made(256, 256, 2)
    x = torch.randn(32, 128, 256, requires_grad=True)
    return Case(
        "option", "LSTM", 32, 128, 256, 256,
        2 * _operations("LSTM", 32 * 128, 256, 256, trained=True),
        _step(ours, x, lambda: ours(x)[0]),
        {"without": _step(plain, x, lambda: plain(x)[0])},
        name,
    )  # fmt: skip


def lengths_of(mean: int, full: float) -> Tensor:
    """Log-normal lengths (B,) of about this mean, which fill about this share of a padded batch."""
    normal = torch.randn(ROWS, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    low, high = 0.0, 4.0
    for _ in range(40):
        spread = (low + high) / 2
        sizes = (normal * spread).exp()
        low, high = (spread, high) if float(sizes.mean() / sizes.max()) > full else (low, spread)
    return (sizes / sizes.mean() * mean).round().clamp(min=1).long()


def _small_means(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Geometric means of the ratios to torch.nn over the small training shapes, by cell."""
    found: dict[str, list[float]] = {}
    for row in rows:
        shape = (row["batch"], row["steps"], row["input"], row["hidden"])
        if row["kind"] == "train" and row["peer"] == "torch.nn" and shape in TRAIN["small"]:
            found.setdefault(row["cell"], []).append(row["ratio"])
    return {
        cell: statistics.geometric_mean(ratios)
        for cell, ratios in found.items()
        if len(ratios) == len(TRAIN["small"])
    }
