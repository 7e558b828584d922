"""What the loop trains: batches of like lengths, teacher-forced; what chooses writes by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import log
from typing import Final, final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from recurra.codecs.tokenizer import BEGIN
from recurra.core.dropout import dropout
from recurra.core.ragged import Ragged
from recurra.data.batches import Batches, Rows
from recurra.judge.loss import LossSum
from recurra.networks.pairs import Member, PairNetwork
from recurra.training.epochs import Epochs, TrainState
from recurra.training.loop import Loss
from recurra.training.together import together

TOGETHER: Final = 0.5
"""The share of the pairs that are sorted by length together: two sides take more than one does."""

AT_ONCE: Final = 128
"""Pairs whose loss is worked out together where nothing is learnt."""

RISING: Final = 10
"""Passes over which the share of a network's own outputs that it is fed rises."""


@final
@dataclass(frozen=True, eq=False)
class Sides:
    """Encoded pairs: sources, ids (N,), and targets, each row from BEGIN to END."""

    sources: Ragged
    targets: Ragged

    def select(self, rows: Rows) -> Sides:
        """The pairs named by indices (K,)."""
        chosen = torch.from_numpy(rows)
        return Sides(self.sources.select(chosen), self.targets.select(chosen))

    def to(self, device: torch.device) -> Sides:
        """The pairs on a device."""
        return Sides(
            *(each.map(lambda ids: ids.to(device)) for each in (self.sources, self.targets))
        )

    @property
    def inputs(self) -> Ragged:
        """What a decoder is fed: all but the last of each target."""
        return self.targets.without(last=1)

    @property
    def answers(self) -> Tensor:
        """What follows each of the inputs, (N,): all but the first of each target."""
        return self.targets.without(first=1).values


@final
class PairTrainingTask(Epochs):
    """Cross entropy of true targets, each piece given the true ones before it.

    Every member has its own order of the pairs. With `sampling` some of what is fed are the
    network's own likeliest pieces, a share that rises over the first passes (scheduled sampling,
    Bengio et al. 2015, arXiv:1506.03099); all steps are sampled at once from a first reading that
    is fed the truth (Mihaylova and Martins 2019, arXiv:1906.07651).

    Args:
        learn, select: rows of `sides` that train, and that choose.
        smoothing: share of a target's probability that is given to all pieces alike.
        written: the free-running score of a network on pairs that choose, higher is better.
        most_steps: steps beyond which more time would not help.
    """

    unit = "pieces"

    def __init__(
        self,
        network: PairNetwork,
        sides: Sides,
        learn: Rows,
        select: Rows,
        *,
        batch: int,
        seed: int,
        smoothing: float,
        sampling: float,
        written: Callable[[PairNetwork], float],
        most_steps: int,
    ) -> None:
        self.sides, self.smoothing, self.sampling = sides, smoothing, sampling
        self.held, self.written, self.most_steps = select, written, most_steps
        self.device = next(network.parameters()).device
        self.ceiling = 10.0 + 4.0 * log(network.architecture.targets)
        read, said = (each.lengths.numpy()[learn] for each in (sides.sources, sides.targets))
        lengths = zigzag(said, read)
        self.batches = [
            Batches(learn, lengths, size=batch, seed=seed * 1000 + m, together=TOGETHER)
            for m in range(len(network.members))
        ]

    @property
    def steps_an_epoch(self) -> float:
        """Batches in a pass over the pairs."""
        return float(self.batches[0].count)

    def loss(self, network: nn.Module, train_state: TrainState) -> Loss[TrainState]:
        """The members' losses on a batch each, in nats a piece."""
        assert isinstance(network, PairNetwork)
        works = [
            partial(
                self._loss,
                network.member(m),
                batches.read(train_state.epoch, train_state.batch),
                train_state,
            )
            for m, batches in enumerate(self.batches)
        ]
        means, totals = zip(*together(works, self.device, drops=True), strict=True)
        after = train_state.after(self.batches[0].count)
        return Loss(means, sum(totals, LossSum()), after)

    def _loss(self, member: Member, rows: Rows, train_state: TrainState) -> tuple[Tensor, LossSum]:
        """A member's mean loss on these rows, smoothed, and what they cost without that."""
        pairs = self.sides.select(rows).to(self.device)
        inputs, answers = pairs.inputs, pairs.answers
        if self.sampling:
            share = self.sampling * min(1.0, train_state.epoch / RISING)
            inputs = own(member, pairs.sources, inputs, share)
        known = F.log_softmax(member(pairs.sources, inputs).float(), -1)
        nats = -known.gather(-1, answers[:, None]).sum()
        spread = -known.mean(-1).sum() if self.smoothing else nats
        mean = torch.lerp(nats, spread, self.smoothing) / len(answers)
        return mean, LossSum(nats.item(), len(answers))

    def select(self, network: nn.Module) -> LossSum:
        """The teacher-forced loss of all members together on the selection part."""
        assert isinstance(network, PairNetwork)
        return forced(network, self.sides, self.held)

    def score(self, network: nn.Module) -> float:
        """The score on the selection part of what the network writes by itself."""
        assert isinstance(network, PairNetwork)
        training = network.training
        network.eval()
        found = self.written(network)
        network.train(training)
        return found

    def padding(self) -> float:
        """The share of padding in the batches of a first pass, both sides laid out in full."""
        real = laid = 0
        for number in range(self.batches[0].count):
            rows = self.batches[0].read(0, number)
            for side in (self.sides.sources, self.sides.targets):
                lengths = side.lengths.numpy()[rows]
                real += int(lengths.sum())
                laid += int(lengths.max()) * len(rows)
        return 1.0 - real / max(laid, 1)


def zigzag(said: Rows, read: Rows) -> Rows:
    """Keys (N,) by which pairs are sorted so that neighbours are alike in both lengths.

    By the target's length, two together; within those by the source's, upwards and downwards in
    turn, so that it does not fall back where one pair of lengths ends and the next begins.
    """
    wide, rank = int(read.max(initial=0)) + 1, said // 2
    found: Rows = rank * wide + np.where(rank % 2 == 0, read, wide - 1 - read)
    return found


def forced(network: PairNetwork, sides: Sides, rows: Rows) -> LossSum:
    """What the network says of true targets, teacher-forced, in nats a piece, ends included."""
    training, total = network.training, LossSum()
    network.eval()
    device = next(network.parameters()).device
    order = rows[np.argsort(sides.targets.lengths.numpy()[rows], kind="stable")]
    with torch.inference_mode():
        for start in range(0, len(order), AT_ONCE):
            pairs = sides.select(order[start : start + AT_ONCE]).to(device)
            known = F.log_softmax(network(pairs.sources, pairs.inputs), -1)
            nats = -known.gather(-1, pairs.answers[:, None]).double().sum()
            total = total + LossSum(nats.item(), len(pairs.answers))
    network.train(training)
    return total


@torch.no_grad()
def own(member: Member, sources: Ragged, inputs: Ragged, share: float) -> Ragged:
    """Inputs of which a share is what the member itself thinks likeliest there."""
    likeliest = member(sources, inputs).argmax(-1)
    # What follows a step is the input of the next one of the same row.
    shifted = torch.cat([likeliest.new_full((1,), BEGIN), likeliest[:-1]])
    swapped = dropout(torch.ones(shifted.shape, device=shifted.device), share) == 0
    swapped[inputs.starts.to(shifted.device)] = False
    return inputs.beside(torch.where(swapped, shifted, inputs.values))
