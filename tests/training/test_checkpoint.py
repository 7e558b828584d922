from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from recurra.bundle import CHECKPOINT, Run
from recurra.core.layers import GRU
from recurra.errors import BundleError
from recurra.judge.loss import LossSum
from recurra.training import checkpoint
from recurra.training.checkpoint import Progress
from recurra.training.optimiser import Rates, build
from recurra.training.plan import Plan
from toys import line

Optimisers = list[torch.optim.Optimizer]
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
PROGRESS = st.builds(
    Progress,
    st.integers(0, 10**6),
    st.builds(Plan, st.integers(1, 10**6), budget=st.none() | NUMBERS, step_seconds=NUMBERS),
    best=NUMBERS | st.just(math.inf),
    best_step=st.integers(0, 10**6),
    stale=st.integers(0, 9),
    finishing=st.booleans(),
    seen=st.builds(LossSum, NUMBERS, st.integers(0, 10**9)),
    seconds=NUMBERS,
    reason=st.sampled_from(["", "completed", "early", "diverged"]),
)


def network(seed: int, hidden: int = 5) -> tuple[nn.Module, Optimisers]:
    """A trained one, with all that its optimisers remember."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = nn.Sequential(GRU(3, hidden, 2, bidirectional=True))
        optimisers = build(made, Rates())
        for _ in range(3):
            step(made, optimisers)
    return made, optimisers


def step(made: nn.Module, optimisers: Optimisers) -> None:
    output: Tensor = made[0](torch.randn(2, 4, 3))[0]  # type: ignore[index]
    output.square().sum().backward()  # type: ignore[no-untyped-call]
    for optimiser in optimisers:
        optimiser.step()
        optimiser.zero_grad()


@given(PROGRESS)
def test_progress_comes_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, progress: Progress
) -> None:
    run = Run.create(tmp_path_factory.mktemp("run"))
    checkpoint.write(run, progress, line(), [], {})
    assert checkpoint.read(run, line(), [])[0] == progress


def test_weights_optimisers_and_carry_come_back_exactly(tmp_path: Path) -> None:
    run, (mine, my_optimisers) = Run.create(tmp_path), network(1)
    train_state = {"at": torch.tensor([3, 0]), "state/hidden": torch.randn(2, 4, 5)}
    checkpoint.write(run, Progress(3, Plan(9)), mine, my_optimisers, train_state)
    theirs, their_optimisers = network(2)
    _, found = checkpoint.read(run, theirs, their_optimisers)
    assert found.keys() == train_state.keys()
    for name, value in train_state.items():
        assert found[name].dtype == value.dtype
        assert torch.equal(found[name], value)
    for one, other in zip(my_optimisers, their_optimisers, strict=True):
        for index, state in one.state_dict()["state"].items():
            for name, value in state.items():
                restored = other.state_dict()["state"][index][name]
                assert torch.equal(restored, value), name
                assert restored.shape == value.shape, name
    # Both go on alike, down to the last bit.
    for made, optimisers in ((mine, my_optimisers), (theirs, their_optimisers)):
        torch.manual_seed(0)
        step(made, optimisers)
    for name, value in mine.state_dict().items():
        assert torch.equal(value, theirs.state_dict()[name]), name
    assert checkpoint.weights(run)[0] == 3
    assert checkpoint.weights(run)[1].keys() == mine.state_dict().keys()


def sparse_network(seed: int) -> tuple[nn.Module, Optimisers]:
    torch.manual_seed(seed)
    made = nn.Embedding(9, 4, sparse=True)
    optimisers = build(made, Rates())
    for _ in range(3):
        sparse_step(made, optimisers)
    return made, optimisers


def sparse_step(made: nn.Module, optimisers: Optimisers) -> None:
    made(torch.randint(0, 9, (5,))).square().sum().backward()
    for optimiser in optimisers:
        optimiser.step()
        optimiser.zero_grad()


def test_a_sparse_embedding_goes_on_to_the_last_bit(tmp_path: Path) -> None:
    run, (mine, my_optimisers) = Run.create(tmp_path), sparse_network(1)
    checkpoint.write(run, Progress(3, Plan(9)), mine, my_optimisers, {})
    theirs, their_optimisers = sparse_network(2)
    checkpoint.read(run, theirs, their_optimisers)
    for made, optimisers in ((mine, my_optimisers), (theirs, their_optimisers)):
        torch.manual_seed(0)
        for _ in range(20):
            sparse_step(made, optimisers)
    assert torch.equal(mine.state_dict()["weight"], theirs.state_dict()["weight"])
    for one, other in zip(my_optimisers, their_optimisers, strict=True):
        for state, restored in zip(
            one.state_dict()["state"].values(), other.state_dict()["state"].values(), strict=True
        ):
            assert {k: type(v) for k, v in state.items()} == {
                k: type(v) for k, v in restored.items()
            }


def test_what_was_read_may_be_written_to(tmp_path: Path) -> None:
    run = Run.create(tmp_path)
    checkpoint.write(run, Progress(3, Plan(9)), line(), [], {"state": torch.zeros(3)})
    _, train_state = checkpoint.read(run, line(), [])
    train_state["state"] += 1


def test_a_checkpoint_of_another_network_does_not_fit(tmp_path: Path) -> None:
    run, (mine, optimisers) = Run.create(tmp_path), network(1)
    checkpoint.write(run, Progress(3, Plan(9)), mine, optimisers, {})
    for other, others in (network(1, hidden=6), (line(), [])):
        with pytest.raises(BundleError, match=f"{CHECKPOINT}: does not fit this run"):
            checkpoint.read(run, other, list(others))


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"step": 1},
        {"step": 1, "plan": [], "best": None, "seen": [0.0, 0]},
        {"step": 1, "plan": {"steps": 3}, "best": None, "seen": 5},
        {"step": 1, "plan": {"steps": 3}, "best": None, "seen": [0.0, 0], "mood": "good"},
    ],
)
def test_facts_that_make_no_sense_are_damage(tmp_path: Path, facts: dict[str, object]) -> None:
    run = Run.create(tmp_path)
    arrays = {f"network/{k}": v.numpy() for k, v in line().state_dict().items()}
    run.write_arrays(CHECKPOINT, arrays, facts)
    with pytest.raises(BundleError, match="does not fit"):
        checkpoint.read(run, line(), [])


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    run = Run.create(tmp_path)
    with pytest.raises(BundleError, match=f"{CHECKPOINT}: missing"):
        checkpoint.read(run, line(), [])
    checkpoint.write(run, Progress(3, Plan(9)), line(), [], {"state": torch.ones(3)})
    whole = (tmp_path / CHECKPOINT).read_bytes()
    (tmp_path / CHECKPOINT).write_bytes(whole.replace(np.float32(1).tobytes(), b"\0\0\0\0"))
    with pytest.raises(BundleError, match="checksum"):
        checkpoint.read(run, line(), [])
    (tmp_path / CHECKPOINT).write_bytes(whole[:-1])
    with pytest.raises(BundleError, match="truncated"):
        checkpoint.read(run, line(), [])


def test_progress_is_a_value() -> None:
    progress = Progress(3, Plan(9))
    assert replace(progress, step=4) != progress
    assert progress.seen == LossSum()
