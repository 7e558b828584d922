"""The training loop: one for all tasks, every step of it visible here."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, Protocol, TypeVar, final

import numpy as np
import torch
from torch import Tensor, nn

from recurra.bundle import WEIGHTS, Run
from recurra.judge.loss import LossSum
from recurra.training import checkpoint, lock, processes
from recurra.training.callbacks import Callback
from recurra.training.checkpoint import Progress
from recurra.training.interrupts import interrupts
from recurra.training.optimiser import Rates, build, clip, peaks, set_rates
from recurra.training.plan import Clock, Plan
from recurra.training.precision import Precision
from recurra.training.schedule import rate
from recurra.training.threads import quickest_threads
from recurra.training.together import together

TrainState = TypeVar("TrainState")

SLOWED: Final = 1.5
"""How much slower steps have to become for the number of threads to be asked again."""


@final
@dataclass(frozen=True)
class Loss(Generic[TrainState]):
    """The loss of one step.

    Args:
        means: scalars whose sum is minimised; no two of them have a weight in common.
        total: what they sum up.
        train_state: what the next step needs.
    """

    means: tuple[Tensor, ...]
    total: LossSum
    train_state: TrainState

    @property
    def mean(self) -> Tensor:
        """The scalar that is minimised."""
        return self.means[0] if len(self.means) == 1 else torch.stack(self.means).sum()

    def backward(self) -> None:
        """Add to the gradients of all weights, those of each scalar beside the others'."""
        together([mean.backward for mean in self.means], self.means[0].device)


class TrainingTask(Protocol[TrainState]):
    """What a task gives to the loop.

    A training state is a value: where in the data the next batch begins, and which recurrent state
    goes on from step to step. All that is random follows from (seed, step) or from that value.
    """

    unit: str
    """What is counted, in the plural: "characters"."""

    ceiling: float
    """A mean loss above this has exploded."""

    @property
    def steps_an_epoch(self) -> float:
        """Steps in a pass over the training part."""

    @property
    def most_steps(self) -> int:
        """Steps beyond which more time would not help."""

    def first(self) -> TrainState:
        """The training state before step 0."""

    def loss(self, network: nn.Module, train_state: TrainState) -> Loss[TrainState]:
        """The loss of the next batch."""

    def select(self, network: nn.Module) -> LossSum:
        """The loss on the selection part; lower is better."""

    def score(self, network: nn.Module) -> float | None:
        """What chooses in that loss's place, higher is better; None where the loss chooses."""

    def sample(self, network: nn.Module) -> str | None:
        """What it makes by now, for the history; None where that is nothing to read.

        It consumes no randomness of the training.
        """

    def finish(self, train_state: TrainState) -> TrainState:
        """The training state from which the selection part, having chosen, is trained on too.

        The same one where that part never is.
        """

    def pack(self, train_state: TrainState) -> Mapping[str, Tensor]:
        """The training state as named arrays."""

    def unpack(self, arrays: Mapping[str, Tensor]) -> TrainState:
        """The training state that `pack` took apart."""


@final
@dataclass(frozen=True)
class Settings:
    """What a training keeps to beside its plan.

    Args:
        seed: everything random follows from it.
        rates: peak rates of the optimisers.
        clip: the norm that gradients are cut down to.
        warm_up: the share of the steps over which the rates rise.
        patience: reports without a better selection loss after which the training ends.
        finish: the share of the steps, at the end, in which the selection part chooses no more: it
            is trained on, unless the task's `finish` changes nothing. The last weights are kept.
        back: whether these steps begin from the best weights, where the last two reports or more
            were worse than an earlier one.
    """

    seed: int = 0
    rates: Rates = field(default_factory=Rates)
    clip: float = 1.0
    warm_up: float = 0.1
    patience: int = 5
    finish: float = 0.0
    back: bool = False


