"""Laws of the kernels: near the float64 loop, the same for any threads, honest about bad input."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import laws
from recurra.core.cells import GRU, LSTM, RNN_RELU, RNN_TANH, Cell, Weights
from recurra.core.ragged import Ragged
from recurra.core.scan import scan_states
from recurra.core.state import HiddenState, LSTMState, State
from recurra.native import absent

if absent:
    pytest.skip(absent, allow_module_level=True)

from recurra.native.binding import kernels

ALL: list[Cell[Any]] = [RNN_TANH, RNN_RELU, GRU, LSTM]
# Those with products in bfloat16 as well (see test_bfloat16.py) have another set's kernels.
SETS = [name for name in kernels.isas() if name not in ("amx", "avx512bf16", "neonbf16")]


@pytest.fixture(params=SETS)
def instructions(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each instruction set in turn."""
    before = kernels.isa()
    assert kernels.use_isa(request.param)
    yield request.param
    kernels.use_isa(before)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    yield
    torch.set_num_threads(1)


@dataclass(frozen=True, eq=False)
class Call:
    """Random arguments of one scan, in float64."""

    cell: Cell[Any]
    x: Tensor
    lengths: Tensor | None
    resets: Tensor | None
    weights: tuple[Tensor, ...]
    first: tuple[Tensor, ...]
    reverse: bool

    def run(self, path: str, dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
        """Outputs, states, every state, and the gradients of all that went in, by name."""
        leaves = {
            "x": self.x,
            **{f"weights {k}": weight for k, weight in enumerate(self.weights)},
            **{f"first {k}": leaf for k, leaf in enumerate(self.first)},
        }
        leaves = {k: leaf.detach().to(dtype).requires_grad_() for k, leaf in leaves.items()}
        weights = [leaves[f"weights {k}"] for k in range(len(self.weights))]
        state = [leaves[f"first {k}"] for k in range(len(self.first))]
        first: State | None = None
        if state:
            first = LSTMState(*state) if self.cell == LSTM else HiddenState(*state)
        rows: Any = leaves["x"]
        if self.lengths is not None:
            rows = Ragged(rows, self.lengths)
        with laws.path(path):
            traced = scan_states(
                self.cell, rows, Weights(*weights), first,
                reverse=self.reverse, resets=self.resets,
            )  # fmt: skip
        assert traced.path.name == path
        output = traced.output.values if isinstance(traced.output, Ragged) else traced.output
        named = {"output": output}
        named |= {f"last {name}": leaf for name, leaf in traced.state.arrays().items()}
        named |= {f"every {name}": leaf for name, leaf in traced.states.arrays().items()}
        slopes = laws.pull(list(named.values()), list(leaves.values()))
        found = {name: value.detach() for name, value in named.items()}
        return found | {f"d {n}": g for n, g in zip(leaves, slopes, strict=True)}


def call(
    cell: Cell[Any], batch: int, steps: int, features: int, hidden: int, *, ragged: bool = False,
    resets: bool = False, reverse: bool = False, state: bool = True, bias: bool = True,
    seed: int = 0,
) -> Call:  # fmt: skip
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int, scale: float = 1.0) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64) * scale

    lengths = torch.randint(0, steps + 1, (batch,), generator=generator) if ragged else None
    shape = (batch, steps) if lengths is None else (int(lengths.sum()),)
    rows = cell.gates * hidden
    weights = [draw(rows, features, scale=features**-0.5), draw(rows, hidden, scale=hidden**-0.5)]
    longest = steps if lengths is None else int(lengths.max())
    return Call(
        cell,
        draw(*shape, features),
        lengths,
        torch.rand(batch, longest, generator=generator) < 0.3 if resets else None,
        (*weights, *((draw(rows), draw(rows)) if bias else ())),
        tuple(draw(batch, hidden) for _ in range(2 if cell == LSTM else 1)) if state else (),
        reverse,
    )


calls = st.builds(
    call,
    st.sampled_from(ALL),
    st.integers(1, 9),
    st.integers(1, 7),
    st.integers(1, 70),
    st.integers(1, 130),
    ragged=st.booleans(),
    resets=st.booleans(),
    reverse=st.booleans(),
    state=st.booleans(),
    bias=st.booleans(),
    seed=st.integers(0, 2**31),
)


def worst(found: Tensor, truth: Tensor) -> float:
    return float((found.double() - truth).abs().max()) if truth.numel() else 0.0


