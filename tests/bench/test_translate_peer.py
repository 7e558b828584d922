"""The peer of lab translate learns the same, from sentences of the same kind."""

from __future__ import annotations

import torch

from benchmarks.translate_peer import (
    PAIRS,
    SIZES,
    Seconds,
    TorchTranslator,
    translate_seconds,
)
from recurra.labs import four_sentences
from recurra.labs.training.one_sentence import BEGIN, Translator


def test_both_trainings_lose_the_same_at_every_step() -> None:
    found = translate_seconds(repeats=2, steps=40)
    assert len(found.ours) == len(found.peer) == 2
    assert min(found.ours + found.peer) > 0
    assert found.apart < 1e-4
    assert 0 < found.losses[0] < 3


def test_word_by_word_says_what_one_call_does() -> None:
    torch.manual_seed(3)
    ours, peer = Translator(*SIZES), TorchTranslator(*SIZES)
    peer.load_state_dict(ours.state_dict())
    source, target = PAIRS[2]
    state = torch.zeros(1, 1, SIZES[2])
    for word in source:
        state = peer.read(word, state)
    before, every = torch.tensor(BEGIN), []
    for word in target:
        chances, state = peer.write(before, state)
        every.append(chances[0])
        before = word
    all_before = torch.cat([torch.tensor([BEGIN]), target[:-1]])
    torch.testing.assert_close(
        torch.stack(every), torch.log_softmax(ours(source, all_before), 1), rtol=1e-4, atol=1e-5
    )


def test_the_sentences_are_those_of_the_lab() -> None:
    assert (len(four_sentences.ENGLISH), len(four_sentences.KOREAN), four_sentences.HIDDEN) == SIZES
    for pair, source, target in zip(
        PAIRS, four_sentences.ENGLISH.rows, four_sentences.KOREAN.rows, strict=True
    ):
        assert torch.equal(pair.source, source)
        assert torch.equal(pair.target, target)


def test_the_ratio_is_that_of_the_fastest() -> None:
    assert Seconds((2.0, 1.0), (9.0, 8.0), (0.1, 0.1), 0.0).ratio == 8
