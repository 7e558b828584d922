"""The kernels on NumPy arrays: steps are the scan, which is torch's; bad arrays are refused."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import laws
from recurra.core.cells import GRU, LSTM, RNN_RELU, RNN_TANH, Weights
from recurra.core.scan import scan_states
from recurra.core.state import HiddenState, LSTMState
from recurra.errors import OptionError
from recurra.native import Prepared, absent
from recurra.native.binding import CELLS, GATES, kernels

pytestmark = pytest.mark.skipif(bool(absent), reason=absent)

Array = NDArray[Any]
TORCHS: dict[str, Any] = {"rnn_tanh": RNN_TANH, "rnn_relu": RNN_RELU, "gru": GRU, "lstm": LSTM}


def zeros(*shape: int) -> Array:
    return np.zeros(shape, np.float32)


@pytest.mark.parametrize("cell", sorted(CELLS))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_steps_are_the_scan_are_torchs(cell: str, dtype: type[np.floating[Any]]) -> None:
    random = np.random.default_rng(0)
    rows = GATES[CELLS[cell]] * 35
    shapes = [(5, 6, 7), (rows, 7), (rows, 35), (rows,), (rows,), (5, 35), (5, 35)]
    x, w_ih, w_hh, b_ih, b_hh, h, c = (
        (random.standard_normal(shape) * 0.3).astype(dtype) for shape in shapes
    )
    lstm = cell == "lstm"
    prepared = Prepared(cell, w_ih, w_hh, b_ih, b_hh)
    whole = prepared.run(x, h, c if lstm else None, cells=lstm)
    first = [torch.from_numpy(leaf) for leaf in ((h, c) if lstm else (h,))]
    with laws.path("native"):
        traced = scan_states(
            TORCHS[cell],
            torch.from_numpy(x),
            Weights(*map(torch.from_numpy, (w_ih, w_hh, b_ih, b_hh))),
            LSTMState(*first) if lstm else HiddenState(*first),
        )
    assert np.array_equal(whole.output, traced.output.numpy())
    assert np.array_equal(whole.hidden, traced.state.hidden.numpy())
    hidden, inner = h, c if lstm else None
    for t in range(6):
        hidden, inner = prepared.step(np.ascontiguousarray(x[:, t]), hidden, inner)
        assert np.array_equal(hidden, whole.output[:, t])
        if lstm:
            assert whole.cells is not None
            assert inner is not None
            assert np.array_equal(inner, whole.cells[:, t])
    assert np.array_equal(hidden, whole.hidden)


def test_rows_end_to_end_are_the_padded_ones() -> None:
    random = np.random.default_rng(0)
    x = random.standard_normal((3, 5, 4)).astype(np.float32)
    weights = [random.standard_normal(s).astype(np.float32) for s in [(18, 4), (18, 6)]]
    prepared = Prepared("gru", *weights)
    lengths = np.array([2, 0, 5])
    padded = prepared.run(x, lengths=lengths)
    flat = np.concatenate([x[b, :n] for b, n in enumerate(lengths)])
    ragged = prepared.run(flat, lengths=lengths)
    assert np.array_equal(padded.hidden, ragged.hidden)
    assert np.array_equal(padded.output[0, :2], ragged.output[:2])
    assert np.array_equal(padded.output[2], ragged.output[2:])
    assert not padded.output[0, 2:].any()
    for wrong in ([2, 0, 6], [2, -1, 5]):
        with pytest.raises(OptionError, match="lengths"):
            prepared.run(x, lengths=np.array(wrong))
    with pytest.raises(OptionError, match="lengths"):
        prepared.run(flat, lengths=np.array([2, 0, 4]))
    with pytest.raises(OptionError, match="no lengths"):
        prepared.run(flat)


BAD: list[Callable[[Array], Any]] = [
    lambda x: x.astype(np.float64),
    lambda x: x[:, ::2],
    lambda x: x[:, :-1],
    lambda x: x.tolist(),
    lambda x: x[0],
    np.asfortranarray,
    lambda x: x.astype(np.float16),
    lambda x: x.astype(">f4"),
]


@pytest.mark.parametrize("bad", BAD)
def test_bad_arrays_are_refused(bad: Callable[[Array], Any]) -> None:
    prepared = Prepared("gru", zeros(30, 8), zeros(30, 10))
    prepared.step(zeros(3, 8), zeros(3, 10))
    with pytest.raises(OptionError, match="expected"):
        prepared.step(bad(zeros(3, 8)), zeros(3, 10))
    with pytest.raises(OptionError, match="expected"):
        prepared.step(zeros(3, 8), bad(zeros(3, 10)))
    if bad is not np.asfortranarray:  # weights are packed, from any layout
        with pytest.raises(OptionError, match="expected"):
            Prepared("gru", zeros(30, 8), bad(zeros(30, 10)))


def test_a_step_without_its_state_is_refused() -> None:
    with pytest.raises(OptionError, match="without a state"):
        Prepared("lstm", zeros(40, 8), zeros(40, 10)).step(zeros(3, 8), zeros(3, 10))
    lstm = Prepared("lstm", zeros(40, 8), zeros(40, 10))
    for wrong in (zeros(3, 9), zeros(10, 3).T, zeros(3, 10).astype(np.float64)):
        with pytest.raises(OptionError, match="c: "):
            lstm.step(zeros(3, 8), zeros(3, 10), wrong)
    found, cell = lstm.step(zeros(0, 8), zeros(0, 10), zeros(0, 10))
    assert found.shape == (0, 10)
    assert cell is not None


@pytest.mark.parametrize("threads", [-1, 0, 1, 3])
def test_any_number_of_threads(threads: int) -> None:
    gru = Prepared("gru", zeros(384, 128), zeros(384, 128))
    x = zeros(64, 128)
    assert gru.step(x, x, threads=threads)[0].shape == (64, 128)


def test_nothing_grows() -> None:
    """100,000 calls in one process leave its largest size where it was."""
    program = """
import resource, numpy as np
from recurra.native import Prepared
def zeros(*shape): return np.zeros(shape, np.float32)
x, h = zeros(3, 8), zeros(3, 10)
def work(times):
    prepared = Prepared("gru", zeros(30, 8), zeros(30, 10))
    for n in range(times):
        prepared.step(x, h)
        if n % 10 == 0:
            Prepared("gru", zeros(30, 8), zeros(30, 10))
work(2_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
work(100_000)
assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2_000
import sys
assert "torch" not in sys.modules
"""
    pytest.importorskip("resource")
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("name", [] if absent else [*kernels.isas(), "nonsense"])
def test_the_environment_can_ask_for_an_instruction_set(name: str) -> None:
    script = "from recurra.native import absent, instructions; print(instructions(), absent)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "RECURRA_ISA": name},
        capture_output=True,
        text=True,
        check=True,
    )
    if name == "nonsense":
        assert "RECURRA_ISA names an instruction set that cannot run here: nonsense" in done.stdout
    else:
        assert done.stdout.split() == [name]
