"""The paths: which is chosen and why, that the oracle is one, and what torch's path rests on."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

import laws
from recurra.core import native_path, product, torch_path
from recurra.core.arguments import ScanArguments
from recurra.core.cells import GRU, LSTM, RNN_RELU, RNN_TANH, Cell, Weights
from recurra.core.loop import loop
from recurra.core.ragged import Ragged
from recurra.core.scan import choose, scan, scan_states
from recurra.core.state import HiddenState, LSTMState, State
from recurra.errors import OptionError
from recurra.native import absent

built = pytest.mark.skipif(bool(absent), reason=absent)


class Sum(Cell[HiddenState]):
    """h' = x + W h: a cell that torch does not have, and whose states can be told by heart."""

    gates: ClassVar[int] = 1
    state_type: ClassVar[type[State]] = HiddenState

    def step(
        self, projected: Tensor, state: HiddenState, weight_hh: Tensor, bias_hh: Tensor | None
    ) -> HiddenState:
        return HiddenState(projected + state.hidden @ weight_hh.T)

    def output(self, state: HiddenState) -> Tensor:
        return state.hidden

    def zero_state(self, batch: int, hidden: int, like: Tensor) -> HiddenState:
        return HiddenState(like.new_zeros(batch, hidden))


ONE = Weights(torch.ones(1, 1), torch.ones(1, 1))


def weights_for(
    cell: Cell[Any], features: int, hidden: int, dtype: torch.dtype = torch.float32, seed: int = 0
) -> Weights:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=dtype)

    rows = cell.gates * hidden
    return Weights(draw(rows, features), draw(rows, hidden), draw(rows), draw(rows))


def steps_of(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)[None, :, None]


def test_the_loop_told_by_heart() -> None:
    x = steps_of(1, 10, 100, 1000)
    first = HiddenState(torch.tensor([[5.0]]))
    traced = loop(ScanArguments(Sum(), x, ONE, first))
    assert traced.output.flatten().tolist() == [6, 16, 116, 1116]
    assert traced.states.hidden.flatten().tolist() == [6, 16, 116, 1116]
    assert traced.state.hidden.item() == 1116
    backwards = loop(ScanArguments(Sum(), x, ONE, first, reverse=True))
    assert backwards.output.flatten().tolist() == [1116, 1115, 1105, 1005]
    assert backwards.state.hidden.item() == 1116


def test_the_loop_with_cuts_told_by_heart() -> None:
    x = steps_of(1, 10, 100, 1000)
    first = HiddenState(torch.tensor([[5.0]]))
    cut = torch.tensor([[False, False, True, False]])
    assert loop(ScanArguments(Sum(), x, ONE, first, resets=cut)).output.flatten().tolist() == [
        6,
        16,
        100,
        1100,
    ]
    backwards = loop(ScanArguments(Sum(), x, ONE, first, resets=cut, reverse=True))
    assert backwards.output.flatten().tolist() == [11, 10, 1105, 1005]
    assert backwards.state.hidden.item() == 11
    at_start = torch.tensor([[True, False, False, False]])
    assert (
        loop(ScanArguments(Sum(), x, ONE, first, resets=at_start)).output.flatten().tolist()[0] == 1
    )
    left = loop(ScanArguments(Sum(), x, ONE, first, resets=at_start, reverse=True))
    assert left.output.flatten().tolist()[0] == 1116
    assert left.state.hidden.item() == 0


def test_the_loop_stops_at_the_end_of_each_row() -> None:
    rows = Ragged.from_list([torch.tensor([[1.0], [2.0]]), torch.zeros(0, 1), torch.ones(3, 1)])
    traced = loop(
        ScanArguments(Sum(), rows, ONE, HiddenState(torch.tensor([[10.0], [20.0], [30.0]])))
    )
    assert traced.output.values.flatten().tolist() == [11, 13, 31, 32, 33]
    assert traced.state.hidden.flatten().tolist() == [13, 20, 33]
    assert traced.states.hidden.squeeze(-1).tolist() == [[11, 13, 0], [0, 0, 0], [31, 32, 33]]


def test_a_cell_of_ones_own_takes_the_loop() -> None:
    with laws.path(""):
        scanned = scan(Sum(), steps_of(1, 2), ONE)
    assert scanned.path.name == "loop"
    assert "torch has no Sum" in scanned.path.reason
    assert scanned.output.flatten().tolist() == [1, 3]
    with laws.path("torch"):
        assert "though RECURRA_PATH asks" in choose(Sum(), steps_of(1), ONE).reason


