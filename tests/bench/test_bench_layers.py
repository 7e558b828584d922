"""The peers of the layers' benchmark compute what we do, and every kind of case runs."""

from __future__ import annotations

import importlib.util

import pytest
import torch
from torch import nn

import recurra.nn
from benchmarks import layers
from benchmarks import onnx as onnx_peer
from recurra.core.options import DEFAULTS
from recurra.native import absent

CELLS = ["RNN", "GRU", "LSTM"]


@pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("onnx", "onnxruntime")),
    reason="without onnx and onnxruntime (extra: bench)",
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("cell", CELLS)
def test_onnx_runtime_gives_our_results(cell: str) -> None:
    theirs: nn.RNNBase = getattr(nn, cell)(5, 9, batch_first=True)
    ours = getattr(recurra.nn, cell)(5, 9)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(3, 7, 5)
    session = onnx_peer.session(cell, theirs, x)
    assert session is not None
    session()
    output, *last = map(torch.tensor, session.results())
    found, state = ours(x)
    torch.testing.assert_close(output, found, rtol=1e-4, atol=1e-5)
    for leaf, expected in zip(last, state.layer(0).leaves(), strict=True):
        torch.testing.assert_close(leaf, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(bool(absent), reason=absent)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    ("words", "whose"),
    [
        ("train 8 7 5 10", "recurra.nn"),
        ("infer 8 7 5 10", "recurra.nn"),
        ("ragged mean-20 full-0.6 128", "recurra.nn"),
        ("stream 32 35 arrays", "recurra.native"),
        ("stream 32 35 tensors", "recurra.nn"),
    ],
)
def test_a_case_gives_a_row_for_each_peer(cell: str, words: str, whose: str) -> None:
    torch.set_num_threads(2)
    try:
        (case,) = list(layers.cases(f"{words} {cell}"))
        assert torch.get_num_threads() == 2
        rows = layers.measured(case, 100.0, 0.0)
    finally:
        torch.set_num_threads(1)
    assert [row["peer"] for row in rows] == list(case.peers)
    for row in rows:
        assert row["kind"] == words.split()[0]
        assert (row["cell"], row["ours"]) == (cell, whose)
        assert row["ratio"] == row["peer_ms"] / row["ours_ms"] > 0


def test_streams_run_on_one_thread() -> None:
    torch.set_num_threads(2)
    try:
        for case in layers.cases("stream GRU 1 35 tensors"):
            assert case.kind == "stream"
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


def test_every_option_of_the_layers_has_a_case() -> None:
    made = {case.what: case for case in layers.cases("option LSTM")}
    assert {*DEFAULTS, "proj_size"} - {"bias", "bidirectional", "batch_first"} == set(made)
    made["residual"].ours()
    assert list(made["residual"].peers) == ["without"]
    assert not list(layers.cases("option GRU"))
