"""Laws of what runs inference on NumPy arrays: near a float64 oracle, the same in any company."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recurra.errors import OptionError
from recurra.native import (
    Linear,
    Prepared,
    Top,
    absent,
    arrays,
    attend,
    attention,
    linear,
    mix,
    plain,
)
from recurra.native.binding import CELLS, GATES, kernels

Array = NDArray[Any]

ENGINES = ["numpy"] if absent else ["numpy", *kernels.isas()]
EXACT = ENGINES[1:]
"""Where a row's last bit depends on nothing beside it."""


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """NumPy, and each instruction set in turn."""
    if request.param == "numpy":
        for module in (arrays, attention, linear):
            monkeypatch.setattr(module, "engine", plain)
            monkeypatch.setattr(module, "compiled", False)
        yield request.param
        return
    before = kernels.isa()
    assert kernels.use_isa(request.param)
    yield request.param
    kernels.use_isa(before)


exact = pytest.mark.parametrize("engine", EXACT, indirect=True)
random_shapes = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)


def normal(seed: int, *shape: int, dtype: Any = np.float32) -> Array:
    return (np.random.default_rng([seed, *shape]).standard_normal(shape) * 0.4).astype(dtype)


def layer(
    cell: str, features: int, hidden: int, *, seed: int = 0, dtype: Any = np.float32
) -> tuple[Array, Array, Array, Array]:
    rows = GATES[CELLS[cell]] * hidden
    return (
        normal(seed, rows, features, dtype=dtype),
        normal(seed + 1, rows, hidden, dtype=dtype),
        normal(seed + 2, rows, dtype=dtype),
        normal(seed + 3, rows, dtype=dtype),
    )


def states(cell: str, count: int, hidden: int, dtype: Any = np.float32) -> list[Array]:
    count_states = 2 if cell == "lstm" else 1
    return [normal(7 + n, count, hidden, dtype=dtype) for n in range(count_states)]


def near(found: Array, wanted: Array, depth: int = 1) -> None:
    """Within rounding of float32 sums of so many terms."""
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=1e-6 * (1 + depth) ** 0.5)


def same(engine: str, found: Array | None, wanted: Array | None) -> None:
    """To the last bit; NumPy's sums are in an order of its own."""
    assert found is not None
    assert wanted is not None
    if engine == "numpy":
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)
    else:
        assert np.array_equal(found, wanted)


def bf16(x: Array) -> Array:
    """Eight bits that count, the last one to the nearest even: an oracle that is not ours."""
    with np.errstate(over="ignore", invalid="ignore"):  # signalling NaN among them
        share, power = np.frexp(x.astype(np.float64))
        last = np.maximum(power, -125) - 8
        rounded: Array = np.ldexp(np.rint(np.ldexp(share, power - last)), last).astype(np.float32)
    return rounded


# Layers


@pytest.mark.parametrize("cell", sorted(CELLS))
@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 40])
def test_a_step_is_torchs(engine: str, cell: str, count: int) -> None:
    torch = pytest.importorskip("torch")  # here alone: the others run without it
    weights = layer(cell, 9, 19)
    kind, options = {
        "rnn_tanh": (torch.nn.RNNCell, {"nonlinearity": "tanh"}),
        "rnn_relu": (torch.nn.RNNCell, {"nonlinearity": "relu"}),
        "gru": (torch.nn.GRUCell, {}),
        "lstm": (torch.nn.LSTMCell, {}),
    }[cell]
    oracle: Any = kind(9, 19, **options)
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    oracle.load_state_dict(dict(zip(names, map(torch.from_numpy, weights), strict=True)))
    x, state = normal(5, count, 9), states(cell, count, 19)
    found = Prepared(cell, *weights).step(x, *state)
    tensors = [torch.from_numpy(leaf) for leaf in state]
    with torch.no_grad():
        wanted = oracle(torch.from_numpy(x), tuple(tensors) if cell == "lstm" else tensors[0])
    leaves = wanted if cell == "lstm" else (wanted,)
    for leaf, other in zip(found, leaves, strict=False):
        assert leaf is not None
        near(leaf, other.numpy())


