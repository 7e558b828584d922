"""Names from elsewhere, wrong names, messages that speak Python, unfitted models."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import recurra
from recurra.errors import NotFittedError, OptionError, did_you_mean, in_python
from recurra.names import guessed, meant
from recurra.runtime import attention
from recurra.runtime.captions import READINGS
from recurra.runtime.layers import CELLS
from recurra.tasks import TASKS
from toys import Witness

TEXTS, LABELS = ["a good film", "a bad film", "good", "bad"] * 10, ["yes", "no", "yes", "no"] * 10
LESS: dict[str, Any] = {"steps": 3, "hidden": 4, "threads": 1, "ensemble": 1}


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("hiden", "hidden"),
        ("hidden_layer_size", "hidden"),
        ("n_layer", "layers"),
        ("lay", "layers"),
        ("drop", "dropout"),
        ("bidir", "bidirectional"),
        ("Horizon", "horizon"),
        ("train-on-val", "train_on_validation"),
        ("xyz", ""),
    ],
)
def test_the_nearest_name(name: str, near: str) -> None:
    known = ["hidden", "layers", "dropout", "bidirectional", "horizon", "train_on_validation"]
    assert did_you_mean(name, known) == (f"did you mean {near}?" if near else "")


def test_names_from_elsewhere() -> None:
    model = recurra.LabelModel(hidden_size=8, learning_rate=0.1, n_layers=2, random_state=3)
    chosen = {name: model.get_params()[name] for name in ("hidden", "lr", "layers", "seed")}
    assert chosen == {"hidden": 8, "lr": 0.1, "layers": 2, "seed": 3}
    assert model.set_params(batch_size=4).options.batch == 4
    assert recurra.SeriesModel(h=3, freq="D").options.horizon == 3
    assert meant({"num_beams": 3, "max_length": 9}, ["beam", "longest"], "option") == {
        "beam": 3,
        "longest": 9,
    }
    with pytest.raises(OptionError, match="no option 'hidden_size'"):
        recurra.LabelModel(hidden_size=8, hidden=9)
    with pytest.raises(OptionError, match="did you mean minutes"):
        recurra.LabelModel(time_limit=600)  # in seconds: named, not taken


def test_wrong_names_of_methods() -> None:
    with pytest.raises(
        OptionError, match=r"no argument of generate 'temprature'(.|\n)*temperature\?"
    ):
        recurra.TextModel().generate(temprature=1.0)  # type: ignore[call-arg]
    with pytest.raises(OptionError, match="did you mean overwrite"):
        recurra.TextModel().save("x", overwite=True)  # type: ignore[call-arg]
    with pytest.raises(OptionError, match="did you mean weights"):
        recurra.TextModel.load("x", wieghts="float32")  # type: ignore[call-arg]
    with pytest.raises(OptionError, match="no option 'hiden'"):
        recurra.train("labels", hiden=3)

    def free(**how: Any) -> Any:
        return how

    assert guessed(free) is free
    with pytest.raises(NotFittedError):
        list(recurra.TextModel().generate(max_new_tokens=5))  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("typed", "python"),
    [
        ("--minutes 5 and --steps 3", "minutes=5 and steps=3"),
        ("add --replace-unknown to have them", "add replace_unknown=True to have them"),
        ("train with --no-bidirectional", "train with bidirectional=False"),
        ("choose another --out", "choose another out"),
        ("leave --distribution out", "leave distribution out"),
        ("name it with --futr or --hist", "name it with futr_exog or hist_exog"),
        ("or add --device cpu", "or add device='cpu'"),
        ("--tokens characters, or less", "tokens='characters', or less"),
        ("name it: --label COLUMN", "name it: label='COLUMN'"),
        ("--hidden -5", "hidden=-5"),
        ("--lr nan", "lr=nan"),
        ("a -- b, a--b", "a -- b, a--b"),
    ],
)
def test_messages_speak_python(typed: str, python: str) -> None:
    assert in_python(typed) == python
    error = OptionError(typed, fix=typed)
    assert str(error) == f"{python}\n  to do: {python}"
    assert error.on_command_line() == f"{typed}\n  to do: {typed}"


def test_no_option_of_a_task_is_spelled_as_on_the_command_line() -> None:
    for task in TASKS.values():
        assert "--" not in str(task.model_class.__doc__), task.name
        with pytest.raises(OptionError) as caught:
            task.model_class(minutes=0)
        assert "minutes=0" in str(caught.value)


def test_choices_are_those_that_networks_know() -> None:
    for task in TASKS.values():
        known = {
            each.name: each.metadata["choices"]
            for each in task.options_class.__dataclass_fields__.values()
        }
        assert set(known.get("cell") or CELLS) == set(CELLS)
        assert set(known.get("attention") or attention.KINDS) >= set(attention.KINDS)
        assert known.get("reading", READINGS) == READINGS


def test_scalars_of_numpy_and_paths_are_options() -> None:
    model = recurra.LabelModel(
        hidden=np.int64(8),
        dropout=np.float32(0.5),
        balanced=np.bool_(True),
        cell=np.str_("gru"),
        test=Path("a.tsv"),
    )
    options = [getattr(model, name) for name in ("hidden", "dropout", "balanced", "cell", "test")]
    assert options == [8, 0.5, True, "gru", "a.tsv"]
    assert list(map(type, options)) == [int, float, bool, str, str]
    assert recurra.PairModel(test=("a", Path("b"))).options.test == ["a", "b"]


def test_a_grid_of_numpy() -> None:
    selection = pytest.importorskip("sklearn.model_selection")
    grid = selection.GridSearchCV(recurra.LabelModel(**LESS), {"hidden": np.array([4, 6])}, cv=2)
    assert grid.fit(TEXTS, LABELS).best_params_["hidden"] in (4, 6)


def test_unfitted_models_raise_scikit_learns_error_where_it_is_in_use() -> None:
    theirs = pytest.importorskip("sklearn.exceptions").NotFittedError
    for task in TASKS.values():
        model: Any = task.model_class()
        for use in ("run", "network", "report", "history"):
            with pytest.raises(theirs, match="not fitted yet") as caught:
                getattr(model, use)
            assert isinstance(caught.value, recurra.NotFittedError)
        assert not hasattr(model, "network")
    with pytest.raises(theirs):
        recurra.LabelModel().predict(["a"])


def test_scikit_learn_is_not_imported_for_it() -> None:
    code = (
        "import sys, recurra\n"
        "try: recurra.LabelModel().predict(['a'])\n"
        "except recurra.NotFittedError: print('sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_names_of_other_libraries(tmp_path: Path) -> None:
    model = recurra.LabelModel(**LESS)
    assert model.to("cpu") is model
    assert model.options.device == "cpu"
    model.fit(TEXTS, LABELS)
    model.save_pretrained(tmp_path / "kept")
    again = recurra.LabelModel.from_pretrained(tmp_path / "kept")
    assert again.predict("a good film").tolist() == model.predict(["a good film"]).tolist()
    assert "LabelModel" in again._repr_html_()
    assert "<pre>" in again._repr_html_()
    assert recurra.load(tmp_path / "kept", task="labels").predict(["good"]).shape == (1,)
    with pytest.raises(recurra.BundleError, match="recurra classify"):
        recurra.TextModel.load(tmp_path / "kept")
    assert [line["step"] for line in again.history] == [1, 2, 3]
    pytest.importorskip("matplotlib")
    assert model.plot().axes


class Ends(recurra.Callback):
    """Ends a training at a step, or at a report."""

    def __init__(self, step: int = 0, report: int = 0) -> None:
        self.step, self.report = step, report

    def stepped(self, step: int, loss: float, count: int, seconds: float) -> bool:
        return step == self.step

    def reported(self, line: Any, plan: Any, best: bool) -> bool:
        return bool(line["step"] == self.report)


@pytest.mark.parametrize("callback", [Ends(step=33), Ends(report=6)])
def test_a_callback_ends_a_training(callback: Ends, capfd: pytest.CaptureFixture[str]) -> None:
    witness = Witness()
    model = recurra.LabelModel(**LESS | {"steps": 60}).fit(
        TEXTS, LABELS, callbacks=[callback, witness]
    )
    last = callback.step or callback.report
    assert witness.steps[-1] == model.history[-1]["step"] == last
    assert model.report["training"]["reason"] == "stopped"
    assert model.predict(["good"]).shape == (1,)
    assert capfd.readouterr() == ("", "")


def test_where_nothing_chooses_any_more_the_last_weights_are_kept() -> None:
    model = recurra.TextModel(steps=40, hidden=4, layers=1, embedding=4, batch=2, bptt=8, threads=1)
    model.fit(_text(), callbacks=Ends(step=31))
    assert model.report["training"]["best_step"] == 31


def _text() -> Any:
    from recurra.data.files import TextSource

    return TextSource("".join(f"line {n} of some\n" for n in range(400)), "made")


def test_what_is_no_callback() -> None:
    for given in (3, Ends, [lambda: None]):
        with pytest.raises(OptionError, match=r"recurra\.Callback"):
            recurra.LabelModel(**LESS).fit(TEXTS, LABELS, callbacks=given)  # type: ignore[arg-type]


def test_progress_is_shown_where_it_is_asked_for_and_logged_elsewhere(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "recurra"):
        recurra.LabelModel(**LESS).fit(TEXTS, LABELS, progress=True)
        shown = capfd.readouterr()
        assert "selection" in shown.err
        assert not shown.out
        assert not caplog.records
        recurra.LabelModel(**LESS).fit(TEXTS, LABELS)
    assert capfd.readouterr() == ("", "")
    assert "step 3 of 3" in caplog.text
