"""What trained models of pairs write: learnt, copied, searched, ended on anything."""

from __future__ import annotations

import unicodedata
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from recurra import native
from recurra.codecs.tokenizer import BEGIN, END, UNKNOWN
from recurra.errors import DataError, OptionError
from recurra.judge.translation import score
from recurra.search.sampling import Sampling
from recurra.tasks.pairs.estimator import PairModel
from recurra.tasks.pairs.translate import Translation
from toy_pairs import LESS, SOURCES, UNSEEN, turned


def texts(found: list[list[Translation]]) -> list[list[str]]:
    return [[each.text for each in one] for one in found]


def summary(found: list[list[Translation]]) -> list[list[tuple[Any, ...]]]:
    """All that is told of translations, to the last bit where the kernels are compiled."""

    def kept(value: Any) -> Any:
        return value if native.compiled else np.round(value, 3)

    return [
        [
            (
                each.text,
                each.pieces,
                each.ended,
                kept(each.score),
                kept(each.log_probability),
                kept(each.attention).tolist(),
            )
            for each in one
        ]
        for one in found
    ]


# -- it learns ------------------------------------------------------------------------------------


def test_it_learns_to_spell_in_150_steps(speller: PairModel) -> None:
    known = [(source, target) for source, target in UNSEEN if "Name" not in source]
    said = speller.translate([source for source, _ in known])
    exact = [target == text for (_, target), text in zip(known, said, strict=True)]
    assert len(exact) > 20
    assert np.mean(exact) >= 0.95, list(zip(known, said, strict=True))
    assert speller.translate(["4 0 7"]) == ["vier null sieben"]
    assert speller.report["training"]["step"] == 150


def test_it_learns_to_turn_letters_in_200_steps(turner: PairModel) -> None:
    rows = turned(60, seed=4)
    said = turner.translate([source for source, _ in rows])
    exact = [target == text for (_, target), text in zip(rows, said, strict=True)]
    assert np.mean(exact) >= 0.9
    assert turner.report["model"]["exact"]["estimate"] >= 0.9


def test_unknown_words_are_copied_from_where_it_looked(speller: PairModel) -> None:
    names = ["Żółw", "김철수", "Ωmega"]
    for name in names:
        assert name not in b"".join(speller._sources.written).decode()
    sources = [f"4 {names[0]} 7", f"{names[1]} 2", f"9 1 {names[2]}"]
    true = [f"vier {names[0]} sieben", f"{names[1]} zwei", f"neun eins {names[2]}"]
    found = [each[0] for each in speller.translations(sources)]
    assert [each.text for each in found] == true
    for each in found:
        # What is copied is where it looked most, and is told as it reads.
        at = next(k for k, piece in enumerate(each.pieces) if piece.strip() in names)
        assert each.source[int(each.attention[at].argmax())] == each.pieces[at]
    with_names = [(source, target) for source, target in UNSEEN if "Name" in source]
    said = speller.translate([source for source, _ in with_names])
    right = sum(target == text for (_, target), text in zip(with_names, said, strict=True))
    assert right >= 0.8 * len(with_names)


def test_it_looks_where_it_reads_from(speller: PairModel) -> None:
    (found,) = speller.translations(["8 3 5 2"])[0]
    assert found.source == [" 8", " 3", " 5", " 2"]
    assert found.pieces == [" acht", " drei", " fünf", " zwei"]
    assert found.attention.shape == (4, 4)
    np.testing.assert_allclose(found.attention.sum(1), 1, atol=1e-5)
    assert found.attention.argmax(1).tolist() == [0, 1, 2, 3]


# -- decoding -------------------------------------------------------------------------------------


@pytest.mark.parametrize("beam", [1, 4])
def test_each_alone_is_as_among_strangers_to_the_last_bit(model: PairModel, beam: int) -> None:
    how: dict[str, Any] = {"beam": beam, "n_best": beam, "coverage_penalty": 0.1 * (beam > 1)}
    together = summary(model.translations(SOURCES, **how))
    for source, whole in zip(SOURCES, together, strict=True):
        assert summary(model.translations([source], **how)) == [whole]
    order = np.random.default_rng(0).permutation(len(SOURCES)).tolist()
    shuffled = [SOURCES[k] for k in order] + [source for source, _ in UNSEEN]
    found = summary(model.translations(shuffled, **how))
    assert found[: len(order)] == [together[k] for k in order]


def test_draws_alone_are_as_among_strangers_to_the_last_bit(model: PairModel) -> None:
    how: dict[str, Any] = {"sample": Sampling(1.2, top_p=0.9), "n_best": 2, "seed": 3}
    together = summary(model.translations(SOURCES, **how))
    for count in (1, 3, len(SOURCES) - 1):
        assert summary(model.translations(SOURCES[:count], **how)) == together[:count]


def greedy(model: PairModel, source: str) -> tuple[list[int], bool]:
    """The likeliest piece each time, step by step, with nothing of the search."""
    network, (ids,) = model.network, model._sources.encode_batch([source])
    decoder = network.decoder(network.encode([ids]))
    state, last = decoder.begin(), BEGIN
    found: list[int] = []
    most = int(model._limits(np.array([len(ids)]))[0])
    for _ in range(most):
        outputs, state = decoder.step(np.array([last]), state)
        scores = decoder.logits(outputs)
        scores[:, BEGIN] = -np.inf
        if model._targets.unit == "subwords":
            scores[:, UNKNOWN] = -np.inf
        last = int(scores.argmax())
        if last == END:
            return found, True
        found.append(last)
    return found, False


