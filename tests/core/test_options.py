"""What each option of a layer does, in training and in evaluation; its laws are in test_laws."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import laws
from recurra.core.initial import reset_orthogonal
from recurra.core.options import DEFAULTS, Options
from recurra.core.recurrent import Recurrent
from recurra.errors import OptionError
from recurra.native import absent
from recurra.nn import GRU, LSTM, RNN, LockedDropout, LSTMState, Ragged

KINDS: dict[str, Any] = {"RNN": RNN, "GRU": GRU, "LSTM": LSTM}

EVERY: dict[str, Any] = {
    "locked_dropout": 0.4, "weight_dropout": 0.4, "zoneout": 0.4, "residual": True,
    "layer_norm": True, "learn_state": True,
}  # fmt: skip


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def made(kind: str, *sizes: int, **options: Any) -> Recurrent[Any]:
    """A layer whose parameters are all random, those that begin as 0 or 1 too."""
    layer: Recurrent[Any] = KINDS[kind](*sizes, dtype=torch.float64, **options)
    with torch.no_grad():
        for k, parameter in enumerate(layer.parameters()):
            parameter.copy_(0.5 * noise(*parameter.shape, seed=k))
    return layer


def seeded(layer: Recurrent[Any], *arguments: Any, **options: Any) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return layer(*arguments, **options)


# -- all of them ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_evaluation_is_deterministic_and_draws_nothing(kind: str) -> None:
    layer = made(kind, 4, 4, 3, **EVERY).eval()
    x, before = noise(3, 6, 4), torch.get_rng_state()
    assert torch.equal(layer(x)[0], layer(x)[0])
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", ["locked_dropout", "weight_dropout", "zoneout"])
@pytest.mark.parametrize("kind", KINDS)
def test_training_draws_anew_at_each_call(kind: str, name: str) -> None:
    layer, x = made(kind, 4, 4, 2, **{name: 0.4}), noise(3, 6, 4)
    with torch.random.fork_rng():
        torch.manual_seed(5)  # two masks of so few units are the same once in 2,500 times
        assert not torch.equal(layer(x)[0], layer(x)[0])
    assert torch.equal(seeded(layer, x)[0], seeded(layer, x)[0])


@pytest.mark.parametrize("name", ["", "loop", "torch", "native"])
@pytest.mark.parametrize("kind", KINDS)
def test_in_training_too_padded_and_ragged_rows_agree(kind: str, name: str) -> None:
    """Masks are a row's, whatever the row is held in."""
    layer, lengths = made(kind, 4, 4, 3, **EVERY), [6, 0, 2]
    x = noise(3, 6, 4)
    with laws.path(name):
        padded, state = seeded(layer, x, lengths=lengths)
        ragged, last = seeded(layer, Ragged.from_padded(x, lengths))
    torch.testing.assert_close(ragged.padded(), padded)
    for leaf, other in zip(state.leaves(), last.leaves(), strict=True):
        torch.testing.assert_close(leaf, other)


def test_copies_pickles_and_state_dicts() -> None:
    layer = made("LSTM", 4, 6, 2, proj_size=4, **EVERY).eval()
    other = LSTM(4, 6, 2, proj_size=4, dtype=torch.float64, **EVERY).eval()
    other.load_state_dict(layer.state_dict())
    x = noise(2, 5, 4)
    for each in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), other):
        assert torch.equal(each(x)[0], layer(x)[0])
        assert repr(each) == repr(layer)


def test_shown_listed_and_completed() -> None:
    layer = LSTM(4, 6, 2, proj_size=4, bidirectional=True, **EVERY)
    for name, value in {**EVERY, "proj_size": 4}.items():
        assert f"{name}={value}" in repr(layer)
    assert list(DEFAULTS) == list(Options.__annotations__)
    for kind, own in (("RNN", "nonlinearity"), ("GRU", "bias"), ("LSTM", "proj_size")):
        known = inspect.signature(KINDS[kind]).parameters
        assert {*DEFAULTS, own, "input_size", "num_layers", "device", "dtype"} <= set(known)
        plain = KINDS[kind](2, 3)
        assert all(getattr(plain, name) == value for name, value in DEFAULTS.items())
        assert all(known[name].default == value for name, value in DEFAULTS.items())
        for name in DEFAULTS:
            assert f"{name}:" in (Options.__doc__ or "")


