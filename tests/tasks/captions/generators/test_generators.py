"""What holds for every generator."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from itertools import count, islice

import numpy as np
import pytest

from recurra.errors import MissingExtra
from recurra.tasks.captions.generators import GENERATORS, PARTS, Part, drawn
from recurra.tasks.captions.generators.drawn import (
    Drawn,
    Generator,
    Shown,
    draw_many,
    noise,
    randomness,
)

NEEDS = {
    "scenes": ["PIL"],
    "digits": ["sklearn"],
    "displays": ["PIL"],
    "lines": ["PIL", "koreanize_matplotlib"],
}

TEXTS = {
    "scenes": "a purple circle at the top left, a yellow square at the top, a pink star at "
    "the top right, a purple triangle on the right and a red circle at the bottom",
    "digits": "29372",
    "displays": "652300",
    "lines": "엔복본좀게 데어 부밋글삼메 란채혀갈 늘 파",
}
"""What picture 0 to train on shows with seed 0: follows from NumPy alone."""


def make(name: str, part: Part = "train", seed: int = 0) -> Generator:
    """A generator, or a test that is skipped where what it draws with is not installed."""
    lacking = [package for package in NEEDS[name] if find_spec(package) is None]
    if lacking:
        pytest.skip(f"{name} are not drawn without {lacking[0]}")
    return GENERATORS[name].make(part, seed)


def same(one: Drawn, other: Drawn) -> bool:
    return (
        np.array_equal(one.image, other.image)
        and one.text == other.text
        and one.shown == other.shown
    )


def test_all_are_meant() -> None:
    assert set(GENERATORS) == set(NEEDS)
    assert all(choice.help for choice in GENERATORS.values())


@pytest.mark.parametrize("name", GENERATORS)
class TestEvery:
    def test_a_picture_follows_from_seed_and_number_alone(self, name: str) -> None:
        np.random.seed(5)  # noqa: NPY002
        state = np.random.get_state(legacy=False)  # noqa: NPY002
        forwards = list(draw_many(make(name), range(8)))
        backwards = list(draw_many(make(name), reversed(range(8))))
        assert all(map(same, forwards, reversed(backwards)))
        after = np.random.get_state(legacy=False)  # noqa: NPY002
        assert np.array_equal(after["state"]["key"], state["state"]["key"])

    def test_a_text_is_what_it_was(self, name: str) -> None:
        assert make(name).draw(0).text == TEXTS[name]

    def test_pictures_are_bytes_and_differ(self, name: str) -> None:
        found = list(islice(draw_many(make(name), count()), 40))
        for each in found:
            assert each.image.dtype == np.uint8
            assert each.image.ndim == 2 or each.image.shape[2] == 3
            assert each.image.min() < each.image.max() - 20
            assert each.text == each.text.strip() != ""
        assert len({each.image.tobytes() for each in found}) == len(found)
        assert len({each.text for each in found}) > 0.9 * len(found)

    def test_parts_and_seeds_have_no_picture_in_common(self, name: str) -> None:
        found = [
            each.image.tobytes()
            for seed in range(2)
            for part in PARTS
            for each in draw_many(make(name, part, seed), range(12))
        ]
        assert len(set(found)) == len(found)


def test_listing_them_needs_nothing() -> None:
    script = "import recurra.tasks.captions.generators, sys; print('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert not {"numpy", "PIL", "sklearn", "matplotlib"} & set(done.stdout.split())


@pytest.mark.parametrize("name", ["scenes", "displays", "lines"])
def test_without_pillow_it_is_said(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawn, "find_spec", lambda package: None)
    with pytest.raises(MissingExtra, match="Pillow"):
        GENERATORS[name].make("train", 0)


def test_without_scikit_learn_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingExtra, match="scikit-learn"):
        GENERATORS["digits"].make("train", 0)


def test_noise_has_the_deviation_that_is_asked_for() -> None:
    found = noise(randomness(1, 2), (301, 67, 3), 5.0)
    assert found.shape == (301, 67, 3)
    assert found.dtype == np.float32
    assert abs(found.mean()) < 0.1
    assert abs(found.std() - 5) < 0.1
    assert abs(np.corrcoef(found[:-1].ravel(), found[1:].ravel())[0, 1]) < 0.02


def test_words_that_name_what_is_shown() -> None:
    text = "a red circle, a blue star"
    picture = Drawn(np.zeros((1, 1), np.uint8), text)
    for name, words in (("red circle", (1, 2)), ("blue star", (4, 5)), ("a", (0,))):
        start = text.index(name)
        shown = Shown(name, "", (0, 0, 1, 1), (start, start + len(name)))
        assert picture.words(shown) == words
