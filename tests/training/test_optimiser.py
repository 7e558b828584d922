from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from recurra.core.layers import GRU, LSTM, RNN
from recurra.training.optimiser import Muon, Rates, build, clip, orthogonal


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@given(st.integers(1, 3), st.integers(1, 40), st.integers(1, 40), st.integers(0, 99))
def test_singular_values_become_about_one(count: int, rows: int, columns: int, seed: int) -> None:
    # Conditioned by hand: a value near nothing has no direction to keep.
    rank = min(rows, columns)
    left = torch.linalg.qr(normal(count, rows, rank, seed=seed))[0]
    right = torch.linalg.qr(normal(count, columns, rank, seed=seed + 1))[0]
    values = 0.1 + torch.rand(count, 1, rank, generator=torch.Generator().manual_seed(seed))
    matrices = (left * values) @ right.mT
    found = orthogonal(matrices)
    assert found.shape == matrices.shape
    assert found.dtype == matrices.dtype
    sizes = torch.linalg.svdvals(found)
    assert sizes.min() > 0.6
    assert sizes.max() < 1.35
    # The directions are those of the matrix.
    turned = left.mT @ found @ right
    off = turned - torch.diag_embed(torch.diagonal(turned, dim1=-2, dim2=-1))
    assert off.abs().max() < 0.1


@given(st.floats(1e-4, 1e4))
def test_the_scale_of_a_matrix_does_not_matter(scale: float) -> None:
    matrix = normal(12, 20)
    torch.testing.assert_close(orthogonal(matrix), orthogonal(matrix * scale), atol=0.05, rtol=0.1)


def test_each_matrix_is_made_orthogonal_alone_and_nothing_stays_nothing() -> None:
    matrices = normal(3, 8, 5)
    together = orthogonal(matrices)
    for one, alone in zip(matrices, together, strict=True):
        torch.testing.assert_close(orthogonal(one), alone, atol=0.02, rtol=0)
    assert torch.equal(orthogonal(torch.zeros(4, 6)), torch.zeros(4, 6))


def networks() -> list[nn.Module]:
    return [
        RNN(3, 8),
        GRU(5, 6, 2, bidirectional=True),
        LSTM(4, 7, 2, bidirectional=True, dropout=0.1),
        GRU(5, 6, bias=False),
        nn.Linear(3, 2),
        nn.Sequential(nn.Embedding(9, 4), LSTM(4, 6, bias=False), nn.Linear(6, 9)),
    ]


@pytest.mark.parametrize("network", networks())
def test_every_weight_has_one_optimiser_and_moves(network: nn.Module) -> None:
    optimisers = build(network, Rates())
    held = [p for o in optimisers for group in o.param_groups for p in group["params"]]
    assert len(held) == len({id(p) for p in held})
    assert {id(p) for p in held} == {id(p) for p in network.parameters()}
    before = copy.deepcopy(network.state_dict())
    for number, parameter in enumerate(network.parameters()):
        parameter.grad = normal(*parameter.shape, seed=number)
    for optimiser in optimisers:
        optimiser.step()
    for name, parameter in network.named_parameters():
        assert torch.isfinite(parameter).all()
        assert not torch.equal(parameter, before[name]), name


def test_recurrent_matrices_and_they_alone_are_muons() -> None:
    network = nn.Sequential(nn.Embedding(9, 4), GRU(4, 6, 2, bidirectional=True), nn.Linear(12, 9))
    muon = [o for o in build(network, Rates(0.5, 0.25, 0.125)) if isinstance(o, Muon)]
    adam = [o for o in build(network, Rates(0.5, 0.25, 0.125)) if isinstance(o, torch.optim.AdamW)]
    assert len(muon) == len(adam) == 1
    (group,) = muon[0].param_groups
    assert (group["gates"], group["lr"], group["weight_decay"]) == (3, 0.5, 0.125)
    names = [name for name, _ in network.named_parameters()]
    shapes = {tuple(p.shape) for p in group["params"]}
    assert len(group["params"]) == 8
    assert shapes == {(18, 4), (18, 6), (18, 12)}
    (rest,) = adam[0].param_groups
    assert len(rest["params"]) == len(names) - 8
    assert (rest["lr"], rest["weight_decay"]) == (0.25, 0.0)


