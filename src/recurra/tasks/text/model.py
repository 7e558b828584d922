"""The network of the text task and its loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from recurra.core.initial import reset_orthogonal
from recurra.core.layers import GRU, LSTM, RNN
from recurra.core.state import State
from recurra.data.streams import Cursor, Ids, Streams, among
from recurra.data.vocabulary import UNKNOWN
from recurra.errors import OptionError
from recurra.judge.loss import LossSum
from recurra.tasks.design import Network
from recurra.training import processes
from recurra.training.loop import Loss

MOST_EPOCHS: Final = 60
"""Passes over a text beyond which its model only learns it by heart."""

MOST_CHOOSING: Final = 2_500_000
"""Tokens of a selection part that are all looked at, at each report; of a larger one, a sample."""

CHOOSING: Final = 250_000
"""Tokens of that sample."""

MOST_SCORES: Final = 1 << 25
"""Logits that exist at a time, 128 MB in float32: what has more is gone through in pieces."""

MOST_UNSEEN: Final = 1_000_000
"""Tokens at the end of the selection part of which is kept what they cost while they were new."""

CELLS: Final = ("rnn", "gru", "lstm")

UNSEEN: Final = "unseen"
"""The array of a packed carry that `TextCarry.unseen` is."""


@final
@dataclass(frozen=True)
class Architecture:
    """The sizes of a text network.

    Args:
        symbols: V, the vocabulary with its unknown.
        cell: rnn, gru or lstm.
        embedding: size of a token's vector.
        hidden: H.
        layers: L.
        dropout: share of outputs dropped after each layer in training.
    """

    symbols: int
    cell: str
    embedding: int
    hidden: int
    layers: int
    dropout: float

    def __post_init__(self) -> None:
        if self.cell not in CELLS:
            raise OptionError(f"cell {self.cell!r}", expected=f"one of {', '.join(CELLS)}")
        for name in ("embedding", "hidden", "layers"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} {getattr(self, name)}", expected="at least 1")
        if not 0.0 <= self.dropout < 1.0:
            raise OptionError(f"dropout {self.dropout}", expected="at least 0 and below 1")

    def to_json(self) -> dict[str, Any]:
        """The sizes as plain values."""
        return asdict(self)


@final
class CharacterNetwork(Network):
    """Embedding, recurrent layers, and a linear head over the vocabulary.

    The id 0, of characters the unknown one, is read as a vector of zeros and never predicted here:
    its logit is minus infinity, its probability a constant of the data (`log_probabilities`).
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        a = architecture
        self.embedding = nn.Embedding(a.symbols, a.embedding, padding_idx=0)
        match a.cell:
            case "lstm":
                self.recurrent: LSTM | GRU | RNN = LSTM(
                    a.embedding, a.hidden, a.layers, dropout=a.dropout
                )
            case "gru":
                self.recurrent = GRU(a.embedding, a.hidden, a.layers, dropout=a.dropout)
            case _:
                self.recurrent = RNN(a.embedding, a.hidden, a.layers, dropout=a.dropout)
        self.dropout = nn.Dropout(a.dropout)
        self.head = nn.Linear(a.hidden, a.symbols - 1)
        self.reset_parameters()

    def told(self) -> str:
        """Its layers and its size in a few words."""
        layers, weights = self.recurrent, sum(p.numel() for p in self.parameters())
        name = type(layers).__name__
        return f"{layers.num_layers} x {name}({layers.hidden_size}), {weights:,} weights"

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw the weights."""
        nn.init.normal_(self.embedding.weight, std=0.5)
        self.embedding.weight[0].zero_()
        reset_orthogonal(self.recurrent)

    def forward(self, ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Logits (B, T, V) of the token after each of `ids` (B, T), and the state after it."""
        hidden, after = self.read(ids, state)
        return self.logits(hidden), after

    def read(
        self, ids: Tensor, state: State | None = None, resets: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """What the head reads (B, T, H) after each of `ids` (B, T), and the state after it.

        Args:
            resets: (B, T) bool: true where a document begins, into which no state is carried.
        """
        hidden, after = self.recurrent(self.embedding(ids), state, resets=resets)
        return self.dropout(hidden), after

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits (..., V) of what the head reads (..., H)."""
        return F.pad(self.head(hidden), (1, 0), value=float("-inf"))

    def summed_loss(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """The summed cross entropy of the known targets (B, T); the head reads `hidden` (B, T, H).

        Where there would be more than MOST_SCORES logits, they are made piece by piece and made
        again for the gradient, which costs a third of the head's time, and memory for one piece.
        """
        steps = max(1, MOST_SCORES // (targets.shape[0] * self.embedding.num_embeddings))
        if steps >= targets.shape[1]:
            return self._summed(hidden, targets)
        pieces = zip(torch.split(hidden, steps, 1), torch.split(targets, steps, 1), strict=True)
        return torch.stack(
            [
                checkpoint(self._summed, *piece, use_reentrant=False, preserve_rng_state=False)
                for piece in pieces
            ]
        ).sum()

    def _summed(self, hidden: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(
            self.logits(hidden).float().flatten(0, 1),
            targets.flatten(),
            ignore_index=UNKNOWN,
            reduction="sum",
        )

    def step(self, ids: Tensor, state: State | None) -> tuple[Tensor, State]:
        """One step of a stream: logits (B, V) after `ids` (B,), and the state."""
        logits, after = self(ids[:, None], state)
        return logits[:, 0], after


def log_probabilities(logits: Tensor, unknown_rate: float) -> Tensor:
    """Log-probabilities (..., V) in which the unknown character has its constant share."""
    known: Tensor = F.log_softmax(logits.float(), -1) + np.log1p(-unknown_rate)
    known[..., 0] = math.log(unknown_rate) if unknown_rate else -math.inf
    return known


def stream_nats(
    network: CharacterNetwork,
    inputs: Tensor,
    targets: Tensor,
    unknown_rate: float,
    *,
    state: State | None = None,
    resets: Tensor | None = None,
    chunk: int = 4096,
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Nats of each target (B, T) when the network reads the inputs (B, T) from the first on.

    The state is carried through, but for `resets` (B, T); memory does not grow with T but for the
    result.
    """
    found = []
    chunk = max(1, min(chunk, MOST_SCORES // (len(inputs) * network.embedding.num_embeddings)))
    with torch.inference_mode():
        for start in range(0, inputs.shape[1], chunk):
            window = slice(start, start + chunk)
            cut = None if resets is None else resets[:, window]
            hidden, state = network.read(inputs[:, window], state, cut)
            scores = log_probabilities(network.logits(hidden), unknown_rate)
            found.append(-scores.gather(-1, targets[:, window, None])[..., 0].double().cpu())
    return torch.cat(found, 1).numpy()


@final
@dataclass(frozen=True)
class TextCarry:
    """Where the streams stand, the state carried into their next chunk, and which streams.

    `unseen` (N - 1,) is what the selection part cost when it was not trained on yet, from its
    second token on; None until then.
    """

    cursor: Cursor
    state: State | None
    finishing: bool = False
    unseen: Tensor | None = None


@final
class TextTrainee:
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
        network: CharacterNetwork,
        streams: Streams,
        finishing: Streams,
        select: Ids,
        unknown_rate: float,
        unit: str = "characters",
        written: Callable[[CharacterNetwork], str] | None = None,
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
        self._template = network.recurrent.zero_state(1)
        self._windows = _overlapping(select, cuts, self.device)
        self._select, self._cuts = select, cuts

    @property
    def steps_an_epoch(self) -> float:
        """Chunks in a pass over the training part."""
        return self.streams.length / self.streams.chunk

    @property
    def most_steps(self) -> int:
        """Chunks beyond which a text is only learnt by heart."""
        return max(1, int(MOST_EPOCHS * self.steps_an_epoch))

    def first(self) -> TextCarry:
        """The beginning of the first pass, without a state."""
        return TextCarry(Cursor(), None)

    def loss(self, network: nn.Module, carry: TextCarry) -> Loss[TextCarry]:
        """Cross entropy over the next chunk of this process's streams, in nats a token."""
        chunk = (self.finishing if carry.finishing else self.streams).read(carry.cursor)
        rows = processes.share(len(chunk.inputs))
        inputs = torch.from_numpy(chunk.inputs[rows]).to(self.device)
        targets = torch.from_numpy(chunk.targets[rows]).to(self.device)
        assert isinstance(network, CharacterNetwork)
        resets = None
        if chunk.resets is not None:
            resets = torch.from_numpy(chunk.resets[rows]).to(self.device)
        hidden, state = network.read(inputs, None if chunk.fresh else carry.state, resets)
        # The selection part may hold unknown characters, which are not learnt and not counted, nor
        # are beginnings of documents.
        count = int((targets != UNKNOWN).sum())
        summed = network.summed_loss(hidden, targets)
        mean, total = summed / max(1, count), LossSum(summed.item(), count)
        # In float32 whatever the products ran in, so that a checkpoint holds it exactly.
        after = state.detach().to(dtype=torch.float32)
        return Loss(mean, total, TextCarry(chunk.following, after, carry.finishing, carry.unseen))

    def select(self, network: nn.Module) -> LossSum:
        """The loss on the selection part, read in overlapping windows side by side.

        Each window warms its state up on the characters before it; the figure differs by less
        than a hundredth from that of one stream, and takes a fraction of the time. Of a part
        of more than MOST_CHOOSING tokens the windows are a sample of CHOOSING, evenly spread.
        """
        assert isinstance(network, CharacterNetwork)
        nats = self._nats(network, self._windows)
        return LossSum(float(nats.sum()), len(nats))

    def _nats(self, network: CharacterNetwork, windows: Windows) -> npt.NDArray[np.float64]:
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
        assert isinstance(network, CharacterNetwork)
        if self._written is None:
            return None
        training = network.training
        written = self._written(network)
        network.train(training)
        return written

    def finish(self, carry: TextCarry) -> TextCarry:
        """The beginning of a pass over the training and the selection part.

        What the latter costs is kept: after this it is not known any more what new text costs.
        """
        windows = self._windows
        if (before := len(self._select) - MOST_UNSEEN) > 0:
            cuts = None if self._cuts is None else self._cuts[self._cuts >= before] - before
            windows = _overlapping(self._select[before:], cuts, self.device)
        unseen = torch.from_numpy(self._nats(self._network, windows).astype(np.float32))
        return TextCarry(Cursor(carry.cursor.epoch + 1, 0), None, True, unseen)

    def pack(self, carry: TextCarry) -> Mapping[str, Tensor]:
        """The carry as named arrays."""
        cursor = torch.tensor([carry.cursor.epoch, carry.cursor.position, carry.finishing])
        # Those of all processes, so that another number of them can go on.
        state = {} if carry.state is None else carry.state.arrays("state/")
        unseen = {} if carry.unseen is None else {UNSEEN: carry.unseen}
        return {"cursor": cursor} | {k: processes.gathered(v) for k, v in state.items()} | unseen

    def unpack(self, arrays: Mapping[str, Tensor]) -> TextCarry:
        """The carry that `pack` took apart."""
        epoch, position, finishing = (int(value) for value in arrays["cursor"])
        state = None
        if any(name.startswith("state/") for name in arrays):
            whole = self._template.from_arrays(arrays, "state/")
            rows = processes.share(whole.batch)
            state = whole.map(lambda leaf: leaf[rows])
        return TextCarry(Cursor(epoch, position), state, bool(finishing), arrays.get(UNSEEN))


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
