"""LabelModel from fit to predict, as a Python user calls it."""

from __future__ import annotations

import copy
import gc
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import recurra
from bits import check_same
from commands import Pressed
from recurra.bundle import CHECKPOINT, CONFIG, REPORT, WEIGHTS, Run
from recurra.errors import BundleError, DataError, OptionError
from recurra.runtime.certificate import CERTIFICATE
from recurra.tasks.labels.estimator import CALIBRATION, ENCODER, LabelModel
from recurra.tasks.labels.report import ATTRIBUTION

LESS: dict[str, Any] = {
    "hidden": 12,
    "embedding": 10,
    "batch": 8,
    "dropout": 0.1,
    "threads": 1,
    "lr": 0.05,
    "steps": 60,
}

Case = tuple[Any, Any]


def moods(count: int = 120) -> Case:
    """Texts whose mood is in one word."""
    draw = random.Random(0)
    good, bad = ["bright", "warm", "clever"], ["dull", "cold", "clumsy"]
    things = ["plot", "cast", "light", "music", "pace"]
    texts, labels = [], []
    for k in range(count):
        word = draw.choice(good if k % 2 else bad)
        texts.append(f"the {draw.choice(things)} was {word} {draw.choice(things)} {k}")
        labels.append("good" if k % 2 else "bad")
    return texts, labels


def waves(count: int = 60) -> Case:
    """Sequences of two channels and unequal length that rise, or fall."""
    draw = np.random.default_rng(0)
    rows, labels = [], []
    for k in range(count):
        steps = int(draw.integers(3, 12))
        slope = 1.0 if k % 2 else -1.0
        line = slope * np.linspace(-1, 1, steps)[:, None] + 0.2 * draw.standard_normal((steps, 2))
        rows.append(line)
        labels.append(int(k % 2))
    return rows, labels


def sentences(count: int = 80) -> Case:
    """Tokens, of which those after "the" are things."""
    draw = random.Random(0)
    words, tags = [], []
    for _ in range(count):
        row, marks = [], []
        for _ in range(draw.randint(1, 4)):
            row += ["the", draw.choice(["cat", "dog", "bird"]), draw.choice(["ran", "sat"])]
            marks += ["O", "B-thing", "O"]
        words.append(row)
        tags.append(marks)
    return words, tags


CASES = {"texts": moods, "numbers": waves, "tags": sentences}


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[str, Any, Any, LabelModel]:
    X, y = CASES[request.param]()
    return request.param, X, y, LabelModel(**LESS).fit(X, y)


def same(one: Any, other: Any) -> bool:
    return bool(np.array_equal(np.array(one, object), np.array(other, object)))


# -- training -----------------------------------------------------------------------------------


def test_it_learns_and_says_so(case: tuple[str, Any, Any, LabelModel]) -> None:
    name, X, y, model = case
    assert model.score(X, y) >= 0.9
    report = model.report
    assert report["model"]["accuracy"]["estimate"] > 0.8
    assert report["data"]["examples"] == model.run.config()["data"]["test"]
    assert report["training"]["step"] == LESS["steps"]
    assert report["verdict"]["sentence"]
    assert len(report["baselines"]) >= 2
    held = {CONFIG, REPORT, WEIGHTS, ENCODER, CALIBRATION, "README.md", "history.jsonl"}
    assert held <= set(content(model.run.path))
    assert model.run.has(ATTRIBUTION) == (name != "tags")
    assert not model.run.has(CHECKPOINT)


def test_what_it_says_has_the_forms_of_what_it_was_given(
    case: tuple[str, Any, Any, LabelModel],
) -> None:
    name, X, y, model = case
    found = model.predict(X[:5])
    if name == "tags":
        assert [len(row) for row in found] == [len(row) for row in X[:5]]
        assert set(found[0]) <= {"O", "B-thing"}
        with pytest.raises(OptionError, match="predict_proba of a tagger"):
            model.predict_proba(X[:5])
        return
    assert found.shape == (5,)
    assert set(model.classes_.tolist()) == set(y)
    chances = model.predict_proba(X[:5])
    assert chances.shape == (5, 2)
    np.testing.assert_allclose(chances.sum(1), 1)
    assert same(model.classes_[chances.argmax(1)], found)


