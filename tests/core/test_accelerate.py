"""`accelerate`: any model's recurrent modules on the native kernels, with nothing else changed."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from hypothesis import given as holds
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence

import laws
import recurra
from recurra.native import absent

built = pytest.mark.skipif(bool(absent), reason=absent)
KINDS = ["RNN", "GRU", "LSTM"]


def module_of(kind: str, *sizes: int, seed: int = 0, **options: Any) -> nn.RNNBase:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made: nn.RNNBase = getattr(nn, kind)(*sizes, dtype=torch.float64, **options)
    return made


def swapped(module: nn.Module) -> nn.Module:
    other = copy.deepcopy(module)
    assert recurra.accelerate(other).left == {}
    return other


def leaves_of(result: Any) -> list[Tensor]:
    """The tensors of what a recurrent module returns."""
    output, state = result
    values = output.data if isinstance(output, PackedSequence) else output
    return [values, *(state if isinstance(state, tuple) else (state,))]


def results(module: nn.Module, given: Any, hx: Any, sources: list[Tensor]) -> list[Tensor]:
    """All that comes out, and the gradients of all that goes in."""
    with laws.path(""):
        found = leaves_of(module(given, hx))
    return found + laws.pull(found, [*sources, *module.parameters()])


def noise(*shape: int, seed: int = 0) -> Tensor:
    made = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return made.requires_grad_()


@built
@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@holds(
    kind=st.sampled_from([*KINDS, "relu", "projected"]),
    layers=st.integers(1, 3),
    both=st.booleans(),
    bias=st.booleans(),
    batch_first=st.booleans(),
    form=st.sampled_from(["batch", "alone", "packed", "sorted"]),
    state=st.booleans(),
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=5),
    seed=st.integers(0, 99),
)
def test_outputs_states_and_gradients_are_the_originals(
    kind: str, layers: int, both: bool, bias: bool, batch_first: bool, form: str, state: bool,
    lengths: list[int], seed: int,
) -> None:  # fmt: skip
    options: dict[str, Any] = {"bias": bias, "batch_first": batch_first, "bidirectional": both}
    if kind == "relu":
        kind, options = "RNN", options | {"nonlinearity": "relu"}
    if kind == "projected":
        kind, options = "LSTM", options | {"proj_size": 2}
    theirs = module_of(kind, 3, 4, layers, seed=seed, **options)
    ours = swapped(theirs)
    steps, batch = max(lengths), len(lengths)
    x = noise(batch, steps, 3, seed=seed)
    if form == "alone":
        x = noise(steps, 3, seed=seed)
    if form == "sorted":
        lengths = sorted(lengths, reverse=True)

    def arguments() -> Any:
        """Made anew for each graph."""
        if form in ("packed", "sorted"):
            falls = form == "sorted"
            return pack_padded_sequence(x, torch.tensor(lengths), True, enforce_sorted=falls)
        return x if form == "alone" or batch_first else x.transpose(0, 1)

    shape = (layers * (2 if both else 1), *(() if form == "alone" else (batch,)))
    widths = [options.get("proj_size", 4), 4][: 2 if kind == "LSTM" else 1]
    first = [noise(*shape, width, seed=seed + k) for k, width in enumerate(widths)]
    hx: Any = (tuple(first) if kind == "LSTM" else first[0]) if state else None
    sources = [x, *first] if state else [x]
    found = results(ours, arguments(), hx, sources)
    expected = results(theirs, arguments(), hx, sources)
    for mine, other in zip(found, expected, strict=True):
        assert mine.shape == other.shape
        torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-9)
    if form in ("packed", "sorted"):
        mine, other = ours(arguments(), hx)[0], theirs(arguments(), hx)[0]
        assert torch.equal(mine.batch_sizes, other.batch_sizes)
        for k in (2, 3):
            assert (mine[k] is None) == (other[k] is None)
            assert mine[k] is None or torch.equal(mine[k], other[k])


@built
def test_the_kernels_are_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else all of the above would hold of a swap that does nothing."""
    calls = laws.paths_of_swapped(monkeypatch)
    rows = [noise(3, 3), noise(1, 3)]
    for kind in KINDS:
        for given in (noise(5, 2, 3), noise(5, 3), pack_sequence(rows)):
            with laws.path(""):
                swapped(module_of(kind, 3, 4, 2, bidirectional=True))(given)
    with laws.path(""):
        swapped(module_of("LSTM", 3, 4, proj_size=2))(noise(5, 2, 3))
    assert calls == ["native"] * (4 * 9 + 1)


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.LSTM(3, 4, batch_first=True)
        self.inner = nn.Sequential(nn.Linear(4, 4), nn.ModuleList([nn.GRU(4, 4), nn.RNN(4, 4)]))
        self.again = self.encoder


class Own(nn.GRU):
    pass


