"""What the loop trains: a network on contiguous streams, the state carried along."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from recurra.codecs.tokenizer import UNKNOWN
from recurra.core.state import State, join_layers
from recurra.data.streams import Cursor, Ids, Streams, among
from recurra.judge.loss import LossSum
from recurra.networks.text import TextNetwork, stream_nats
from recurra.training import processes
from recurra.training.loop import Loss
from recurra.training.together import together

MOST_EPOCHS: Final = 60
"""Passes over a text beyond which its model only learns it by heart."""

MOST_CHOOSING: Final = 2_500_000
"""Tokens of a selection part that are all looked at, at each report; of a larger one, a sample."""

CHOOSING: Final = 250_000
"""Tokens of that sample."""

MOST_SPARED: Final = 100_000
"""Tokens of the selection part, a tenth of it at most, that are read and never learnt."""


@final
@dataclass(frozen=True)
class TextTrainState:
    """Where the streams stand, the state carried into their next chunk, and which streams."""

    cursor: Cursor
    state: State | None
    finishing: bool = False


@final
class TextTrainingTask:
    """Truncated backpropagation through time over contiguous streams, the state carried along.

    Args:
        network: tells the device and the structure of the state.
        streams: the training part.
        finishing: the training and the selection part, for the last steps.
        select: ids of the selection part (N,).
        unknown_rate: the probability of an unknown character.
        unit: what the ids are, in the plural.
        written: gives a text that a network writes; without it there are no samples.
        cuts: where documents begin in the selection part, if they are kept apart.
    """

    def __init__(
        self,
        network: TextNetwork,
        streams: Streams,
        finishing: Streams,
        select: Ids,
        unknown_rate: float,
        unit: str = "characters",
        written: Callable[[TextNetwork], str] | None = None,
        cuts: npt.NDArray[np.int64] | None = None,
    ) -> None:
        self.unit = unit
        self._written = written
        processes.share(streams.batch)  # refuses too few rows now, before anything is trained
        self.streams = streams
        self.finishing = finishing
        self.unknown_rate = unknown_rate
        self._network = network
        self.ceiling = 4.0 * float(np.log(network.embedding.num_embeddings))
        self.device = network.embedding.weight.device
        self._template = network.zero_state(1)
        self._windows = _overlapping(select, cuts, self.device)
        self._select, self._cuts = select, cuts

    @property
    def steps_an_epoch(self) -> float:
        """Chunks in a pass over the training part."""
        return self.streams.length / self.streams.bptt

    @property
    def most_steps(self) -> int:
        """Chunks beyond which a text is only learnt by heart."""
        return max(1, int(MOST_EPOCHS * self.steps_an_epoch))

    def first(self) -> TextTrainState:
        """The beginning of the first pass, without a state."""
        return TextTrainState(Cursor(), None)

    def loss(self, network: nn.Module, train_state: TextTrainState) -> Loss[TextTrainState]:
        """Cross entropy over the next chunk of this process's streams, in nats a token."""
        chunk = (self.finishing if train_state.finishing else self.streams).read(train_state.cursor)
        rows = processes.share(len(chunk.inputs))
        inputs = torch.from_numpy(chunk.inputs[rows]).to(self.device)
        targets = torch.from_numpy(chunk.targets[rows]).to(self.device)
        assert isinstance(network, TextNetwork)
        resets = None
        if chunk.resets is not None:
            resets = torch.from_numpy(chunk.resets[rows]).to(self.device)
        before = None if chunk.fresh else train_state.state
        members = len(network.members)
        own = partial(network.member_loss, ids=inputs, targets=targets, state=before, resets=resets)
        works = [partial(own, member) for member in range(members)]
        found = together(works, self.device, drops=True)
        sums, states = zip(*found, strict=True)
        # The selection part may hold unknown characters, which are not learnt and not counted, nor
        # are beginnings of documents.
        count = int((targets != UNKNOWN).sum())
        means = tuple(each / (members * max(1, count)) for each in sums)
        total = LossSum(float(sum(each.item() for each in sums)) / members, count)
        # In float32 whatever the products ran in, so that a checkpoint holds it exactly.
        after = join_layers(states).detach().to(dtype=torch.float32)
        return Loss(means, total, TextTrainState(chunk.following, after, train_state.finishing))

    def select(self, network: nn.Module) -> LossSum:
        """The loss on the selection part, read in overlapping windows side by side.

        Each window warms its state up on the characters before it; the figure differs by less
        than a hundredth from that of one stream, and takes a fraction of the time. Of a part
        of more than MOST_CHOOSING tokens the windows are a sample of CHOOSING, evenly spread.
        """
        assert isinstance(network, TextNetwork)
        nats = self._nats(network, self._windows)
        return LossSum(float(nats.sum()), len(nats))

    def _nats(self, network: TextNetwork, windows: Windows) -> npt.NDArray[np.float64]:
        """What the scored tokens of windows cost, in their order."""
        ids, scored, resets = windows
        training = network.training
        network.eval()
        nats = stream_nats(
            network, ids[:, :-1], ids[:, 1:], self.unknown_rate, resets=resets, chunk=256
        )
        network.train(training)
        found: npt.NDArray[np.float64] = nats[scored]
        return found

    def score(self, network: nn.Module) -> None:
        """Nothing: the loss chooses."""

    def sample(self, network: nn.Module) -> str | None:
        """A few lines that it writes by now."""
        assert isinstance(network, TextNetwork)
        return None if self._written is None else self._written(network)

    def finish(self, train_state: TextTrainState) -> TextTrainState:
        """The beginning of a pass over the training and the selection part."""
        return TextTrainState(Cursor(train_state.cursor.epoch + 1, 0), None, True)

    def pack(self, train_state: TextTrainState) -> Mapping[str, Tensor]:
        """The training state as named arrays."""
        cursor = torch.tensor(
            [train_state.cursor.epoch, train_state.cursor.position, train_state.finishing]
        )
        # Those of all processes, so that another number of them can go on.
        state = {} if train_state.state is None else train_state.state.arrays("state/")
        return {"cursor": cursor} | {k: processes.gathered(v) for k, v in state.items()}

    def unpack(self, arrays: Mapping[str, Tensor]) -> TextTrainState:
        """The training state that `pack` took apart."""
        epoch, position, finishing = (int(value) for value in arrays["cursor"])
        state = None
        if any(name.startswith("state/") for name in arrays):
            whole = self._template.from_arrays(arrays, "state/")
            rows = processes.share(whole.batch)
            state = whole.map(lambda leaf: leaf[rows])
        return TextTrainState(Cursor(epoch, position), state, bool(finishing))