@pytest.mark.parametrize("cell", sorted(CELLS))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [0, 1, 2, 5, 130])
def test_steps_in_place_are_steps(engine: str, cell: str, dtype: Any, count: int) -> None:
    prepared = Prepared(cell, *layer(cell, 6, 33, dtype=dtype))
    table, state = normal(4, 50, 6, dtype=dtype), states(cell, 200, 33, dtype)
    random = np.random.default_rng(1)
    rows, ids = random.permutation(200)[:count], random.integers(0, 50, count)
    projected = prepared.project(table)
    wanted = prepared.step(table[ids], *(leaf[rows] for leaf in state))
    ways: list[tuple[Any, dict[str, Any]]] = [
        (table[ids], {}),
        (table, {"x_rows": ids}),
        (None, {"x_rows": ids, "projected": projected}),
        (None, {"projected": projected[ids]}),
    ]
    for x, others in ways:
        for threads in (1, 2):
            stepped = prepared.step(x, *(leaf[rows] for leaf in state), threads=threads, **others)
            moved = [leaf.copy() for leaf in state]
            prepared.advance(x, *moved, rows=rows, threads=threads, **others)
            for found, leaf, first, after in zip(stepped, wanted, state, moved, strict=False):
                same(engine, found, leaf)
                same(engine, after[rows], leaf)
                others_ = np.setdiff1d(np.arange(200), rows)
                assert np.array_equal(after[others_], first[others_])


@exact
@pytest.mark.parametrize("cell", sorted(CELLS))
@pytest.mark.parametrize("weights", ["float32", "bfloat16"])
def test_a_stream_is_the_same_in_any_company(engine: str, cell: str, weights: Any) -> None:
    prepared = Prepared(cell, *layer(cell, 21, 70), weights=weights)
    table, state = normal(4, 300, 21), states(cell, 300, 70)
    rows, ids = np.random.default_rng(1).permutation(300), np.arange(300)
    alone = []
    for row, number in zip(rows, ids, strict=True):
        one = [leaf.copy() for leaf in state]
        prepared.advance(
            table, *one, rows=rows[number : number + 1], x_rows=ids[number : number + 1]
        )
        alone.append([leaf[row] for leaf in one])
    for size in (2, 3, 5, 6, 7, 64, 300):
        for threads in (1, 3):
            moved = [leaf.copy() for leaf in state]
            for at in range(0, 300, size):
                part = slice(at, at + size)
                prepared.advance(table, *moved, rows=rows[part], x_rows=ids[part], threads=threads)
            for row, wanted in zip(rows, alone, strict=True):
                for leaf, right in zip(moved, wanted, strict=True):
                    assert np.array_equal(leaf[row], right)


def test_a_layer_reads_the_states_of_the_one_below(engine: str) -> None:
    below, above = Prepared("gru", *layer("gru", 4, 8)), Prepared("lstm", *layer("lstm", 8, 5))
    (low,), high = states("gru", 6, 8), states("lstm", 6, 5)
    rows, x = np.array([4, 0, 3]), normal(1, 3, 4)
    middle, _ = below.step(x, low[rows])
    wanted = above.step(middle, *(leaf[rows] for leaf in high))
    below.advance(x, low, rows=rows)
    above.advance(low, *high, rows=rows, x_rows=rows)
    for leaf, right in zip(high, wanted, strict=True):
        same(engine, leaf[rows], right)