def test_nothing_gives_nothing(case: tuple[str, Any, Any, LabelModel]) -> None:
    name, X, y, model = case
    empty: list[Any] = [[], np.zeros((0, 5, 2)), X[:0]]
    for nothing in empty:
        assert list(model.predict(nothing)) == []
        if name != "tags":
            assert model.predict_proba(nothing).shape == (0, 2)
    with pytest.raises(DataError, match="not one of its labels is a class"):
        model.score(X[:2], [["x"] * len(tags) for tags in y[:2]] if name == "tags" else ["x", "y"])


def test_classes_that_are_text_are_scored_by_numbers_too() -> None:
    X, y = waves()
    model = LabelModel(**LESS).fit(X, [str(each) for each in y])
    assert model.score(X, y) == model.score(X, [str(each) for each in y]) >= 0.9
    assert model.score(X, np.array(y, float)) == model.score(X, np.array(y) == 1) >= 0.9


def test_each_input_alone_is_said_the_same(case: tuple[str, Any, Any, LabelModel]) -> None:
    name, X, _, model = case
    together = model.predict(X[:9])
    alone = [model.predict(X[k : k + 1])[0] for k in range(9)]
    assert same(list(together), alone)
    if name != "tags":
        one = np.concatenate([model.predict_proba(X[k : k + 1]) for k in range(9)])
        check_same(model.predict_proba(X[:9]), one)


def test_saved_and_loaded_it_says_the_same(
    case: tuple[str, Any, Any, LabelModel], tmp_path: Path
) -> None:
    _, X, _, model = case
    model.save(tmp_path / "copy")
    again = recurra.load(tmp_path / "copy")
    assert isinstance(again, LabelModel)
    assert same(list(again.predict(X)), list(model.predict(X)))


def test_several_members_leave_different_folds_out() -> None:
    X, y = moods()
    model = LabelModel(**LESS | {"ensemble": 3, "steps": 60}).fit(X, y)
    assert len(model.network.members) == 3
    arrays, _ = model.run.read_arrays(WEIGHTS)
    weights = [arrays[f"members.{m}.head.weight"] for m in range(3)]
    assert not np.array_equal(weights[0], weights[1])
    assert model.score(X, y) > 0.7


@pytest.mark.parametrize("name", CASES)
def test_going_on_is_as_never_having_stopped(name: str, tmp_path: Path) -> None:
    X, y = CASES[name]()
    options = LESS | {"steps": 30, "dropout": 0.3, "ensemble": 2}
    whole = LabelModel(**options).fit(X, y, out=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        LabelModel(**options).fit(X, y, out=tmp_path / "cut", callbacks=Pressed(13))
    cut = recurra.resume(tmp_path / "cut")
    for name, weight in whole.run.read_arrays(WEIGHTS)[0].items():
        np.testing.assert_array_equal(cut.run.read_arrays(WEIGHTS)[0][name], weight, name)
    for key in ("model", "baselines", "verdict", "confusion"):
        assert whole.report[key] == cut.report[key], key


# -- what scikit-learn asks ---------------------------------------------------------------------


def test_it_goes_where_classifiers_go() -> None:
    from sklearn.base import clone, is_classifier
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    X, y = moods()
    model = LabelModel(**LESS | {"steps": 80})
    twin = clone(model)
    assert twin is not model
    assert twin.get_params() == model.get_params()
    assert is_classifier(model)
    scores = cross_val_score(model, X, y, cv=2)
    assert scores.shape == (2,)
    assert scores.min() > 0.5
    shout = FunctionTransformer(lambda texts: [text.upper() for text in texts])
    pipe = make_pipeline(shout, LabelModel(**LESS | {"steps": 5})).fit(X, y)
    assert set(pipe.predict(X[:3])) <= {"good", "bad"}
    model.set_params(steps=7)
    shown: Any = model
    assert model.options.steps == shown.steps == 7
    with pytest.raises(AttributeError, match="stepz"):
        shown.stepz  # noqa: B018
    with pytest.raises(OptionError, match=r"LabelModel\(3\)"):
        LabelModel(3)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="no option 'stepz'"):
        model.set_params(stepz=7)