@pytest.mark.parametrize("name", ["dropout", "locked_dropout", "weight_dropout", "zoneout"])
@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_shares_are_from_nothing_to_all(name: str, share: float) -> None:
    options: Any = {name: share}
    with pytest.raises(OptionError, match=f"(?s){name}=.*0 to 1"):
        GRU(3, 4, **options)


def test_mistakes_are_named() -> None:
    with pytest.raises(OptionError, match=r"(?s)locked_dropout=0\.2.*one mask between layers"):
        GRU(3, 4, 2, dropout=0.1, locked_dropout=0.2)
    with pytest.raises(OptionError, match=r"(?s)zone_out.*did you mean zoneout"):
        LSTM(3, 4, zone_out=0.1)  # type: ignore[call-arg]
    with pytest.raises(OptionError, match=r"(?s)proj_size=2.*bias"):
        GRU(3, 4, proj_size=2)  # type: ignore[call-arg]
    with pytest.raises(OptionError, match="from 3 to 8 features"):
        GRU(3, 4, residual=True, bidirectional=True)
    for size in (-1, 4, 5):
        with pytest.raises(OptionError, match=f"(?s)proj_size={size}.*hidden_size - 1"):
            LSTM(3, 4, proj_size=size)
    with pytest.raises(OptionError, match=r"share=1\.1"):
        LockedDropout(1.1)
    with pytest.raises(OptionError, match=r"(?s)\(2, 3\).*\(B, T, F\)"):
        LockedDropout(0.1)(torch.zeros(2, 3))
    projected = LSTM(3, 4, proj_size=2)
    with pytest.raises(OptionError, match=r"(?s)hidden has shape \(2, 1, 4\).*\(2, 1, 2\)"):
        projected(torch.zeros(2, 5, 3), LSTM(3, 4).zero_state(2))


@pytest.mark.skipif(bool(absent), reason=absent)
def test_which_path_runs_and_why() -> None:
    x = torch.zeros(2, 9, 4)
    with laws.path(""):
        for name in ("locked_dropout", "weight_dropout", "residual", "learn_state"):
            layer = LSTM(4, 4, 2, **{name: EVERY[name]})
            assert [path.name for path in layer.explain(x)] == ["native"] * 2
        assert LSTM(4, 4, zoneout=0.1).explain(x)[0] == (
            "loop", "torch has no Zoneout; the native kernels have no Zoneout"
        )  # fmt: skip
        assert "no LayerNormGRU" in GRU(4, 4, layer_norm=True).explain(x)[0].reason
        assert "no LayerNormLSTM" in LSTM(4, 6, layer_norm=True, proj_size=4).explain(x)[0].reason
        layer = LSTM(4, 4, proj_size=2)
        assert layer.explain(x)[0].name == "native"
        assert "folded" in layer.explain(x)[0].reason
        assert layer.explain(x[:, :1])[0].name == "torch"
        assert "too few steps" in layer.explain(x[:, :1])[0].reason
        wide = LSTM(4, 400, proj_size=8)
        assert wide.explain(x)[0].name == "torch"
        assert "units saved" in wide.explain(x)[0].reason
        assert wide.explain(x, every_state=True)[0].name == "native"


# -- dropout of rows and of weights ---------------------------------------------------------------


def kept_by(layer: Recurrent[Any], x: Tensor | Ragged) -> list[Tensor]:
    """Which features of each row the second layer of `passing` was given, (T_b, H) each."""
    output = seeded(layer, x)[0]
    rows = output.to_list() if isinstance(output, Ragged) else list(output)
    return [row != 0 for row in rows]


