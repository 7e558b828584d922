"""The layers are torch.nn's: the same weights, the same numbers; and what they do beyond that."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import laws
import recurra.nn
from recurra.core.layers import Recurrent
from recurra.core.ragged import Ragged
from recurra.core.state import HiddenState, LSTMState
from recurra.errors import OptionError
from recurra.native import absent

KINDS = ["RNN", "GRU", "LSTM"]


def pair(kind: str, *sizes: int, **options: Any) -> tuple[Recurrent[Any], nn.RNNBase]:
    """Our layer and torch's, drawn from the same seed."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        ours: Recurrent[Any] = getattr(recurra.nn, kind)(*sizes, **options)
        torch.manual_seed(5)
        theirs: nn.RNNBase = getattr(nn, kind)(*sizes, batch_first=True, **options)
    return ours, theirs


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def their_state(state: HiddenState | LSTMState) -> Any:
    """A state as torch wants it: time-first, and a pair for the LSTM."""
    leaves = tuple(leaf.transpose(0, 1).contiguous() for leaf in state.leaves())
    return leaves if len(leaves) == 2 else leaves[0]


def assert_same_state(state: HiddenState | LSTMState, theirs: Any) -> None:
    leaves = theirs if isinstance(theirs, tuple) else (theirs,)
    for leaf, other in zip(state.leaves(), leaves, strict=True):
        torch.testing.assert_close(leaf, other.transpose(0, 1))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_parameters_are_torchs_by_name_shape_order_and_seed(
    kind: str, bidirectional: bool, bias: bool
) -> None:
    ours, theirs = pair(kind, 3, 4, 2, bias=bias, bidirectional=bidirectional)
    mine, other = dict(ours.named_parameters()), dict(theirs.named_parameters())
    assert list(mine) == list(other)
    for name, parameter in mine.items():
        assert torch.equal(parameter, other[name]), name


@given(
    kind=st.sampled_from(KINDS),
    layers=st.integers(1, 3),
    bidirectional=st.booleans(),
    bias=st.booleans(),
    lengths=st.lists(st.integers(1, 8), min_size=1, max_size=5),
    seed=st.integers(0, 99),
)
def test_equal_to_torch_with_weights_copied_either_way(
    kind: str, layers: int, bidirectional: bool, bias: bool, lengths: list[int], seed: int
) -> None:
    ours, theirs = pair(
        kind, 3, 4, layers, bias=bias, bidirectional=bidirectional, dtype=torch.float64
    )
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(noise(*parameter.shape, seed=seed, dtype=torch.float64))
    ours.load_state_dict(theirs.state_dict())
    x = noise(len(lengths), max(lengths), 3, seed=seed, dtype=torch.float64)
    state = ours.zero_state(len(lengths)).map(
        lambda leaf: noise(*leaf.shape, seed=seed + 1, dtype=leaf.dtype)
    )
    output, last = ours(x, state)
    expected, their_last = theirs(x, their_state(state))
    torch.testing.assert_close(output, expected)
    assert_same_state(last, their_last)

    output, last = ours(x, state, lengths=lengths)
    packed = pack_padded_sequence(x, torch.tensor(lengths), True, enforce_sorted=False)
    expected, their_last = theirs(packed, their_state(state))
    torch.testing.assert_close(output, pad_packed_sequence(expected, True)[0])
    assert_same_state(last, their_last)

    other: nn.RNNBase = getattr(nn, kind)(
        3, 4, layers, bias=bias, bidirectional=bidirectional, batch_first=True, dtype=torch.float64
    )
    other.load_state_dict(ours.state_dict())
    torch.testing.assert_close(other(x)[0], ours(x)[0])


def test_the_five_sentences_of_the_lab() -> None:
    """Three layers of one hidden unit: each sentence in the batch is as it is alone."""
    lengths = [18, 7, 9, 16, 9, 0]
    layer = recurra.nn.RNN(4, 1, 3)
    rows = [noise(n, 4, seed=n) for n in lengths]
    output, state = layer(Ragged.from_list(rows))
    assert output.values.shape == (59, 1)
    for b, row in enumerate(rows):
        alone, last = layer(row[None])
        torch.testing.assert_close(output.to_list()[b], alone[0])
        torch.testing.assert_close(state.hidden[b], last.hidden[0])


def test_shapes_of_the_first_lab() -> None:
    output, state = recurra.nn.RNN(4, 2)(torch.eye(4)[torch.zeros(3, 5, dtype=torch.int64)])
    assert output.shape == (3, 5, 2)
    assert state.hidden.shape == (3, 1, 2)
    assert state.layer(-1).hidden.shape == (3, 2)
    torch.testing.assert_close(state.layer(-1).hidden, output[:, -1])


@pytest.mark.parametrize("kind", KINDS)
def test_under_autocast_the_numbers_are_torchs(kind: str) -> None:
    ours, theirs = pair(kind, 8, 16, 2)
    x = noise(4, 9, 8)
    with laws.path("torch"), torch.autocast("cpu", torch.bfloat16):
        output, _ = ours(x)
        expected, _ = theirs(x)
    assert output.dtype == expected.dtype
    assert torch.equal(output, expected)


