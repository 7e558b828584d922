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
from recurra.tasks import training
from recurra.tasks.labels import config
from recurra.tasks.labels.config import (
    CHARACTERS,
    MOST_MEMBERS,
    NAMES,
    NUMBERS,
    TAGS,
    TEXT,
    EncodedDataset,
)
from recurra.tasks.labels.data import from_python
from recurra.tasks.labels.options import LabelOptions
from recurra.tasks.labels.trainer import TRAINING
from recurra.tasks.model_plan import ModelPlan
from recurra.training.optimiser import Rates
from recurra.training.precision import Precision
from toy_labels import KINDS, dataset, label_data

FLOAT32, CPU = Precision(False, "as asked"), torch.device("cpu")

SIZES = {"text": TEXT, "tokens": TEXT, "tags": TAGS, "numbers": NUMBERS}


def plan_model(kind: str = "text", **options: Any) -> ModelPlan:
    return TRAINING.plan(LabelOptions(**options), dataset(kind), FLOAT32, CPU)


@pytest.mark.parametrize("kind", KINDS)
def test_sizes_are_those_of_the_kind_of_data(kind: str) -> None:
    found, size, of = plan_model(kind, ensemble=1), SIZES[kind], dataset(kind)
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
    units = dataset(kind).encoder.units
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
        ("ensemble", 2),
    ],
)
def test_options_override_sizes_one_by_one(name: str, value: Any) -> None:
    plain = plan_model(ensemble=1)
    found = plan_model("text", **({"ensemble": 1} | {name: value}))
    name = "members" if name == "ensemble" else name
    assert found.architecture == plain.architecture | {name: value}
    assert found.rates == plain.rates


def test_batch_and_rate_override_too() -> None:
    assert plan_model(batch=5, ensemble=1).settings["batch"] == 5
    assert plan_model(lr=0.5, ensemble=1).rates == Rates(0.5, 0.05)
    assert plan_model(balanced=True, ensemble=1).settings["balanced"] is True
    with pytest.raises(OptionError, match="pooling"):
        LabelNetwork(Architecture(**plan_model(pooling="sum", ensemble=1).architecture))


def test_small_data_have_steps_and_large_data_epochs() -> None:
    assert plan_model(ensemble=1).settings["most_steps"] == TEXT.steps
    learnt = len(dataset("text").data.learn)
    one = plan_model(ensemble=1, batch=1).settings["most_steps"]
    assert one == max(TEXT.steps, TEXT.epochs * round(0.9 * learnt))
    more = replace(TEXT, steps=10)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "TEXT", more)
        assert plan_model(ensemble=1, batch=1).settings["most_steps"] == TEXT.epochs * round(
            0.9 * learnt
        )


@pytest.mark.parametrize(
    ("minutes", "members"), [(0.01, 1), (1, 1), (1.9, 1), (2.1, 2), (3.1, 3), (5.1, 5), (60, 5)]
)
def test_members_are_what_the_time_allows(
    minutes: float, members: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A minute of one member: 0.7 of it are steps.
    monkeypatch.setattr(training, "step_seconds", lambda *_, **__: 0.7 * 60 / TEXT.steps)
    found = plan_model(minutes=minutes)
    assert found.architecture["members"] == members <= MOST_MEMBERS
    assert found.reason
    assert f"{minutes:g} minute" in found.reason


def test_members_without_a_time_or_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        training, "step_seconds", lambda *_, **__: pytest.fail("nothing to measure")
    )
    assert plan_model(steps=10).architecture["members"] == 1
    found = plan_model(minutes=0.1, ensemble=4)
    assert (found.architecture["members"], found.reason) == (4, "as asked")


@pytest.mark.parametrize("kind", KINDS)
def test_measuring_a_step_changes_nothing(kind: str) -> None:
    before = torch.get_rng_state()
    assert 1 <= plan_model(kind, minutes=0.05).architecture["members"] <= MOST_MEMBERS
    assert torch.equal(torch.get_rng_state(), before)