def test_a_projection_is_one_matrix_and_gains_are_none() -> None:
    layer = LSTM(4, 6, proj_size=3, layer_norm=True, learn_state=True)
    (muon,) = [o for o in build(layer, Rates()) if isinstance(o, Muon)]
    counts = {tuple(p.shape): g["gates"] for g in muon.param_groups for p in g["params"]}
    assert counts == {(24, 4): 4, (24, 3): 4, (3, 6): 1}


def test_a_step_is_one_orthogonal_matrix_a_gate() -> None:
    layer = LSTM(5, 8)
    weight = layer.get_parameter("weight_ih_l0")
    before = weight.detach().clone()
    weight.grad = normal(32, 5)
    Muon([(weight, 4)], 0.1, momentum=0.95).step()
    moved = (before - weight.detach()).reshape(4, 8, 5) / 0.1
    # Taller than wide: its update is larger, as its outputs are more than its inputs.
    for gate, gradient in zip(moved, weight.grad.reshape(4, 8, 5), strict=True):
        sizes = torch.linalg.svdvals(gate)
        assert sizes.min() > 0.6 * (8 / 5) ** 0.5
        assert sizes.max() < 1.35 * (8 / 5) ** 0.5
        torch.testing.assert_close(gate, orthogonal(gradient) * (8 / 5) ** 0.5, atol=0.2, rtol=0)


def test_momentum_is_nesterovs_and_decay_is_apart_from_the_gradient() -> None:
    weight = nn.Parameter(normal(6, 6))
    expected, momentum = weight.detach().clone(), torch.zeros(6, 6)
    muon = Muon([(weight, 1)], 0.1, momentum=0.9, weight_decay=0.5)
    for step in range(4):
        gradient = normal(6, 6, seed=step + 1)
        weight.grad = gradient.clone()
        muon.step()
        momentum = 0.9 * momentum + 0.1 * gradient
        ahead = 0.1 * gradient + 0.9 * momentum
        expected = expected * (1 - 0.1 * 0.5) - 0.1 * orthogonal(ahead)
        torch.testing.assert_close(weight.detach(), expected, atol=2e-3, rtol=0)


def test_weights_of_one_shape_move_as_each_alone() -> None:
    def weights() -> list[nn.Parameter]:
        """Two of three gates, one of another shape, one of the same with fewer gates, one still."""
        shapes = [(12, 5), (12, 5), (12, 4), (12, 5), (12, 5)]
        return [nn.Parameter(normal(*shape, seed=n)) for n, shape in enumerate(shapes)]

    gates, together, alone = [3, 3, 3, 2, 3], weights(), weights()
    one = Muon(zip(together, gates, strict=True), 0.1, weight_decay=0.1)
    others = [Muon([pair], 0.1, weight_decay=0.1) for pair in zip(alone, gates, strict=True)]
    for step in range(3):
        for number in range(4):
            gradient = normal(*together[number].shape, seed=10 * step + number)
            together[number].grad, alone[number].grad = gradient, gradient.clone()
        for optimiser in (one, *others):
            optimiser.step()
    for mine, own in zip(together, alone, strict=True):
        torch.testing.assert_close(mine, own, atol=2e-3, rtol=0)
    assert torch.equal(together[4], weights()[4])


def test_weights_without_a_gradient_stay() -> None:
    layer = GRU(3, 4)
    muon = Muon([(layer.get_parameter("weight_ih_l0"), 3)], 0.1)
    before = layer.get_parameter("weight_ih_l0").detach().clone()
    muon.step()
    assert torch.equal(layer.get_parameter("weight_ih_l0"), before)
    with pytest.raises(NotImplementedError, match="closure"):
        muon.step(lambda: 0.0)


def test_a_restored_optimiser_goes_on_alike() -> None:
    def step(network: nn.Module, optimisers: list[torch.optim.Optimizer], seed: int) -> None:
        for number, parameter in enumerate(network.parameters()):
            parameter.grad = normal(*parameter.shape, seed=100 * seed + number)
        for optimiser in optimisers:
            optimiser.step()

    one = nn.Sequential(GRU(3, 4, 2, bidirectional=True))
    mine = build(one, Rates())
    for seed in range(3):
        step(one, mine, seed)
    other = copy.deepcopy(one)
    theirs = build(other, Rates())
    for a, b in zip(mine, theirs, strict=True):
        b.load_state_dict(copy.deepcopy(a.state_dict()))
    for network, optimisers in ((one, mine), (other, theirs)):
        step(network, optimisers, 9)
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_a_bidirectional_gru_learns_with_it() -> None:
    torch.manual_seed(0)
    layer, head = GRU(2, 8, bidirectional=True), nn.Linear(16, 1)
    network = nn.ModuleList([layer, head])
    optimisers = build(network, Rates(0.02, 0.01))
    x = normal(16, 9, 2)
    y = x[..., :1].cumsum(1).flip(1)
    losses = []
    for _ in range(120):
        loss = nn.functional.mse_loss(head(layer(x)[0]), y)
        loss.backward()  # type: ignore[no-untyped-call]
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0], losses[::10]


