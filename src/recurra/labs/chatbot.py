"""Questions and answers: a network that replies, and what it knows when it does."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, final

from recurra.labs.context import LabContext
from recurra.labs.render import chatbot as render
from recurra.labs.training.one_sentence import one_thread
from recurra.tasks.pairs.estimator import PairModel

TALK: Final = (
    (
        ("{who} likes {things}.", "{who} is fond of {things}.", "{things} make {who} happy."),
        "what does {whom} like about {things}?",
    ),
    (
        ("{who} hates {things}.", "{who} cannot stand {things}.", "{things} annoy {who}."),
        "what have {things} done to {whom}?",
    ),
    (
        ("where can {who} buy {things}?", "who sells {things} to {who}?"),
        "the shop at the corner has {things} for {whom}.",
    ),
    (
        ("does {who} need {things}?", "should {who} get {things}?"),
        "{whom} can do without {things}.",
    ),
    (
        ("{who} sells {things}.", "{who} has {things} for sale."),
        "how much does {whom} want for {things}?",
    ),
)
"""What may be said of somebody and something, and the reply to all of it."""

# fmt: off
PEOPLE: Final = (
    "mother", "father", "sister", "brother", "aunt", "uncle", "cousin", "teacher", "doctor",
    "neighbour", "friend", "baker",
)
THINGS: Final = (
    "apples", "bells", "books", "bicycles", "boats", "cakes", "candles", "cats", "chairs",
    "clocks", "coats", "coins", "dogs", "drums", "flowers", "horses", "kites", "lamps", "maps",
    "melons", "onions", "paintings", "pears", "pens", "pigeons", "plates", "roses", "shoes",
    "songs", "spoons", "stories", "tables", "tigers", "trains", "trees", "violins",
)
SYLLABLES: Final = (
    "ba", "do", "fe", "gi", "ko", "lu", "ma", "ne", "po", "ra", "so", "ti", "va", "we", "yu", "za",
)
# fmt: on
"""Of three of them names are made, each of which is said once."""
NEW: Final = ("gloves", "jugs", "kayaks", "ladders", "quilts", "walnuts", "yurts", "zeppelins")
"""Things that nothing is said of in the pairs."""

SAID: Final = (
    ("my aunt is fond of violins.", "what does your aunt like about violins?"),
    ("where can my doctor buy kites?", "the shop at the corner has kites for your doctor."),
    ("trains annoy Bartholomew.", "what have trains done to Bartholomew?"),
    ("my baker sells zeppelins.", "how much does your baker want for zeppelins?"),
    ("what is the meaning of life?", ""),
)
"""What it is asked in the end, and the reply: two remarks that are kept out of the pairs, a name
and a thing that it never met, and a question unlike all that it knows."""
KEPT_OUT: Final = frozenset({("aunt", "violins", 0), ("doctor", "kites", 2)})

PAIRS, NAMED, ASKED = 1500, 0.25, 100
"""Remarks and replies, the share of them that is of a name, and remarks of what it never met."""

OPTIONS: Final[dict[str, Any]] = {
    "hidden": 128,
    "embedding": 64,
    "layers": 1,
    "dropout": 0.1,
    "smoothing": 0.0,
    "lr": 0.03,
    "ensemble": 1,
    "precision": "float32",
    "metric": "exact",
}
"""By BLEU or chrF the selection part would choose early weights, which reply the same to all."""
STEPS, STEPS_OF_FILE, QUICK = 300, 1400, 60

Pair = tuple[str, str]


class Reply(NamedTuple):
    """What was said, what it answered, the true reply, and how likely it held its own, 0 to 1."""

    said: str
    answer: str
    true: str
    sure: float


@final
@dataclass(frozen=True)
class Chatbot:
    """Figures of remarks that it never saw, its own and each baseline's, and some replies.

    Args:
        exact: shares of replies that are right to the letter.
        chrf: how much of their letters is, from 0 to 100.
        strange: shares of right replies to remarks of names that it never met, where it met many
            others once, and of things that it never met, where it met all others often; none of a
            file.
        replies: to `SAID`; of a file to what went best, and to what went worst.
        verdict: against the best baseline.
    """

    exact: dict[str, float]
    chrf: dict[str, float]
    strange: dict[str, float]
    replies: tuple[Reply, ...]
    verdict: str


def run(context: LabContext) -> Chatbot:
    """Learn to reply from made up talk, or from a file of questions and answers; then reply."""
    if context.path is None:
        # Products of a few numbers: a second thread would only be waited for.
        with one_thread():
            result = _made_up(context)
    else:
        steps = QUICK if context.quick else STEPS_OF_FILE
        model = PairModel(steps=steps, seed=context.seed, **OPTIONS).fit(context.path)
        _keep(context, model)
        examples = (*model.report["best"][:2], *model.report["worst"][:2])
        result = _judged(model, [(each["source"], each["true"]) for each in examples], {})
    render.tell(context, result, own=context.path is None)
    return result


def _made_up(context: LabContext) -> Chatbot:
    pairs = talk(PAIRS, context.seed)
    steps = QUICK if context.quick else STEPS
    model = PairModel(tokens="words", steps=steps, seed=context.seed, **OPTIONS).fit(pairs)
    _keep(context, model)
    asked = {
        "names": strange(pairs, talk(PAIRS, context.seed + 1)),
        "things": [each for each in talk(PAIRS, context.seed, NEW) if not names(each[0])],
    }
    shares = {each: _right(model, some[:ASKED]) for each, some in asked.items()}
    return _judged(model, SAID, shares)


def _right(model: PairModel, pairs: Sequence[Pair]) -> float:
    found = model.translate([said for said, _ in pairs])
    return sum(ours == reply for ours, (_, reply) in zip(found, pairs, strict=True)) / len(pairs)


def _keep(context: LabContext, model: PairModel) -> None:
    """Where a folder was given, keep the model in it, so that it can be talked to."""
    if context.out is None:
        return
    folder = context.out / "lab-chatbot"
    model.save(folder, overwrite=True)
    context.aside(f"saved {folder}; to talk to it: recurra translate {folder}")


def _judged(model: PairModel, pairs: Sequence[Pair], shares: dict[str, float]) -> Chatbot:
    report: dict[str, Any] = model.report
    figures = {"recurra": report["model"]} | {each["name"]: each for each in report["baselines"]}
    found = [best[0] for best in model.translations([said for said, _ in pairs])]
    return Chatbot(
        exact={name: each["exact"]["estimate"] for name, each in figures.items()},
        chrf={name: each["chrf"]["estimate"] for name, each in figures.items()},
        strange=shares,
        replies=tuple(
            Reply(said, each.text, true, math.exp(each.log_probability))
            for (said, true), each in zip(pairs, found, strict=True)
        ),
        verdict=report["verdict"]["sentence"],
    )


def strange(known: Sequence[Pair], pairs: Sequence[Pair]) -> list[Pair]:
    """Those of the pairs whose remark has a name that is nowhere in the known ones."""
    met = {word for said, _ in known for word in names(said)}
    return [pair for pair in pairs if names(pair[0]) and not names(pair[0]) & met]


def names(said: str) -> set[str]:
    """The words with a large first letter."""
    return {word.strip(".?") for word in said.split() if word[0].isupper()}


def talk(count: int, seed: int, things: Sequence[str] = THINGS) -> list[Pair]:
    """Remarks and their replies, in an order by seed.

    No somebody and something come twice with the same reply: what is held out is put together as
    nothing is that is known. Somebody is one of the family and the like, "my aunt" to one, "your
    aunt" to the other, or has a name, each of which comes once.
    """
    draw = random.Random(seed)
    every = [
        each for each in itertools.product(PEOPLE, things, range(len(TALK))) if each not in KEPT_OUT
    ]
    called = ["".join(each).capitalize() for each in itertools.product(SYLLABLES, repeat=3)]
    draw.shuffle(every)
    draw.shuffle(called)
    pairs = []
    for (person, thing, kind), name in zip(every[:count], called, strict=False):
        named = draw.random() < NAMED
        who, whom = (name, name) if named else (f"my {person}", f"your {person}")
        remarks, reply = TALK[kind]
        said = draw.choice(remarks).format(who=who, things=thing)
        pairs.append((said, reply.format(whom=whom, things=thing)))
    return pairs
