"""Talk made up for lab chatbot: remarks about somebody and something, each with its reply."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from typing import Final

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

KEPT_OUT: Final = frozenset({("aunt", "violins", 0), ("doctor", "kites", 2)})
"""Two remarks that are never among the pairs, so that they can be asked for."""

NAMED: Final = 0.25
"""The share of remarks that is of a name."""

Pair = tuple[str, str]


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