def passing(**options: Any) -> Recurrent[Any]:
    """Two layers that show ones, as far as they are not dropped between them."""
    layer = RNN(1, 200, 2, nonlinearity="relu", **options)
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            parameter.zero_()
            if name == "bias_ih_l0":
                parameter.fill_(1)
            elif name == "weight_ih_l1":
                parameter.copy_(torch.eye(200))
    return layer


def test_locked_dropout_is_one_mask_a_row() -> None:
    layer = passing(locked_dropout=0.25)
    rows = Ragged.from_list([torch.zeros(n, 1) for n in (3, 0, 7, 1)])
    for x in (rows, torch.zeros(4, 7, 1)):
        kept = kept_by(layer, x)
        for row in kept:
            assert bool((row == row[:1]).all())
        assert not torch.equal(kept[0][0], kept[2][0])
        share = torch.stack([row[0] for row in kept if len(row)]).float().mean().item()
        assert 0.68 < share < 0.82
    assert seeded(layer, rows)[0].values.max().item() == pytest.approx(4 / 3)
    assert bool((layer.eval()(rows)[0].values == 1).all())
    # Else dropout would do as well.
    assert not all((row == row[:1]).all() for row in kept_by(passing(dropout=0.25), rows))


def test_locked_dropout_is_between_layers_alone() -> None:
    layer = made("GRU", 3, 4, 2, locked_dropout=1.0)
    plain = made("GRU", 3, 4, 2)
    x = noise(2, 5, 3)
    upper = GRU(4, 4, dtype=torch.float64)
    found = {k.replace("_l1", "_l0"): v for k, v in layer.state_dict().items() if "_l1" in k}
    upper.load_state_dict(found)
    torch.testing.assert_close(layer(x)[0], upper(torch.zeros(2, 5, 4, dtype=torch.float64))[0])
    torch.testing.assert_close(layer(x)[1].hidden[:, 0], plain(x)[1].hidden[:, 0])


def test_locked_dropout_as_a_module() -> None:
    drop = LockedDropout(0.25)
    rows = Ragged.from_list([torch.ones(n, 400) for n in (3, 0, 7)])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        ragged, padded = drop(rows), drop(torch.ones(3, 7, 400))
    for row in [*ragged.to_list(), *padded]:
        assert bool((row == row[:1]).all())
        assert not row.any() or row.max().item() == pytest.approx(4 / 3)
    assert 0.65 < (padded[:, 0] > 0).float().mean().item() < 0.85
    assert not torch.equal(padded[0], padded[1])
    assert drop.eval()(rows) is rows
    assert repr(drop) == "LockedDropout(0.25)"


@pytest.mark.parametrize("name", ["", "torch", "loop"])
def test_weight_dropout_is_drawn_once_a_call(name: str) -> None:
    """h_t = M W h_(t-1) with W = 1: what is kept doubles at each step, what is not is gone."""
    layer = RNN(1, 500, bias=False, nonlinearity="relu", weight_dropout=0.5)
    with torch.no_grad():
        layer.get_parameter("weight_hh_l0").copy_(torch.eye(500))
    state = layer.zero_state(2).map(torch.ones_like)
    x = torch.zeros(2, 5, 1)
    with laws.path(name), torch.random.fork_rng():
        torch.manual_seed(0)
        output, _ = layer(x, state)
        other, _ = layer(x, state)
    kept = output[0, 0] > 0
    assert 0.4 < kept.float().mean().item() < 0.6
    for t in range(5):
        torch.testing.assert_close(output[:, t], (kept * 2.0 ** (t + 1)).expand(2, -1))
    assert not torch.equal(output, other)
    assert bool((layer.eval()(x, state)[0] == 1).all())