@pytest.mark.parametrize("cell", sorted(CELLS))
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("ragged", [False, True])
def test_runs_are_steps(engine: str, cell: str, reverse: bool, ragged: bool) -> None:
    prepared = Prepared(cell, *layer(cell, 5, 18))
    lengths = np.array([4, 0, 7, 1, 7])
    ids = np.random.default_rng(0).integers(0, 30, (5, 7))
    real = np.arange(7) < lengths[:, None]
    ids[~real] = -1
    table, first = normal(3, 30, 5), states(cell, 5, 18)
    projected = prepared.project(table)
    resets = np.random.default_rng(1).random((5, 7)) < 0.2
    chosen, marks = (ids[real], resets[real]) if ragged else (ids, resets)
    dense = table[chosen] if ragged else np.where(real[..., None], table[ids], np.float32(0))
    ways: list[tuple[Any, dict[str, Any]]] = [
        (dense, {}),
        (table, {"x_rows": chosen}),
        (None, {"projected": projected, "x_rows": chosen}),
        (None, {"projected": projected[chosen]}),
    ]
    runs = [
        prepared.run(
            x, *first, lengths=lengths, reverse=reverse, resets=marks, cells=cell == "lstm",
            threads=threads, **others,
        )
        for x, others in ways
        for threads in (1, 2)
    ]  # fmt: skip
    for number, count in enumerate(lengths):
        state: list[Any] = [leaf[number : number + 1] for leaf in first]
        start = int(lengths[:number].sum())
        for t in reversed(range(count)) if reverse else range(count):
            if resets[number, t]:
                state = [np.zeros_like(leaf) for leaf in state]
            after: list[Any] = list(prepared.step(table[ids[number, t], None], *state))
            state = after[: len(state)]
            for ran in runs:
                at: Any = start + t if ragged else (number, t)
                near(ran.output[at], state[0][0])
                if ran.cells is not None:
                    near(ran.cells[at], state[1][0])
        for ran in runs:
            near(ran.hidden[number], state[0][0])
            if cell == "lstm":
                assert ran.cell is not None
                near(ran.cell[number], state[1][0])
    for ran in runs[1:]:
        if engine == "numpy":
            near(ran.output, runs[0].output)
        else:
            assert np.array_equal(ran.output, runs[0].output)
            assert np.array_equal(ran.hidden, runs[0].hidden)
    if not ragged:
        assert not runs[0].output[~real].any()


@pytest.mark.parametrize("cell", sorted(CELLS))
@pytest.mark.parametrize("sizes", [(1, 1), (2, 3), (15, 16), (64, 65), (300, 90), (257, 259)])
def test_weights_of_two_bytes_are_weights_rounded(
    engine: str, cell: str, sizes: tuple[int, int]
) -> None:
    w_ih, w_hh, b_ih, b_hh = layer(cell, *sizes)
    short = Prepared(cell, w_ih, w_hh, b_ih, b_hh, weights="bfloat16")
    full = Prepared(cell, bf16(w_ih), bf16(w_hh), b_ih, b_hh)
    for count in (1, 2, 3, 6, 11):
        x, state = normal(5, count, sizes[0]), states(cell, count, sizes[1])
        for found, wanted in zip(short.step(x, *state), full.step(x, *state), strict=True):
            if found is not None:
                same(engine, found, wanted)
        same(engine, short.project(x), full.project(x))
    x = normal(6, 4, 9, sizes[0])
    same(engine, short.run(x).output, full.run(x).output)


def test_all_bits_are_rounded_to_the_nearest_even() -> None:
    specials = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, 3.4e38, -3.4e38, 1.00390625, 1.01171875]
    bits = np.random.default_rng(0).integers(0, 2**32, 100_000, dtype=np.uint32)
    numbers = np.concatenate([np.array(specials, np.float32), bits.view(np.float32)])
    wanted = bf16(numbers)
    assert np.array_equal(plain.rounded(numbers), wanted, equal_nan=True)
    sure = ~np.isnan(wanted)
    assert np.array_equal(plain.rounded(numbers)[sure].view(np.int32), wanted[sure].view(np.int32))


@exact
def test_kernels_round_to_the_nearest_even(engine: str) -> None:
    bits = np.random.default_rng(0).integers(0, 2**32, 4_000, dtype=np.uint32)
    numbers = bits.view(np.float32)
    numbers = np.concatenate([numbers, np.array([np.inf, -np.inf, 1.00390625], np.float32)])
    # The kernels take for zero what is too small to be normal.
    numbers[np.abs(numbers) < np.finfo(np.float32).tiny] = 0
    linear = Linear(numbers[:, None], weights="bfloat16")
    found, wanted = linear(np.ones((1, 1), np.float32))[0], bf16(numbers)
    assert np.array_equal(found, wanted, equal_nan=True)


# Products


