"""A picture -> a sentence: seen once, at every step, or looked at; and what is said of black."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from recurra.core.attention import Memory
from recurra.core.product import product
from recurra.judge.bootstrap import Interval, block_bootstrap
from recurra.labs.context import LabContext
from recurra.labs.render import caption as render
from recurra.labs.squares_and_crosses import (
    END,
    GRID,
    LONGEST,
    SIDE,
    WORDS,
    Scene,
    covered,
    numbered,
    scene,
    spelled,
    stacked,
)
from recurra.labs.training.one_sentence import one_thread
from recurra.networks.decoder import Decoder, DecoderState, Memories
from recurra.networks.picture_encoder import PictureEncoder
from recurra.nn import GRU, HiddenState, Ragged

ONCE, EVERY, LOOKS = WAYS = ("once", "at every step", "looks")
ATTENTION: Final = {EVERY: "none", LOOKS: "general"}
"""The package's decoder sees in these two ways; the one that sees once is written here."""

STAGES, SIZE, HIDDEN = (16, 32), 32, 64
"""Features of the convolutions, of a word, units of a decoder."""
ROWS, RATE, CLIP = 64, 0.006, 1.0
WARM: Final = 1 / 7
"""The share of the steps over which the rate rises."""
DARK, LATER = 0.1, 0.003
"""At the end, the share of black pictures in a batch, and the rate that they are learnt at."""


@final
@dataclass(frozen=True)
class Task:
    """Pictures that train, batches, those with black pictures, and pictures that report."""

    pictures: int
    steps: int
    darkened: int
    tested: int


FULL: Final = Task(12000, 700, 120, 1000)
QUICK: Final = Task(600, 60, 10, 100)


class Said(NamedTuple):
    """A sentence, its probability, and where the decoder looked for each word and the end.

    `weights` is (T, 4, 4), zeros where it does not look.
    """

    sentence: str
    probability: float
    weights: NDArray[np.float32]


class Way(NamedTuple):
    """What came of a decoder.

    Args:
        nats: loss of a word of pictures that it never saw, the truth fed.
        blind: the same with a black picture in the place of each.
        right: whether each of those sentences is exactly right, fed its own words, (N,).
        black: what it says of a black picture.
        frequency: of the sentences that trained, the share that are this one.
        weights: its numbers.
    """

    nats: float
    blind: float
    right: NDArray[np.bool_]
    black: Said
    frequency: float
    weights: int


@final
@dataclass(frozen=True, eq=False)
class CaptionLab:
    """What each way is worth, what it says of black, and where the one that looks looked.

    `darkened` is of the same networks after some batches with black pictures in them; `counted` the
    loss of a word of sentences told by their counts alone, `common` the sentence that trained most
    often and its share; `gain` what looking gets right of sentences on two things beyond each other
    way, of the same pictures; `on_thing` the share of colours and shapes, rightly said, for which
    the place most looked at is part of the thing, `by_chance` for a place drawn at random.
    """

    task: Task
    ways: dict[str, Way]
    darkened: dict[str, Way]
    two: NDArray[np.bool_]
    counted: float
    common: tuple[str, float]
    gain: dict[str, Interval]
    on_thing: float
    by_chance: float
    scene: Scene
    said: Said


@final
class Once(nn.Module):
    """A decoder that sees the picture before its first word, and never again.

    h_0 = tanh(W v + b);  h_t = GRU(e, h_(t-1));  o = tanh(U h + c);  scores = E o + d

    It is asked as `Decoder` is.
    """

    def __init__(self, vectors: nn.Embedding, hidden: int) -> None:
        super().__init__()
        self.vectors = vectors
        self.bridge = nn.Linear(hidden, hidden)
        self.layer = GRU(vectors.embedding_dim, hidden)
        self.output = nn.Linear(hidden, vectors.embedding_dim)
        self.bias = nn.Parameter(torch.zeros(vectors.num_embeddings))

    def memory(self, places: Ragged) -> Memories:
        """Nothing to look at."""
        nothing = places.values.new_zeros(places.batch, places.steps, 0)
        return Memories(Memory(nothing, nothing, places.mask()), nothing)

    def first(self, memory: Memories, vector: Tensor) -> DecoderState:
        """The state before the first word of pictures (B, H): all that is ever known of them."""
        layers = HiddenState(torch.tanh(self.bridge(vector))[:, None])
        nothing = vector.new_zeros(memory.batch, 1, 0)
        return DecoderState(layers, nothing, vector.new_zeros(memory.mask.shape))

    def forward(self, inputs: Ragged, memory: Memories, vector: Tensor) -> Tensor:
        """Scores (N, V) of what follows each of the inputs (N,)."""
        hidden, _ = self.layer(inputs.map(self.vectors), self.first(memory, vector).layers)
        return self._scores(hidden.values)

    def step(
        self, words: Tensor, state: DecoderState, _memory: Memories, _vector: Tensor
    ) -> tuple[Tensor, DecoderState]:
        """Scores (B, V) of what follows words (B,), and the state."""
        assert isinstance(state.layers, HiddenState)
        hidden, layers = self.layer.step(self.vectors(words), state.layers)
        return self._scores(hidden), replace(state, layers=layers)

    def _scores(self, hidden: Tensor) -> Tensor:
        found = torch.tanh(product(hidden, self.output.weight, self.output.bias))
        return product(found, self.vectors.weight, self.bias)


