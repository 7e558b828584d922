from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import (  # type: ignore[import-untyped,unused-ignore]
    compute_class_weight,
)

from recurra.errors import OptionError
from recurra.networks.labels import LabelNetwork
from recurra.runtime.labels import Architecture
from recurra.tasks.design import Design
from recurra.tasks.labels import recipe
from recurra.tasks.labels.data import from_python
from recurra.tasks.labels.options import LabelOptions
from recurra.tasks.labels.recipe import (
    CHARACTERS,
    MOST_MEMBERS,
    NAMES,
    NUMBERS,
    TAGS,
    TEXT,
    Prepared,
)
from recurra.training.optimiser import Rates
from recurra.training.precision import Precision
from toy_labels import KINDS, label_data, prepared

FLOAT32, CPU = Precision(False, "as asked"), torch.device("cpu")

SIZES = {"text": TEXT, "tokens": TEXT, "tags": TAGS, "numbers": NUMBERS}


def design(kind: str = "text", **options: Any) -> Design:
    return recipe.design(LabelOptions(**options), prepared(kind), FLOAT32, CPU)


@pytest.mark.parametrize("kind", KINDS)
def test_sizes_are_those_of_the_kind_of_data(kind: str) -> None:
    found, size, of = design(kind, members=1), SIZES[kind], prepared(kind)
    a = Architecture(**found.architecture)
    assert (a.hidden, a.layers, a.embedding) == (size.hidden, size.layers, size.embedding)
    assert (a.pooling, a.dropout, a.bidirectional) == (size.pooling, size.dropout, True)
    assert a.tagged == (kind == "tags")
    assert a.classes == len(of.data.classes)
    assert (a.features, a.channels) == ((0, 2) if kind == "numbers" else (len_of(kind), 0))
    assert found.rates == size.rates
    assert found.settings["batch"] == size.batch
    LabelNetwork(a)


def len_of(kind: str) -> int:
    units = prepared(kind).encoder.units
    assert units is not None
    return len(units)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden", 7),
        ("layers", 3),
        ("embedding", 5),
        ("pooling", "attention+last"),
        ("dropout", 0.0),
        ("cell", "lstm"),
        ("bidirectional", False),
        ("members", 2),
    ],
)
def test_options_override_sizes_one_by_one(name: str, value: Any) -> None:
    plain = design(members=1)
    found = design("text", **({"members": 1} | {name: value}))
    assert found.architecture == plain.architecture | {name: value}
    assert found.rates == plain.rates


def test_batch_and_rate_override_too() -> None:
    assert design(batch=5, members=1).settings["batch"] == 5
    assert design(rate=0.5, members=1).rates == Rates(0.5, 0.05)
    assert design(balanced=True, members=1).settings["balanced"] is True
    with pytest.raises(OptionError, match="pooling"):
        LabelNetwork(Architecture(**design(pooling="sum", members=1).architecture))


def test_small_data_have_steps_and_large_data_epochs() -> None:
    assert design(members=1).settings["most_steps"] == TEXT.steps
    learnt = len(prepared("text").data.learn)
    one = design(members=1, batch=1).settings["most_steps"]
    assert one == max(TEXT.steps, TEXT.epochs * round(0.9 * learnt))
    more = replace(TEXT, steps=10)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe, "TEXT", more)
        assert design(members=1, batch=1).settings["most_steps"] == TEXT.epochs * round(
            0.9 * learnt
        )


@pytest.mark.parametrize(
    ("minutes", "members"), [(0.01, 1), (1, 1), (1.9, 1), (2.1, 2), (3.1, 3), (5.1, 5), (60, 5)]
)
def test_members_are_what_the_time_allows(
    minutes: float, members: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A minute of one member: 0.7 of it are steps.
    monkeypatch.setattr(recipe, "step_seconds", lambda *_, **__: 0.7 * 60 / TEXT.steps)
    found = design(minutes=minutes)
    assert found.architecture["members"] == members <= MOST_MEMBERS
    assert found.reason
    assert f"{minutes:g} minutes" in found.reason


def test_members_without_a_time_or_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "step_seconds", lambda *_, **__: pytest.fail("nothing to measure"))
    assert design(steps=10).architecture["members"] == 1
    found = design(minutes=0.1, members=4)
    assert (found.architecture["members"], found.reason) == (4, "as asked")


@pytest.mark.parametrize("kind", KINDS)
def test_measuring_a_step_changes_nothing(kind: str) -> None:
    before = torch.get_rng_state()
    assert 1 <= design(kind, minutes=0.05).architecture["members"] <= MOST_MEMBERS
    assert torch.equal(torch.get_rng_state(), before)


