"""Training on all examples at once is torch's loop, step for step."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from laws import path
from recurra.labs.training.full_batch import Regressor, descend
from recurra.nn import GRU, LSTM, RNN


def problem() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(20, 5, 3, generator=generator, dtype=torch.float64)
    return x, x.sum(1)[:, :2]


def made(kind: type[RNN] | type[GRU] | type[LSTM] = LSTM) -> Regressor:
    torch.manual_seed(0)
    return Regressor(kind(3, 4), outputs=2).double()


def losses(model: Regressor, steps: int) -> list[float]:
    x, y = problem()
    found = []
    for _ in descend(model, x, y, rate=0.01, steps=steps):
        with torch.no_grad():
            found.append(float(nn.functional.mse_loss(model(x), y)))
    return found


@pytest.mark.parametrize("which", ["", "torch"])
@pytest.mark.parametrize("kind", [RNN, GRU, LSTM])
def test_every_step_is_one_of_torchs_adam(
    kind: type[RNN] | type[GRU] | type[LSTM], which: str
) -> None:
    (x, y), theirs = problem(), made(kind)
    adam = torch.optim.Adam(theirs.parameters(), lr=0.01)
    expected = []
    for _ in range(30):
        adam.zero_grad()
        nn.functional.mse_loss(theirs(x), y).backward()  # type: ignore[no-untyped-call]
        adam.step()
        expected.append(nn.functional.mse_loss(theirs(x), y).item())
    ours = made(kind)
    with path(which):
        assert losses(ours, 30) == pytest.approx(expected, rel=1e-9)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other)


def test_steps_are_numbered_and_the_weights_are_there_after_each() -> None:
    x, y = problem()
    assert list(descend(made(), x, y, rate=0.01, steps=3)) == [1, 2, 3]
    found = losses(made(), 30)
    assert found == sorted(found, reverse=True)
    assert losses(made(), 10) == found[:10]


def test_weights_have_their_own_memory_afterwards_even_when_left_early() -> None:
    model, (x, y) = made(), problem()
    forward = descend(model, x, y, rate=0.01, steps=5)
    next(forward)
    forward.close()
    places = {each.untyped_storage().data_ptr() for each in model.parameters()}
    assert len(places) == len(list(model.parameters()))
    assert all(each.requires_grad for each in model.parameters())