def test_which_path_and_why() -> None:
    x, w = torch.zeros(2, 9, 3), weights_for(LSTM, 3, 4)
    gru = weights_for(GRU, 3, 4)
    with laws.path("torch"):
        assert choose(LSTM, x, w).name == "torch"
        assert choose(LSTM, x.double(), weights_for(LSTM, 3, 4, torch.float64)).reason == (
            "torch runs all steps in one call"
        )
        assert choose(GRU, x, gru) == ("torch", "torch runs all steps in one call")
        assert choose(GRU, x, gru, every_state=True).name == "torch"
        assert choose(LSTM, x, w, every_state=True).name == "loop"
    with laws.path("loop"):
        assert choose(GRU, x, gru) == ("loop", "RECURRA_PATH asks for it")
    with laws.path("fast"), pytest.raises(OptionError, match="RECURRA_PATH=fast"):
        choose(GRU, x, gru)


@built
@pytest.mark.parametrize("cell", [RNN_TANH, RNN_RELU, GRU, LSTM])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("every_state", [False, True])
def test_the_kernels_run_on_a_cpu_by_default(
    cell: Cell[Any], dtype: torch.dtype, every_state: bool
) -> None:
    w = weights_for(cell, 3, 4, dtype)
    rows = Ragged(torch.zeros(5, 3, dtype=dtype), torch.tensor([0, 4, 1]))
    with laws.path(""):
        for x in (torch.zeros(2, 9, 3, dtype=dtype), torch.zeros(1, 1, 3, dtype=dtype), rows):
            assert choose(cell, x, w, every_state=every_state).name == "native"


@built
def test_what_the_kernels_cannot_do_goes_elsewhere_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(product, "BFLOAT16_FROM", 4)
    x, w = torch.zeros(2, 9, 3), weights_for(GRU, 3, 4)
    half = Weights(*(weight.bfloat16() for weight in w if weight is not None))
    for name, tail in (("", ""), ("native", ", though RECURRA_PATH asks for native")):
        with laws.path(name):
            path = choose(GRU, x.bfloat16(), half)
            assert path.name == "torch"
            assert path.reason.endswith("the native kernels have no torch.bfloat16" + tail)
            with torch.autocast("cpu", torch.bfloat16), laws.isa("plain"):
                path = choose(GRU, x, w)
            assert path.name == "torch"
            assert "bfloat16" in path.reason
            assert choose(GRU, x.to("meta"), w).reason.count("on the CPU, not on meta") == 1
            assert "no Sum" in choose(Sum(), steps_of(1), ONE).reason


@built
def test_a_large_lstm_is_onednns_where_its_rows_are_full() -> None:
    size = native_path.ONEDNN_FROM
    w = Weights(torch.zeros(4 * size, 1), torch.zeros(4 * size, size))
    x = torch.zeros(1, 5, 1)
    with laws.path(""):
        assert "from 1024 units on" in choose(LSTM, x, w).reason
        assert choose(LSTM, x[:, :1], w).name == "native"
        assert choose(LSTM, Ragged.from_padded(x, [3]), w).name == "native"
        assert choose(LSTM, x, w, every_state=True).name == "native"
        assert choose(GRU, x, Weights(w.input[: 3 * size], w.hidden[: 3 * size])).name == "native"
    with laws.path("native"):
        assert choose(LSTM, x, w).name == "native"


@pytest.mark.skipif(not torch.backends.mkldnn.enabled, reason="torch without oneDNN")
def test_one_step_of_an_lstm_is_not_worth_onednns_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(product, "BFLOAT16_FROM", 4)
    w = weights_for(LSTM, 3, 4)
    # Where no path is asked for and the kernels cannot help, as under autocast.
    with laws.path(""), torch.autocast("cpu", torch.bfloat16), laws.isa("plain"):
        assert choose(LSTM, torch.zeros(2, 3, 3), w).name == "torch"
        assert choose(LSTM, torch.zeros(2, 2, 3), w).name == "loop"
        assert choose(LSTM, Ragged.from_list([torch.zeros(1, 3)] * 4), w).name == "loop"
    with laws.path("torch"):
        assert choose(LSTM, torch.zeros(2, 2, 3), w).name == "torch"