def train(
    training_task: TrainingTask[TrainState],
    network: nn.Module,
    plan: Plan | None,
    settings: Settings,
    precision: Precision,
    run: Run,
    callback: Callback,
    clock: Clock,
) -> Progress:
    """Train until the plan is done, nothing improves, the loss explodes or Ctrl-C comes.

    Of several processes each trains on its share of the rows, and all decide alike (`processes`).
    The weights of the best report are in the run's weights file whenever this returns or is
    killed, except before the first report; the checkpoint holds what going on needs.

    Args:
        plan: the plan of a new training, or None to go on from the run's checkpoint.
        clock: of a new training; one that goes on adds to the time that it had used.

    Returns:
        The progress made; `reason` is "" after Ctrl-C.
    """
    optimisers = build(network, settings.rates)
    highest, whose = peaks(optimisers), run.name
    if plan is None:
        progress, arrays = checkpoint.read(run, network, optimisers)
        train_state = training_task.unpack(arrays)
        if processes.is_first():
            run.sweep()
            run.cut_history(progress.step)
        clock = Clock(progress.seconds)
    else:
        progress, train_state = Progress(0, plan), training_task.first()
        checkpoint.write(run, progress, network, optimisers, training_task.pack(train_state))
    processes.agree("the checkpoint to go on from", lambda: progress)
    if progress.reason:
        return progress
    device = next(network.parameters()).device
    mark = (progress.step, processes.first(clock.elapsed))
    report_seconds = progress.plan.report_seconds
    if progress.plan.threads is not None:
        torch.set_num_threads(progress.plan.threads)
    network.train()
    with _shown(callback), interrupts() as interrupted:
        callback.begins(progress.plan, progress.step)
        while not progress.reason and not processes.anywhere(interrupted.is_set()):
            started = time.perf_counter()
            step, plan = progress.step, progress.plan
            if not progress.finishing and plan.share(step) >= 1.0 - settings.finish:
                if settings.back and progress.stale > 1:
                    # These weights have been learning by heart.
                    best_yet, _ = run.read_arrays(WEIGHTS)
                    network.load_state_dict({k: torch.from_numpy(v) for k, v in best_yet.items()})
                before, train_state = train_state, training_task.finish(train_state)
                progress = replace(progress, finishing=True)
                callback.says(
                    "from here on nothing chooses: the last weights are kept"
                    if train_state is before
                    else "from here on the selection part, having chosen, is trained on too"
                )
            factor = rate(plan.share(step + 1), warm_up=settings.warm_up)
            set_rates(optimisers, highest, factor)
            for optimiser in optimisers:
                optimiser.zero_grad(set_to_none=True)
            with seeded(settings.seed, step, processes.rank()):
                with precision(device):
                    loss = training_task.loss(network, train_state)
                loss.backward()
            total = processes.summed(network, loss.total)
            norm = clip(network.parameters(), settings.clip)
            if not (math.isfinite(norm) and _bearable(total, training_task.ceiling)):
                callback.says(
                    f"the loss exploded at step {step + 1} (loss {total.mean:.3g}, gradient norm "
                    f"{norm:.3g}); training stops"
                )
                progress = replace(progress, reason="diverged")
                break
            for optimiser in optimisers:
                optimiser.step()
            train_state, seen, step = loss.train_state, progress.seen + total, step + 1
            took = time.perf_counter() - started
            stops = callback.stepped(step, total.mean, total.count, took) is True
            stops = processes.anywhere(stops)
            progress = replace(progress, step=step, seen=seen)
            if plan.budget is not None:
                elapsed = processes.first(clock.elapsed)
                if plan.tells(elapsed - mark[1]):
                    pace = (elapsed - mark[1]) / (step - mark[0])
                    revised = _eased(plan.revised(step, elapsed, pace, report_seconds), plan)
                    if revised is not plan:
                        callback.revised(revised)
                    progress, mark = replace(progress, plan=revised), (step, elapsed)
            if plan.due(step) or stops:
                began = processes.first(clock.elapsed)
                processes.first(lambda: lock.check_unchanged(run, whose))
                processes.agree(f"the weights at step {step}", lambda: processes.digest(network))
                selected = score = None
                if not progress.finishing:
                    selected, score = processes.first(
                        lambda: (training_task.select(network).mean, training_task.score(network))
                    )
                if selected is not None and not math.isfinite(selected):
                    callback.says(
                        f"the selection loss is {selected} at step {step}; training stops"
                    )
                    progress = replace(progress, reason="diverged")
                    break
                last = stops or step >= progress.plan.steps
                progress = _judged(progress, selected, score, settings, last)
                best = progress.best_step == step
                if best:
                    write_weights(run, network)
                progress = replace(progress, seconds=clock.elapsed(), seen=LossSum())
                if step >= progress.plan.steps:
                    progress = replace(progress, reason=progress.reason or "completed")
                line: dict[str, Any] = {
                    "step": step,
                    "passed": round(plan.share(step), 4),
                    "train": seen.mean if seen.count else None,
                    "select": selected,
                    "seconds": round(clock.elapsed(), 2),
                }
                if score is not None:
                    line["score"] = score
                if (sample := processes.first(lambda: training_task.sample(network))) is not None:
                    line["sample"] = sample
                if processes.is_first():
                    run.append_history(line)
                stops = callback.reported(line, progress.plan, best) is True or stops
                if processes.anywhere(stops) and not progress.reason:
                    progress = replace(progress, reason="stopped")
                    if progress.finishing and not best:
                        # Nothing chooses any more: the last weights are the ones to keep.
                        progress = replace(progress, best_step=step)
                        write_weights(run, network)
                checkpoint.write(
                    run, progress, network, optimisers, training_task.pack(train_state)
                )
                report_seconds = processes.first(clock.elapsed) - began
                mark = (mark[0], mark[1] + report_seconds)
    progress = replace(progress, seconds=clock.elapsed())
    if progress.reason == "diverged" and not progress.best_step:
        # These weights are no good, and none were chosen: those of the last checkpoint are kept.
        step, good = checkpoint.weights(run)
        network.load_state_dict(good)
        progress = replace(progress, best_step=step)
        write_weights(run, network)
    elif not progress.best_step:
        write_weights(run, network)
    if progress.reason in ("", "diverged"):
        checkpoint.write(run, progress, network, optimisers, training_task.pack(train_state))
    # What is read from here on has been written.
    processes.agree("how the training ended", lambda: progress.reason)
    return progress


