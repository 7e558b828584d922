"""What a training is made of where nobody says: pieces, limits, sizes, members."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recurra.codecs.tokenizer import BEGIN, END, UNKNOWN, Tokenizer
from recurra.errors import DataError, OptionError
from recurra.tasks import training
from recurra.tasks.model_plan import ModelPlan
from recurra.tasks.pairs import config, data
from recurra.tasks.pairs.config import (
    FEW_LETTERS,
    MOST_MEMBERS,
    MOST_PIECES,
    EncodedDataset,
    one_script,
    pieces_for,
    ways,
)
from recurra.tasks.pairs.options import PairOptions
from recurra.tasks.pairs.splits import PairData
from recurra.tasks.pairs.trainer import TRAINING
from recurra.tasks.pairs.translate import Limits, translate
from recurra.training.precision import Precision
from said_pairs import sentences
from toy_pairs import dataset, network, spelt, turned

LONG = "the children of the village ran down to the river in the evening"
HANGUL = [chr(0xAC00 + 3 * k) for k in range(FEW_LETTERS + 1)]


def english() -> PairData:
    """Two sentences each, too long to be read letter by letter."""
    pairs = sentences(600)
    sides = [
        [" ".join(side[k : k + 2]) for k in range(0, 600, 2)]
        for side in (pairs.sources, pairs.targets)
    ]
    return data.from_python(*sides)


# -- pieces ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sources", "targets", "how"),
    [
        (["12 May 2001"] * 9, ["2001년 5월 12일"] * 9, "characters"),
        ([LONG], ["am Abend"], "bpe"),
        (["in the evening"], [LONG], "bpe"),
        (["a b"], ["".join(HANGUL[:40]), "".join(HANGUL[40:80])], "characters"),
        (["a b c d e"] * 9, ["a b"] * 9, "bpe"),
        (HANGUL, ["a"] * len(HANGUL), "bpe"),
        (["a"] * len(HANGUL), HANGUL, "bpe"),
    ],
    ids=["dates", "long", "long targets", "few letters", "words", "many read", "many written"],
)
def test_letters_where_texts_are_short_and_letters_few(
    sources: list[str], targets: list[str], how: str
) -> None:
    assert ways(sources, targets) == how


@pytest.mark.parametrize(
    ("sources", "targets", "one"),
    [
        (["the quick brown fox jumps over a lazy dog"], ["ein schneller brauner Fuchs"], True),
        (["the quick brown fox jumps over a lazy dog"], ["날쌘 갈색 여우"], False),
        (["오늘 날씨 어때요", "좋아요"], ["오늘 날씨 좋아요"], True),
        (["1 2 3"], ["one two three"], False),
        (["the same fox"], ["лиса"], False),
    ],
    ids=["English-German", "English-Korean", "Korean-Korean", "digits-words", "Latin-Cyrillic"],
)
def test_one_vocabulary_where_one_script(sources: list[str], targets: list[str], one: bool) -> None:
    assert one_script(sources, targets) == one


def test_subwords_grow_with_the_text_and_stay_bounded() -> None:
    texts = [LONG] * 1000
    counts = [pieces_for(texts * n, texts * n, both=True) for n in (1, 4, 16)]
    assert counts[1] - 400 == pytest.approx(2 * (counts[0] - 400), rel=0.2)
    assert counts[2] - 400 == pytest.approx(4 * (counts[0] - 400), rel=0.2)
    assert pieces_for(texts, texts, both=False) < counts[0]
    assert pieces_for(["a"], ["b"], both=True) == 400
    assert pieces_for([LONG * 3000] * 400, [LONG], both=True) == MOST_PIECES


def known_to(tokenizer: Tokenizer) -> set[str]:
    return {piece.decode() for piece in tokenizer.model.pieces}


def test_pieces_are_learnt_from_what_trains_alone() -> None:
    # Every pair has a letter that no other has.
    rows = [(f"word {chr(0x4E00 + k)}", f"Wort {HANGUL[k]}") for k in range(90)]
    of = EncodedDataset.of(data.from_python(rows), "characters", False)
    learnt, held = (
        of.data.of(part) for part in (of.data.learn, np.append(of.data.select, of.data.test))
    )
    assert len(held) > 8
    assert known_to(of.sources) == set("".join(learnt.sources))
    assert known_to(of.targets) == set("".join(learnt.targets))
    assert not {text[-1] for text in held.sources} & known_to(of.sources)
    # What is held is written with pieces that are unknown.
    assert (of.sides.sources.values == UNKNOWN).any()
    assert of.sides.sources.batch == len(rows)


@pytest.mark.parametrize(
    ("tokens", "shared", "kind", "one"),
    [
        (None, None, "subwords", True),
        (None, False, "subwords", False),
        ("words", None, "words", False),
        ("words", True, "words", True),
        ("characters", None, "characters", True),
        ("bpe:300", None, "subwords", True),
        ("bpe", True, "subwords", True),
    ],
)
def test_what_is_asked_overrides(
    tokens: str | None, shared: bool | None, kind: str, one: bool
) -> None:
    of = EncodedDataset.of(english(), tokens, shared)
    assert of.sources.unit == of.targets.unit == kind
    assert (of.sources is of.targets) == one
    if tokens == "bpe:300":
        assert len(of.sources) == 300
    rows = of.sides.select(of.data.test[:5])
    for row, (read, said) in enumerate(
        zip(rows.sources.to_list(), rows.targets.to_list(), strict=True)
    ):
        pair = of.data.of(of.data.test[row : row + 1])
        assert said[0] == BEGIN
        assert said[-1] == END
        if kind != "words":
            assert of.sources.decode(read.tolist()) == pair.sources[0]
            assert of.targets.decode(said.tolist()) == pair.targets[0]


def test_a_vocabulary_larger_than_the_data_allow_is_refused() -> None:
    with pytest.raises(DataError, match="bpe:9000"):
        EncodedDataset.of(english(), "bpe:9000", None)


# -- limits ---------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=1, max_size=200),
)
def test_nearly_all_targets_are_within_the_limits_and_all_texts_have_one(
    lengths: list[tuple[int, int]],
) -> None:
    sources, targets = np.array(lengths, np.int64).T
    limits = Limits.learnt(sources, targets)
    # Their end is a piece too.
    assert (limits(sources) >= targets + 1).mean() > 0.98
    every = limits(np.array([0, 1, 5, 10_000]))
    assert every.dtype == np.int64
    assert every[0] >= 10
    assert (np.diff(every) > 0).all()
    # A bound that a text of 10,000 pieces does not make endless.
    share = max(1.0, float((targets / sources).max()))
    assert every[-1] <= 10 + 1.5 * share * 10_000 + 1


def test_limits_follow_the_source() -> None:
    longer = Limits.learnt(np.full(100, 5), np.full(100, 20))
    same = Limits.learnt(np.full(100, 5), np.full(100, 5))
    assert longer(np.array([10]))[0] == 10 + 1.5 * 4 * 10
    assert same(np.array([10]))[0] == 10 + 1.5 * 10


# -- sizes ----------------------------------------------------------------------------------------


def designed(of: EncodedDataset, **options: Any) -> ModelPlan:
    chosen = PairOptions(**({"steps": 5} | options))
    return TRAINING.plan(chosen, of, Precision(False, "as asked"), torch.device("cpu"))


def test_sizes_are_those_of_the_kind_and_each_can_be_changed() -> None:
    letters, words = dataset(), EncodedDataset.of(english(), "words", None)
    small, large = designed(letters), designed(words)
    assert small.architecture["hidden"] < large.architecture["hidden"]
    assert small.settings["smoothing"] < large.settings["smoothing"]
    assert small.architecture["sources"] == len(letters.sources)
    assert small.architecture["targets"] == len(letters.targets)
    assert small.architecture["attention"] == "general"
    assert small.settings["sampling"] == 0.0
    given = {"hidden": 34, "layers": 3, "embedding": 9, "dropout": 0.25}
    changed = designed(
        letters, **given, cell="lstm", attention="none", feeding="up", batch=7, smoothing=0.2,
        sampling=0.4, lr=0.03, metric="exact", ensemble=3, bidirectional=False,
    )  # fmt: skip
    assert given.items() <= changed.architecture.items()
    named = {"cell": "lstm", "attention": "none", "members": 3, "bidirectional": False}
    assert named.items() <= changed.architecture.items()
    settings = {"batch": 7, "smoothing": 0.2, "sampling": 0.4, "metric": "exact"}
    assert settings.items() <= changed.settings.items()
    assert changed.rates.matrices == 0.03 > changed.rates.others
    assert changed.reason == "as asked"


def test_what_chooses_follows_from_how_long_targets_are() -> None:
    assert designed(EncodedDataset.of(english(), "words", None)).settings["metric"] == "bleu"
    short = EncodedDataset.of(data.from_python(turned(100)), "characters", None)
    assert designed(short).settings["metric"] == "chrf"
    with pytest.raises(OptionError, match="metric='rouge'"):
        designed(short, metric="rouge")


@pytest.mark.parametrize(
    ("seconds", "members", "reason"),
    [(1e-5, MOST_MEMBERS, "3,000 steps each fit into 2 minutes"), (1.0, 1, "what 2 minutes allow")],
)
def test_members_are_what_the_time_allows(
    monkeypatch: pytest.MonkeyPatch, seconds: float, members: int, reason: str
) -> None:
    monkeypatch.setattr(training, "step_seconds", lambda *_, **__: seconds)
    found = designed(dataset(), steps=None, minutes=2.0)
    assert found.architecture["members"] == members
    assert found.reason == reason
    assert designed(dataset()).architecture["members"] == 1


def test_steps_that_help_grow_with_the_data() -> None:
    one = designed(EncodedDataset.of(data.from_python(spelt(300)), "characters", None), batch=1)
    assert one.settings["most_steps"] > designed(dataset()).settings["most_steps"] == 6000


# -- what chooses ---------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["bleu", "chrf", "exact"])
def test_the_score_is_of_what_is_written_greedily_of_the_part_that_chooses(
    monkeypatch: pytest.MonkeyPatch, metric: str
) -> None:
    of = dataset()
    net = network(of)
    settings = designed(of, metric=metric).settings | {"seed": 0}
    asked: list[tuple[Any, ...]] = []
    true = dict(zip(of.data.pairs.sources, of.data.pairs.targets, strict=True))

    class Said:
        def __init__(self, text: str) -> None:
            self.text = text

    def said(net: Any, sources: Any, targets: Any, texts: Any, how: Any, *, limit: Any) -> Any:
        asked.append((texts, how.beam, how.sample, limit))
        # One of all is wrong.
        return [[Said("x" if k == 0 else true[each])] for k, each in enumerate(texts)]

    monkeypatch.setattr(config, "translate", said)
    found = config.training_task(net, of, settings).score(net)
    texts, beam, sample, limit = asked[0]
    assert texts == of.data.of(of.data.select).sources
    assert (beam, sample) == (1, None)
    assert limit == config.limits_of(of)
    assert 50 < found < 100
    if metric == "exact":
        assert found == pytest.approx(100 * (1 - 1 / len(texts)))


def test_of_many_that_choose_some_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "WRITTEN", 4)
    of = dataset()
    assert len(of.data.select) > 8
    settings = designed(of).settings | {"seed": 0}
    texts: list[str] = []

    def said(net: Any, sources: Any, targets: Any, given: Any, how: Any, *, limit: Any) -> Any:
        texts.extend(given)
        return translate(net, sources, targets, given, how, limit=limit)

    monkeypatch.setattr(config, "translate", said)
    net = network(of)
    assert 0 <= config.training_task(net, of, settings).score(net) <= 100
    assert 2 <= len(texts) <= 4
    assert set(texts) <= set(of.data.of(of.data.select).sources)