Windows = tuple[Tensor, npt.NDArray[np.bool_], Tensor | None]
"""Rows (W, T + 1), which targets (W, T) are scored, and where inputs (W, T) begin a document."""


def _overlapping(
    ids: Ids,
    cuts: npt.NDArray[np.int64] | None,
    device: torch.device,
    windows: int = 32,
    warm_up: int = 128,
) -> Windows:
    """Cut (N,) into rows (W, T + 1) that overlap.

    Every token but the first, and those at `cuts`, is scored once, or CHOOSING of them where there
    are more than MOST_CHOOSING. Rows are filled up at their end by repeating the last token, which
    is not scored.
    """
    count = len(ids)
    windows = max(1, min(windows, count // (2 * warm_up)))
    apart = size = -(-(count - 1) // windows)
    if count > MOST_CHOOSING:
        size = CHOOSING // windows
    firsts = 1 + apart * np.arange(windows)[:, None]
    places = firsts + np.arange(-warm_up if windows > 1 else -1, size)
    lasts = np.minimum(firsts + size, count)
    scored = (places >= firsts) & (places < lasts)
    held = places.clip(0, count - 1)
    resets = None
    if cuts is not None:
        begun = among(held, cuts)
        scored &= ~begun
        resets = torch.from_numpy(begun[:, :-1]).to(device)
    rows = torch.from_numpy(np.asarray(ids[held], np.int64)).to(device)
    return rows, scored[:, 1:], resets
