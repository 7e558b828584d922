from __future__ import annotations

import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from recurra.errors import MissingExtra
from recurra.tasks.pairs import baselines
from recurra.tasks.pairs.baselines import pair_baselines
from said_pairs import cut, pairs_of, sentences


def by_hand(known: tuple[str, ...], asked: str) -> set[int]:
    """The rows of known sources nearest to one: TF-IDF and cosine, written out."""
    lists = [baselines._words(text.lower()) for text in known]
    pieces = sorted({piece for each in lists for piece in each})
    holds = np.array([[piece in each for piece in pieces] for each in lists])
    weight = np.log((1 + len(known)) / (1 + holds.sum(0))) + 1

    def vector(words: list[str]) -> NDArray[np.float64]:
        counts = np.array([words.count(piece) for piece in pieces], np.float64)
        found: NDArray[np.float64] = weight * np.where(
            counts > 0, 1 + np.log(counts + (counts == 0)), 0
        )
        found /= max(float(np.linalg.norm(found)), 1e-12)
        return found

    ours = vector(baselines._words(asked.lower()))
    alike = np.array([vector(each) @ ours for each in lists])
    return set(np.flatnonzero(alike > alike.max() - 1e-6).tolist())


def test_each_baseline_says_what_its_name_says() -> None:
    data = cut(sentences(200), 40)
    (copy, nearest, often), _ = pair_baselines(data)
    learn, test = data.of(data.learn), data.of(data.test)
    assert copy.predicted == test.sources
    assert set(often.predicted) == {max(learn.targets, key=learn.targets.count)}
    for source, said in zip(test.sources, nearest.predicted, strict=True):
        assert said in {learn.targets[row] for row in by_hand(learn.sources, source)}
    assert [each.name for each in (copy, nearest, often)] == [
        "copy",
        "nearest training source",
        "most frequent target",
    ]


def test_nothing_is_learnt_from_other_parts() -> None:
    rows = sentences(120)
    data = cut(rows, 20)
    spoilt = tuple(t if n < 80 else f"other {n}" for n, t in enumerate(rows.targets))
    for one, other in zip(
        pair_baselines(data)[0],
        pair_baselines(cut(pairs_of(rows.sources, spoilt), 20))[0],
        strict=True,
    ):
        assert one.predicted == other.predicted


def test_a_source_like_no_other_gets_the_commonest_target() -> None:
    rows = pairs_of(
        ("dog", "dog", "cat", "x", "y", "zebra"), ("Hund", "Hund", "Katze", "x", "y", "z")
    )
    data = cut(rows, 1)
    (_, nearest, often), _ = pair_baselines(data)
    assert nearest.predicted == often.predicted == ("Hund",)


def test_scripts_without_blanks_are_compared_by_characters() -> None:
    sources = ("一个男人骑车", "两只狗在跑", "女人坐着", "孩子", "跳", "男人骑车去")
    data = cut(pairs_of(sources, ("a", "b", "c", "d", "e", "f")), 1)
    (_, nearest, _), _ = pair_baselines(data)
    assert nearest.predicted == ("a",)
    assert "TF-IDF of characters" in nearest.note


def test_blanks_and_signs_alone_are_no_fault() -> None:
    data = cut(pairs_of(("?!", "…", "👍", "\t", "a", "👍"), ("1", "2", "3", "4", "5", "6")), 1)
    assert pair_baselines(data)[0][1].predicted == ("3",)


def test_without_the_time_for_all_sources_it_is_left_out_by_name() -> None:
    data = cut(sentences(2000), 100)
    found, left_out = pair_baselines(data, seconds=0.003)
    assert [each.name for each in found] == ["copy", "most frequent target"]
    (left,) = left_out
    assert left.name == "nearest training source"
    assert left.why.startswith("1,800 known sources take it about 1 second, for which")
    # There is the time to count, and none to compare.
    texts = (*data.of(data.learn).sources, *data.of(data.test).sources)
    counting = 1.001 * baselines._A_CHARACTER["words"] * sum(map(len, texts))
    assert pair_baselines(data, seconds=counting)[1][0].name == left.name
    found, left_out = pair_baselines(data)
    assert left_out == ()
    assert "given all 1,800 known" in found[1].note


def test_similarities_in_parts_are_those_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    data = cut(sentences(150), 30)
    whole = pair_baselines(data)[0][1].predicted
    monkeypatch.setattr(baselines, "_AT_ONCE", 300)
    assert pair_baselines(data)[0][1].predicted == whole


def test_without_scikit_learn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.feature_extraction.text", None)
    with pytest.raises(MissingExtra, match=r"recurra\[pairs\]"):
        pair_baselines(cut(sentences(30), 5))
