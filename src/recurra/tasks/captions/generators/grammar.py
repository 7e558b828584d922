"""Sentences about coloured shapes: told in English or Korean, and read back.

    tell([("red", "circle", "top left")], "en")   a red circle at the top left
    tell([("red", "circle", "top left")], "ko")   왼쪽 위에 빨간 원

What a sentence means does not depend on the language: all colours, shapes and places have English
names.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import product
from typing import Final, Literal

from recurra.errors import unknown

Language = Literal["en", "ko"]
Fact = tuple[str, str, str]
"""Colour, shape, place of one object."""

LANGUAGES: Final[tuple[Language, ...]] = ("en", "ko")

COLOURS: Final = {
    "red": "빨간",
    "orange": "주황",
    "yellow": "노란",
    "green": "초록",
    "blue": "파란",
    "purple": "보라",
    "pink": "분홍",
    "black": "검은",
}
"""Each colour and its Korean word."""

SHAPES: Final = {
    "circle": "원",
    "square": "네모",
    "triangle": "세모",
    "cross": "십자",
    "star": "별",
    "diamond": "마름모",
    "ring": "고리",
}
"""Each shape and its Korean word."""

PLACES: Final = {
    "top left": ("at the top left", "왼쪽 위에"),
    "top": ("at the top", "위쪽에"),
    "top right": ("at the top right", "오른쪽 위에"),
    "left": ("on the left", "왼쪽에"),
    "middle": ("in the middle", "가운데에"),
    "right": ("on the right", "오른쪽에"),
    "bottom left": ("at the bottom left", "왼쪽 아래에"),
    "bottom": ("at the bottom", "아래쪽에"),
    "bottom right": ("at the bottom right", "오른쪽 아래에"),
}
"""Each place in reading order, and how the languages say it."""

_ORDER: Final = {place: number for number, place in enumerate(PLACES)}


def tell(facts: Iterable[Fact], language: Language) -> str:
    """The sentence about these objects, told in reading order.

    Raises:
        OptionError: a language that is not known.
        ValueError: no object, or two at one place.
    """
    return spans(facts, language)[0]


def spans(facts: Iterable[Fact], language: Language) -> tuple[str, list[tuple[int, int]]]:
    """The sentence, and for each object in reading order the characters that name it.

    Colour and shape name an object; article and place do not.

    Raises:
        As `tell`.
    """
    ordered = sorted(facts, key=lambda fact: _ORDER[fact[2]])
    if not ordered or len({place for _, _, place in ordered}) < len(ordered):
        raise ValueError("a sentence is about one object or more, each at a place of its own")
    text, found = "", []
    for number, fact in enumerate(ordered):
        if number:
            last = number == len(ordered) - 1
            text += " and " if last and language == "en" else ", "
        before, name, after = _phrase(fact, language)
        start = len(text) + len(before)
        text += before + name + after
        found.append((start, start + len(name)))
    return text, found


def meaning(sentence: str, language: Language) -> frozenset[Fact] | None:
    """The objects that a sentence is about, or None where it is no sentence of the grammar.

    The order in which the objects are told does not matter; a place that is told twice does.

    Raises:
        OptionError: a language that is not known.
    """
    known = _phrases(language)
    told_last = sentence.split(" and ") if language == "en" else [sentence]
    phrases = [*told_last[0].split(", "), *told_last[1:]]
    if language == "en" and len(told_last) != min(len(phrases), 2):
        return None  # more than one "and", or none where there are several objects
    facts = [known[phrase] for phrase in phrases if phrase in known]
    if len(facts) < len(phrases) or len({place for _, _, place in facts}) < len(facts):
        return None
    return frozenset(facts)


def _phrase(fact: Fact, language: Language) -> tuple[str, str, str]:
    """What is said of one object: before its name, its name, after it."""
    colour, shape, place = fact
    if language == "en":
        article = "an" if colour[0] in "aeiou" else "a"
        return f"{article} ", f"{colour} {shape}", f" {PLACES[place][0]}"
    if language == "ko":
        return f"{PLACES[place][1]} ", f"{COLOURS[colour]} {SHAPES[shape]}", ""
    raise unknown("language", language, LANGUAGES)


@cache
def _phrases(language: Language) -> dict[str, Fact]:
    """All that can be said of one object, and what it means."""
    return {"".join(_phrase(fact, language)): fact for fact in product(COLOURS, SHAPES, PLACES)}
