"""The laws of recurrence as functions, and random problems to hold them against.

A `Problem` is a batch of unequal rows with a first state and cuts. A way of running it gives each
row's output and the last state; `outcome` adds the gradients of everything that went in. Two ways
agree when their outcomes do.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
import torch
from hypothesis import strategies as st
from torch import Tensor

from recurra.core import accelerate
from recurra.core.layers import GRU, LSTM, RNN, Recurrent
from recurra.core.state import State
from recurra.native.binding import absent, kernels

Layer = Recurrent[Any]


@dataclass(frozen=True, eq=False)
class Problem:
    """Rows (T_b, F), a first state (B, L*D, H), and where each row is cut, (T_b,) bool."""

    rows: list[Tensor]
    state: State
    cuts: list[Tensor]

    @property
    def steps(self) -> int:
        return max(len(row) for row in self.rows)

    @property
    def lengths(self) -> list[int]:
        return [len(row) for row in self.rows]

    def resets(self, steps: int | None = None) -> Tensor:
        """The cuts as (B, T), with nonsense after a row's end, where nothing may look."""
        wide = torch.ones(len(self.rows), self.steps if steps is None else steps, dtype=torch.bool)
        for b, cuts in enumerate(self.cuts):
            wide[b, : len(cuts)] = cuts
        return wide

    def select(self, order: Sequence[int]) -> Problem:
        """The rows named, in that order."""
        return Problem(
            [self.rows[b] for b in order],
            self.state.select(torch.tensor(order)),
            [self.cuts[b] for b in order],
        )


Way = Callable[[Layer, Problem], tuple[list[Tensor], State]]


@contextmanager
def path(name: str) -> Iterator[None]:
    """Ask for a path, or for none with an empty name."""
    with patch.dict(os.environ, {"RECURRA_PATH": name}):
        yield


@contextmanager
def isa(name: str) -> Iterator[None]:
    """Have the kernels, where they are built, use an instruction set."""
    if absent:
        yield
        return
    before = kernels.isa()
    kernels.use_isa(name)
    yield
    kernels.use_isa(before)