@pytest.mark.parametrize("used", [False, True], ids=["fitted", "used"])
def test_it_is_copied_with_all_it_learnt(
    case: tuple[str, Any, Any, LabelModel], used: bool, tmp_path: Path
) -> None:
    """Through pickle, copy and joblib; a copy outlives the temporary run that it came from."""
    import joblib

    name, X, y, _ = case
    model = LabelModel(**LESS | {"steps": 5, "ensemble": 2}).fit(X, y)
    if used:
        model.predict(X[:3])
    joblib.dump(model, tmp_path / "model.joblib")
    copies = [
        pickle.loads(pickle.dumps(model)),
        copy.deepcopy(model),
        copy.copy(model),
        joblib.load(tmp_path / "model.joblib"),
        *joblib.Parallel(n_jobs=2, backend="threading")(
            joblib.delayed(copy.deepcopy)(model) for _ in range(2)
        ),
    ]
    expected, place = model.predict(X[:5]), model.run.path
    chances = None if name == "tags" else model.predict_proba(X[:5])
    del model
    gc.collect()
    assert not place.exists()
    for each in copies:
        assert same(list(each.predict(X[:5])), list(expected))
        if chances is not None:
            np.testing.assert_array_equal(each.predict_proba(X[:5]), chances)
        assert each.report["training"]["step"] == 5


def test_what_was_encoded_can_be_copied_too() -> None:
    X, y = moods()
    model = LabelModel(**LESS | {"steps": 3}).fit(X, y)
    model.predict(X[:3])
    again = pickle.loads(pickle.dumps(model._encoder))
    np.testing.assert_array_equal(again.encode(X[:3]).lengths, model._encoder.encode(X[:3]).lengths)


# -- what cannot be used ------------------------------------------------------------------------


def test_inputs_of_another_kind_are_refused(case: tuple[str, Any, Any, LabelModel]) -> None:
    name, _, _, model = case
    other = {"texts": waves, "numbers": moods, "tags": moods}[name]()[0]
    with pytest.raises((OptionError, DataError), match="for a model of"):
        model.predict(other[:2])


def test_sequences_of_other_channels_are_refused() -> None:
    X, y = waves()
    model = LabelModel(**LESS | {"steps": 5}).fit(X, y)
    with pytest.raises((OptionError, DataError), match="channel"):
        model.predict([np.zeros((4, 3))])


def test_what_is_not_fitted_says_so() -> None:
    with pytest.raises(OptionError, match="not fitted"):
        LabelModel().predict(["a"])


@pytest.mark.parametrize("name", [ENCODER, CONFIG, WEIGHTS, CALIBRATION])
def test_damage_is_named(name: str, tmp_path: Path) -> None:
    X, y = moods(40)
    model = LabelModel(**LESS | {"steps": 3}).fit(X, y, out=tmp_path / "run")
    path = model.run.path / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BundleError, match=name):
        LabelModel.load(tmp_path / "run")


def test_an_encoder_of_another_run_is_refused(tmp_path: Path) -> None:
    for name, count in (("one", 40), ("other", 120)):
        X, y = moods(count)
        LabelModel(**LESS | {"steps": 3}).fit(X, y, out=tmp_path / name)
    stolen = (tmp_path / "other" / ENCODER).read_bytes()
    (tmp_path / "one" / ENCODER).write_bytes(stolen)
    with pytest.raises(BundleError, match=f"{ENCODER}: of another run"):
        LabelModel.load(tmp_path / "one")
    # The same under the run's own seal.
    Run(tmp_path / "one").write_json(ENCODER, Run(tmp_path / "other").read_json(ENCODER))
    with pytest.raises(BundleError, match="as the weights have"):
        LabelModel.load(tmp_path / "one")


