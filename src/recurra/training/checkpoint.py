"""What a training needs to go on as if it had never stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn

from recurra.bundle import CHECKPOINT, Run
from recurra.errors import BundleError
from recurra.judge.loss import LossSum
from recurra.training import processes
from recurra.training.plan import Plan


@final
@dataclass(frozen=True)
class Progress:
    """How far a training has come.

    Args:
        step: completed steps.
        plan: the plan in force.
        best: the lowest loss on the selection part so far, in the task's unit, or where a score
            chooses, minus the highest; infinite before the first report.
        best_step: the step it was reached at.
        stale: reports since then.
        finishing: whether the selection part is trained on too by now.
        seen: the training loss since the last report.
        seconds: clock time used.
        reason: why the training is over: "completed", "early", "stopped" (by a callback) or
            "diverged"; "" while it runs.
    """

    step: int
    plan: Plan
    best: float = float("inf")
    best_step: int = 0
    stale: int = 0
    finishing: bool = False
    seen: LossSum = field(default_factory=LossSum)
    seconds: float = 0.0
    reason: str = ""


def write(
    run: Run,
    progress: Progress,
    network: nn.Module,
    optimisers: Sequence[torch.optim.Optimizer],
    train_state: Mapping[str, Tensor],
) -> None:
    """Write everything into one file, so that a crash leaves the old one or the new one.

    The first process does; the others hold the same.
    """
    if not processes.is_first():
        return
    arrays = {f"network/{k}": _array(v) for k, v in network.state_dict().items()}
    arrays |= {f"carry/{k}": _array(v) for k, v in train_state.items()}
    for number, optimiser in enumerate(optimisers):
        for index, state in optimiser.state_dict()["state"].items():
            for key, value in state.items():
                arrays[f"optimiser/{number}/{index}/{key}"] = _array(torch.as_tensor(value))
    facts = {
        "step": progress.step,
        "plan": progress.plan.to_json(),
        "best": progress.best if progress.best < float("inf") else None,
        "best_step": progress.best_step,
        "stale": progress.stale,
        "finishing": progress.finishing,
        "seen": [progress.seen.total, progress.seen.count],
        "seconds": progress.seconds,
        "reason": progress.reason,
    }
    run.write_arrays(CHECKPOINT, arrays, facts)


def read(
    run: Run, network: nn.Module, optimisers: Sequence[torch.optim.Optimizer]
) -> tuple[Progress, dict[str, Tensor]]:
    """Put the weights and the optimisers' state back; returns the progress and the training state.

    Raises:
        BundleError: there is no checkpoint, or it does not fit the network.
    """
    arrays, facts = run.read_arrays(CHECKPOINT)
    try:
        network.load_state_dict(_under("network/", arrays))
        for number, optimiser in enumerate(optimisers):
            states: dict[int, dict[str, Tensor | int]] = {}
            for name, value in _under(f"optimiser/{number}/", arrays).items():
                index, key = name.split("/", 1)
                # SparseAdam counts steps in a plain number; a tensor would round otherwise.
                count = value.ndim == 0 and value.dtype == torch.int64
                states.setdefault(int(index), {})[key] = int(value) if count else value
            optimiser.load_state_dict(
                {"state": states, "param_groups": optimiser.state_dict()["param_groups"]}
            )
        plan = Plan.from_json(facts.pop("plan"))
        best = facts.pop("best")
        seen = LossSum(*facts.pop("seen"))
        progress = Progress(
            plan=plan, best=float("inf") if best is None else best, seen=seen, **facts
        )
    except (RuntimeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BundleError(
            f"{run.path / CHECKPOINT}: does not fit this run ({str(error).splitlines()[0]})",
            fix="train again",
        ) from error
    return progress, _under("carry/", arrays)


def weights(run: Run) -> tuple[int, dict[str, Tensor]]:
    """The step of the checkpoint, and the network's weights in it.

    Raises:
        BundleError: there is no checkpoint, or it is damaged.
    """
    arrays, facts = run.read_arrays(CHECKPOINT)
    return int(facts["step"]), _under("network/", arrays)


def carried(run: Run) -> dict[str, Tensor]:
    """The training state in the checkpoint, as the training task packed it.

    Raises:
        BundleError: there is no checkpoint, or it is damaged.
    """
    arrays, _ = run.read_arrays(CHECKPOINT)
    return _under("carry/", arrays)


def _array(tensor: Tensor) -> np.ndarray[Any, np.dtype[Any]]:
    array: np.ndarray[Any, np.dtype[Any]] = tensor.detach().cpu().numpy()
    return array


def _under(prefix: str, arrays: Mapping[str, np.ndarray[Any, np.dtype[Any]]]) -> dict[str, Tensor]:
    return {
        key.removeprefix(prefix): torch.from_numpy(value)
        for key, value in arrays.items()
        if key.startswith(prefix)
    }