def test_weight_dropout_reaches_the_gradients() -> None:
    layer = made("GRU", 3, 4, weight_dropout=1.0)
    layer(noise(2, 5, 3))[0].sum().backward()
    gradient = layer.get_parameter("weight_hh_l0").grad
    assert gradient is not None
    assert not gradient.any()
    layer.eval()(noise(2, 5, 3))[0].sum().backward()
    assert bool(gradient.any())


# -- residual connections -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_residual_layers_add_what_they_are_given(kind: str) -> None:
    layer = made(kind, 3, 4, 3, residual=True)
    x = noise(2, 5, 3)
    y, states = x, []
    for k in range(3):
        single = KINDS[kind](y.shape[-1], 4, dtype=torch.float64)
        found = layer.state_dict()
        single.load_state_dict({n: found[n.replace("_l0", f"_l{k}")] for n in single.state_dict()})
        top, state = single(y)
        y = top + y if k else top  # the first one has other sizes
        states.append(state)
    output, last = layer(x)
    torch.testing.assert_close(output, y)
    for name, leaf in last.arrays().items():
        for k in range(3):
            torch.testing.assert_close(leaf[:, k], states[k].arrays()[name][:, 0])
    traced = layer.trace(x)
    torch.testing.assert_close(traced.output, y)
    torch.testing.assert_close(traced.states.hidden[:, -1], last.hidden)


def test_what_goes_past_a_residual_layer_is_not_dropped() -> None:
    layer = made("GRU", 4, 4, 2, residual=True, dropout=1.0)
    lower, x = made("GRU", 4, 4), noise(2, 5, 4)
    found = {k: v for k, v in layer.state_dict().items() if "_l0" in k}
    lower.load_state_dict(found)
    upper = GRU(4, 4, dtype=torch.float64)
    found = {k.replace("_l1", "_l0"): v for k, v in layer.state_dict().items() if "_l1" in k}
    upper.load_state_dict(found)
    below = x + lower(x)[0]
    torch.testing.assert_close(layer(x)[0], below + upper(torch.zeros_like(x))[0])


def test_two_directions_have_twice_the_size() -> None:
    layer = made("RNN", 8, 4, residual=True, bidirectional=True)
    plain = made("RNN", 8, 4, bidirectional=True)
    x = noise(2, 5, 8)
    torch.testing.assert_close(layer(x)[0], x + plain(x)[0])


# -- the first state ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "loop", "torch", "native"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_learnt_state_is_where_rows_begin(kind: str, name: str) -> None:
    layer = made(kind, 3, 4, 2, learn_state=True, bidirectional=True)
    plain = made(kind, 3, 4, 2, bidirectional=True)
    found = layer.state_dict()
    plain.load_state_dict({n: found[n] for n in plain.state_dict()})
    leaves = ["h0", "c0"] if kind == "LSTM" else ["h0"]
    begun = [
        torch.stack([found[f"{leaf}_l{k}{way}"] for k in (0, 1) for way in ("", "_reverse")])
        for leaf in leaves
    ]
    state = type(plain.zero_state(1))(*[leaf.expand(3, -1, -1) for leaf in begun])
    for leaf, other in zip(layer.first_state(3).leaves(), state.leaves(), strict=True):
        assert torch.equal(leaf, other)
    x = noise(3, 6, 3)
    with laws.path(name):
        for lengths in ([6, 6, 6], [6, 0, 2]):
            output, last = layer(x, lengths=lengths)
            expected, after = plain(x, state, lengths=lengths)
            torch.testing.assert_close(output, expected)
            for leaf, other in zip(last.leaves(), after.leaves(), strict=True):
                torch.testing.assert_close(leaf, other)
        given = plain.zero_state(3)
        torch.testing.assert_close(layer(x, given)[0], plain(x)[0])