def test_a_beam_of_one_is_greedy(model: PairModel) -> None:
    for source in filter(None, SOURCES):
        (found,) = model.translations([source], beam=1)[0]
        ids, ended = greedy(model, source)
        assert len(found.pieces) == len(ids)
        assert found.ended == ended
        copied = {k: found.pieces[k] for k, each in enumerate(ids) if each == UNKNOWN}
        assert found.text == model._targets.decode(ids, copied)


def test_the_best_come_first_and_differ(model: PairModel) -> None:
    for found in model.translations(["4 0 7", "abc", "1 2"], beam=6, n_best=4):
        assert len(found) == 4
        scores = [each.score for each in found]
        assert scores == sorted(scores, reverse=True)
        assert all(each.log_probability <= 0 for each in found)
        assert len({tuple(each.pieces) for each in found}) == 4
        for each in found:
            # Their end counts; length normalisation of 1 is the mean.
            assert each.score == pytest.approx(
                each.log_probability / (len(each.pieces) + each.ended), abs=1e-4
            )


def test_draws_follow_from_the_seed(model: PairModel) -> None:
    how: dict[str, Any] = {"sample": Sampling(1.5), "n_best": 3}
    one, again, other = (texts(model.translations(SOURCES, **how, seed=seed)) for seed in (5, 5, 6))
    assert one == again != other
    assert texts(model.translations(SOURCES[:1], **how, seed=5)) == one[:1]
    assert model.translations([""], **how)[0][0].text == ""


def test_no_row_of_pieces_comes_twice_where_that_is_asked(model: PairModel) -> None:
    for found in model.translations(["1 1 1 1 1 1 1 1", "abcabcabc"], no_repeat_ngram=2):
        pieces = found[0].pieces
        rows = list(pairwise(pieces))
        assert len(rows) == len(set(rows))


ANYTHING = {
    "nothing": "",
    "blanks": " \t ",
    "a word": "7",
    "an unknown word": "quixotic",
    "emoji": "👩‍👩‍👧‍👦 🇰🇷 👍🏽 ❤️",
    "scripts": "Привет мир 안녕 세상 שלום 你好 สวัสดี नमस्ते",
    "decomposed": unicodedata.normalize("NFD", "vier fünf 각"),
    "control": "\x00\x01\x1b[31m\x7f\u202e\u200b\ufeff",
    "line ends": "1\n2\r\n3\u2028 4\x0b5",
    "signs": "<s> </s> <unk> [PAD] \ufffd",
}


@pytest.mark.parametrize("name", ANYTHING)
@pytest.mark.parametrize("beam", [1, 5])
def test_it_ends_on_anything(model: PairModel, name: str, beam: int) -> None:
    text = ANYTHING[name]
    (found,) = model.translations([text], beam=beam)[0]
    size = len(model._sources.encode(text))
    assert len(found.source) == size
    assert len(found.pieces) <= int(model._limits(np.array([size]))[0])
    assert len(found.attention) == len(found.pieces)
    found.text.encode("utf-8")
    if not text:
        assert (found.text, found.pieces) == ("", [])


def test_it_ends_on_ten_thousand_words(speller: PairModel) -> None:
    source = " ".join(str(k % 10) for k in range(10_000))
    (found,) = speller.translations([source, "4 0 7"], beam=2, longest=60)[0]
    assert len(found.source) == 10_000
    assert 0 < len(found.pieces) <= 60
    assert found.attention.shape == (len(found.pieces), 0)


def test_half_a_character_and_what_is_no_list_are_refused(speller: PairModel) -> None:
    assert speller.translate("4 0 7") == speller.translate(["4 0 7"])
    for given in (["4", 5], [None]):
        with pytest.raises(DataError, match="no list of texts"):
            speller.translate(given)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="half a character"):
        speller.translate(["4 \ud800"])
    assert speller.translate([]) == []
    with pytest.raises(OptionError, match="beam = 0"):
        speller.translate(["4"], beam=0)


def test_options_that_mean_nothing_are_told(model: PairModel) -> None:
    with pytest.raises(OptionError, match="n_best=2") as caught:
        model.translate(["1"], n_best=2)
    assert "translations" in caught.value.fix
    with pytest.raises(OptionError, match="no option 'n_bests'") as caught:
        model.translations(["1"], n_bests=2)
    assert caught.value.fix == "did you mean n_best?"


def test_its_score_is_the_metric_that_chose(speller: PairModel, turner: PairModel) -> None:
    sources, targets = zip(*UNSEEN, strict=True)
    said = speller.translate(list(sources))
    metric = speller.run.config()["training"]["metric"]
    assert speller.score(list(sources), list(targets)) == score(metric, said, targets)
    assert speller.score(UNSEEN) == score(metric, said, targets)
    assert turner.score(["abc", "de"], ["cba", "ed"]) == 100.0
    assert "metric" in PairModel().get_params()


def test_in_scikit_learns_cross_validation() -> None:
    selection = pytest.importorskip("sklearn.model_selection")
    sources, targets = zip(*turned(60), strict=True)
    model = PairModel(**LESS, tokens="characters", steps=2)
    found = selection.cross_val_score(model, list(sources), list(targets), cv=2)
    assert np.isfinite(found).all()
    assert len(found) == 2
