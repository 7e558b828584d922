"""The pictures of lab caption, and what is true of each."""

from __future__ import annotations

import numpy as np

from recurra.labs import squares_and_crosses as drawn

PIXELS = {colour: np.array(rgb) > 0 for colour, rgb in drawn.RGB.items()}


def scenes(count: int, seed: int = 0) -> list[drawn.Scene]:
    generator = np.random.default_rng(seed)
    return [drawn.scene(generator) for _ in range(count)]


def test_every_sentence_is_of_the_grammar_and_true_of_its_pixels() -> None:
    found = scenes(400)
    for each in found:
        told = drawn.GRAMMAR.fullmatch(each.sentence)
        assert told
        assert len(each.sentence.split()) < drawn.LONGEST
        lit = np.zeros((drawn.SIDE, drawn.SIDE), bool)
        for thing in each.things:
            part = each.picture[thing.top :, thing.left :][: drawn.THING, : drawn.THING]
            assert part.shape == (5, 5, 3)
            assert ((part > 0).any((0, 1)) == PIXELS[thing.colour]).all()
            assert part.any(-1).sum() == (25 if thing.shape == "square" else 9)
            lit[thing.top : thing.top + 5, thing.left : thing.left + 5] = True
        assert not each.picture[~lit].any()
        first, last = each.things[0], each.things[-1]
        assert told.groups()[:2] == (first.colour, first.shape)
        if len(each.things) == 1:
            assert told.groups()[3:5] == (
                "top" if first.top + 2 < 7.5 else "bottom",
                "left" if first.left + 2 < 7.5 else "right",
            )
        else:
            assert told.groups()[6:] == (last.colour, last.shape)
            across, down = last.left - first.left, last.top - first.top
            if told[6] == "above":
                assert down > abs(across)
            else:
                assert across > abs(down)
            assert max(across, down) > drawn.THING
    assert 0.5 < np.mean([len(each.things) == 2 for each in found]) < 0.7


def test_places_are_those_that_a_thing_covers() -> None:
    assert drawn.covered(drawn.Thing("red", "cross", 0, 11)).nonzero()[1].tolist() == [2, 3] * 2