# -- sparse embeddings ----------------------------------------------------------------------------


def embeddings() -> nn.Sequential:
    return nn.Sequential(
        nn.Embedding(9, 4),
        nn.Embedding(7, 3, sparse=True),
        nn.EmbeddingBag(8, 2, mode="mean", padding_idx=0, sparse=True),
        GRU(4, 6),
    )


def test_sparse_embeddings_and_they_alone_are_sparse_adams() -> None:
    network = embeddings()
    found = {type(o): o for o in build(network, Rates(0.5, 0.25))}
    assert found.keys() == {torch.optim.AdamW, torch.optim.SparseAdam, Muon}
    (group,) = found[torch.optim.SparseAdam].param_groups
    assert (group["lr"], group["betas"]) == (0.25, (0.9, 0.99))
    expected = {id(network.get_parameter(name)) for name in ("1.weight", "2.weight")}
    assert {id(p) for p in group["params"]} == expected
    held = [p for o in found.values() for g in o.param_groups for p in g["params"]]
    assert len(held) == len({id(p) for p in held}) == len(list(network.parameters()))
    # Nothing is there where nothing is asked for.
    assert [type(o) for o in build(nn.Embedding(7, 3, sparse=True), Rates())] == [
        torch.optim.SparseAdam
    ]


def test_only_rows_that_a_batch_touched_move() -> None:
    layer = nn.Embedding(7, 3, sparse=True)
    before = layer.weight.detach().clone()
    (optimiser,) = build(layer, Rates(others=0.1))
    for rows in ([1, 4, 4], [4]):
        layer(torch.tensor(rows)).square().sum().backward()
        optimiser.step()
        optimiser.zero_grad()
    moved = (layer.weight.detach() != before).any(1)
    assert moved.tolist() == [False, True, False, False, True, False, False]


def with_gradients(rows: list[int], size: float, seed: int, dense: bool) -> list[nn.Parameter]:
    """Two dense gradients, and one of an embedding whose rows may come twice, or made dense."""
    found = [nn.Parameter(normal(4, 3)), nn.Parameter(normal(5)), nn.Parameter(normal(7, 2))]
    for number, parameter in enumerate(found[:2]):
        parameter.grad = size * normal(*parameter.shape, seed=seed + number)
    gradient = torch.sparse_coo_tensor(
        torch.tensor([rows]),
        size * normal(len(rows), 2, seed=seed + 2),
        (7, 2),
        check_invariants=True,
    )
    found[2].grad = gradient.to_dense() if dense else gradient
    return [*found, nn.Parameter(normal(2))]  # the last without a gradient


@given(
    st.lists(st.integers(0, 6), max_size=9),
    st.sampled_from([1e-6, 0.1, 1.0, 100.0]),
    st.floats(0.1, 10),
    st.integers(0, 99),
)
def test_clip_is_torchs_on_dense_gradients(
    rows: list[int], size: float, limit: float, seed: int
) -> None:
    sparse = with_gradients(rows, size, seed, dense=False)
    dense, theirs = (with_gradients(rows, size, seed, dense=True) for _ in range(2))
    expected = nn.utils.clip_grad_norm_(theirs, limit)
    for mine in (sparse, dense):
        assert clip(mine, limit) == pytest.approx(float(expected))
        for a, b in zip(mine[:3], theirs[:3], strict=True):
            assert a.grad is not None
            assert b.grad is not None
            torch.testing.assert_close(a.grad.to_dense(), b.grad)
        assert mine[3].grad is None
    assert sparse[2].grad is not None
    assert sparse[2].grad.is_sparse


def test_clip_shows_a_gradient_that_is_no_number() -> None:
    for wrong in (float("nan"), float("inf")):
        mine = with_gradients([1, 1], 1.0, 0, dense=False)
        assert mine[2].grad is not None
        mine[2].grad._values()[0, 0] = wrong
        assert not torch.tensor(clip(mine, 1.0)).isfinite()
    assert clip([], 1.0) == clip([nn.Parameter(normal(3))], 1.0) == 0.0
