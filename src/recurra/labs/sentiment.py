"""A sentence -> its mood: what reading in order knows that counting words does not."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Final, final

from recurra.labs.context import LabContext
from recurra.labs.render import sentiment as render
from recurra.tasks.labels.estimator import LabelModel

THINGS: Final = ("plot", "music", "ending", "cast", "pace", "light", "dialogue", "first scene")
GOOD: Final = ("bright", "moving", "clever", "gentle", "funny", "warm", "fresh", "honest")
BAD: Final = ("dull", "clumsy", "loud", "cold", "stale", "hollow", "slow", "false")
LATER: Final = ("from the start", "to my taste", "as they say", "all the way", "now and then")

SENTENCES: Final = 1600
STEPS: Final = 500


@final
@dataclass(frozen=True)
class Sentiment:
    """The share of right moods on sentences held out: the reader's and each baseline's.

    `attention` has sentences with the share that each word had in the decision.
    """

    accuracy: float
    baselines: dict[str, float]
    attention: tuple[tuple[str, tuple[str, ...], tuple[float, ...]], ...]
    verdict: str


def run(context: LabContext) -> Sentiment:
    """Train on sentences whose mood is what follows "but", or on a file of texts and labels."""
    steps = 60 if context.quick else STEPS
    if context.path is None:
        texts, moods = sentences(SENTENCES // (4 if context.quick else 1), context.seed)
        model = LabelModel(steps=steps, seed=context.seed, ensemble=1).fit(texts, moods)
        shown = texts[:2]
    else:
        model = LabelModel(
            steps=steps if context.quick else 2 * STEPS, seed=context.seed, ensemble=1
        ).fit(context.path)
        shown = [each["text"] for each in model.report["wrong"][:2]]
    report: dict[str, Any] = model.report
    result = Sentiment(
        accuracy=report["model"]["accuracy"]["estimate"],
        baselines={each["name"]: each["accuracy"]["estimate"] for each in report["baselines"]},
        attention=tuple(
            (str(label), tuple(words), shares)
            for label, words, shares in map(model.attribution, shown)
        ),
        verdict=report["verdict"]["sentence"],
    )
    render.tell(context, result, own=context.path is None)
    return result


def sentences(count: int, seed: int) -> tuple[list[str], list[str]]:
    """Sentences of two clauses, and their moods: that of the clause after "but".

    Both orders of each pair of clauses come, with opposite moods: the same words, counted, say
    nothing. What follows an adjective is drawn by itself, so that neighbours say nothing either.
    """
    draw = random.Random(seed)

    def clause(words: tuple[str, ...]) -> str:
        return f"the {draw.choice(THINGS)} was {draw.choice(words)} {draw.choice(LATER)}"

    texts, moods = [], []
    for _ in range(count // 2):
        good, bad = clause(GOOD), clause(BAD)
        texts += [f"{bad}, but {good}", f"{good}, but {bad}"]
        moods += ["good", "bad"]
    return texts, moods