@pytest.mark.parametrize("name", ["loop", "torch", pytest.param("native", marks=built)])
@pytest.mark.parametrize("cell", [RNN_TANH, RNN_RELU, GRU, LSTM])
def test_the_result_says_which_path_ran(cell: Cell[Any], name: str) -> None:
    with laws.path(name):
        scanned = scan(cell, torch.zeros(2, 5, 3), weights_for(cell, 3, 4))
    assert scanned.path.name == name


@pytest.mark.parametrize(
    ("dtype", "autocast"),
    [
        (torch.float32, False),
        (torch.bfloat16, False),
        (torch.float64, False),
        (torch.float32, True),
    ],
)
def test_an_lstms_cell_is_held_through_padding_to_the_bit(
    dtype: torch.dtype, autocast: bool
) -> None:
    """Padded steps alone: the cell and its gradient pass unchanged, and nothing else gets any."""
    source, weights = torch_path._with_hold(
        torch.zeros(0, 3, dtype=dtype), weights_for(LSTM, 3, 6, dtype)
    )
    parameters = [w.detach().clone().requires_grad_() for w in weights if w is not None]
    hidden = torch.linspace(-1, 1, 24, dtype=dtype).reshape(4, 6)
    cell = (hidden * 7).bfloat16().to(dtype)
    first = LSTMState(hidden.requires_grad_(), cell.requires_grad_())
    slope = torch.arange(1, 25, dtype=dtype).reshape(4, 6)
    for padding in (1, 40):
        x = source.expand(4, padding, 4)
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            _, last = torch_path._call(LSTM, x, Weights(*parameters), first)
        assert torch.equal(last.cell, cell)
        sources = [cell, hidden, *parameters]
        through, *others = torch.autograd.grad((last.cell * slope).sum(), sources)
        assert torch.equal(through, slope)
        assert not any(bool(other.any()) for other in others)


def test_a_relu_network_that_grows_does_not_spoil_gradients_through_padding() -> None:
    """Left alone, the padded steps of the short row would reach infinity, and 0 * inf be nan."""
    parameters = [torch.ones(1, 1), torch.full((1, 1), 3.0), torch.zeros(1), torch.zeros(1)]
    weights = Weights(*(parameter.requires_grad_() for parameter in parameters))
    rows = Ragged.from_list([torch.full((2, 1), 1.0), torch.zeros(200, 1)])
    results = []
    for path in ("torch", "native", "loop"):
        with laws.path(path):
            scanned = scan(RNN_RELU, rows, weights)
        assert scanned.state.hidden.flatten().tolist() == [4, 0]
        results.append(torch.autograd.grad(scanned.output.values.sum(), parameters))
    for found in results[:-1]:
        for slope, expected in zip(found, results[-1], strict=True):
            assert bool(slope.isfinite().all())
            torch.testing.assert_close(slope, expected)


@pytest.mark.parametrize("cell", [RNN_TANH, GRU, LSTM])
def test_the_state_of_every_step(cell: Cell[Any]) -> None:
    weights = weights_for(cell, 3, 4, torch.float64)
    x = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    traced = scan_states(cell, x, weights)
    for t in range(5):
        until = scan(cell, x[:, : t + 1], weights)
        for name, leaf in traced.states.arrays().items():
            torch.testing.assert_close(leaf[:, t], until.state.arrays()[name])
    assert torch.equal(traced.states.hidden, traced.output)


@pytest.mark.parametrize("name", ["loop", "torch", "native"])
@pytest.mark.parametrize(("batch", "steps"), [(0, 5), (3, 0), (0, 0)])
@pytest.mark.parametrize("reverse", [False, True])
def test_nothing_in_nothing_out(name: str, batch: int, steps: int, reverse: bool) -> None:
    weights = weights_for(LSTM, 3, 4)
    first = LSTMState(torch.ones(batch, 4), torch.full((batch, 4), 2.0))
    resets = torch.ones(batch, steps, dtype=torch.bool)
    with laws.path(name):
        x = torch.zeros(batch, steps, 3, requires_grad=True)
        for cuts in (None, resets):
            scanned = scan(LSTM, x, weights, first, reverse=reverse, resets=cuts)
            assert scanned.output.shape == (batch, steps, 4)
            assert torch.equal(scanned.state.cell, first.cell)
            assert torch.equal(scanned.state.hidden, first.hidden)
            torch.autograd.grad(scanned.output.sum(), x)
        rows = Ragged(torch.zeros(0, 3), torch.zeros(batch, dtype=torch.int64))
        ragged = scan(LSTM, rows, weights, first, reverse=reverse)
        assert ragged.output.values.shape == (0, 4)
        assert torch.equal(ragged.state.cell, first.cell)
        assert scan_states(LSTM, x, weights, first).states.cell.shape == (batch, steps, 4)


