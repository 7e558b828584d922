"""Weights kept as int8: whole numbers' sums, and the same bits in every kernel and in NumPy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from recurra.errors import OptionError
from recurra.native import Linear, Prepared, absent, int8, plain
from recurra.native.binding import CELLS, GATES, kernels

Array = NDArray[Any]

built = pytest.mark.skipif(bool(absent), reason=absent)


@pytest.fixture(params=[] if absent else kernels.isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    before = kernels.isa()
    assert kernels.use_isa(request.param)
    yield request.param
    kernels.use_isa(before)


def numbers(seed: int, *shape: int) -> Array:
    """Rows of very different size, one of zeros among many."""
    random = np.random.default_rng(seed)
    found = random.standard_normal(shape) * np.exp(random.standard_normal(shape[0]) * 3)[:, None]
    if len(found) > 3:
        found[3] = 0
    return found.astype(np.float32)


def exact(x: Array, weight: Array) -> Array:
    """What the product is, by its definition, in whole numbers."""

    def whole(rows: Array, scales: Array) -> Array:
        some = np.where(scales > 0, scales, 1)[:, None]
        return np.rint(rows.astype(np.float64) / some).astype(np.int64)

    q, scales = int8.rounded_rows(weight)
    steps = np.abs(x).max(1) / np.float32(127)
    sums = whole(x, steps.astype(np.float64)) @ q.astype(np.int64).T
    found: Array = sums * steps.astype(np.float64)[:, None] * scales.astype(np.float64)
    return found


def test_weights_are_near_and_rounded_once() -> None:
    weight = numbers(0, 40, 33)
    q, scales = int8.rounded_rows(weight)
    assert q.dtype == np.int8
    assert (np.abs(q).max(1) == np.where(np.arange(40) == 3, 0, 127)).all()
    restored = int8.restored(q, scales)
    assert (np.abs(restored - weight) <= 0.502 * scales[:, None]).all()
    again, same = int8.rounded_rows(restored)
    assert np.array_equal(again, q)
    assert np.array_equal(same, scales)
    assert np.array_equal(int8.restored(again, same), restored)


def test_weights_that_hold_the_greatest_numbers() -> None:
    weight = np.array([[3.4e38, -1.0], [1e-31, 0.0], [2e-30, -0.9e-30]], np.float32)
    q, scales = int8.rounded_rows(weight)
    assert q.tolist() == [[127, 0], [0, 0], [127, -57]]
    assert scales[1] == 0
    assert np.isfinite(int8.restored(q, scales)).all()


@pytest.mark.parametrize("rows", [1, 2, 4, 5, 7, 16, 17, 33, 97])
@pytest.mark.parametrize(("depth", "n"), [(1, 1), (5, 24), (64, 65), (70, 16), (300, 130)])
def test_products_are_those_of_whole_numbers(isa: str, rows: int, depth: int, n: int) -> None:
    x, weight = numbers(1, rows, depth), numbers(2, n, depth)
    bias = numbers(3, 1, n)[0]
    found = Linear(weight, bias, weights="int8")(x)
    wanted = exact(x, weight)
    # An input halfway between two whole numbers may be rounded to either of them here.
    size = np.abs(x).max(1)[:, None] * np.abs(weight).sum(1) + np.abs(bias) + 1
    off = np.abs(found - (wanted + bias)) / size
    assert off.max() < 1e-6 + 0.005 * (depth < 10), isa
    plainly = plain.Linear(weight, bias, plain.INT8)
    beside = np.empty_like(found)
    plainly.product(x, None, beside, 1)
    assert np.array_equal(found, beside), isa


def test_sums_that_no_16_bits_hold(isa: str) -> None:
    depth = 30_000
    weight = np.full((17, depth), -1, np.float32)
    for x in (np.full((2, depth), 1, np.float32), np.full((2, depth), -1, np.float32)):
        found = Linear(weight, weights="int8")(x)
        assert np.allclose(found, x @ weight.T, rtol=1e-6), isa


@pytest.mark.parametrize("cell", sorted(CELLS))
@pytest.mark.parametrize(("features", "hidden"), [(3, 5), (40, 33), (130, 70)])
def test_every_kernel_gives_numpys_bits(isa: str, cell: str, features: int, hidden: int) -> None:
    random = np.random.default_rng(4)
    wide = GATES[CELLS[cell]] * hidden
    weights: list[Any] = [
        (random.standard_normal(shape) * 0.7).astype(np.float32)
        for shape in ((wide, features), (wide, hidden), (wide,), (wide,))
    ]
    prepared = Prepared(cell, *weights, weights="int8")
    made: Any = plain.Prepared
    reference = made(CELLS[cell], *weights, plain.INT8)
    x = random.standard_normal((40, 9, features)).astype(np.float32)
    h0 = random.standard_normal((40, hidden)).astype(np.float32)
    c0 = h0 * 2 if cell == "lstm" else None
    lengths = random.integers(0, 10, 40)
    found = prepared.run(x, h0, c0, lengths=lengths, threads=2)
    out, hn = np.empty_like(found.output), np.empty_like(h0)
    cn = None if c0 is None else np.empty_like(h0)
    reference.run(x, None, None, h0, c0, lengths, False, False, None, out, None, hn, cn, 1)
    assert np.array_equal(found.output, out), isa
    assert np.array_equal(found.hidden, hn), isa
    assert found.cell is None or cn is None or np.array_equal(found.cell, cn), isa
    # Alone, step by step, gathered and projected: the same.
    whole = prepared.run(x[:1], h0[:1], None if c0 is None else c0[:1])
    state, inner = h0[:1], None if c0 is None else c0[:1]
    table = np.ascontiguousarray(x[0])
    projected = prepared.project(table)
    for t in range(9):
        way: dict[str, Any] = {"projected": projected, "x_rows": np.array([t])} if t % 2 else {}
        given = None if way else table[t : t + 1]
        state, inner = prepared.step(given, state, inner, **way)
        assert np.array_equal(state, whole.output[:, t]), isa


def test_gates_are_near_the_true_curves() -> None:
    x = np.linspace(-100, 100, 200_001, dtype=np.float32)
    wide = x.astype(np.float64)
    assert np.abs(int8.logistic(x) - 1 / (1 + np.exp(-wide))).max() < 2e-7
    assert np.abs(int8.tanh(x) - np.tanh(wide)).max() < 2e-7
    odd = np.array([np.nan, np.inf, -np.inf, 0.0], np.float32)
    assert np.array_equal(int8.tanh(odd), np.tanh(odd), equal_nan=True)
    assert np.array_equal(int8.logistic(odd)[1:], [1, 0, 0.5])
    assert np.isnan(int8.logistic(odd)[0])


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_a_row_with_what_is_no_number_is_none(isa: str, odd: float) -> None:
    x = numbers(5, 7, 20)
    weight = numbers(6, 33, 20)
    linear = Linear(weight, weights="int8")
    wanted = linear(x)
    x[2, 7] = odd
    found = linear(x)
    assert np.isnan(found[2]).all(), isa
    assert np.array_equal(np.delete(found, 2, 0), np.delete(wanted, 2, 0)), isa


@built
def test_the_highest_logits_are_those_of_the_product(isa: str) -> None:
    x, weight = numbers(7, 9, 50), numbers(8, 700, 50)
    linear = Linear(weight, weights="int8")
    logits = linear(x)
    for rows in (slice(0, 1), slice(0, 9)):
        found = linear.top(np.ascontiguousarray(x[rows]), 3)
        assert np.array_equal(found.values, -np.sort(-logits[rows], axis=1)[:, :3]), isa


def test_what_cannot_be_kept_as_int8_is_refused() -> None:
    with pytest.raises(OptionError, match="at most 32768"):
        Linear(np.ones((1, 32_769), np.float32), weights="int8")
    with pytest.raises(OptionError, match="float64 weights as int8"):
        Prepared("gru", np.ones((3, 1)), np.ones((3, 1)), weights="int8")
    with pytest.raises(OptionError, match="float32, bfloat16, int8"):
        Linear(np.ones((1, 2), np.float32), weights="int4")  # type: ignore[arg-type]