@pytest.mark.parametrize("name", ["", "loop", "torch", "native"])
def test_after_a_cut_rows_begin_again(name: str) -> None:
    """No state crosses a cut: pieces are rows of their own, which begin with the learnt state."""
    layer = made("LSTM", 3, 4, 2, learn_state=True, bidirectional=True)
    x, resets = noise(1, 6, 3), torch.zeros(1, 6, dtype=torch.bool)
    resets[0, 2] = True
    with laws.path(name):
        whole = layer(x, resets=resets)[0]
        traced = layer.trace(x, resets=resets)
        parts = torch.cat([layer(x[:, :2])[0], layer(x[:, 2:])[0]], 1)
    torch.testing.assert_close(whole, parts)
    torch.testing.assert_close(traced.output, parts)
    whole.sum().backward()
    for name_, parameter in layer.named_parameters():
        assert parameter.grad is not None, name_
        assert bool(parameter.grad.any()), name_


def test_learnt_states_begin_as_zeros_and_gains_as_ones() -> None:
    layer = LSTM(3, 4, learn_state=True, layer_norm=True)
    for reset in (layer.reset_parameters, lambda: reset_orthogonal(layer)):
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.fill_(7)
            layer.reset_parameters()
            reset()
        for name, parameter in layer.named_parameters():
            if name.startswith(("h0", "c0", "shift")):
                assert not parameter.any()
            elif name.startswith("gain"):
                assert bool((parameter == 1).all())
            else:
                assert bool((parameter.abs() <= 1).all())
    plain = GRU(3, 4, learn_state=True)
    assert list(plain.state_dict())[-1] == "h0_l0"
    assert plain.get_parameter("h0_l0").shape == (4,)


# -- projection -----------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@given(
    layers=st.integers(1, 3),
    both=st.booleans(),
    bias=st.booleans(),
    lengths=st.lists(st.integers(1, 8), min_size=1, max_size=5),
    name=st.sampled_from(["", "native", "torch", "loop"]),
    seed=st.integers(0, 99),
)
def test_projections_are_torchs(
    layers: int, both: bool, bias: bool, lengths: list[int], name: str, seed: int
) -> None:
    options: dict[str, Any] = {"proj_size": 2, "bias": bias, "bidirectional": both}
    theirs = nn.LSTM(3, 5, layers, batch_first=True, dtype=torch.float64, **options)
    with torch.no_grad():
        for k, parameter in enumerate(theirs.parameters()):
            parameter.copy_(noise(*parameter.shape, seed=seed + k))
    ours = LSTM(3, 5, layers, dtype=torch.float64, **options)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    x = noise(len(lengths), max(lengths), 3, seed=seed)
    first = ours.zero_state(len(lengths)).map(lambda leaf: noise(*leaf.shape, seed=seed + 1))
    assert first.hidden.shape[2] == 2
    assert first.cell.shape[2] == 5
    hx = (first.hidden.transpose(0, 1).contiguous(), first.cell.transpose(0, 1).contiguous())
    with laws.path(name):
        output, last = ours(x, first, lengths=lengths)
        torch.testing.assert_close(ours(x)[0], theirs(x)[0])
    packed = pack_padded_sequence(x, torch.tensor(lengths), True, enforce_sorted=False)
    expected, (hidden, cell) = theirs(packed, hx)
    torch.testing.assert_close(output, pad_packed_sequence(expected, True)[0])
    torch.testing.assert_close(last.hidden, hidden.transpose(0, 1))
    torch.testing.assert_close(last.cell, cell.transpose(0, 1))
    theirs.load_state_dict(ours.state_dict())


def test_a_projected_state_is_a_value_like_others() -> None:
    layer = made("LSTM", 3, 5, proj_size=2)
    state = layer(noise(3, 4, 3))[1]
    assert isinstance(state, LSTMState)
    kept = state.select(torch.tensor([2, 0]))
    again_ = layer.zero_state(1).from_arrays(kept.arrays())
    x = noise(3, 3)
    torch.testing.assert_close(layer.step(x[:2], again_)[0], layer.step(x[:2], kept)[0])
    with torch.no_grad():
        output, _ = layer.step(x, state)
    assert output.shape == (3, 2)
