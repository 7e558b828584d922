"""A stack that writes by itself: the tokens and numbers of layers and a head stepped one by one."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import pytest

from recurra import native
from recurra.errors import OptionError, RecurraError
from recurra.native import Linear, Prepared, Stack
from recurra.native.binding import CELLS, GATES
from recurra.search.sampling import Sampling, generators, sample, written

pytestmark = pytest.mark.skipif(not native.compiled, reason="the kernels are not built")

V, F = 70, 5
OUT = np.array([0, 3])


class Walked:
    """Layers and a head, and one stream that is stepped by themselves."""

    def __init__(self, cell: str, hidden: list[int], weights: Any = "float32", seed: int = 0):
        draw = np.random.default_rng(seed)

        def normal(*shape: int) -> Any:
            found = draw.standard_normal(shape) * 1.5 / np.sqrt(shape[-1] if len(shape) > 1 else 1)
            return found.astype(np.float32)

        gates, below = GATES[CELLS[cell]], [F, *hidden]
        self.cells = [
            Prepared(
                cell, normal(gates * h, f), normal(gates * h, h), normal(gates * h), None,
                weights=weights,
            )
            for f, h in zip(below, hidden, strict=False)
        ]  # fmt: skip
        self.head = Linear(normal(V, hidden[-1]), normal(V), weights=weights)
        self.table, self.lstm = normal(V, F), cell == "lstm"
        self.hidden = [normal(1, h) for h in hidden]
        self.memory = [normal(1, h) for h in hidden] if self.lstm else []
        self.logits = self.head(self.hidden[-1])

    def step(self, tokens: Any, state: Any) -> tuple[Any, Any]:
        hidden, memory = state
        x, rows, hidden, memory = self.table, tokens, list(hidden), list(memory)
        for at, cell in enumerate(self.cells):
            c = memory[at] if memory else None
            x, c = cell.step(x, hidden[at], c, x_rows=rows)
            hidden[at], rows = x, None
            if c is not None:
                memory[at] = c
        self.last = (self.head(x), hidden, memory)
        return self.last[0], (hidden, memory)

    def stack(self, *, projected: bool) -> Stack:
        table = {"projected": self.cells[0].project(self.table)} if projected else {}
        return Stack(
            self.cells,
            self.head,
            self.logits,
            hidden=self.hidden,
            memory=self.memory,
            **(table or {"table": self.table}),
        )


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    ("hidden", "weights", "projected"),
    [
        ([7], "float32", True),
        ([7], "float32", False),
        ([150], "bfloat16", True),  # several panels, the last one narrow
        ([33, 80, 12], "float32", False),
        ([300, 90], "float32", True),  # deeper than a block of sums
        ([31, 64], "bfloat16", False),
    ],
)
def test_it_writes_what_layers_write_one_by_one(
    cell: str, hidden: list[int], weights: str, projected: bool
) -> None:
    walked = Walked(cell, hidden, weights)
    stack = walked.stack(projected=projected)
    before = [each.copy() for each in (*walked.hidden, *walked.memory, walked.logits)]
    (own,), (others,) = generators(3, 1), generators(3, 1)
    stream = sample(
        walked,
        walked.logits,
        (walked.hidden, walked.memory),
        Sampling(0.9).sampler(OUT.tolist()),
        [others],
    )
    for count in (1, 0, 2, 64, 5):
        tokens = stack.write(own.random(count), excluded=OUT, divisor=0.9)
        assert tokens.shape == (count,)
        assert not np.isin(tokens, OUT).any()
        for token in tokens:
            assert next(stream) == token
    next(stream)  # reads the last token
    logits, states, memory = walked.last
    np.testing.assert_array_equal(stack.logits, logits)
    for found, wanted in zip(stack._states, [states, memory], strict=False):
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(one, other)
    for array, kept in zip((*walked.hidden, *walked.memory, walked.logits), before, strict=True):
        np.testing.assert_array_equal(array, kept)


def test_written_is_what_sample_yields() -> None:
    walked = Walked("gru", [20, 20])
    ours = written(walked.stack(projected=True), 1.1, OUT.tolist(), generators(5, 1)[0])
    stream = sample(
        walked,
        walked.logits,
        (walked.hidden, []),
        Sampling(1.1).sampler(OUT.tolist()),
        generators(5, 1),
    )
    for found, wanted in zip(islice(ours, 300), stream, strict=False):
        np.testing.assert_array_equal(found, wanted)


def test_the_ends_of_what_can_be_drawn() -> None:
    walked = Walked("lstm", [6])
    walked.logits = np.full((1, V), -np.inf, np.float32)
    walked.logits[0, [3, 7, 9]] = 1.0, 0.0, 0.0
    for uniform, token in ((0.0, 7), (0.49, 7), (0.51, 9), (1 - 2**-53, 9)):
        stack = walked.stack(projected=False)
        assert stack.write(np.array([uniform]), excluded=OUT).tolist() == [token]


def test_one_score_that_is_no_number_is_enough() -> None:
    walked = Walked("gru", [6])
    for wrong in (np.nan, np.inf):
        for place in (4, V - 1):
            walked.logits[0, place] = wrong
            stack = walked.stack(projected=False)
            assert stack.write(np.array([0.5]), excluded=OUT) == [-1]
            assert stack.write(np.array([0.5]), excluded=np.array([place])) >= 0
            walked.logits[0, place] = 0


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_scores_that_are_no_numbers_are_told_where_they_come(wrong: float) -> None:
    walked = Walked("gru", [6])
    walked.table[:] = 0
    walked.table[9] = wrong  # what is read once 9 was chosen
    if np.isinf(wrong):
        walked.logits[:] = wrong
    else:
        walked.logits[:] = -np.inf
        walked.logits[0, 9] = 0
    stack = walked.stack(projected=False)
    stream = written(stack, 1.0, [], generators(0, 1)[0])
    if np.isnan(wrong):
        assert next(stream) == [9]
    with pytest.raises(RecurraError, match="not numbers"):
        next(stream)
    np.testing.assert_array_equal(stack.write(np.full(3, 0.5), excluded=OUT), -1)


def test_what_does_not_fit_is_refused() -> None:
    walked, other = Walked("lstm", [6, 8]), Walked("gru", [6])
    given: dict[str, Any] = {
        "cells": walked.cells,
        "head": walked.head,
        "logits": walked.logits,
        "hidden": walked.hidden,
        "memory": walked.memory,
        "table": walked.table,
    }
    for change in (
        {"cells": walked.cells[:1]},
        {"cells": [*walked.cells[:1], *other.cells]},
        {"head": other.head},
        {"logits": walked.logits[:, 1:]},
        {"hidden": [walked.hidden[0], walked.hidden[0]]},
        {"hidden": walked.hidden[:1]},
        {"memory": ()},
        {"memory": [h.astype(np.float64) for h in walked.memory]},
        {"table": None},
        {"table": walked.table[1:]},
        {"table": walked.table[:, 1:]},
        {"projected": walked.table},
    ):
        with pytest.raises((OptionError, ValueError)):
            Stack(**(given | change))
    stack = Stack(**given)
    for wrong in (
        {"uniform": np.zeros(3, np.float32)},
        {"uniform": np.zeros((1, 3))},
        {"excluded": np.array([V])},
        {"excluded": np.array([0.0])},
    ):
        with pytest.raises(OptionError):
            stack.write(**({"uniform": np.zeros(3), "excluded": OUT} | wrong))
    np.testing.assert_array_equal(stack.logits, walked.logits)