def test_dropout_is_between_layers_and_in_training_alone() -> None:
    layer = recurra.nn.GRU(3, 4, 2, dropout=1.0)
    plain = recurra.nn.GRU(3, 4, 2)
    plain.load_state_dict(layer.state_dict())
    x = noise(2, 5, 3)
    rows = Ragged.from_padded(x, [5, 2])
    layer.eval()
    assert torch.equal(layer(x)[0], plain(x)[0])
    assert torch.equal(layer(rows)[0].values, plain(rows)[0].values)
    layer.train()
    # With all of the lower layer dropped, the upper one reads zeros, and is not dropped itself.
    upper = recurra.nn.GRU(4, 4)
    upper.load_state_dict(
        {k.replace("_l1", "_l0"): v for k, v in layer.state_dict().items() if "_l1" in k}
    )
    torch.testing.assert_close(layer(x)[0], upper(torch.zeros(2, 5, 4))[0])
    torch.testing.assert_close(
        layer(rows)[0].padded(), upper(torch.zeros(2, 5, 4), lengths=[5, 2])[0]
    )
    torch.testing.assert_close(layer(x)[1].hidden[:, 0], plain(x)[1].hidden[:, 0])
    single = recurra.nn.GRU(3, 4, dropout=1.0)
    assert bool(single(x)[0].any())


def test_dropout_drops_the_share_asked_for() -> None:
    layer = recurra.nn.RNN(1, 500, 2, dropout=0.25)
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            parameter.zero_()
            if name == "bias_ih_l0":
                parameter.fill_(100)
            elif name == "weight_ih_l1":
                parameter.copy_(torch.eye(500))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        output, _ = layer(torch.zeros(1, 20, 1))
    kept = output != 0
    assert 0.73 < kept.float().mean().item() < 0.77
    torch.testing.assert_close(output[kept], torch.tensor(4 / 3).tanh().expand(int(kept.sum())))


@pytest.mark.parametrize("kind", KINDS)
def test_traced_states_are_those_of_every_layer(kind: str) -> None:
    layer, _ = pair(kind, 3, 4, 2, bidirectional=True)
    x = noise(3, 6, 3)
    traced = layer.trace(x, lengths=torch.tensor([6, 0, 2]))
    output, state = layer(x, lengths=torch.tensor([6, 0, 2]))
    torch.testing.assert_close(traced.output, output)
    for name, leaf in traced.states.arrays().items():
        assert leaf.shape == (3, 6, 4, 4)
        assert not leaf[1].any()
        assert not leaf[2, 2:].any()
        last = state.arrays()[name]
        torch.testing.assert_close(leaf[0, 5, ::2], last[0, ::2])
        torch.testing.assert_close(leaf[2, 0, 1::2], last[2, 1::2])
    short = layer.trace(x, lengths=[2, 0, 2])
    assert short.states.hidden.shape == (3, 6, 4, 4)
    assert not short.states.hidden[:, 2:].any()


def test_lengths_of_any_kind() -> None:
    layer = recurra.nn.LSTM(3, 4)
    x = noise(3, 6, 3)
    expected, _ = layer(x, lengths=torch.tensor([6, 1, 3]))
    for lengths in ([6, 1, 3], (6, 1, 3), torch.tensor([6, 1, 3], dtype=torch.uint8)):
        assert torch.equal(layer(x, lengths=lengths)[0], expected)
    full, _ = layer(x, lengths=[6, 6, 6])
    assert torch.equal(full, layer(x)[0])


def test_copies_and_pickles() -> None:
    layer = recurra.nn.LSTM(3, 4, 2, bidirectional=True, dropout=0.5).eval()
    x = noise(2, 5, 3)
    buffer = io.BytesIO()
    torch.save(layer, buffer)
    buffer.seek(0)
    for other in (
        copy.deepcopy(layer),
        pickle.loads(pickle.dumps(layer)),
        torch.load(buffer, weights_only=False),
    ):
        assert torch.equal(other(x)[0], layer(x)[0])
        assert other is not layer
        with torch.no_grad():
            other.get_parameter("weight_hh_l0").zero_()
        assert not torch.equal(other(x)[0], layer(x)[0])


def test_changed_dtype_moves_with_the_module() -> None:
    layer = recurra.nn.GRU(3, 4).double()
    output, state = layer(noise(2, 5, 3, dtype=torch.float64))
    assert output.dtype == state.hidden.dtype == torch.float64
    assert layer.zero_state(2).hidden.dtype == torch.float64


def test_weights_put_in_by_parametrization_are_used() -> None:
    layer = recurra.nn.RNN(3, 4)
    nn.utils.parametrizations.weight_norm(layer, "weight_hh_l0")
    before = layer(noise(2, 5, 3))[0]
    with torch.no_grad():
        layer.get_parameter("parametrizations.weight_hh_l0.original0").mul_(2)
    assert not torch.equal(layer(noise(2, 5, 3))[0], before)