def test_nothing_is_left_of_a_training_that_never_began(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        LabelModel(**LESS).fit(["a"] * 30, ["x"] * 30, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


# -- the certificate ----------------------------------------------------------------------------


def test_a_training_ends_with_its_certificate(case: tuple[str, Any, Any, LabelModel]) -> None:
    """Of a temporary run nothing of the data is kept: it cannot be shown again."""
    _, _, _, model = case
    found = model.run.read_json(CERTIFICATE)
    assert found["held"]
    names = {each["name"]: each for each in found["checks"]}
    assert names["alone = together"]["difference"] == 0
    assert names["torch = runtime, nats"]["difference"] < 1e-4
    assert "step by step = whole" not in names  # it reads from both ends
    copied = copy.copy(model)
    assert [each.difference for each in copied.certify().checks] == [None]


def test_streams_are_certified_too(tmp_path: Path) -> None:
    path = tmp_path / "moods.tsv"
    lines = [f"{text}\t{label}" for text, label in zip(*moods(), strict=True)]
    path.write_text("\n".join(["text\tlabel", *lines]) + "\n")
    model = LabelModel(**LESS | {"steps": 5, "bidirectional": False, "ensemble": 2}).fit(path)
    found = model.certify()  # reading the file again
    shown = {each.name: each.difference for each in found.checks}
    assert found.held
    assert shown["step by step = whole"] == shown["by row of a pool = alone"] == 0
    member = model.network.members[0]
    member.pool.names["top"] = "1.top"  # what it amounts to is another's
    broken = model.certify()
    assert not broken.held


# -- looking in ---------------------------------------------------------------------------------


def test_it_looked_at_the_word_that_says_it() -> None:
    X, y = moods()
    model = LabelModel(**LESS | {"steps": 150}).fit(X, y)
    label, words, shares = model.attribution("the plot was dull music 7")
    assert label == "bad"
    assert words == ["the", "plot", "was", "dull", "music", "7"]
    assert sum(shares) == pytest.approx(1)
    assert words[int(np.argmax(shares))] == "dull"


def test_a_stream_says_after_each_step_what_the_sequence_so_far_says() -> None:
    X, y = waves()
    model = LabelModel(**LESS | {"bidirectional": False, "ensemble": 2}).fit(X, y)
    model.set_params(answer="network")  # which is all that can be stepped
    for row in X[:4]:
        stream = model.stream()
        for end, step in enumerate(row, 1):
            label, sure = stream.push(step)
            chances = model.predict_proba([row[:end]])[0]
            check_same(sure, chances.max())
            assert label == model.classes_[chances.argmax()]
    both = LabelModel(**LESS | {"steps": 3}).fit(X, y)
    with pytest.raises(OptionError, match="both ends"):
        both.stream()


def test_other_data_are_judged() -> None:
    X, y = moods()
    model = LabelModel(**LESS).fit(X, y)
    found = model.evaluate(X[:40], y[:40])
    assert found["data"]["examples"] == 40
    said = found.get("answer", found["model"])
    assert said["accuracy"]["estimate"] == pytest.approx(model.score(X[:40], y[:40]))
    model.set_params(answer="network")
    assert found["model"]["accuracy"]["estimate"] == pytest.approx(model.score(X[:40], y[:40]))
    assert "answer" not in model.evaluate(X[:40], y[:40])
    with pytest.raises(DataError, match="is none that the model knows"):
        model.evaluate(X[:4], ["good", "bad", "ugly", "good"])


def test_a_run_of_another_task_is_refused(trained: Path) -> None:
    with pytest.raises(BundleError, match="text"):
        LabelModel.load(trained)
    assert Run.open(trained).config()["task"] == "text"
