from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch

from recurra.training import loop, threads
from recurra.training.plan import Plan


@pytest.fixture
def four() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def with_steps_of(seconds: dict[int, float], monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Make a step take so long at each number of threads; gives those that were asked for."""
    now, asked = 0.0, []

    class Layer(torch.nn.Module):
        def __init__(self, *_: int) -> None:
            super().__init__()

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
            nonlocal now
            asked.append(torch.get_num_threads())
            now += seconds[torch.get_num_threads()]
            return (x.clone().requires_grad_(),)

    monkeypatch.setattr(threads, "time", SimpleNamespace(perf_counter=lambda: now))
    monkeypatch.setattr(threads, "nn", SimpleNamespace(LSTM=Layer))
    return asked


@pytest.mark.parametrize(
    ("seconds", "best"),
    [
        ({4: 1.0, 2: 1.5, 1: 2.5}, 4),
        ({4: 1.0, 2: 0.9, 1: 0.8}, 4),  # noise
        ({4: 10.0, 2: 5.0, 1: 1.0}, 1),  # busy cores
        ({4: 10.0, 2: 0.9, 1: 1.0}, 2),
    ],
)
@pytest.mark.usefixtures("four")
def test_as_many_as_are_quick(
    seconds: dict[int, float], best: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = with_steps_of(seconds, monkeypatch)
    assert threads.quickest_threads() == best
    # In turns, so that what comes and goes meets all of them; and torch is left as it was.
    assert asked[:6] == [4, 2, 1, 4, 2, 1]
    assert torch.get_num_threads() == 4


@pytest.mark.usefixtures("four")
def test_steps_that_become_slower_ask_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with_steps_of({4: 10.0, 2: 5.0, 1: 1.0}, monkeypatch)
    before = Plan(100, 5, budget=60.0, step_seconds=0.1, threads=4)
    slower = before.revised(50, 30.0, 0.3, 0.0)
    assert loop._eased(slower, before).threads == torch.get_num_threads() == 1
    torch.set_num_threads(4)
    a_little = before.revised(50, 30.0, 0.12, 0.0)
    assert loop._eased(a_little, before) is a_little
    # Threads that were asked for stay.
    asked_for = Plan(100, 5, budget=60.0, step_seconds=0.1)
    revised = asked_for.revised(50, 30.0, 0.3, 0.0)
    assert loop._eased(revised, asked_for) is revised
    assert torch.get_num_threads() == 4


@pytest.mark.usefixtures("four")
def test_asking_draws_nothing() -> None:
    before = torch.random.get_rng_state()
    threads.quickest_threads()
    assert torch.equal(torch.random.get_rng_state(), before)