@pytest.mark.parametrize("name", ["loop", "torch", "native"])
@pytest.mark.parametrize("cell", [RNN_TANH, RNN_RELU, GRU, LSTM])
def test_a_state_carried_under_autocast_keeps_the_weights_precision(
    cell: Cell[Any], name: str
) -> None:
    x, weights = torch.ones(2, 5, 3), weights_for(cell, 3, 4)
    with laws.path(name), torch.autocast("cpu", torch.bfloat16):
        state = scan(cell, x, weights).state
        assert {leaf.dtype for leaf in state.leaves()} == {torch.float32}
        ragged = scan(cell, Ragged.from_padded(x, [5, 2]), weights, state)
        assert {leaf.dtype for leaf in ragged.state.leaves()} == {torch.float32}


def test_mistakes_are_named() -> None:
    x, weights = torch.zeros(2, 5, 3), weights_for(GRU, 3, 4)
    cell: Cell[Any] = LSTM
    with pytest.raises(OptionError, match=r"input of shape \(2, 5\)"):
        scan(GRU, x[..., 0], weights)
    with pytest.raises(OptionError, match=r"(?s)\(2, 5, 3\).*\(B, T, 2\)"):
        scan(GRU, x, weights_for(GRU, 2, 4))
    with pytest.raises(OptionError, match=r"(?s)\(N, F\) = \(N, 2\)"):
        scan(GRU, Ragged.from_padded(x, [1, 2]), weights_for(GRU, 2, 4))
    with pytest.raises(OptionError, match="int64"):
        scan(GRU, x.long(), weights)
    with pytest.raises(OptionError, match=r"(?s)float64.*float32"):
        scan(GRU, x.double(), weights)
    with pytest.raises(OptionError, match=r"(?s)\(1, 4\).*\(2, 4\)"):
        scan(GRU, x, weights, HiddenState(torch.zeros(1, 4)))
    with pytest.raises(OptionError, match=r"(?s)HiddenState.*LSTMState"):
        scan(cell, x, weights_for(LSTM, 3, 4), HiddenState(torch.zeros(2, 4)))
    with pytest.raises(OptionError, match=r"(?s)\(2, 4\).*\(2, 5\)"):
        scan(GRU, x, weights, resets=torch.zeros(2, 4, dtype=torch.bool))
    with pytest.raises(OptionError, match="int64"):
        scan(GRU, x, weights, resets=torch.zeros(2, 5, dtype=torch.int64))
    with pytest.raises(OptionError, match="one bias of two"):
        scan(GRU, x, weights._replace(hidden_bias=None))
    with pytest.raises(OptionError, match="weights of shape"):
        scan(LSTM, x, weights)
    for name, wrong in {
        "input": torch.zeros(12),
        "hidden": torch.zeros(12, 4, 1),
        "input_bias": torch.zeros(11),
        "hidden_bias": torch.zeros(12, 1),
    }.items():
        with pytest.raises(OptionError):
            scan(GRU, x, weights._replace(**{name: wrong}))
    with pytest.raises(OptionError, match="on meta"):
        scan(GRU, x, weights, HiddenState(torch.zeros(2, 4, device="meta")))


@pytest.mark.parametrize("name", ["hidden", "input_bias", "hidden_bias"])
def test_weights_of_two_types_are_not_for_the_kernels(name: str) -> None:
    weights = weights_for(GRU, 3, 4)
    wide = getattr(weights, name).double()
    with laws.path(""):
        path = choose(GRU, torch.zeros(2, 5, 3), weights._replace(**{name: wide}))
    assert path.name != "native"
    first, second = ("float32", "float64") if name == "hidden" else ("float64", "float32")
    assert absent or f"no torch.{first} beside torch.{second}" in path.reason
