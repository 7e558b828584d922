"""The four sentences of lab translate, and how one of them is learnt a step."""

from __future__ import annotations

import pytest
import torch

from recurra.labs import four_sentences
from recurra.labs.training.one_sentence import BEGIN, Pair, Translator, descend, one_thread


def test_words_are_numbered_behind_begin_and_end_and_come_back() -> None:
    for side, given in ((four_sentences.ENGLISH, 15), (four_sentences.KOREAN, 11)):
        assert len(side.words) == given == len(set(side.words))
        for row, sentence in zip(side.rows, side.sentences, strict=True):
            assert row[-1] == four_sentences.END
            assert int(row[:-1].min()) >= four_sentences.FIRST
            assert side.text(row.tolist()) == sentence
    assert four_sentences.KOREAN.text([0, 2]) == "<begin> 우리는"


def test_a_step_is_one_of_sgd_on_the_loss_summed_over_words() -> None:
    pair = Pair(torch.tensor([2, 3, 1]), torch.tensor([4, 1]))
    models = []
    for _ in range(2):
        torch.manual_seed(5)
        models.append(Translator(4, 5, 3))
    ours, plain = models
    losses = list(descend(ours, [pair] * 3, rate=0.1))
    sgd = torch.optim.SGD(plain.parameters(), 0.1)
    for lost in losses:
        sgd.zero_grad()
        scores = plain(pair.source, torch.tensor([BEGIN, 4]))
        loss = torch.nn.functional.cross_entropy(scores, pair.target, reduction="sum")
        assert lost == pytest.approx(loss.item() / 2, abs=1e-5)
        loss.backward()  # type: ignore[no-untyped-call]
        sgd.step()
    for a, b in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a, b)
        assert a.untyped_storage().nbytes() == a.nbytes


def test_threads_are_put_back() -> None:
    torch.set_num_threads(2)
    try:
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
