"""What a model knows of a text: words, case, scores of pairs, unknown words copied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from commands import Recurra, refused
from recurra.codecs.tokenizer import learn
from recurra.errors import DataError, OptionError
from recurra.tasks.pairs.copying import replaced
from recurra.tasks.pairs.estimator import PIECES, PairModel
from recurra.tasks.pairs.known import Lexicon
from toy_pairs import UNSEEN, spelt, turned

TEXTS = [
    "The dog runs.",
    "A dog sees the cat in Paris.",
    "In Paris the iPhone runs.",
    "The cat sees a dog.",
    "The dog runs in Paris.",
]


def lexicon(how: str, texts: list[str]) -> Lexicon:
    pieces = learn(texts, how, flowing=False)
    found = Lexicon.learnt(pieces, texts)
    # As a run holds it.
    return Lexicon.from_json(pieces, found.to_json())


@pytest.mark.parametrize("how", ["bpe", "words"])
def test_words_that_training_had_not(how: str) -> None:
    found = lexicon(how, TEXTS * 2).read("The zebra sees a zebra, in Rome.")
    assert found.unknown == ("zebra", ",", "Rome")
    assert found.known == pytest.approx(1 - 4 / 9)
    assert not found.recased
    assert lexicon(how, TEXTS * 2).read("").known == 1.0
    french = lexicon(how, TEXTS * 2).read("Le chien court dans la rue.")
    assert french.known < 0.2


def test_characters_that_training_had_not() -> None:
    found = lexicon("characters", ["abc", "cab"]).read("ab1 2c")
    assert (found.unknown, found.known) == (("1", "2"), 0.6)


@pytest.mark.parametrize("how", ["bpe", "words"])
@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("THE DOG RUNS IN PARIS.", "The dog runs in Paris."),
        ("the dog runs in paris.", "the dog runs in Paris."),
        ("Dog sees THE CAT", "dog sees the cat"),
        ("THE IPHONE RUNS", "The iPhone runs"),
        ("A DOG", "A dog"),
        ("THE ZEBRA RUNS", "The ZEBRA runs"),
        ("The dog runs.", "The dog runs."),
        ("A cat", "A cat"),
    ],
)
def test_words_known_in_another_case_are_read_in_that(how: str, written: str, read: str) -> None:
    found = lexicon(how, TEXTS * 2).read(written)
    assert (found.text, found.recased) == (read, written != read)


def test_letters_known_in_another_case_are_read_in_that() -> None:
    dates = lexicon("characters", ["January 5", "May 7", "March 12", "May 3"] * 2)
    for written, read in (
        ("JANUARY 5", "January 5"),
        ("may 5", "May 5"),
        ("MAR 12", "Mar 12"),
        ("Chuma", "Chuma"),
    ):
        assert dates.read(written).text == read
    assert lexicon("characters", ["abc", "cab"]).read("BAC").text == "bac"


def test_a_run_without_words_claims_nothing() -> None:
    pieces = learn(TEXTS, "bpe", flowing=False)
    found = Lexicon.from_json(pieces, None).read("XYZ UNKNOWN")
    assert (found.text, found.unknown, found.known) == ("XYZ UNKNOWN", (), 1.0)


def test_texts_without_blanks_are_known_by_their_characters() -> None:
    found = lexicon("bpe", ["一个男人骑车", "两只狗在跑", "女人坐着"]).read("男狗飞")
    assert found.unknown == ("飞",)
    assert found.known == pytest.approx(2 / 3)


def test_capitals_are_translated(turner: PairModel) -> None:
    assert turner.translate(["ABC", "dEc"]) == turner.translate(["abc", "dec"])
    assert turner.read("ABC")[0].text == "abc"


def test_subwords_of_a_run_know_their_words(bytewise: PairModel) -> None:
    assert bytewise.run.read_json(PIECES)["known"]["words"]
    assert bytewise.read(["4 0 7"])[0].known == 1.0
    assert bytewise.read(["4 0 Xylophon"])[0].unknown == ("Xylophon",)
    text = bytewise.translate(["Xylophon"], replace_unknown=True)[0]
    assert text in ("", "Xylophon")  # nothing else can be looked at


# -- scores ---------------------------------------------------------------------------------------


def auc(right: list[float], wrong: list[float]) -> float:
    return float(np.mean(np.array(right)[:, None] > np.array(wrong)[None]))


def test_right_translations_score_above_wrong_ones(speller: PairModel, turner: PairModel) -> None:
    for model, rows in (
        (speller, [(s, t) for s, t in spelt(120, seed=5) if " " in t]),
        (turner, [(s, t) for s, t in turned(120, seed=5) if len(s) > 2]),
    ):
        sources, targets = map(list, zip(*rows, strict=True))
        swapped = [t.split(" ")[::-1] if " " in t else [t[1:] + t[:1]] for t in targets]
        others = [" ".join(each) for each in swapped]
        right, wrong, far = (
            [each.score for each in model.score_pairs(sources, said)]
            for said in (targets, others, targets[1:] + targets[:1])
        )
        assert auc(right, wrong) > 0.95
        assert auc(right, far) > 0.95


def test_the_score_of_a_pair_is_that_of_the_search(speller: PairModel) -> None:
    sources = [source for source, _ in UNSEEN[:8] if "Name" not in source]
    found = [each[0] for each in speller.translations(sources)]
    pairs = speller.score_pairs(sources, [each.text for each in found])
    for one, pair in zip(found, pairs, strict=True):
        assert pair.log_probability == pytest.approx(one.log_probability, abs=1e-3)
        assert pair.score == pytest.approx(one.score, abs=1e-3)
        assert pair.pieces == len(one.pieces) + 1
    assert speller.score_pairs("4 0", "vier null")[0].known == 1.0
    with pytest.raises(DataError, match="1 sources and 2 targets"):
        speller.score_pairs(["4"], ["vier", "null"])
    with pytest.raises(DataError, match="source 2: ''"):
        speller.score_pairs(["4", ""], ["vier", "null"])


# -- copying --------------------------------------------------------------------------------------


def copied(pieces: list[str], read: list[str], looked: list[int], known: list[bool]) -> str:
    """A translation of pieces, each of which looked at one piece of what was read."""
    attention = np.eye(len(read), dtype=np.float32)[looked]
    words, at = [], 0
    for word, knows in zip("".join(read).split(), known, strict=True):
        words.append((word, at + 1, at + 1 + len(word.encode()), knows))
        at += 1 + len(word.encode())
    widths = np.array([len(each.encode()) for each in read])
    return replaced([each.encode() for each in pieces], attention, widths, words)


def test_unknown_words_stand_where_it_looked() -> None:
    read = [" dear", " Zo", "ë", " runs"]
    known = [True, False, True]
    pieces = [" liebe", " So", "phie", " Xa", " rennt", "."]
    places = [0, 1, 2, 1, 3, 3]
    assert copied(pieces, read, places, known) == "liebe Zoë rennt."
    assert copied(pieces, read, places, [True] * 3) == "liebe Sophie Xa rennt."
    # Half of the attention says nothing.
    words = [("Zoë", 1, 5, False), ("runs", 6, 10, True)]
    for share, said in ((0.5, "rennt"), (0.6, "Zoë")):
        looked = np.array([[share, 1 - share]], np.float32)
        assert replaced([b" rennt"], looked, np.array([5, 5]), words) == said
    # What it did not look at is not there.
    assert copied([" er", " rennt"], read, [0, 3], known) == "er rennt"
    # Bytes in the middle of a character, and nothing written.
    assert replaced([b"\xc3", b"\xab"], np.eye(2, dtype=np.float32), np.array([1, 1]), []) == "ë"
    assert copied([], read, [], known) == ""


# -- evaluate by a search -------------------------------------------------------------------------


def test_evaluate_takes_the_options_of_a_search(
    speller: PairModel, call: Recurra, tmp_path: Path
) -> None:
    found: dict[str, Any] = speller.evaluate(UNSEEN, beam=1, no_repeat_ngram=2)
    assert found["search"] == {"beam": 1, "length_penalty": 1.0, "no_repeat_ngram": 2}
    assert speller.evaluate(UNSEEN)["search"] == {"beam": 5, "length_penalty": 1.0}
    with pytest.raises(OptionError, match="beams"):
        speller.evaluate(UNSEEN, beams=1)
    run, file = speller.run.path, tmp_path / "a.tsv"
    file.write_text("".join(f"{s}\t{t}\n" for s, t in UNSEEN), "utf-8")
    assert "the likeliest piece each time" in " ".join(
        call("evaluate", run, file, "--beam", 1).out.split()
    )
    refused(call("evaluate", run, "--beam", 1), "--beam 1 without DATA")
