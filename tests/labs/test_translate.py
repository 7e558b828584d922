"""Four sentences learnt by heart, and what is fed to learn them."""

from __future__ import annotations

import io
import math
from pathlib import Path

import pytest
import torch
from rich.console import Console

from recurra import labs
from recurra.labs import LabContext, four_sentences, translate
from recurra.labs.training.one_sentence import BEGIN, Pair, Translator, descend, one_thread
from recurra.nn import Ragged

TARGETS = tuple(target for _, target in four_sentences.PAIRS)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[translate.Translate, str, Path]:
    console, out = Console(file=io.StringIO(), width=80), tmp_path_factory.mktemp("translate")
    result = labs.find("translate").run(LabContext(console, quick=True, out=out))
    assert isinstance(console.file, io.StringIO)
    return result, console.file.getvalue(), out


Done = tuple[translate.Translate, str, Path]


def test_one_sentence_a_step_learns_all_four_to_the_loss(done: Done) -> None:
    result, out, _ = done
    assert result.alone.said == TARGETS
    assert len(result.alone.losses) == 5
    assert result.alone.losses[0] == pytest.approx(0.74, abs=0.02)
    assert result.alone.losses[-1] == pytest.approx(0.0125, abs=3e-4)
    assert list(result.alone.losses) == sorted(result.alone.losses, reverse=True)
    assert max(map(len, out.splitlines())) <= 80


def test_a_batch_of_all_four_gets_there_in_under_a_second(done: Done) -> None:
    batched = done[0].batched
    assert batched.said == TARGETS
    assert batched.loss <= 0.0125
    assert batched.batches < 100
    assert batched.seconds < min(1, done[0].alone.seconds / 4)


def test_what_breaks_without_teacher_forcing_and_with_it_alone(done: Done) -> None:
    result, out, folder = done
    truth, half, own = result.fed.values()
    early = four_sentences.EARLY - 1
    assert truth.exact < own.exact < math.inf
    assert truth.forced[early] > truth.free[early] + 0.1
    assert abs(own.forced[early] - own.free[early]) < 0.1
    assert truth.recovered < half.recovered < own.recovered
    assert all(each.free[-1] == 1 for each in result.fed.values())
    assert "What breaks without teacher forcing, and with it alone?" in out
    assert (folder / "translate.png").exists()


def test_words_are_numbered_behind_begin_and_end_and_come_back() -> None:
    for side, given in ((four_sentences.ENGLISH, 15), (four_sentences.KOREAN, 11)):
        assert len(side.words) == given == len(set(side.words))
        for row, sentence in zip(side.rows, side.sentences, strict=True):
            assert row[-1] == four_sentences.END
            assert int(row[:-1].min()) >= four_sentences.FIRST
            assert side.text(row.tolist()) == sentence
    assert four_sentences.KOREAN.text([0, 2]) == "<begin> 우리는"


def test_before_each_word_stands_the_one_before_it() -> None:
    targets = Ragged(torch.tensor([5, 6, 1, 7, 1]), torch.tensor([3, 2]))
    assert translate.shifted(targets).values.tolist() == [BEGIN, 5, 6, BEGIN, 7]


def test_fed_the_truth_word_by_word_is_one_call() -> None:
    model, targets = translate.translator(1), four_sentences.KOREAN.ragged
    truth = targets.padded()
    own = torch.zeros_like(truth, dtype=torch.bool)
    walked = torch.stack(translate.walk(model, four_sentences.ENGLISH.ragged, truth, own), 1)
    together = model.forced(four_sentences.ENGLISH.ragged, translate.shifted(targets))
    torch.testing.assert_close(walked[targets.mask()], together)


def test_fed_itself_it_says_what_it_does_in_use() -> None:
    model, truth = translate.translator(2), four_sentences.KOREAN.ragged.padded()
    own = torch.ones(len(truth), four_sentences.MOST, dtype=torch.bool)
    longer = torch.nn.functional.pad(truth, (0, four_sentences.MOST - truth.shape[1]))
    said = torch.stack(translate.walk(model, four_sentences.ENGLISH.ragged, longer, own), 1).argmax(
        2
    )
    texts = tuple(four_sentences.KOREAN.text(row.tolist()) for row in said)
    assert texts == translate.translate(model)


def test_what_is_right_behind_an_error_is_counted_one_by_one() -> None:
    model, right, count = translate.translator(0), 0.0, 0
    for _ in descend(
        model,
        [
            Pair(four_sentences.ENGLISH.rows[k % 4], four_sentences.KOREAN.rows[k % 4])
            for k in range(800)
        ],
        rate=0.05,
    ):
        pass
    with torch.no_grad():
        for k, row in enumerate(four_sentences.KOREAN.rows):
            first = model.read(four_sentences.ENGLISH.ragged.select([k]))
            for place in range(len(row) - 1):
                for other in set(range(2, 13)) - {int(row[place])}:
                    state, word, good = first, torch.tensor([BEGIN]), 0
                    for t in range(len(row)):
                        scores, state = model.step(word, state)
                        word = scores.argmax(1)
                        if t > place:
                            good += int(word[0] == row[t])
                        else:
                            word = torch.tensor([other]) if t == place else row[t : t + 1]
                    right, count = right + good / (len(row) - 1 - place), count + 1
    assert translate.recovered(model) == pytest.approx(right / count)


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