def paths_of_swapped(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A list that grows by the path of every scan of swapped modules."""
    calls: list[str] = []
    scan = vars(accelerate)["scan"]

    def watched(*arguments: Any, **options: Any) -> Any:
        scanned: Any = scan(*arguments, **options)
        calls.append(scanned.path.name)
        return scanned

    monkeypatch.setattr(accelerate, "scan", watched)
    return calls


def pull(results: Sequence[Tensor], sources: Sequence[Tensor]) -> list[Tensor]:
    """Gradients of a fixed random weighing of all results; zeros for what had no part in them."""
    generator = torch.Generator().manual_seed(7)
    total = torch.zeros((), dtype=torch.float64)
    for result in results:
        weight = torch.randn(result.shape, generator=generator, dtype=torch.float64)
        total = total + (result.double() * weight.to(result.device)).sum()
    if not total.requires_grad:
        return [torch.zeros_like(source) for source in sources]
    found = torch.autograd.grad(total, list(sources), allow_unused=True, materialize_grads=True)
    return list(found)


def outcome(layer: Layer, problem: Problem, way: Way) -> dict[str, Tensor]:
    """Outputs, last state, and gradients by parameter, by row and by the first state, all named."""
    rows = [row.detach().clone().requires_grad_() for row in problem.rows]
    state = problem.state.map(lambda leaf: leaf.detach().clone().requires_grad_())
    outputs, last = way(layer, replace(problem, rows=rows, state=state))
    named = {f"output of row {b}": output for b, output in enumerate(outputs)}
    named |= {f"last {name}": leaf for name, leaf in last.arrays().items()}
    sources = {f"row {b}": row for b, row in enumerate(rows)}
    sources |= {f"first {name}": leaf for name, leaf in state.arrays().items()}
    sources |= dict(layer.named_parameters())
    gradients = pull(list(named.values()), list(sources.values()))
    return {name: value.detach() for name, value in named.items()} | {
        f"gradient of {name}": value for name, value in zip(sources, gradients, strict=True)
    }


def agree(found: dict[str, Tensor], expected: dict[str, Tensor], tolerance: float = 1e-9) -> None:
    """Two outcomes are the same, to a tolerance relative to 1 or to the size, whichever is more."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].shape == value.shape, name
        torch.testing.assert_close(
            found[name],
            value,
            rtol=tolerance,
            atol=tolerance,
            msg=partial(_named, name),
        )


def _named(name: str, text: str) -> str:
    return f"{name}: {text}"


def noise(like: Tensor, generator: torch.Generator) -> Tensor:
    """Normal numbers of the shape and dtype given."""
    return torch.randn(like.shape, generator=generator, dtype=like.dtype)


def options(every: bool) -> st.SearchStrategy[dict[str, Any]]:
    """Options of a layer, often none; without `every`, those alone that every path can run."""
    known: dict[str, Any] = {"residual": True, "learn_state": True}
    known |= {"locked_dropout": 0.5, "weight_dropout": 0.5}  # which are for training alone
    if every:
        known |= {"zoneout": 0.3, "layer_norm": True}
    choices = {name: st.just(value) for name, value in known.items()}
    some = st.fixed_dictionaries({}, optional=choices)
    return st.one_of(st.just({}), st.just({"learn_state": True}), some)


@st.composite
def networks(draw: st.DrawFn, *, one_way: bool = False, every: bool = True) -> Layer:
    """Small layers in evaluation, in double precision, weights of a size that makes gates work."""
    kind = draw(st.sampled_from(["tanh", "relu", "GRU", "LSTM"]))
    features, hidden = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    layers, bias = draw(st.integers(1, 3)), draw(st.booleans())
    both = False if one_way else draw(st.booleans())
    more: dict[str, Any] = draw(options(every))
    more |= {"bias": bias, "bidirectional": both, "dtype": torch.float64}
    if "residual" in more and layers == 1:
        features = hidden * (2 if both else 1)
    layer: Layer
    if kind == "GRU":
        layer = GRU(features, hidden, layers, **more)
    elif kind == "LSTM":
        projected = 0 if "residual" in more else draw(st.sampled_from([0, hidden // 2]))
        layer = LSTM(features, hidden, layers, proj_size=projected, **more)
    else:
        form: Any = "relu" if kind == "relu" else "tanh"
        layer = RNN(features, hidden, layers, nonlinearity=form, **more)
    layer.eval()
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**16)))
    # Larger ones would make for chaos, in which rounding grows until nothing agrees.
    scale = (0.7 if kind == "relu" else 1.0) / hidden**0.5
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(scale * noise(parameter, generator))
    return layer


@st.composite
def problems(draw: st.DrawFn, layer: Layer, *, cut: bool = True) -> Problem:
    """Rows of unequal length, empty ones among them, first states of any kind but zero."""
    lengths = draw(st.lists(st.integers(0, 9), min_size=1, max_size=7))
    if draw(st.booleans()):
        # A long row beside short ones makes for several buckets.
        lengths.insert(draw(st.integers(0, len(lengths))), draw(st.integers(30, 40)))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**16)))
    rows = [
        torch.randn(n, layer.input_size, generator=generator, dtype=torch.float64) for n in lengths
    ]
    share = draw(st.sampled_from([0.0, 0.2, 0.7])) if cut else 0.0
    cuts = [torch.rand(n, generator=generator) < share for n in lengths]
    state: State = layer.zero_state(len(rows)).map(lambda leaf: noise(leaf, generator))
    return Problem(rows, state, cuts)


@st.composite
def networks_and_problems(
    draw: st.DrawFn, *, one_way: bool = False, cut: bool = True, every: bool = True
) -> tuple[Layer, Problem]:
    """A network, and a problem that fits it."""
    layer = draw(networks(one_way=one_way, every=every))
    return layer, draw(problems(layer, cut=cut))
