"""Pictures described: what a decoder that sees once, at every step, or looks says of them."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from recurra import labs
from recurra.labs import LabContext, caption
from recurra.labs import squares_and_crosses as drawn
from recurra.labs.render.caption import answer, beside
from recurra.nn import Ragged

Done = tuple[caption.CaptionLab, str, Path]
PIXELS = {colour: np.array(rgb) > 0 for colour, rgb in drawn.RGB.items()}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    console, out = Console(file=io.StringIO(), width=80), tmp_path_factory.mktemp("caption")
    result = labs.find("caption").run(LabContext(console, quick=True, out=out))
    assert isinstance(console.file, io.StringIO)
    return result, console.file.getvalue(), out


def scenes(count: int, seed: int = 0) -> list[drawn.Scene]:
    generator = np.random.default_rng(seed)
    return [drawn.scene(generator) for _ in range(count)]


def model(way: str, seed: int = 0) -> caption.Captioner:
    """Weights so wide apart that every picture has its own sentence; statistics not the first."""
    torch.manual_seed(seed)
    made = caption.Captioner(way)
    with torch.no_grad():
        for each in made.decoder.parameters():
            each.mul_(3)
        made.read(drawn.stacked(scenes(64, 9)))
    return made.eval()


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


@pytest.mark.parametrize("way", caption.WAYS)
def test_the_loss_is_that_of_what_is_said_word_by_word(way: str) -> None:
    made, some = model(way), scenes(5, 1)
    sentences, nats = drawn.numbered(some), 0.0
    with torch.no_grad():
        for each, words in zip(some, sentences.to_list(), strict=True):
            memory, vector = made.read(drawn.stacked([each]))
            state, word = made.decoder.first(memory, vector), torch.tensor([drawn.END])
            for true in words:
                scores, state = made.decoder.step(word, state, memory, vector)
                nats -= scores[0].log_softmax(0)[true].item()
                word = true[None]
        loss = made.loss(drawn.stacked(some), sentences).item()
    assert loss == pytest.approx(nats / len(sentences.values), rel=1e-4)


@pytest.mark.parametrize("way", caption.WAYS)
def test_a_picture_is_described_the_same_alone_as_beside_others(way: str) -> None:
    made, some = model(way), scenes(6, 2)
    together = made.say(drawn.stacked(some))
    assert len({each.sentence for each in together}) > 1
    for scene, said in zip(some, together, strict=True):
        alone = made.say(drawn.stacked([scene]))[0]
        assert alone.sentence == said.sentence
        assert alone.probability == pytest.approx(said.probability, rel=1e-3)
        np.testing.assert_allclose(alone.weights, said.weights, atol=1e-4)


@pytest.mark.parametrize("way", caption.WAYS)
def test_a_probability_is_that_of_the_whole_sentence_and_its_end(way: str) -> None:
    made, some = model(way), scenes(20, 4)
    for scene, said in zip(some, made.say(drawn.stacked(some)), strict=True):
        words = [drawn.WORDS.index(word) for word in said.sentence.split()]
        words += [drawn.END] * (len(said.weights) - len(words))
        with torch.no_grad():
            nats = made.loss(drawn.stacked([scene]), Ragged.from_list([torch.tensor(words)]))
        assert said.probability == pytest.approx(np.exp(-float(nats) * len(words)), rel=1e-3)


def test_each_way_sees_the_picture_when_it_says_so() -> None:
    pictures = drawn.stacked(scenes(2, 3))
    for way, first, later in (
        (caption.ONCE, True, False),
        (caption.EVERY, True, True),
        (caption.LOOKS, True, True),
    ):
        made = model(way)
        with torch.no_grad():
            seen, other = (made.read(each[None]) for each in pictures)
            state, begun = made.decoder.first(*seen), made.decoder.first(*other)
            differ = [
                not torch.equal(*each)
                for each in zip(state.layers.leaves(), begun.layers.leaves(), strict=True)
            ]
            assert any(differ) == first
            # From one and the same state, only what is seen at this step can differ.
            word = torch.tensor([2])
            scores = [made.decoder.step(word, state, *each)[0] for each in (seen, other)]
            assert (not torch.equal(*scores)) == later


def test_the_convolutions_of_all_ways_begin_alike() -> None:
    weights = []
    for way in caption.WAYS:
        torch.manual_seed(4)
        made = caption.Captioner(way)
        weights.append([*made.encoder.parameters(), *made.inner.parameters(), made.place])
    for other in weights[1:]:
        assert all(torch.equal(a, b) for a, b in zip(weights[0], other, strict=True))


def test_what_is_printed_and_drawn(done: Done) -> None:
    result, out, folder = done
    assert set(result.ways) == set(caption.WAYS)
    assert max(map(len, out.splitlines())) <= 80
    assert "What is said of a black picture" in out
    assert {path.name for path in folder.iterdir()} == {"caption.png"}
    for way in result.ways.values():
        assert 0 <= way.frequency <= 1
        assert 0 < way.black.probability <= 1
        assert set(way.black.sentence.split()) <= set(drawn.WORDS)
        assert way.nats < way.blind
    weights = result.said.weights
    np.testing.assert_allclose(weights.sum((1, 2)), 1, atol=1e-5)
    assert not result.ways[caption.ONCE].black.weights.any()
    shown = beside(result.scene, result.said)
    assert len(shown) == drawn.SIDE
    assert max(map(len, shown)) <= 80


def test_looking_learns_what_seeing_once_does_not_and_black_gets_the_counts() -> None:
    train, test = scenes(3000), scenes(200, 1)
    right, blacks = {}, []
    counts = Counter(each.sentence for each in train)
    pictures, sentences = drawn.stacked(train), drawn.numbered(train)
    for way in (caption.ONCE, caption.LOOKS):
        torch.manual_seed(0)
        made = caption.Captioner(way)
        caption.learn(made, pictures, sentences, 350, 0)
        said = made.say(drawn.stacked(test))
        right[way] = caption.judged(made, test, said, counts).right.mean()
        caption.learn(made, pictures, sentences, 150, 0, rate=caption.LATER, black=caption.DARK)
        blacks.append(caption.judged(made, test, said, counts))
    assert right[caption.LOOKS] > right[caption.ONCE] + 0.2
    for each in blacks:
        assert drawn.GRAMMAR.fullmatch(each.black.sentence)
        assert each.blind == pytest.approx(caption.by_counts(counts, test), abs=0.1)
        assert each.black.probability == pytest.approx(each.frequency, abs=0.1)
    on_thing, by_chance = caption.on_things(test, said)
    assert on_thing > 2 * by_chance


def test_what_is_right_and_how_sure_is_counted() -> None:
    test = scenes(3, 5)
    nothing = np.zeros((1, 4, 4), np.float32)
    said = [
        caption.Said(each.sentence, p, nothing) for each, p in zip(test, (0, 0, 1), strict=True)
    ]
    said[1] = said[1]._replace(sentence="a red")
    made = model(caption.LOOKS)
    counts = Counter({made.say(torch.zeros(1, 16, 16, 3))[0].sentence: 3, "another": 1})
    found = caption.judged(made, test, said, counts)
    assert found.right.tolist() == [True, False, True]
    assert found.frequency == 3 / 4


def test_places_are_those_that_a_thing_covers() -> None:
    assert drawn.covered(drawn.Thing("red", "cross", 0, 11)).nonzero()[1].tolist() == [2, 3] * 2
    weights = np.zeros((8, 4, 4), np.float32)
    weights[:, 0, 3] = 1
    thing = drawn.Thing("red", "cross", 0, 11)
    scene = drawn.Scene(np.zeros((16, 16, 3), np.float32), (thing,), "a red cross")
    assert caption.on_things([scene], [caption.Said("a red cross", 1, weights)]) == (1, 4 / 16)
    assert caption.on_things([scene], [caption.Said("a blue cross", 1, weights)]) == (0, 0)


def test_counts_give_each_sentence_its_share() -> None:
    scene = scenes(1)[0]
    counts = Counter({scene.sentence: 3, "another": 1})
    words = len(scene.sentence.split()) + 1
    assert caption.by_counts(counts, [scene]) == pytest.approx(-np.log(4 / 7) / words)


def test_the_answer_says_what_the_figures_say(done: Done) -> None:
    result = done[0]
    assert "Nothing that was learnt" not in answer(replace(result, counted=9.0))
    assert "Nothing that was learnt" in answer(replace(result, counted=0.0))