@built
def test_every_module_is_swapped_in_place_and_stays_what_it_is() -> None:
    model = Model()
    before, keys = dict(model.named_parameters()), list(model.state_dict())
    encoder, heard = model.encoder, []
    encoder.register_forward_hook(lambda *_: heard.append(1))
    report = recurra.accelerate(model)
    assert report.swapped == ("encoder", "inner.1.0", "inner.1.1")
    assert report.left == {}
    assert model.encoder is encoder
    assert model.again is encoder
    assert isinstance(encoder, nn.LSTM)
    assert list(model.state_dict()) == keys
    for name, parameter in model.named_parameters():
        assert parameter is before[name]
    model.encoder(torch.zeros(1, 2, 3))
    assert heard == [1]
    assert recurra.accelerate(model).left["encoder"] == "it is swapped already"
    alone = nn.GRU(3, 4)
    assert recurra.accelerate(alone).swapped == ("",)


@built
def test_what_is_left_and_why() -> None:
    model = nn.ModuleDict(
        {
            "projected": nn.LSTM(3, 400, proj_size=2),
            "own": Own(3, 4),
            "narrow": nn.GRU(3, 4, dtype=torch.bfloat16),
            "elsewhere": nn.GRU(3, 4, device="meta"),
            "normed": nn.utils.parametrizations.weight_norm(nn.GRU(3, 4), "weight_hh_l0"),
            "taken": nn.GRU(3, 4),
        }
    )
    kinds = {name: type(module) for name, module in model.items()}
    report = recurra.accelerate(model)
    assert report.swapped == ("taken",)
    summary = {name: report.left[name] for name in list(model)[:5]}
    for name, words in {
        "projected": "a projection saves more than 320 units",
        "own": "Own is not torch.nn's own class",
        "narrow": "bfloat16",
        "elsewhere": "on meta",
        "normed": "ParametrizedGRU",
    }.items():
        assert words in summary[name]
        assert type(model[name]) is kinds[name]


@pytest.mark.skipif(not absent, reason="the kernels are built")
def test_without_kernels_everything_is_left() -> None:
    model = Model()
    report = recurra.accelerate(model)
    assert report.swapped == ()
    assert set(report.left.values()) == {absent}


@built
@pytest.mark.parametrize("kind", KINDS)
def test_copies_pickles_and_other_precisions(kind: str) -> None:
    theirs = module_of(kind, 3, 4, 2)
    ours = swapped(theirs)
    x = noise(5, 2, 3).detach()
    expected = theirs(x)[0]
    for other in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        torch.testing.assert_close(other(x)[0], expected)
        assert type(other) is type(ours)
    # What the kernels cannot run is torch's, to the bit.
    half = swapped(theirs).bfloat16()
    assert torch.equal(half(x.bfloat16())[0], copy.deepcopy(theirs).bfloat16()(x.bfloat16())[0])
    single, plain = ours.float(), copy.deepcopy(theirs).float()
    with torch.autocast("cpu", torch.bfloat16):
        # Up to rounding, where the kernels have such products; torch's GRU alone stays in float32.
        found, expected = single(x.float())[0], plain(x.float())[0]
    torch.testing.assert_close(found.float(), expected.float(), atol=0.01, rtol=0.02)


@built
@pytest.mark.parametrize("kind", KINDS)
def test_mistakes_are_torchs_own(kind: str) -> None:
    theirs = module_of(kind, 3, 4)
    ours = swapped(theirs)
    wrong = torch.zeros(3, 2, 4, dtype=torch.float64)
    x = torch.zeros(5, 2, 3, dtype=torch.float64)
    cases = [
        (torch.zeros(5, 2, 7, dtype=torch.float64), None),
        (torch.zeros(5, 2, 3), None),
        (torch.zeros(5, 2, 3, 1, dtype=torch.float64), None),
        (torch.zeros(0, 2, 3, dtype=torch.float64), None),
        (x, (wrong, wrong) if kind == "LSTM" else wrong),
    ]
    for given, hx in cases:
        with pytest.raises((RuntimeError, ValueError)) as mine:
            ours(given, hx)
        with pytest.raises((RuntimeError, ValueError)) as other:
            theirs(given, hx)
        assert str(mine.value) == str(other.value)


@built
def test_dropout_between_layers_drops_and_in_training_alone() -> None:
    theirs = module_of("GRU", 3, 200, 2, dropout=0.25)
    ours = swapped(theirs)
    x = noise(5, 2, 3).detach()
    torch.testing.assert_close(ours.eval()(x)[0], theirs.eval()(x)[0])
    ours.train()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        first, second = ours(x)[0], ours(x)[0]
    assert not torch.allclose(first, second)


@built
def test_an_output_can_be_viewed_as_torchs_can() -> None:
    module = swapped(module_of("GRU", 3, 4))
    output, state = module(noise(5, 2, 3))
    assert output.view(-1, 4).shape == (10, 4)
    assert state.view(-1).shape == (8,)