@final
class Captioner(nn.Module):
    """Convolutions that leave 4 x 4 places, and a decoder that is told of them in one of `WAYS`.

    Each place is a vector (H,) that knows where it is; their mean is the picture as one vector.
    """

    def __init__(self, way: str) -> None:
        super().__init__()
        # What reads is drawn first: every way begins with the same weights there.
        self.encoder = PictureEncoder(3, STAGES, [(2, 2)] * len(STAGES))
        self.inner = nn.Linear(STAGES[-1], HIDDEN)
        self.place = nn.Parameter(torch.randn(GRID * GRID, HIDDEN) / 10)
        vectors = nn.Embedding(len(WORDS), SIZE)
        nn.init.normal_(vectors.weight, std=SIZE**-0.5)
        self.decoder: Once | Decoder
        if way == ONCE:
            self.decoder = Once(vectors, HIDDEN)
        else:
            self.decoder = Decoder(
                GRU,
                vectors=vectors,
                hidden=HIDDEN,
                layers=1,
                kind=ATTENTION[way],
                input_feeding=False,
                dropout=0.0,
            )
            if self.decoder.attention is not None:
                # All places alike at first: who begins by staring at one gets no gradient from the
                # others. Without this and the slow beginning (WARM) seed 1 never found a thing.
                with torch.no_grad():
                    self.decoder.attention.key.weight.mul_(0.1)

    def read(self, pictures: Tensor) -> tuple[Memories, Tensor]:
        """Pictures (B, 16, 16, 3) -> what can be looked at, and one vector of each (B, H)."""
        x, _ = self.encoder(pictures, torch.full((len(pictures), 2), SIDE))
        places = torch.relu(self.inner(x.flatten(1, 2)) + self.place)
        lengths = torch.full((len(pictures),), GRID * GRID)
        return self.decoder.memory(Ragged(places.flatten(0, 1), lengths)), places.mean(1)

    def loss(self, pictures: Tensor, sentences: Ragged) -> Tensor:
        """Nats of a word of sentences (N,), their ends included, the truth fed."""
        words = sentences.padded(END)
        before = torch.cat([torch.full((len(words), 1), END), words[:, :-1]], 1)
        inputs = Ragged.from_padded(before, sentences.lengths)
        return cross_entropy(self.decoder(inputs, *self.read(pictures)), sentences.values)

    @torch.no_grad()
    def say(self, pictures: Tensor) -> list[Said]:
        """The likeliest word at every step until the end, fed its own."""
        memory, vector = self.read(pictures)
        state = self.decoder.first(memory, vector)
        word = torch.full((len(pictures),), END)
        words, nats, attention = [], [], []
        for _ in range(LONGEST):
            scores, state = self.decoder.step(word, state, memory, vector)
            likeliest, word = scores.double().log_softmax(1).max(1)
            words.append(word)
            nats.append(likeliest)
            attention.append(state.attention)
        said = torch.stack(words, 1)
        chances = torch.stack(nats, 1).cumsum(1).exp()
        maps = torch.stack(attention, 1).numpy().reshape(len(said), LONGEST, GRID, GRID)
        ended = said == END
        counts = torch.where(ended.any(1), ended.int().argmax(1) + 1, LONGEST).tolist()
        return [
            Said(spelled(said[row, :count]), float(chances[row, count - 1]), maps[row, :count])
            for row, count in enumerate(counts)
        ]