@settings(max_examples=60)
@given(drawn=calls, name=st.sampled_from(SETS), threads=st.integers(1, 4))
def test_near_the_float64_loop(drawn: Call, name: str, threads: int) -> None:
    before = kernels.isa()
    try:
        kernels.use_isa(name)
        torch.set_num_threads(threads)
        wide, single = drawn.run("native"), drawn.run("native", torch.float32)
    finally:
        torch.set_num_threads(1)
        kernels.use_isa(before)
    truth, theirs = drawn.run("loop"), drawn.run("loop", torch.float32)
    for what, expected in truth.items():
        size = max(float(expected.abs().max()) if expected.numel() else 0.0, 1.0)
        assert wide[what].shape == expected.shape
        assert worst(wide[what], expected) <= 1e-12 * size, what
        # Where torch happens to be exact, what a sum of G*H rounded products is off by is no error.
        terms = drawn.cell.gates * drawn.weights[1].shape[1]
        # Nine steps hand their rounding on: 9e-7 was seen, at H = 118 and H = 1.
        floor = max(1e-6, 6e-8 * terms**0.5) * size
        # Of the gradient of x 5.2 times what torch is off by was seen, at H = 102 and B = 1.
        allowed = max(8 * worst(theirs[what], expected), floor)
        assert worst(single[what], expected) <= allowed, what


@pytest.mark.parametrize("cell", ALL)
@pytest.mark.parametrize(
    "shape", [(3, 9, 5, 10), (24, 33, 64, 65), (7, 5, 33, 130), (40, 12, 16, 96)]
)
@pytest.mark.parametrize("ragged", [False, True])
def test_bitwise_the_same_for_any_number_of_threads(
    instructions: str, cell: Cell[Any], shape: tuple[int, int, int, int], ragged: bool
) -> None:
    made = call(cell, *shape, ragged=ragged, resets=ragged, seed=5)
    runs = []
    for threads in (1, 2, 3, 4):
        torch.set_num_threads(threads)
        runs.append(made.run("native", torch.float32))
    for other in runs[1:]:
        for name, value in runs[0].items():
            assert torch.equal(value, other[name]), name


@pytest.mark.parametrize("cell", ALL)
def test_a_row_alone_is_bitwise_the_row_in_a_batch(instructions: str, cell: Cell[Any]) -> None:
    made = call(cell, 11, 8, 20, 70, seed=3)
    together = made.run("native", torch.float32)
    for b in range(11):
        row = slice(b, b + 1)
        first = tuple(leaf[row] for leaf in made.first)
        alone = replace(made, x=made.x[row], first=first).run("native", torch.float32)
        assert torch.equal(alone["output"][0], together["output"][b])
        assert torch.equal(alone["last hidden"][0], together["last hidden"][b])


