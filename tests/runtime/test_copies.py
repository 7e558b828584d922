"""Models are sent about: copied, pickled and through joblib, before and after they are used."""

from __future__ import annotations

import copy
import gc
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import joblib
import numpy as np
import pytest

from recurra.data.files import TextSource
from recurra.errors import OptionError
from recurra.tasks.text import evaluate
from recurra.tasks.text.estimator import TextModel
from small import SMALL, small_text

Copy = Callable[[TextModel, Path], TextModel]


def deep(model: TextModel, _: Path) -> TextModel:
    return copy.deepcopy(model)


def shallow(model: TextModel, _: Path) -> TextModel:
    return copy.copy(model)


def pickled(model: TextModel, _: Path) -> TextModel:
    found: TextModel = pickle.loads(pickle.dumps(model))
    return found


def through_joblib(model: TextModel, folder: Path) -> TextModel:
    joblib.dump(model, folder / "model.joblib")
    found: TextModel = joblib.load(folder / "model.joblib")
    return found


WAYS = [deep, shallow, pickled, through_joblib]


@pytest.fixture(scope="module")
def fitted() -> Iterator[TextModel]:
    """On a run of its own, which is gone when it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "FREE_LENGTH", 60)
        yield TextModel(**{**SMALL, "hidden": 10, "steps": 6}).fit(TextSource(small_text(), "made"))


def used(model: TextModel) -> list[object]:
    said = [*model.generate("The ", seed=1, length=20)]
    return [*said, *model.token_nll("The fox").tolist(), model.report["model"]]


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_says_the_same_before_and_after_use(
    fitted: TextModel, tmp_path: Path, way: Copy
) -> None:
    early = way(fitted, tmp_path)
    expected = used(fitted)
    late = way(fitted, tmp_path)
    again = way(late, tmp_path)
    for each in (early, late, again):
        assert used(each) == expected
        assert each.get_params() == fitted.get_params()
        # It is of the same run, and its streams' states can be exchanged.
        assert each.run.name == fitted.run.name
        assert each.run.path != fitted.run.path
        live = fitted.stream()
        live.push("The ")
        each.stream(live.state).push("fox")


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_outlives_what_it_was_copied_from(
    fitted: TextModel, tmp_path: Path, way: Copy
) -> None:
    first, expected = way(fitted, tmp_path), used(fitted)
    second = way(first, tmp_path)
    folder = first.run.path
    del first
    gc.collect()
    assert not folder.exists()
    assert used(second) == expected
    second.save(tmp_path / "kept")
    own = second.run.path
    del second
    gc.collect()
    assert not own.exists()
    assert used(TextModel.load(tmp_path / "kept")) == expected


@pytest.mark.parametrize("way", WAYS)
def test_an_unfitted_copy_is_unfitted(tmp_path: Path, way: Copy) -> None:
    found = way(TextModel(hidden=12, seed=3), tmp_path)
    assert found.get_params() == TextModel(hidden=12, seed=3).get_params()
    with pytest.raises(OptionError, match="not fitted"):
        _ = found.network


@pytest.mark.parametrize("way", WAYS)
def test_narrow_weights_stay_narrow(fitted: TextModel, tmp_path: Path, way: Copy) -> None:
    fitted.save(tmp_path / "run")
    narrow = TextModel.load(tmp_path / "run", weights="bfloat16")
    nats = narrow.token_nll(small_text(2))
    assert not np.array_equal(nats, fitted.token_nll(small_text(2)))
    np.testing.assert_allclose(nats, fitted.token_nll(small_text(2)), atol=0.05)
    np.testing.assert_array_equal(way(narrow, tmp_path).token_nll(small_text(2)), nats)


def test_other_weights_are_refused(trained: Path) -> None:
    with pytest.raises(OptionError, match="weights='int4'") as caught:
        TextModel.load(trained, weights="int4")
    assert caught.value.expected == "one of float32, bfloat16, int8"


def test_options_are_read_and_set_by_name() -> None:
    model = TextModel(hidden=12)
    params = model.get_params()
    assert params["hidden"] == 12
    assert model.get_params(deep=False) == params
    assert TextModel(**params).get_params() == params
    assert model.set_params(hidden=20, seed=4) is model
    assert model.get_params() == params | {"hidden": 20, "seed": 4}
    assert model.set_params().get_params()["hidden"] == 20
    with pytest.raises(OptionError, match="no option 'hiden'") as caught:
        model.set_params(hiden=3)
    assert "did you mean hidden?" in caught.value.fix
    with pytest.raises(OptionError, match="hidden=0"):
        model.set_params(hidden=0)


def test_scikit_learn_clones_it() -> None:
    base = pytest.importorskip("sklearn.base")
    model = TextModel(hidden=12, layers=3)
    clone = base.clone(model)
    assert clone is not model
    assert clone.get_params() == model.get_params()
