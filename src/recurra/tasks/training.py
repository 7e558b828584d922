"""How a task's models are trained: the record that shared code trains, resumes and judges by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar, final

import torch

from recurra.bundle import CONFIG, WEIGHTS, Run
from recurra.errors import BundleError
from recurra.networks.network import Network
from recurra.runtime.sizes import sizes_of
from recurra.runtime.weights import fingerprint
from recurra.tasks.input import TrainingData
from recurra.tasks.model_plan import ModelPlan
from recurra.training.budget import TrainingOptions
from recurra.training.callbacks import Callback
from recurra.training.loop import TrainingTask, seeded
from recurra.training.precision import Precision
from recurra.training.time_budget import step_seconds

Options = TypeVar("Options", bound=TrainingOptions)
Data = TypeVar("Data", bound=TrainingData)
Net = TypeVar("Net", bound=Network)


@final
@dataclass(frozen=True, kw_only=True)
class Training(Generic[Options, Data, Net]):
    """What is a task's own of the training of its models.

    Args:
        architecture: the class of its networks' sizes.
        network: the class of its networks; makes one of an architecture, its weights drawn.
        read: (options, what `fit` was given by name, the run's folder or None) -> the data.
        read_again: (run, its configuration) -> the data that the run was begun with.
        plan_model: (options, data, precision, device) -> what these and the time allow.
        inference: (options, data) -> what use needs beside the architecture, the weights and the
            files of `prepare`, as plain values.
        prepare: (run, data, options, callback): write what the run needs beside its weights, and
            the baselines, by `stored_baselines.write`.
        training_task: (network, data, settings) -> what the loop trains.
        seconds_to_judge: (network, data, options) -> how long the report is going to take.
        judge: (model, network, data, facts): write the report and the model card of a model that
            stands on its run; the facts are of how the training went.
        small: whether its products are small: bfloat16 has to be faster for these.
        several: whether several processes can train one model, each on its share of every batch.
    """

    architecture: type[Any]
    network: Callable[[Any], Net]
    read: Callable[[Options, Mapping[str, Any], Path | None], Data]
    read_again: Callable[[Run, dict[str, Any]], Data]
    plan_model: Callable[[Options, Data, Precision, torch.device], ModelPlan]
    inference: Callable[[Options, Data], dict[str, Any]]
    prepare: Callable[[Run, Data, Options, Callback], None]
    training_task: Callable[[Net, Data, dict[str, Any]], TrainingTask[Any]]
    seconds_to_judge: Callable[[Net, Data, Options], float]
    judge: Callable[[Any, Net, Data, dict[str, Any]], None]
    small: bool = False
    several: bool = False

    def plan(
        self, options: Options, data: Data, precision: Precision, device: torch.device
    ) -> ModelPlan:
        """What `plan_model` says, with as many members as there are to be."""
        plan = self.plan_model(options, data, precision, device)
        if plan.members is None:
            return plan

        def step(sizes: dict[str, Any], within: float) -> float:
            with seeded(0, 0):
                trial = self.build(sizes).to(device).train()
            task = self.training_task(trial, data, plan.settings | {"seed": options.seed})
            return step_seconds(task, trial, precision, within=within)

        sizes, seconds = plan.architecture, options.seconds
        if seconds is not None and plan.members.fewest:
            sizes = plan.members.narrowed(sizes, seconds, lambda sizes: step(sizes, 0.01 * seconds))
        members, reason = plan.members.within(seconds, partial(step, sizes))
        return replace(plan, architecture=sizes | {"members": members}, reason=reason)

    def build(self, sizes: Mapping[str, Any]) -> Net:
        """The network of an architecture's sizes."""
        return self.network(sizes_of(self.architecture, sizes))

    def load(self, run: Run, known: int | None = None) -> Net:
        """The network that a run holds the weights of, as torch has it, in evaluation mode.

        Args:
            known: the fingerprint of the weights that whoever asks has already.

        Raises:
            BundleError: the weights do not fit, are damaged, or are others than these.
        """
        arrays, _ = run.read_arrays(WEIGHTS)
        if known is not None and fingerprint(arrays) != known:
            # Its training goes on, or it was trained again.
            raise BundleError(
                f"{run.path / WEIGHTS}: other weights than this model was loaded with",
                expected="a run that is as it was",
                fix="load it again, best when its training has ended",
            )
        try:
            with run.intact(CONFIG), seeded(0, 0):  # the weights that it draws are replaced at once
                network = self.build(run.config()["inference"]["architecture"])
            network.load_state_dict({k: torch.from_numpy(v) for k, v in arrays.items()})
        except (RuntimeError, TypeError, ValueError) as error:
            raise BundleError(
                f"{run.path / WEIGHTS}: does not fit {CONFIG} ({str(error).splitlines()[0]})",
                fix="restore both from one copy of the run, or train again",
            ) from error
        return network.eval()