def test_the_fewer_sequences_the_more_noise() -> None:
    found = [config.noise(count) for count in (10, 270, 1000, 3999, 4000, 10**6)]
    assert found == sorted(found, reverse=True)
    assert found[0] <= 0.5
    assert 0.3 <= found[1] <= 0.6
    assert found[3] > 0 == found[4] == found[5]
    assert plan_model("numbers", ensemble=1).architecture["noise"] == config.noise(
        len(dataset("numbers").data.learn)
    )
    assert plan_model("text", ensemble=1).architecture["noise"] == 0


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60).map(lambda y: sorted({*range(5)}) + y))
def test_balanced_weights_are_scikit_learns(targets: list[int]) -> None:
    found = config.balanced(torch.tensor(targets), 5)
    expected = compute_class_weight("balanced", classes=np.arange(5), y=np.array(targets))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


def test_a_class_that_nothing_learns_from_has_a_finite_weight() -> None:
    assert config.balanced(torch.tensor([0, 0, 2]), 4).isfinite().all()


@pytest.mark.parametrize("kind", ["text", "numbers"])
def test_a_trainee_weighs_by_what_learns(kind: str) -> None:
    of = dataset(kind)
    plan = plan_model(kind, ensemble=2, balanced=True, batch=8)
    net = LabelNetwork(Architecture(**plan.architecture))
    mine = config.training_task(net, of, plan.settings | {"seed": 3})
    targets = of.data.targets(of.data.learn)
    expected = compute_class_weight("balanced", classes=np.unique(targets), y=targets)
    np.testing.assert_allclose(mine.class_weights.numpy(), expected, rtol=1e-6)
    assert mine.most_steps == plan.settings["most_steps"]
    assert [each.size for each in mine.batches] == [8, 8]
    plain = config.training_task(net, of, plan.settings | {"seed": 3, "balanced": False})
    assert plain.class_weights.tolist() == [1.0] * len(of.data.classes)


@pytest.mark.parametrize("kind", KINDS)
def test_the_encoder_sees_neither_what_chooses_nor_what_reports(kind: str) -> None:
    data = label_data(kind)
    of = EncodedDataset.of(data, "characters")
    seen = [data.examples.inputs[row] for row in data.learn[data.folds != 0]]
    again = type(of.encoder).learn(data.examples.kind, seen, "characters")
    assert again.to_json() == of.encoder.to_json()
    everything = type(of.encoder).learn(data.examples.kind, data.examples.inputs, "characters")
    if kind != "tags":
        assert everything.to_json() != of.encoder.to_json()


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_no_part_have_no_target(kind: str) -> None:
    of = dataset(kind)
    in_a_part = np.concatenate([of.data.learn, of.data.test])
    lengths = of.inputs.lengths
    assert of.targets.targets_of(in_a_part).min() >= 0
    assert len(of.targets.targets) == (lengths.sum() if kind == "tags" else len(lengths))
    rest = np.setdiff1d(np.arange(len(lengths)), in_a_part)
    if len(rest):
        assert of.targets.targets_of(rest).max() == -1


def test_tags_are_not_balanced() -> None:
    with pytest.raises(OptionError, match="balanced with one label a step"):
        plan_model("tags", balanced=True)


def test_texts_of_a_word_or_two_are_read_by_their_characters() -> None:
    names = [f"{first}{k}" for k in range(20) for first in ("Anna", "Bert")]
    data = from_python(names, ["a", "b"] * 20)
    found = EncodedDataset.of(data, None)
    assert found.encoder.units is not None
    assert (found.encoder.units.kind, found.encoder.units.longest) == ("characters", 4)
    made = config.plan_model(LabelOptions(), found)
    assert made.architecture["direct"] == NAMES.direct > 0
    assert made.architecture["hidden_features"] == config.HIDDEN_FEATURES
    characters = EncodedDataset.of(data, "characters")
    alone = config.plan_model(LabelOptions(), characters).architecture
    assert (alone["hidden"], alone["dropout"]) == (CHARACTERS.hidden, CHARACTERS.dropout)
    assert (alone["direct"], alone["hidden_features"]) == (0, 0)
    asked = EncodedDataset.of(data, "words")
    assert asked.encoder.units is not None
    assert asked.encoder.units.kind == "words"
    sentences = EncodedDataset.of(dataset("text").data, None)
    assert sentences.encoder.units is not None
    assert (sentences.encoder.units.kind == "words") == (
        config.words_of(dataset("text").data.examples.inputs) >= config.FEW_WORDS
    )