def test_the_fewer_sequences_the_more_noise() -> None:
    found = [recipe.noise(count) for count in (10, 270, 1000, 3999, 4000, 10**6)]
    assert found == sorted(found, reverse=True)
    assert found[0] <= 0.5
    assert 0.3 <= found[1] <= 0.6
    assert found[3] > 0 == found[4] == found[5]
    assert design("numbers", members=1).architecture["noise"] == recipe.noise(
        len(prepared("numbers").data.learn)
    )
    assert design("text", members=1).architecture["noise"] == 0


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60).map(lambda y: sorted({*range(5)}) + y))
def test_balanced_weights_are_scikit_learns(targets: list[int]) -> None:
    found = recipe.balanced(torch.tensor(targets), 5)
    expected = compute_class_weight("balanced", classes=np.arange(5), y=np.array(targets))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


def test_a_class_that_nothing_learns_from_has_a_finite_weight() -> None:
    assert recipe.balanced(torch.tensor([0, 0, 2]), 4).isfinite().all()


@pytest.mark.parametrize("kind", ["text", "numbers"])
def test_a_trainee_weighs_by_what_learns(kind: str) -> None:
    of = prepared(kind)
    plan = design(kind, members=2, balanced=True, batch=8)
    net = LabelNetwork(Architecture(**plan.architecture))
    mine = recipe.trainee(net, of, plan.settings | {"seed": 3})
    targets = of.data.targets(of.data.learn)
    expected = compute_class_weight("balanced", classes=np.unique(targets), y=targets)
    np.testing.assert_allclose(mine.class_weights.numpy(), expected, rtol=1e-6)
    assert mine.most_steps == plan.settings["most_steps"]
    assert [each.size for each in mine.batches] == [8, 8]
    plain = recipe.trainee(net, of, plan.settings | {"seed": 3, "balanced": False})
    assert plain.class_weights.tolist() == [1.0] * len(of.data.classes)


@pytest.mark.parametrize("kind", KINDS)
def test_the_encoder_sees_neither_what_chooses_nor_what_reports(kind: str) -> None:
    data = label_data(kind)
    of = Prepared.of(data, "characters")
    seen = [data.examples.inputs[row] for row in data.learn[data.folds != 0]]
    again = type(of.encoder).learn(data.examples.kind, seen, "characters")
    assert again.to_json() == of.encoder.to_json()
    everything = type(of.encoder).learn(data.examples.kind, data.examples.inputs, "characters")
    if kind != "tags":
        assert everything.to_json() != of.encoder.to_json()


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_no_part_have_no_target(kind: str) -> None:
    of = prepared(kind)
    in_a_part = np.concatenate([of.data.learn, of.data.test])
    lengths = of.inputs.lengths
    assert of.targets.targets_of(in_a_part).min() >= 0
    assert len(of.targets.targets) == (lengths.sum() if kind == "tags" else len(lengths))
    rest = np.setdiff1d(np.arange(len(lengths)), in_a_part)
    if len(rest):
        assert of.targets.targets_of(rest).max() == -1


def test_tags_are_not_balanced() -> None:
    with pytest.raises(OptionError, match="--balanced with one label a step"):
        design("tags", balanced=True)


def test_texts_of_a_word_or_two_are_read_by_their_characters() -> None:
    names = [f"{first}{k}" for k in range(20) for first in ("Anna", "Bert")]
    data = from_python(names, ["a", "b"] * 20)
    found = Prepared.of(data, None)
    assert found.encoder.units is not None
    assert (found.encoder.units.kind, found.encoder.units.longest) == ("characters", 4)
    made = recipe.design(LabelOptions(members=1), found, FLOAT32, CPU)
    assert made.architecture["direct"] == NAMES.direct > 0
    assert made.architecture["hidden_features"] == recipe.HIDDEN_FEATURES
    alone = recipe.design(
        LabelOptions(members=1), Prepared.of(data, "characters"), FLOAT32, CPU
    ).architecture
    assert (alone["hidden"], alone["dropout"]) == (CHARACTERS.hidden, CHARACTERS.dropout)
    assert (alone["direct"], alone["hidden_features"]) == (0, 0)
    asked = Prepared.of(data, "words")
    assert asked.encoder.units is not None
    assert asked.encoder.units.kind == "words"
    sentences = Prepared.of(prepared("text").data, None)
    assert sentences.encoder.units is not None
    assert (sentences.encoder.units.kind == "words") == (
        recipe.words_of(prepared("text").data.examples.inputs) >= recipe.FEW_WORDS
    )
