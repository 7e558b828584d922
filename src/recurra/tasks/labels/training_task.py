"""What the loop trains: every member on its own share of the examples."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import log
from typing import Final, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from recurra.codecs.sequence_encoder import Inputs, Rows
from recurra.core.ragged import Ragged
from recurra.data.batches import Batches
from recurra.judge.loss import LossSum
from recurra.networks.label_batch import TensorBatch
from recurra.networks.labels import LabelNetwork, Member
from recurra.tasks.labels.classify import pieces
from recurra.training.epochs import Epochs, TrainState
from recurra.training.loop import Loss
from recurra.training.together import together

AT_ONCE: Final = 512
"""Examples scored together by the network that is trained."""


@final
@dataclass(frozen=True, eq=False)
class Examples:
    """Encoded examples with their classes: targets (N,), or where tagged one a step, end to end."""

    inputs: Inputs
    targets: Rows
    tagged: bool

    def targets_of(self, rows: Rows) -> Tensor:
        """Targets of rows (K,): (K,), or of all their steps."""
        if not self.tagged:
            return torch.from_numpy(self.targets[rows])
        return torch.from_numpy(self.targets[self.inputs.steps_of(rows)])


@final
class LabelTrainingTask(Epochs):
    """Cross entropy of classes, or of whole rows of tags; each member leaves one fold out.

    Args:
        learn: rows of the examples that train or choose.
        folds: of each of them; member m is not trained on fold m, which chooses for it.
        class_weights: (K,) how much an example of each class counts.
        most_steps: steps beyond which more time would not help.
        stops: which of them choose where their fold does; all of them without.
    """

    def __init__(
        self,
        network: LabelNetwork,
        examples: Examples,
        learn: Rows,
        folds: NDArray[np.int8],
        *,
        batch: int,
        seed: int,
        class_weights: Tensor,
        most_steps: int,
        stops: NDArray[np.bool_] | None = None,
    ) -> None:
        self.examples = examples
        self.unit = "tokens" if examples.tagged else "examples"
        self.device = class_weights.device
        self.class_weights = class_weights
        self.most_steps = most_steps
        # A chain's loss is that of a whole row; both are told by step or example. A batch of a rare
        # class that weighs much costs that much more.
        self.ceiling = (10.0 + 4.0 * log(len(class_weights))) * max(1.0, float(class_weights.max()))
        chooses = np.ones(len(learn), np.bool_) if stops is None else stops
        lengths = examples.inputs.lengths
        members = range(len(network.members))
        self.held = [learn[(folds == m) & chooses] for m in members]
        trained = [learn[folds != m] for m in members]
        self.batches = [
            Batches(rows, lengths[rows], size=batch, seed=seed * 1000 + m)
            for m, rows in enumerate(trained)
        ]
        self.steps = min(each.count for each in self.batches)

    @property
    def steps_an_epoch(self) -> float:
        """Batches in a pass over a member's examples."""
        return float(self.steps)

    def loss(self, network: nn.Module, train_state: TrainState) -> Loss[TrainState]:
        """The members' losses on a batch each, in nats an example, or a step where tagged."""
        assert isinstance(network, LabelNetwork)
        works = [
            partial(
                self._mean, network.member(m), batches.read(train_state.epoch, train_state.batch)
            )
            for m, batches in enumerate(self.batches)
        ]
        means, totals = zip(*together(works, self.device, drops=True), strict=True)
        after = train_state.after(self.steps)
        return Loss(means, sum(totals, LossSum()), after)

    def _mean(self, member: Member, rows: Rows) -> tuple[Tensor, LossSum]:
        """A member's mean loss on these rows, and what they cost."""
        summed, count = self._loss(member, rows)
        return summed / count, LossSum(summed.item(), count)

    def _loss(self, member: Member, rows: Rows) -> tuple[Tensor, int]:
        """Summed nats of these rows, and how many examples or steps they are."""
        batch = TensorBatch.of(self.examples.inputs, rows).to(self.device)
        targets = self.examples.targets_of(rows).to(self.device)
        scores = member(batch).float()
        if member.chain is not None:
            nats = member.chain.nats(
                Ragged(scores, batch.lengths), Ragged(targets, batch.lengths)
            ).sum()
        else:
            nats = F.cross_entropy(scores, targets, self.class_weights, reduction="sum")
        return nats, len(targets)

    def select(self, network: nn.Module) -> LossSum:
        """The loss of each member on the fold that it is not trained on."""
        assert isinstance(network, LabelNetwork)
        training, total = network.training, LossSum()
        network.eval()
        with torch.inference_mode():
            for m, held in enumerate(self.held):
                for rows in pieces(held, self.examples.inputs.lengths, AT_ONCE):
                    summed, count = self._loss(network.member(m), rows)
                    total = total + LossSum(summed.item(), count)
        network.train(training)
        return total

    def score(self, network: nn.Module) -> None:
        """Nothing: the loss chooses."""