def write_weights(run: Run, network: nn.Module) -> None:
    """Write the network's weights into the run's weights file; the first process does."""
    if processes.is_first():
        run.write_arrays(WEIGHTS, {k: v.cpu().numpy() for k, v in network.state_dict().items()})


@contextmanager
def seeded(seed: int, step: int, process: int = 0) -> Iterator[None]:
    """Make what is random inside follow from (seed, step), and leave torch's own state alone.

    Each process draws its own, for its own rows.
    """
    mixed = int(np.random.SeedSequence((seed, step, process)).generate_state(1, np.uint64)[0])
    with chance_put_back() as in_use:
        if in_use or torch.backends.mps.is_available():
            torch.manual_seed(mixed)
        else:
            # The same, but for the stack traces that it keeps for devices not yet in use.
            torch.default_generator.manual_seed(mixed)
        yield


@contextmanager
def chance_put_back() -> Iterator[bool]:
    """Put torch's random state back as it was; say whether GPUs, which have their own, are in use.

    None is brought into use for it.
    """
    in_use = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    with torch.random.fork_rng(range(torch.cuda.device_count()) if in_use else ()):
        yield in_use


def _eased(revised: Plan, before: Plan) -> Plan:
    """A revised plan, with fewer threads where steps have become much slower and fewer are quicker.

    Other work keeps the cores busy then.
    """
    slowed = revised.step_seconds > SLOWED * before.step_seconds
    if revised is before or before.threads is None or not slowed:
        return revised
    threads = quickest_threads()
    torch.set_num_threads(threads)
    return replace(revised, threads=threads)


def _judged(
    progress: Progress, selected: float | None, score: float | None, settings: Settings, last: bool
) -> Progress:
    if selected is None:
        # The last weights are the ones to keep: nothing chooses any more.
        return replace(progress, best_step=progress.step) if last else progress
    # Of weights that score the same, the later ones have learnt more.
    better = selected < progress.best if score is None else -score <= progress.best
    if better:
        cost = selected if score is None else -score
        return replace(progress, best=cost, best_step=progress.step, stale=0)
    stale = progress.stale + 1
    reason = "early" if stale >= settings.patience else ""
    return replace(progress, stale=stale, reason=reason)


def _bearable(total: LossSum, ceiling: float) -> bool:
    # A batch in which nothing counts has no mean, and no fault.
    return total.mean < ceiling or (total.count == 0 and total.total == 0.0)


@contextmanager
def _shown(callback: Callback) -> Iterator[None]:
    try:
        yield
    finally:
        callback.ends()
