from __future__ import annotations

import pytest
import torch

from recurra.core.dropout import drawn_from, dropout


@pytest.mark.parametrize("share", [0.001, 0.1, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_share_is_dropped_and_the_mean_is_kept(share: float, dtype: torch.dtype) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        found = dropout(torch.ones(499, 1001, dtype=dtype), share)
    assert found.dtype == dtype
    assert float((found == 0).float().mean()) == pytest.approx(share, abs=0.003)
    assert float(found.double().mean()) == pytest.approx(1, abs=0.01)
    # Nowhere more than elsewhere, and no number follows from its neighbour.
    zero = (found == 0).double()
    assert zero.mean(0).std() < 0.03
    both = (zero[:, 1:] * zero[:, :-1]).mean()
    assert float(both) == pytest.approx(share**2, abs=0.003)


@pytest.mark.parametrize("share", [2e-5, 0.276, 0.731, 1 - 2e-5])
def test_what_is_kept_grows_as_in_torch(share: float) -> None:
    """Torch's own test of its layers asks for it to the 5th digit; and shares near 0 and 1 hold."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        found = dropout(torch.ones(2000, 1000, dtype=torch.float64), share)
    kept = found[found != 0]
    torch.testing.assert_close(kept, torch.full_like(kept, 1 / (1 - share)), rtol=1e-12, atol=0)
    counted = len(kept) / found.numel()
    spread = 5 * (share * (1 - share) / found.numel()) ** 0.5
    assert counted == pytest.approx(1 - share, abs=spread + 1e-5 * (0.001 < share < 0.999))


def test_nothing_and_everything() -> None:
    x = torch.randn(3, 5)
    assert dropout(x, 0.0) is x
    assert dropout(x, 1.0).eq(0).all()
    assert dropout(torch.zeros(0, 4), 0.5).shape == (0, 4)


def test_chance_follows_from_torch_s_seed_and_gradients_from_what_was_kept() -> None:
    def one() -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.arange(1.0, 64.0).requires_grad_()
        with torch.random.fork_rng():
            torch.manual_seed(5)
            found = dropout(x, 0.25)
        found.sum().backward()  # type: ignore[no-untyped-call]
        assert x.grad is not None
        return found.detach(), x.grad

    (found, grad), (again, _) = one(), one()
    torch.testing.assert_close(found, again, atol=0, rtol=0)
    torch.testing.assert_close(found, torch.arange(1.0, 64.0) * grad)
    kept = grad[grad > 0]
    torch.testing.assert_close(kept, torch.full_like(kept, 4 / 3))


def test_a_generator_of_its_own_neither_reads_nor_moves_the_common_one() -> None:
    x, before = torch.ones(50, 7), torch.get_rng_state()

    def drawn(seed: int) -> torch.Tensor:
        with drawn_from(seed):
            return dropout(x, 0.5)

    first = drawn(3)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(1)
    assert torch.equal(drawn(3), first)
    assert not torch.equal(drawn(4), first)
    before = torch.get_rng_state()
    dropout(x, 0.5)
    assert not torch.equal(torch.get_rng_state(), before)
