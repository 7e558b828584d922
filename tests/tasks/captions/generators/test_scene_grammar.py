"""Sentences about scenes: what is told is what is read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.errors import OptionError
from recurra.tasks.captions.generators.grammar import (
    COLOURS,
    LANGUAGES,
    PLACES,
    SHAPES,
    Fact,
    Language,
    meaning,
    spans,
    tell,
)

languages = st.sampled_from(LANGUAGES)
facts = st.tuples(*(st.sampled_from(sorted(names)) for names in (COLOURS, SHAPES, PLACES)))
scenes = st.lists(facts, min_size=1, max_size=9, unique_by=lambda fact: fact[2])


@given(scenes, languages)
def test_what_is_told_is_read_back(scene: list[Fact], language: Language) -> None:
    assert meaning(tell(scene, language), language) == frozenset(scene)


@given(scenes, languages, st.randoms())
def test_objects_are_told_in_reading_order(scene: list[Fact], language: Language, random) -> None:  # type: ignore[no-untyped-def]
    turned = random.sample(scene, len(scene))
    assert tell(turned, language) == tell(scene, language)


@given(scenes, languages)
def test_spans_name_objects(scene: list[Fact], language: Language) -> None:
    text, found = spans(scene, language)
    assert text == tell(scene, language)
    ordered = sorted(scene, key=lambda fact: list(PLACES).index(fact[2]))
    for (colour, shape, _), (start, stop) in zip(ordered, found, strict=True):
        words = (colour, shape) if language == "en" else (COLOURS[colour], SHAPES[shape])
        assert text[start:stop] == " ".join(words)


@given(scenes, languages, st.data())
def test_a_sentence_without_one_of_its_words_means_something_else(
    scene: list[Fact], language: Language, data: st.DataObject
) -> None:
    words = tell(scene, language).split()
    del words[data.draw(st.integers(0, len(words) - 1))]
    assert meaning(" ".join(words), language) != frozenset(scene)


@given(st.text(), languages)
def test_any_text_can_be_asked(text: str, language: Language) -> None:
    assert meaning(text, language) is None


def test_what_it_sounds_like() -> None:
    scene = [
        ("green", "star", "bottom right"),
        ("red", "circle", "top left"),
        ("orange", "square", "middle"),
    ]
    assert tell(scene, "en") == (
        "a red circle at the top left, an orange square in the middle and a green star at the "
        "bottom right"
    )
    assert tell(scene, "ko") == "왼쪽 위에 빨간 원, 가운데에 주황 네모, 오른쪽 아래에 초록 별"
    assert (
        tell(scene[:2], "en") == "a red circle at the top left and a green star at the bottom right"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a red circle",
        "a orange circle at the top",
        "a red circle at the top,a red circle on the left",
        "a red circle at the top, a red circle on the left",
        "a red circle at the top and a red star at the top",
        "a red circle at the top and a red star on the left and a red star on the right",
        "a red circle at the top and a red star on the left, a red star on the right",
        "a red circle at the top and ",
        "A red circle at the top",
        "a red circle at the top.",
    ],
)
def test_what_is_no_sentence(text: str) -> None:
    assert meaning(text, "en") is None


def test_the_order_is_not_what_is_meant() -> None:
    text = "a red star on the left and a red circle at the top"
    assert meaning(text, "en") == frozenset([("red", "star", "left"), ("red", "circle", "top")])


def test_no_two_objects_at_one_place_and_no_language_unknown() -> None:
    with pytest.raises(ValueError, match="a place of its own"):
        tell([], "en")
    with pytest.raises(ValueError, match="a place of its own"):
        tell([("red", "star", "top"), ("blue", "star", "top")], "ko")
    with pytest.raises(OptionError, match="no language 'de'"):
        tell([("red", "star", "top")], "de")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="no language 'de'"):
        meaning("ein roter Stern", "de")  # type: ignore[arg-type]