@random_shapes
@given(
    st.integers(0, 40), st.integers(1, 300), st.integers(1, 300), st.booleans(), st.booleans(),
    st.integers(0, 9),
)  # fmt: skip
def test_a_product_is_right(
    engine: str, count: int, inputs: int, outputs: int, biased: bool, gathered: bool, seed: int
) -> None:
    weight, bias = normal(seed, outputs, inputs), normal(seed + 1, outputs) if biased else None
    x, rows = normal(seed + 2, max(count, 1) + 3, inputs), None
    if gathered:
        rows = np.random.default_rng(seed).integers(0, len(x), count)
    else:
        x = x[:count]
    read = x if rows is None else x[rows]
    for kept in ("float32", "bfloat16"):
        linear = Linear(weight, bias, weights=kept)
        w = weight if kept == "float32" else bf16(weight)
        wanted = read.astype(np.float64) @ w.T.astype(np.float64)
        found = linear(x, rows=rows)
        near(found, wanted + (0 if bias is None else bias), inputs)
        out = np.full_like(found, np.nan)
        assert linear(x, rows=rows, out=out, threads=2) is out
        assert np.array_equal(out, found)
        if engine != "numpy":
            for row, one in zip(read, found, strict=True):
                assert np.array_equal(linear(row[None])[0], one)
            assert np.array_equal(found, Linear(w, bias)(x, rows=rows))


@exact
@pytest.mark.parametrize("shape", [(1, 256, 4000), (700, 256, 100), (200, 600, 500)])
def test_large_products_by_threads(engine: str, shape: tuple[int, int, int]) -> None:
    count, inputs, outputs = shape
    linear = Linear(normal(0, outputs, inputs), normal(1, outputs))
    x = normal(2, count, inputs)
    once = linear(x)
    near(once, x.astype(np.float64) @ normal(0, outputs, inputs).T + normal(1, outputs), inputs)
    for threads in (2, 3, 8):
        assert np.array_equal(linear(x, threads=threads), once)


def leaves(top: Top) -> list[Array]:
    return [top.values, top.ids, top.log_sum_exp]


def lse(logits: Array) -> Array:
    wide = logits.astype(np.float64)
    high = wide.max(1, keepdims=True, initial=-1e300)
    return np.asarray(high[:, 0] + np.log(np.exp(wide - high).sum(1)))


@random_shapes
@given(
    st.integers(0, 30), st.integers(1, 80), st.integers(1, 2500), st.integers(1, 64),
    st.integers(0, 9), st.booleans(),
)  # fmt: skip
def test_the_top_of_a_product(
    engine: str, count: int, inputs: int, outputs: int, k: int, seed: int, kept: bool
) -> None:
    random = np.random.default_rng(seed)
    # Whole numbers: many logits are equal.
    weight = random.integers(-2, 3, (outputs, inputs)).astype(np.float32)
    bias = random.integers(-2, 3, outputs).astype(np.float32)
    x = random.integers(-1, 2, (count, inputs)).astype(np.float32)
    linear = Linear(weight, bias, weights="bfloat16" if kept else "float32")
    excluded = np.unique(random.integers(0, outputs, min(5, outputs - 1)))
    k = min(k, outputs - len(excluded))
    logits = linear(x)
    allowed = np.setdiff1d(np.arange(outputs), excluded)
    best = allowed[np.argsort(-logits[:, allowed], 1, kind="stable")[:, :k]]
    found = linear.top(x, k, excluded=excluded)
    assert np.array_equal(found.ids, best)
    assert np.array_equal(found.values, np.take_along_axis(logits, best, 1))
    np.testing.assert_allclose(found.log_sum_exp, lse(logits), rtol=1e-6, atol=1e-6)
    targets = random.integers(-1, outputs, count)
    scores = linear.log_likelihood(x, targets)
    wanted = np.take_along_axis(logits, np.maximum(targets, 0)[:, None], 1)[:, 0] - lse(logits)
    np.testing.assert_allclose(scores, np.where(targets < 0, 0, wanted), rtol=1e-6, atol=1e-5)
    assert (scores[targets < 0] == 0).all()
    if engine == "numpy":
        return
    for threads in (2, 5):
        more = linear.top(x, k, excluded=excluded, threads=threads)
        assert all(map(np.array_equal, leaves(more), leaves(found)))
        assert np.array_equal(linear.log_likelihood(x, targets, threads=threads), scores)
    if count:
        rows = random.integers(0, count, 9)
        gathered = linear.top(x, k, rows=rows, excluded=excluded)
        for leaf, all_of_it in zip(leaves(gathered), leaves(found), strict=True):
            assert np.array_equal(leaf, all_of_it[rows])
        one = linear.top(x[:1], k, excluded=tuple(int(n) for n in excluded), threads=2)
        for leaf, all_of_it in zip(leaves(one), leaves(found), strict=True):
            assert np.array_equal(leaf, all_of_it[:1])
        assert np.array_equal(
            linear.log_likelihood(x, targets[rows], rows=rows)[0],
            linear.log_likelihood(x[rows[:1]], targets[rows[:1]])[0],
        )


