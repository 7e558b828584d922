"""What the loop trains: pictures of like sizes, their captions teacher-forced, or by CTC."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log
from typing import Final, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from recurra.codecs.pictures import PictureForm, Pixels
from recurra.core.ragged import Ragged
from recurra.data.batches import Batches, Rows
from recurra.judge.loss import LossSum
from recurra.networks.captions import CaptionNetwork
from recurra.runtime.captions import BLANK
from recurra.tasks.captions.augment import augmented
from recurra.tasks.captions.detection import Detection
from recurra.training.epochs import Epochs, TrainState
from recurra.training.loop import Loss

AT_ONCE: Final = 64
"""Texts whose loss is worked out together where nothing is learnt."""


@final
@dataclass(frozen=True, eq=False)
class Captions:
    """Encoded captions: pictures as `form` has them, ids (T,) from BEGIN to END, whose they are.

    Args:
        pictures: (P) of the size of `form`.
        ids: of N texts.
        owner: (N,) the picture of each.
        multiple: what the sizes of a batch are rounded up to.
    """

    form: PictureForm
    pictures: Sequence[Pixels]
    ids: Sequence[NDArray[np.int64]]
    owner: Rows
    multiple: tuple[int, int]

    @cached_property
    def shapes(self) -> Rows:
        """Keys (N,) by which texts are sorted so that their pictures are alike in size.

        Not by their own lengths: normalized by a batch whose texts are equally long, a picture
        would tell in training how much is to be said of it, and of no picture after that.
        """
        shapes = np.array([each.shape[:2] for each in self.pictures])[self.owner]
        found: Rows = -(-shapes[:, 0] // self.multiple[0]) * (1 << 20) + shapes[:, 1]
        return found

    def numbers(self, rows: Rows) -> tuple[Tensor, Tensor]:
        """The pictures of these texts, (K, H, W, C), and their sizes (K, 2)."""
        some = [self.pictures[owner] for owner in self.owner[rows].tolist()]
        x, sizes = self.form.numbers(some, self.multiple)
        return torch.from_numpy(x), torch.from_numpy(sizes)

    def texts(self, rows: Rows) -> Ragged:
        """The ids of these texts."""
        return Ragged.from_list([torch.from_numpy(self.ids[row]) for row in rows.tolist()])


@final
class CaptionTrainingTask(Epochs):
    """Cross entropy of true captions, each piece given the true ones before it, or of CTC.

    Args:
        learn, select: texts of `captions` that train, and that choose.
        detection: what tells the decoder of a grid where to look, beside its own loss.
        augment: whether pictures are changed a little, each time another way.
        written: the free-running score of a network on pictures that choose, higher is better.
        most_steps: steps beyond which more time would not help.
    """

    unit = "pieces"

    def __init__(
        self,
        network: CaptionNetwork,
        captions: Captions,
        learn: Rows,
        select: Rows,
        *,
        batch: int,
        seed: int,
        detection: Detection,
        augment: bool,
        written: Callable[[CaptionNetwork], float],
        most_steps: int,
    ) -> None:
        self.captions, self.held, self.written = captions, select, written
        self.seed, self.augment, self.most_steps = seed, augment, most_steps
        self.detection = detection
        self.device = next(network.parameters()).device
        self.ceiling = 40.0 + 4.0 * log(network.architecture.targets)
        rising = network.architecture.reading == "ctc"
        self.batches = Batches(learn, captions.shapes[learn], size=batch, seed=seed, rising=rising)

    @property
    def steps_an_epoch(self) -> float:
        """Batches in a pass over the texts."""
        return float(self.batches.count)

    def loss(self, network: nn.Module, train_state: TrainState) -> Loss[TrainState]:
        """The loss of a batch, in nats a piece, the ends counted."""
        assert isinstance(network, CaptionNetwork)
        rows = self.batches.read(train_state.epoch, train_state.batch)
        x, sizes = self.captions.numbers(rows)
        if self.augment:
            place = (self.seed, train_state.epoch, train_state.batch)
            x = augmented(x, np.random.default_rng(place))
        x, texts = x.to(self.device), self.captions.texts(rows)
        after = train_state.after(self.batches.count)
        if not network.architecture.detected:
            nats, count = nats_of(network, x, sizes, texts)
            return Loss((nats / count,), LossSum(nats.item(), count), after)
        inputs, answers = _shifted(texts, x.device)
        taught = network.taught(x, sizes, inputs)
        nats = F.cross_entropy(taught.scores.float(), answers.values, reduction="sum")
        mean = nats / len(answers.values) + self.detection.loss(taught, answers)
        return Loss((mean,), LossSum(nats.item(), len(answers.values)), after)

    def select(self, network: nn.Module) -> LossSum:
        """The teacher-forced loss on the selection part."""
        assert isinstance(network, CaptionNetwork)
        training, total = network.training, LossSum()
        network.eval()
        order = self.held[np.argsort(self.captions.shapes[self.held], kind="stable")]
        with torch.inference_mode():
            for start in range(0, len(order), AT_ONCE):
                rows = order[start : start + AT_ONCE]
                x, sizes = self.captions.numbers(rows)
                nats, count = nats_of(network, x.to(self.device), sizes, self.captions.texts(rows))
                total = total + LossSum(nats.item(), count)
        network.train(training)
        return total

    def score(self, network: nn.Module) -> float:
        """The score on the selection part of what the network writes by itself."""
        assert isinstance(network, CaptionNetwork)
        training = network.training
        network.eval()
        found = self.written(network)
        network.train(training)
        return found


def nats_of(network: CaptionNetwork, x: Tensor, sizes: Tensor, texts: Ragged) -> tuple[Tensor, int]:
    """What texts (K rows from BEGIN to END) cost given their pictures, and of how many pieces.

    Pieces and ends, so that readings can be compared: with CTC an end is not said, but counted.
    """
    count = len(texts.values) - texts.batch
    if network.architecture.reading == "ctc":
        frames = network.frames(x, sizes)
        inner = texts.without(first=1, last=1)
        nats = F.ctc_loss(
            frames.padded().transpose(0, 1),
            inner.values.to(x.device),
            frames.lengths,
            inner.lengths,
            blank=BLANK,
            reduction="sum",
            zero_infinity=True,  # of a text that its picture is too narrow for
        )
        return nats, count
    inputs, answers = _shifted(texts, x.device)
    scores = network(x, sizes, inputs)
    return F.cross_entropy(scores.float(), answers.values, reduction="sum"), count


def _shifted(texts: Ragged, device: torch.device) -> tuple[Ragged, Ragged]:
    """What a decoder is given of texts, and what follows each of that."""
    inputs, answers = (
        part.map(lambda ids: ids.to(device))
        for part in (texts.without(last=1), texts.without(first=1))
    )
    return inputs, answers