@pytest.mark.parametrize("cell", [RNN_TANH, GRU, LSTM])
def test_nan_and_infinity_pass_on(instructions: str, cell: Cell[Any]) -> None:
    made = call(cell, 4, 3, 5, 20, seed=2)
    x = made.x.clone()
    x[1, 1, 0], x[2, 0, 1], x[3, 2, 1] = float("nan"), float("inf"), -float("inf")
    spoilt = replace(made, x=x)
    found, expected = spoilt.run("native", torch.float32), spoilt.run("loop", torch.float32)
    for name in ("output", "last hidden"):
        assert torch.equal(found[name].isnan(), expected[name].isnan())
        torch.testing.assert_close(
            found[name], expected[name], equal_nan=True, rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_curves_are_near(instructions: str, dtype: torch.dtype, which: int) -> None:
    generator = torch.Generator().manual_seed(which)
    size = torch.rand(200_000, generator=generator, dtype=torch.float64) * 10 - 7
    sign = torch.sign(torch.randn(200_000, generator=generator))
    x = (10.0**size * sign).clamp(-80, 80).to(dtype)
    assert errors_in_units(which, x) <= 2.0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_ends_of_curves(instructions: str, dtype: torch.dtype) -> None:
    ends = torch.tensor([-torch.inf, -1e30, -800.0, 0.0, 800.0, 1e30, torch.inf], dtype=dtype)
    y = torch.empty_like(ends)
    for which, expected in enumerate(
        [
            (0, 0, 0, 1, torch.inf, torch.inf, torch.inf),
            (0, 0, 0, 0.5, 1, 1, 1),
            (-1,) * 3 + (0, 1, 1, 1),
        ]
    ):
        kernels.curve(dtype == torch.float64, which, ends.data_ptr(), y.data_ptr(), len(ends))
        assert y.tolist() == list(expected)
        none = torch.full_like(ends, torch.nan)
        kernels.curve(dtype == torch.float64, which, none.data_ptr(), y.data_ptr(), len(ends))
        assert bool(y.isnan().all())


@pytest.mark.long
@pytest.mark.parametrize("which", [0, 1, 2])
def test_curves_are_near_on_every_float(instructions: str, which: int) -> None:
    """Within 2 units in the last place; all 2^32 of them."""
    for start in range(0, 2**31, 2**23):
        for sign in (1.0, -1.0):
            bits = torch.arange(start, start + 2**23).to(torch.int32)
            x = bits.view(torch.float32) * sign
            x = x[x.isfinite()]
            if which == 1:
                x = x[x > -87]  # below, the true value is no normal number
            if len(x):
                assert errors_in_units(which, x) <= 2.0, (start, sign)


def errors_in_units(which: int, x: Tensor) -> float:
    """The largest error of exp, logistic or tanh, in units in the last place."""
    wide = x.dtype == torch.float64
    y = torch.empty_like(x)
    kernels.curve(wide, which, x.data_ptr(), y.data_ptr(), x.numel())
    truth = (torch.exp, torch.sigmoid, torch.tanh)[which](x.double())
    if wide:
        torch.testing.assert_close(y, truth, rtol=1e-15, atol=0)
        return 0.0
    near = truth.float().abs()
    unit = torch.nextafter(near, torch.tensor(torch.inf)).double() - near.double()
    error = ((y.double() - truth) / unit).abs()
    error[(near == torch.inf) & (y == torch.inf)] = 0
    return float(error.max())


@pytest.mark.parametrize("cell", ALL)
@pytest.mark.parametrize("reverse", [False, True])
def test_gradients_of_gradients(cell: Cell[Any], reverse: bool) -> None:
    made = call(cell, 3, 4, 3, 5, ragged=True, resets=True, reverse=reverse, seed=1)
    results = []
    for path in ("native", "loop"):
        leaves = [t.clone().requires_grad_() for t in (made.x, *made.weights, *made.first)]
        x, weights, first = leaves[0], leaves[1:5], leaves[5:]
        assert made.lengths is not None
        with laws.path(path):
            traced = scan_states(
                cell,
                Ragged(x, made.lengths),
                Weights(*weights),
                LSTMState(*first) if cell == LSTM else HiddenState(*first),
                reverse=reverse,
                resets=made.resets,
            )
        total = torch.stack([(leaf**2).sum() for leaf in traced.states.leaves()]).sum()
        slopes = torch.autograd.grad(total + traced.output.values.sum(), leaves, create_graph=True)
        twice = torch.autograd.grad(torch.stack([(s**2).sum() for s in slopes]).sum(), leaves)
        results.append([*slopes, *twice])
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_the_gradient_of_a_batch_of_slopes() -> None:
    """What torch.autograd.functional.jacobian(vectorize=True) does."""
    made = call(GRU, 2, 3, 2, 3)

    def last(x: Tensor) -> Tensor:
        return scan_states(GRU, x, Weights(*made.weights)).state.hidden

    def jacobian(path: str, vectorize: bool) -> Tensor:
        with laws.path(path):
            jacobian_of: Any = torch.autograd.functional.jacobian
            found = jacobian_of(last, made.x, vectorize=vectorize)
        assert isinstance(found, Tensor)
        return found

    torch.testing.assert_close(jacobian("native", True), jacobian("loop", False))


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_transforms_go_elsewhere() -> None:
    made = call(GRU, 2, 3, 2, 3)

    def last(x: Tensor) -> Tensor:
        return scan_states(GRU, x, Weights(*made.weights)).state.hidden.sum()

    plain = made.x.clone().requires_grad_()
    with laws.path(""):
        (expected,) = torch.autograd.grad(last(plain), plain)
        torch.testing.assert_close(torch.func.grad(last)(made.x), expected)
        forward_mode: Any = torch.autograd.forward_ad
        with forward_mode.dual_level():
            dual = forward_mode.make_dual(made.x, torch.ones_like(made.x))
            slope = forward_mode.unpack_dual(last(dual)).tangent
    assert slope is not None
    torch.testing.assert_close(slope, expected.sum())


def test_backward_twice_over_one_graph() -> None:
    made = call(GRU, 3, 4, 3, 5)
    x = made.x.requires_grad_()
    with laws.path("native"):
        output = scan_states(GRU, x, Weights(*made.weights)).output
    (first,) = torch.autograd.grad(output.sum(), x, retain_graph=True)
    (second,) = torch.autograd.grad(output.sum(), x)
    assert torch.equal(first, second)


def test_strided_tensors_and_slopes() -> None:
    made = call(GRU, 4, 6, 3, 5, seed=1)
    strided = [torch.stack([t, t], -1)[..., 0] for t in (made.x, *made.weights, *made.first)]
    found = replace(made, x=strided[0], weights=tuple(strided[1:5]), first=tuple(strided[5:])).run(
        "native"
    )
    for name, value in made.run("native").items():
        assert torch.equal(found[name], value), name
    x = made.x.requires_grad_()
    with laws.path("native"):
        output = scan_states(GRU, x, Weights(*made.weights)).output
    # The slope of a sum has stride 0.
    (flat,) = torch.autograd.grad(output.sum(), x, retain_graph=True)
    (full,) = torch.autograd.grad((output * 1.0).sum(), x)
    assert torch.equal(flat, full)


def test_pythons_threads_and_forks() -> None:
    made = call(GRU, 16, 40, 32, 64)
    expected = made.run("native", torch.float32)
    torch.set_num_threads(2)
    wrong: list[str] = []

    def work() -> None:
        for _ in range(5):
            found = made.run("native", torch.float32)
            wrong.extend(name for name in expected if not torch.equal(expected[name], found[name]))

    # The path is read from the environment, which `run` patches: set once, for all of them.
    with laws.path("native"):
        workers = [threading.Thread(target=work) for _ in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_has_threads_of_its_own() -> None:
    made = call(GRU, 16, 40, 32, 64)
    weights = Weights(*(weight.float() for weight in made.weights))
    torch.set_num_threads(2)
    with laws.path("native"), torch.no_grad():
        expected = scan_states(GRU, made.x.float(), weights).output.numpy().tobytes()
        child = os.fork()
        if child == 0:
            found = scan_states(GRU, made.x.float(), weights).output.numpy().tobytes()
            # By bytes: torch's own pool does not survive a fork.
            os._exit(0 if found == expected else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_what_the_kernels_are_told_has_names() -> None:
    sizes: dict[str, Any] = {
        "wide": False, "reverse": False, "bfloat": False, "time_first": False, "cell": 2,
        "threads": 1,
        "batch": 1, "steps": 2, "features": 3, "hidden": 4,
    }  # fmt: skip
    kernels.Problem(**sizes)
    for wrong in ({"steps": None}, {"stepz": 2}, {"lengths": 140_000_000}, {"resets": "none"}):
        with pytest.raises(TypeError):
            kernels.Problem(**{**sizes, **wrong})
    with pytest.raises(TypeError):
        kernels.Problem(**{name: value for name, value in sizes.items() if name != "threads"})
    kernels.Tensors(x=torch.ones(2), cells=None)
    with pytest.raises(TypeError):
        kernels.Tensors(x=[1.0, 2.0])  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        kernels.Gradients(dy=torch.ones(2))  # type: ignore[call-arg]


@pytest.mark.parametrize("cell", [GRU, LSTM])
def test_saved_tensors_may_be_moved(cell: Cell[Any]) -> None:
    made = call(cell, 3, 5, 4, 6)
    weights = [weight.clone().requires_grad_() for weight in made.weights]

    def slopes() -> list[bytes]:
        output = scan_states(cell, made.x, Weights(*weights)).output
        loss = output.sum()
        output.data.fill_(torch.nan)  # what was saved lies elsewhere by now
        return [each.numpy().tobytes() for each in torch.autograd.grad(loss, weights)]

    with laws.path("native"):
        with torch.autograd.graph.saved_tensors_hooks(torch.clone, torch.clone):
            moved = slopes()
        loss = scan_states(cell, made.x, Weights(*weights)).output.sum()
        still = [each.numpy().tobytes() for each in torch.autograd.grad(loss, weights)]
    assert moved == still