def test_the_top_of_a_vocabulary_by_threads(engine: str) -> None:
    linear = Linear(normal(0, 8000, 64), normal(1, 8000))
    x = normal(2, 100, 64)
    found, logits = linear.top(x, 6), linear(x)
    best = np.argsort(-logits, 1, kind="stable")[:, :6]
    assert np.array_equal(found.ids, best)
    assert np.array_equal(found.values, np.take_along_axis(logits, best, 1))
    np.testing.assert_allclose(found.log_sum_exp, lse(logits), rtol=1e-6)
    for threads in (2, 3):
        assert all(map(np.array_equal, leaves(linear.top(x, 6, threads=threads)), leaves(found)))
        one = linear.top(x[:1], 6, threads=threads)
        if engine != "numpy":
            pairs = zip(leaves(one), leaves(found), strict=True)
            assert all(np.array_equal(leaf, whole[:1]) for leaf, whole in pairs)


def test_the_top_of_odd_logits(engine: str) -> None:
    # A product with zeros would make NaN of the infinite; biases stay what they are.
    rows = np.array([
        [-np.inf, 1, -np.inf, -np.inf, -np.inf],
        [np.nan, 1, 2, 0, -1],
        [1e30, -1e30, 0, 1e30, 5],
    ], np.float32)  # fmt: skip
    for row in rows:
        biased = Linear(np.zeros((5, 1), np.float32), row)
        found = biased.top(np.zeros((1, 1), np.float32), 3, excluded=[1])
        order = [
            n for n in np.argsort(-np.where(np.isnan(row), -np.inf, row), kind="stable") if n != 1
        ]
        assert found.ids[0].tolist() == order[:3]
        if not np.isnan(row).any():
            np.testing.assert_allclose(found.log_sum_exp, lse(row[None]), rtol=1e-6)
        else:
            assert np.isnan(found.log_sum_exp).all()
    nowhere = Linear(np.zeros((5, 1), np.float32), np.full(5, -np.inf, np.float32))
    assert nowhere.top(np.zeros((1, 1), np.float32), 2).log_sum_exp[0] == -np.inf


# Attention


def oracle_attend(
    scores: Array, values: Array, lengths: Array, owners: Array
) -> tuple[Array, Array]:
    weights = np.zeros(scores.shape)
    context = np.zeros((len(scores), values.shape[2]))
    for row, owner in enumerate(owners):
        steps = lengths[owner]
        if steps:
            parts = np.exp(scores[row, :steps].astype(np.float64) - scores[row, :steps].max())
            weights[row, :steps] = parts / parts.sum()
            context[row] = weights[row, :steps] @ values[owner, :steps]
    return context, weights


@random_shapes
@given(
    st.integers(1, 5), st.integers(0, 70), st.integers(1, 80), st.integers(1, 80),
    st.integers(0, 12), st.booleans(), st.integers(0, 9),
)  # fmt: skip
def test_attention(
    engine: str, sources: int, steps: int, size: int, width: int, count: int, owned: bool, seed: int
) -> None:
    random = np.random.default_rng(seed)
    keys, values = normal(seed, sources, steps, size), normal(seed + 1, sources, steps, width)
    lengths = random.integers(0, steps + 1, sources)
    for source, length in enumerate(lengths):
        keys[source, length:] = values[source, length:] = np.nan
    owners = np.sort(random.integers(0, sources, count)) if owned else np.arange(sources)
    query, named = normal(seed + 2, len(owners), size), owners if owned else None
    scores = np.float32(0.3) * np.einsum("rd,rsd->rs", query, keys[owners])
    wanted = oracle_attend(scores, values, lengths, owners)
    found = attend(query, keys, values, lengths, named, scale=0.3)
    mixed = mix(scores, values, lengths, named)
    for one, other, right in zip(found, mixed, wanted, strict=True):
        near(one, right, size)
        near(other, right, size)
    if engine == "numpy":
        return
    more = attend(query, keys, values, lengths, named, scale=0.3, threads=3)
    assert all(map(np.array_equal, more, found))
    # Alone, without its padding.
    for row, owner in enumerate(owners):
        part, length = slice(owner, owner + 1), lengths[owner : owner + 1]
        alone = attend(
            query[row : row + 1], np.ascontiguousarray(keys[part, : length[0]]),
            np.ascontiguousarray(values[part, : length[0]]), length, scale=0.3,
        )  # fmt: skip
        assert np.array_equal(alone[0][0], found[0][row])
        assert np.array_equal(alone[1][0], found[1][row, : length[0]])
        assert not found[1][row, length[0] :].any()
        once = mix(np.ascontiguousarray(scores[row : row + 1]), values[part], length)
        assert np.array_equal(once[0][0], mixed[0][row])