def run(context: LabContext) -> CaptionLab:
    """Train all three on the same pictures, then show each of them others, and a black one."""
    task = QUICK if context.quick else FULL
    render.begin(context, task)
    generator = np.random.default_rng(context.seed)
    train, test = ([scene(generator) for _ in range(n)] for n in (task.pictures, task.tested))
    counts = Counter(each.sentence for each in train)
    two = np.array([len(each.things) == 2 for each in test])
    ways, darkened, said = {}, {}, {}
    with one_thread():
        pictures, sentences = stacked(train), numbered(train)
        for way in WAYS:
            torch.manual_seed(context.seed)
            model, begun = Captioner(way), time.perf_counter()
            learn(model, pictures, sentences, task.steps, context.seed)
            said[way] = model.say(stacked(test))
            ways[way] = judged(model, test, said[way], counts)
            learn(model, pictures, sentences, task.darkened, context.seed, rate=LATER, black=DARK)
            darkened[way] = judged(model, test, model.say(stacked(test)), counts)
            seconds = time.perf_counter() - begun
            render.learnt(context, way, ways[way], seconds)
    shown = int(two.argmax())
    found, by_chance = on_things(test, said[LOOKS])
    result = CaptionLab(
        task=task,
        ways=ways,
        darkened=darkened,
        two=two,
        counted=by_counts(counts, test),
        common=(counts.most_common(1)[0][0], counts.most_common(1)[0][1] / len(train)),
        gain={
            way: block_bootstrap(
                ways[LOOKS].right[two] - ways[way].right[two].astype(float), block=1
            )
            for way in (ONCE, EVERY)
        },
        on_thing=found,
        by_chance=by_chance,
        scene=test[shown],
        said=said[LOOKS][shown],
    )
    render.tell(context, result)
    return result


def learn(
    model: Captioner,
    pictures: Tensor,
    sentences: Ragged,
    steps: int,
    seed: int,
    *,
    rate: float = RATE,
    black: float = 0.0,
) -> None:
    """Adam, its rate rising, then falling to 0; so large a share of each batch is black."""
    model.train()
    generator = torch.Generator().manual_seed(seed)
    adam = torch.optim.Adam(model.parameters(), fused=True)
    for step in range(steps):
        adam.param_groups[0]["lr"] = rate * min((step + 1) / steps / WARM, 1) * (1 - step / steps)
        rows = torch.randint(len(pictures), (ROWS,), generator=generator)
        lit = torch.rand(ROWS, 1, 1, 1, generator=generator) >= black
        adam.zero_grad()
        model.loss(pictures[rows] * lit, sentences.select(rows)).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        adam.step()
    model.eval()


@torch.no_grad()
def judged(
    model: Captioner, test: Sequence[Scene], said: Sequence[Said], counts: Counter[str]
) -> Way:
    """Figures of what it says of pictures that it never saw, and of one with nothing in it."""
    pictures, sentences = stacked(test), numbered(test)
    black = model.say(torch.zeros_like(pictures[:1]))[0]
    return Way(
        nats=float(model.loss(pictures, sentences)),
        blind=float(model.loss(torch.zeros_like(pictures), sentences)),
        right=np.array([a.sentence == b.sentence for a, b in zip(said, test, strict=True)]),
        black=black,
        frequency=counts[black.sentence] / counts.total(),
        weights=sum(each.numel() for each in model.parameters()),
    )


def by_counts(counts: Counter[str], test: Sequence[Scene]) -> float:
    """Nats of a word of sentences that are guessed by how often each was told."""
    # Each counts once more than it was told, and so do all that never were: none is impossible.
    total = counts.total() + len(counts) + 1
    nats = sum(float(np.log(total / (counts[each.sentence] + 1))) for each in test)
    return nats / len(numbered(test).values)


def on_things(test: Sequence[Scene], said: Sequence[Said]) -> tuple[float, float]:
    """How often the place most looked at is part of what is named, and how often any place is.

    Of colours and shapes in sentences that are right.
    """
    hits, places = [], []
    for each, one in zip(test, said, strict=True):
        if each.sentence != one.sentence:
            continue
        for thing, words in zip(each.things, ((1, 2), (-3, -2)), strict=False):
            part = covered(thing)
            for word in words:
                hits.append(part.flat[one.weights[word].argmax()])
                places.append(part.mean())
    return (float(np.mean(hits)), float(np.mean(places))) if hits else (0.0, 0.0)