@pytest.mark.parametrize("name", ["loop", "torch", "native"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("batch", "steps"), [(0, 4), (3, 0), (0, 0)])
def test_nothing_in_nothing_out(kind: str, batch: int, steps: int, name: str) -> None:
    layer, _ = pair(kind, 3, 4, 2, bidirectional=True)
    state = layer.zero_state(batch).map(torch.ones_like)
    with laws.path(name):
        output, last = layer(torch.zeros(batch, steps, 3), state)
        assert output.shape == (batch, steps, 8)
        padded, _ = layer(torch.zeros(batch, steps, 3), state, lengths=[0] * batch)
        assert padded.shape == (batch, steps, 8)
        none, _ = layer(torch.zeros(batch, 5, 3), state, lengths=[0] * batch)
        assert none.shape == (batch, 5, 8)
        assert not none.any()
        traced = layer.trace(torch.zeros(batch, 5, 3), state, lengths=[0] * batch)
        assert traced.states.hidden.shape == (batch, 5, 4, 4)
    for leaf in last.leaves():
        assert leaf.shape == (batch, 4, 4)
        assert bool((leaf == 1).all())


def test_explain_says_a_path_for_each_layer_and_direction() -> None:
    layer = recurra.nn.LSTM(3, 4, 2, bidirectional=True)
    x = torch.zeros(1, 5, 3)
    with laws.path(""):
        assert [path.name for path in layer.explain(x)] == ["torch" if absent else "native"] * 4
    with laws.path("torch"):
        assert [path.name for path in layer.explain(x)] == ["torch"] * 4
        assert layer.explain(x, every_state=True)[0].name == "loop"
    with laws.path("loop"):
        assert layer.explain(Ragged.from_padded(x, [3]))[3].reason == "RECURRA_PATH asks for it"


def test_shown_with_what_differs_from_the_default() -> None:
    assert repr(recurra.nn.GRU(3, 4)) == "GRU(3, 4)"
    shown = repr(recurra.nn.RNN(3, 4, 2, nonlinearity="relu", bias=False, dropout=0.5))
    assert shown == "RNN(3, 4, num_layers=2, bias=False, dropout=0.5, nonlinearity=relu)"


def test_mistakes_are_named() -> None:
    layer = recurra.nn.LSTM(3, 4, 2)
    x = torch.zeros(2, 5, 3)
    rows = Ragged.from_padded(x, [5, 1])
    with pytest.raises(OptionError, match=r"(?s)\(5, 3\).*\(B, T, 3\)"):
        layer(x[0])
    with pytest.raises(OptionError, match="a length of 6"):
        layer(x, lengths=[6, 1])
    with pytest.raises(OptionError, match=r"(?s)\(3,\).*one a row"):
        layer(x, lengths=[5, 1, 1])
    with pytest.raises(OptionError, match="lengths beside a Ragged"):
        layer(rows, lengths=[5, 1])
    with pytest.raises(OptionError, match=r"(?s)first state of type tuple.*LSTMState"):
        layer(x, (torch.zeros(2, 2, 4),))
    with pytest.raises(OptionError, match=r"(?s)\(2, 1, 4\).*\(B, L\*D, H\) = \(2, 2, 4\)"):
        layer(x, recurra.nn.LSTM(3, 4).zero_state(2))
    with pytest.raises(OptionError, match="resets"):
        layer(x, resets=torch.zeros(5, 2, dtype=torch.bool), lengths=[5, 1])
    with pytest.raises(OptionError, match="bidirectional"):
        recurra.nn.RNN(3, 4, bidirectional=True).step(torch.zeros(2, 3))
    with pytest.raises(OptionError, match=r"(?s)a step of shape.*\(B, F\)"):
        recurra.nn.RNN(3, 4).step(x)
    with pytest.raises(OptionError, match="num_layers=0"):
        recurra.nn.GRU(3, 4, 0)
    with pytest.raises(OptionError, match="hidden_size=-1"):
        recurra.nn.GRU(3, -1)
    with pytest.raises(OptionError, match=r"dropout=1\.5"):
        recurra.nn.GRU(3, 4, dropout=1.5)
    with pytest.raises(OptionError, match="nonlinearity=sigmoid"):
        recurra.nn.RNN(3, 4, nonlinearity="sigmoid")  # type: ignore[arg-type]


def test_public_names() -> None:
    assert sorted(recurra.nn.__all__) == [
        "Attention", "AttentionOutput", "GRU", "HiddenState", "LSTM", "LSTMState", "LockedDropout",
        "Memory", "Options", "Path", "RNN", "Ragged", "State", "Traced", "stack_layers",
    ]  # fmt: skip
    for name in recurra.nn.__all__:
        assert getattr(recurra.nn, name).__doc__