# Errors and edges


def zeros(*shape: int) -> Array:
    return np.zeros(shape, np.float32)


def test_weights_of_any_layout(engine: str, tmp_path: Any) -> None:
    weight, x = normal(0, 40, 10), normal(1, 3, 10)
    raw = np.zeros(weight.nbytes + 1, np.uint8)
    unaligned = raw[1:].view(np.float32).reshape(weight.shape)
    unaligned[...] = weight
    np.save(tmp_path / "w.npy", weight)
    wide = np.zeros((40, 20), np.float32)
    wide[:, ::2] = weight
    wanted, layers = Linear(weight)(x), Prepared("lstm", weight, weight).step(x, x, x)
    mapped = np.load(tmp_path / "w.npy", mmap_mode="r")
    for other in (np.asfortranarray(weight), unaligned, mapped, wide[:, ::2]):
        assert np.array_equal(Linear(other)(x), wanted)
        found = Prepared("lstm", other, other).step(x, x, x)
        assert np.array_equal(found[0], layers[0])
    changed = weight.copy()
    linear = Linear(changed)
    changed[...] = 0
    assert np.array_equal(linear(x), wanted)


BAD: list[Callable[[Array], Any]] = [
    lambda x: x.astype(np.float64),
    lambda x: np.concatenate([x, x], 1)[:, ::2],
    lambda x: x[:, :-1],
    lambda x: x.tolist(),
    lambda x: x[0],
    np.asfortranarray,
    lambda x: x.astype(np.float16),
    lambda x: x.astype(">f4"),
    lambda x: None,
]
BAD_ROWS: list[Any] = [
    np.array([0, 3]), np.array([-1, 0]), np.array([0, 1], np.int32), np.array([[0, 1]]), [0, 1],
    np.array([0.0, 1.0]), np.array([0, 9, 1, 9])[::2], np.array([0, 1], np.uint64),
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
def test_bad_arrays_are_refused(engine: str, bad: Callable[[Array], Any]) -> None:
    lstm, linear = Prepared("lstm", zeros(40, 8), zeros(40, 10)), Linear(zeros(7, 8))
    x, h = zeros(3, 8), zeros(3, 10)
    targets = np.zeros(3, np.int64)
    keys, lengths = zeros(3, 5, 8), np.array([5, 5, 5])
    calls: list[Callable[[], Any]] = [
        lambda: lstm.advance(bad(x), h, h.copy()),
        lambda: lstm.advance(x, bad(h), h),
        lambda: lstm.advance(x, h, bad(h)),
        lambda: lstm.advance(None, h, h.copy(), projected=bad(zeros(3, 40))),
        lambda: lstm.step(None, h, h, projected=bad(zeros(3, 40))),
        lambda: lstm.step(bad(x), h, h),
        lambda: lstm.run(bad(x), x_rows=np.zeros((2, 4), np.int64)),
        lambda: lstm.run(None, projected=bad(zeros(3, 40)), x_rows=np.zeros((2, 4), np.int64)),
        lambda: lstm.project(bad(x)),
        lambda: linear(bad(x)),
        lambda: linear.top(bad(x), 2),
        lambda: linear.log_likelihood(bad(x), targets),
        lambda: attend(bad(x), keys, keys, lengths),
        lambda: attend(x, bad(zeros(15, 8)), keys, lengths),
        lambda: mix(bad(zeros(3, 5)), keys, lengths),
    ]
    for call in calls:
        with pytest.raises(OptionError, match="expected"):
            call()
    if bad(x) is not None:
        with pytest.raises(OptionError, match="expected"):
            linear(x, out=bad(zeros(3, 7)))


@pytest.mark.parametrize("rows", BAD_ROWS)
def test_bad_row_numbers_are_refused(engine: str, rows: Any) -> None:
    gru, linear = Prepared("gru", zeros(30, 8), zeros(30, 10)), Linear(zeros(7, 8))
    x, h = zeros(3, 8), zeros(3, 10)
    keys = zeros(3, 5, 8)
    calls: list[Callable[[], Any]] = [
        lambda: gru.advance(x[:2], h, rows=rows),
        lambda: gru.advance(x, h[:2].copy(), x_rows=rows),
        lambda: gru.step(x, h[:2], x_rows=rows),
        lambda: gru.run(x, x_rows=rows, lengths=np.array([2])),
        lambda: linear(x, rows=rows),
        lambda: linear.top(x, 2, rows=rows),
        lambda: linear.log_likelihood(x, np.zeros(2, np.int64), rows=rows),
        lambda: attend(x[:2], keys, keys, np.array([5, 5, 5]), rows),
    ]
    for call in calls:
        if isinstance(rows, np.ndarray) and rows.shape == (1, 2) and call is calls[3]:
            continue  # a batch of one row of two steps
        with pytest.raises(OptionError, match=r"expected|x_rows"):
            call()


def test_calls_that_make_no_sense(engine: str) -> None:
    gru, linear = Prepared("gru", zeros(30, 8), zeros(30, 10)), Linear(zeros(7, 8))
    x, h = zeros(3, 8), zeros(3, 10)
    with pytest.raises(OptionError, match="named twice"):
        gru.advance(x, h, rows=np.array([1, 0, 1]))
    many = np.arange(200) % 199
    with pytest.raises(OptionError, match="named twice"):
        gru.advance(zeros(200, 8), zeros(300, 10), rows=many)
    with pytest.raises(OptionError, match="one of the two"):
        gru.step(x, h, projected=zeros(3, 30))
    with pytest.raises(OptionError, match="one of the two"):
        gru.advance(None, h)
    with pytest.raises(OptionError, match="one of the two"):
        gru.run(None)
    h.flags.writeable = False
    with pytest.raises(OptionError, match="read-only"):
        gru.advance(x, h)
    with pytest.raises(OptionError, match="x_rows"):
        gru.run(x, x_rows=np.array([[0, 3]]))
    assert gru.run(x, x_rows=np.array([[0, 3]]), lengths=np.array([1])).hidden.shape == (1, 10)
    for k in (0, -1, 8, 65):
        with pytest.raises(OptionError, match="k="):
            linear.top(x, k)
    with pytest.raises(OptionError, match="k=6"):
        linear.top(x, 6, excluded=[1, 2])
    assert linear.top(x, 5, excluded=[1, 2]).ids.tolist() == [[0, 3, 4, 5, 6]] * 3
    assert linear.top(x, 6, excluded=[2, 2]).ids.shape == (3, 6)
    with pytest.raises(OptionError, match="excluded: 7"):
        linear.top(x, 1, excluded=[7])
    with pytest.raises(OptionError, match="targets: 7"):
        linear.log_likelihood(x, np.array([0, 7, 1]))
    with pytest.raises(OptionError, match="weights="):
        Linear(zeros(7, 8), weights="float16")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="bfloat16"):
        Prepared("gru", zeros(30, 8).astype(float), zeros(30, 10).astype(float), weights="bfloat16")
    with pytest.raises(OptionError, match="lengths"):
        attend(x, zeros(3, 5, 8), zeros(3, 5, 2), np.array([1, 6, 2]))
    with pytest.raises(OptionError, match="owners"):
        attend(x, zeros(2, 5, 8), zeros(2, 5, 2), np.array([1, 1]))
    assert attend(zeros(0, 8), zeros(0, 5, 8), zeros(0, 5, 2), np.zeros(0, int))[0].shape == (0, 2)
    assert linear(zeros(0, 8)).shape == (0, 7)
    assert linear.top(zeros(0, 8), 2).ids.shape == (0, 2)
    gru.advance(zeros(0, 8), zeros(3, 10), rows=np.zeros(0, int))


def test_the_environment_can_do_without_kernels() -> None:
    script = """
import numpy as np
from recurra.native import Linear, compiled, absent, instructions
print(compiled, instructions(), Linear(np.eye(2, dtype=np.float32)).handle.__class__.__module__)
print(absent)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "RECURRA_NATIVE": "off"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "False None recurra.native.plain", "RECURRA_NATIVE=off asks for no native kernels",
    ]  # fmt: skip
