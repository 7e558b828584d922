"""The distributions of a step as they are trained: nats as scipy.stats has them."""

from __future__ import annotations

import pytest
import torch
from scipy import stats
from torch import Tensor

from recurra.networks.distributions import Distribution, NegativeBinomial, StudentT
from recurra.runtime.distributions import FLOOR

LEVELS = torch.tensor([0.025, 0.1, 0.5, 0.75, 0.975])


def student() -> StudentT:
    return StudentT(
        torch.tensor([0.0, -3.0, 50.0, 1.0]),
        torch.tensor([1.0, 0.01, 7.0, 2.0]),
        torch.tensor([2.1, 3.0, 8.0, 400.0]),
    )


def counts() -> NegativeBinomial:
    return NegativeBinomial(
        torch.tensor([0.3, 4.0, 900.0, 2e4]), torch.tensor([2.0, 0.5, 0.002, 0.1])
    )


def in_scipy(said: Distribution, k: int) -> stats.rv_frozen:
    if isinstance(said, StudentT):
        return stats.t(float(said.degrees[k]), float(said.location[k]), float(said.scale[k]))
    r = 1.0 / float(said.dispersion[k])
    return stats.nbinom(r, r / (r + float(said.average[k])))


@pytest.mark.parametrize("said", [student(), counts()], ids=["student", "counts"])
def test_nats_are_those_of_scipy(said: Distribution) -> None:
    for k in range(4):
        true = in_scipy(said, k)
        values = torch.tensor(true.ppf(LEVELS.double().numpy()), dtype=torch.float32)
        # Each value to the k-th distribution.
        wide = type(said)(*(each[k].expand(len(values)) for each in vars(said).values()))
        log = true.logpdf if isinstance(said, StudentT) else true.logpmf
        nats = torch.tensor(-log(values.double().numpy()), dtype=torch.float32)
        torch.testing.assert_close(wide.nats(values), nats, rtol=1e-4, atol=1e-4)


def test_gradients_are_right() -> None:
    def leaf(*numbers: float) -> Tensor:
        return torch.tensor(numbers, dtype=torch.float64, requires_grad=True)

    values = torch.tensor([1.0, 0.0, 7.0], dtype=torch.float64)
    one = (leaf(0.1, -1.0, 2.0), leaf(0.5, 1.0, 3.0), leaf(2.5, 5.0, 30.0))
    assert torch.autograd.gradcheck(lambda a, b, c: StudentT(a, b, c).nats(values), one)
    two = (leaf(0.3, 1.0, 5.0), leaf(0.5, 0.01, 2.0))
    assert torch.autograd.gradcheck(lambda a, b: NegativeBinomial(a, b).nats(values), two)


def test_whatever_a_network_gives_nats_stay_finite() -> None:
    for wild in (-1e4, 0.0, 1e4):
        raw = torch.full((5, 2), wild)
        location = torch.tensor([-1e3, -1.0, 0.0, 1.0, 1e3])
        said = StudentT.of(location, torch.tensor(1.0), raw)
        assert float(said.scale.min()) >= FLOOR
        assert float(said.degrees.min()) > 2.0
        assert torch.isfinite(said.nats(torch.zeros(5))).all()
        several = NegativeBinomial.of(location, raw, torch.full((5,), 10.0))
        assert float(several.average.min()) > 0
        assert torch.isfinite(several.nats(torch.arange(5.0))).all()


def test_a_mean_well_above_zero_is_left_as_it_is_and_counted_in_the_unit() -> None:
    said = NegativeBinomial.of(torch.tensor([2.0]), torch.zeros(1, 2), torch.tensor([30.0]))
    torch.testing.assert_close(said.average, torch.tensor([60.0]), rtol=1e-3, atol=0)
