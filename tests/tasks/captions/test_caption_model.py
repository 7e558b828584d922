"""CaptionModel: learnt in seconds, used, saved, judged, in every reading; and its command."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import recurra
import toy_captions
from commands import Pressed
from recurra.bundle import WEIGHTS
from recurra.cli import main
from recurra.errors import DataError, OptionError
from recurra.search.sampling import Sampling
from recurra.tasks import stored_baselines
from recurra.tasks.captions import show
from recurra.tasks.captions.attention_map import blocks
from recurra.tasks.captions.config import strip_height, ways
from recurra.tasks.captions.estimator import CaptionModel
from recurra.tasks.captions.report import SCORED, pictures
from recurra.tasks.show import draw
from recurra.training.progress import Silence
from toy_captions import LESS

CUT: dict[str, Any] = LESS | {"steps": 24, "reading": "ctc", "augment": True}
"""A training that is cut short."""


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> CaptionModel:
    """A reader of strips, by CTC."""
    out = tmp_path_factory.mktemp("reader") / "run"
    return CaptionModel(steps=300, reading="ctc", **LESS).fit(*toy_captions.strips(300), out=out)


@pytest.fixture(scope="module")
def describer(tmp_path_factory: pytest.TempPathFactory) -> CaptionModel:
    """A describer of scenes, which looks at a grid."""
    out = tmp_path_factory.mktemp("describer") / "run"
    return CaptionModel(steps=120, reading="grid", **LESS).fit(*toy_captions.scenes(300), out=out)


def right(model: CaptionModel, X: list[Any], y: list[str]) -> float:
    return float(np.mean([one == other for one, other in zip(model.caption(X), y, strict=True)]))


def test_strips_are_read(reader: CaptionModel) -> None:
    assert right(reader, *toy_captions.strips(100, seed=7)) > 0.9
    assert reader.report["metric"] == "cer"
    assert reader.report["verdict"]["better"] is True
    assert reader.report["certificate"]["held"]


def test_scenes_are_described(describer: CaptionModel) -> None:
    X, y = toy_captions.scenes(100, seed=7)
    assert right(describer, X, y) > 0.9
    assert describer.report["certificate"]["held"]
    names = [each["name"] for each in describer.report["baselines"]]
    assert names[:2] == ["most frequent text", "nearest training picture"]
    assert names[-1] == "decoder without the picture"


def test_its_score_is_the_metric_that_chose(reader: CaptionModel) -> None:
    X, y = toy_captions.strips(30, seed=7)
    found = reader.evaluate(X, y)["model"]["cer"]["estimate"]
    assert reader.score(X, y) == pytest.approx(100 - 100 * found)
    assert "metric" in reader.get_params()


def test_what_has_no_time_is_left_out_by_name(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(stored_baselines, "limit", lambda seconds: 0.0)
    told = "Not compared with the nearest training picture, against which nothing is claimed"
    model = CaptionModel(**CUT).fit(*toy_captions.strips(200), out=tmp_path / "run")
    text = (tmp_path / "run" / "README.md").read_text()
    for each in (model.task.summary(model.report), text, show.table(model.report).note):
        assert told in " ".join(each.split())
    assert "nearest training picture" not in {e["name"] for e in model.report["baselines"]}


def test_columns_are_read_by_a_decoder_too() -> None:
    model = CaptionModel(steps=40, reading="columns", **LESS).fit(*toy_captions.strips(200))
    assert model.report["certificate"]["held"]
    found = model.captions(toy_captions.strips(3, seed=2)[0])
    assert all(each[0].attention.shape[1] == 1 for each in found)


class Heard(Silence):  # type: ignore[misc]
    """Keeps what a training says."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def says(self, message: str) -> None:
        self.said.append(message)


def test_the_better_reading_is_tried_where_shapes_leave_it_open() -> None:
    X, y = toy_captions.scenes(200)
    heard, options = Heard(), LESS | {"minutes": 0.15}
    model = CaptionModel(**options).fit(X, [text.split()[1] for text in y], callbacks=heard)
    reading = model.run.config()["inference"]["architecture"]["reading"]
    assert reading in ("ctc", "grid")
    assert "after a short trial: ctc" in " ".join(heard.said)


def test_wide_strips_are_read_by_ctc_without_a_trial() -> None:
    heard = Heard()
    X, y = toy_captions.strips(60)
    CaptionModel(steps=2, **LESS).fit(X, y, callbacks=heard)
    assert "CTC" in " ".join(heard.said)
    assert "by the shape of the pictures" in " ".join(heard.said)


def test_a_picture_in_any_form_says_the_same(reader: CaptionModel, tmp_path: Path) -> None:
    (array, *_), _ = toy_captions.strips(3, seed=4)
    Image.fromarray(array).save(tmp_path / "one.png")
    forms = [array, array[..., None], tmp_path / "one.png", str(tmp_path / "one.png")]
    forms += [Image.fromarray(array), array.astype(np.float64) / 255]
    assert len(set(reader.caption(forms))) == 1


def test_saved_and_loaded_it_says_the_same(describer: CaptionModel, tmp_path: Path) -> None:
    describer.save(tmp_path / "copy")
    again = recurra.load(tmp_path / "copy")
    X, _ = toy_captions.scenes(5, seed=5)
    ours, theirs = (each.captions(X, beam=3, n_best=2) for each in (describer, again))
    for one, other in zip(ours, theirs, strict=True):
        assert [each.text for each in one] == [each.text for each in other]
        assert [each.score for each in one] == [each.score for each in other]
        np.testing.assert_array_equal(one[0].attention, other[0].attention)


def test_where_it_looked_sums_to_one(describer: CaptionModel, reader: CaptionModel) -> None:
    (one,) = describer.captions(toy_captions.scenes(1, seed=3)[0])[0]
    assert one.attention.shape[0] == len(one.pieces)
    np.testing.assert_allclose(one.attention.sum((1, 2)), 1.0, atol=1e-5)
    (two,) = reader.captions(toy_captions.strips(1, seed=3)[0])[0]
    assert two.attention.sum((1, 2)).tolist() == [1.0] * len(two.pieces)


def test_draws_of_a_seed_are_the_same_in_any_company(describer: CaptionModel) -> None:
    X, _ = toy_captions.scenes(4, seed=6)
    how: dict[str, Any] = {"sample": Sampling(2.0), "seed": 3}
    first = describer.captions(X[:1], **how)
    assert describer.captions(X, **how)[0][0].text == first[0][0].text


def test_its_report_is_of_what_it_says(reader: CaptionModel) -> None:
    run = reader.run
    said = run.read_json(SCORED)
    exact = np.mean([each["said"] in each["true"] for each in said])
    assert reader.report["model"]["exact"]["estimate"] == pytest.approx(exact)
    data = run.config()["data"]
    assert len(said) == data["test"] == reader.report["data"]["pictures"]
    assert pictures(run)


def test_other_data_are_judged(reader: CaptionModel) -> None:
    X, y = toy_captions.strips(60, seed=11)
    found = reader.evaluate(X, y)
    assert found["model"]["exact"]["estimate"] == pytest.approx(right(reader, X, y))
    assert found["baselines"] == []


def test_false_captions_are_less_likely(tmp_path: Path) -> None:
    X, y = toy_captions.scenes(300)
    rows = ["image,text,true"]
    for number, (picture, text) in enumerate(zip(X, y, strict=True)):
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
        colour = text.split()[1]
        wrong = text.replace(colour, {"red": "green", "green": "blue", "blue": "red"}[colour])
        rows += [f"{number}.png,{text},1", f"{number}.png,{wrong},0"]
    (tmp_path / "table.csv").write_text("\n".join(rows) + "\n")
    model = CaptionModel(steps=80, reading="grid", **LESS).fit(tmp_path / "table.csv")
    assert model.report["model"]["preferred"]["estimate"] > 0.8
    blind = model.report["baselines"][-1]["preferred"]
    assert blind["estimate"] < 0.8
    assert "true and a false caption" in CaptionModel.task.summary(model.report)


@pytest.mark.parametrize("how", [{"beam": 0}, {"n_best": 2, "beam": 1}, {"beams": 3}])
def test_wrong_searches_are_refused(describer: CaptionModel, how: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        describer.captions(toy_captions.scenes(1)[0], **how)


@pytest.mark.parametrize("how", [{"no_repeat_ngram": 2}, {"sample": Sampling()}])
def test_ctc_says_what_it_cannot(reader: CaptionModel, how: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="CTC"):
        reader.captions(toy_captions.strips(1)[0], **how)


def test_no_list_of_pictures_is_refused(reader: CaptionModel) -> None:
    with pytest.raises(DataError):
        reader.caption("no photo.png")
    with pytest.raises(OptionError):
        reader.caption(toy_captions.strips(1)[0], n_best=2)


def test_texts_are_cut_by_what_they_are() -> None:
    assert ways(["12.5", "0.7"]) == "characters"
    assert ways(["a red square at the top", "two blue circles"]) == "words"
    many = [" ".join(f"w{k}x{n}" for n in range(5)) for k in range(1000)]
    assert ways(many) == "characters"  # no word comes twice: that is no language
    assert ways(many * 3) == "bpe"


def test_strips_are_as_high_as_their_text_needs() -> None:
    assert [strip_height(each) for each in (8, 28, 32, 50, 73, 400)] == [16, 28, 32, 36, 48, 48]


# -- the command ----------------------------------------------------------------------------------


def test_the_verb_names_what_it_says(
    reader: CaptionModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    X, _ = toy_captions.strips(3, seed=9)
    paths = []
    for number, each in enumerate(X):
        paths.append(str(tmp_path / f"{number}.png"))
        Image.fromarray(each).save(paths[-1])
    said = reader.caption(X)
    assert main(["caption", str(reader.run.path), *paths]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{path}\t{text}" for path, text in zip(paths, said, strict=True)]
    assert main(["caption", str(reader.run.path), paths[0], "--json", "--n-best", "2"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["image"] == paths[0]
    assert next(each["text"] for each in found["captions"]) == said[0]
    assert main(["caption", str(reader.run.path), paths[0], "--show-attention"]) == 0
    assert "██" in capsys.readouterr().out


def test_paths_come_from_standard_input(
    reader: CaptionModel,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import io
    import sys

    X, _ = toy_captions.strips(2, seed=9)
    for number, each in enumerate(X):
        Image.fromarray(each).save(tmp_path / f"{number}.png")
    text = f"{tmp_path / '0.png'}\n\n{tmp_path / '1.png'}\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert main(["caption", str(reader.run.path)]) == 0
    said = reader.caption(X)
    assert capsys.readouterr().out.splitlines() == [said[0], "", said[1]]


def test_a_run_is_drawn(describer: CaptionModel, reader: CaptionModel) -> None:
    for model in (describer, reader):
        drawn = draw(model.run.path)
        names = {path.name for path in drawn}
        assert {"report.html", "curves.svg", "answers.html"} <= names
        page = model.run.read_text("figures/answers.html")
        here = set(re.findall(r'id="(seen-\d+)"', page))
        assert len(here) == len(pictures(model.run))
        assert set(re.findall(r'<use href="#(.*?)"', page)) <= here
        assert ('class="tiles"' in page) is not ("<line" in page)
        assert all(
            link[0] == "#" or link.startswith("data:image/png;base64,")
            for link in re.findall(r'(?:href|src)="(.*?)"', page)
        )


def test_another_tasks_verb_says_so(
    reader: CaptionModel, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["translate", str(reader.run.path), "hello"]) == 2
    assert "captions" in capsys.readouterr().err


@pytest.mark.parametrize("reading", ["ctc", "grid"])
def test_a_resumed_training_ends_as_if_never_stopped(reading: str, tmp_path: Path) -> None:
    X, y = toy_captions.scenes(120) if reading == "grid" else toy_captions.strips(120)
    options = CUT | {"reading": reading}
    whole = CaptionModel(**options).fit(X, y, out=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        CaptionModel(**options).fit(X, y, out=tmp_path / "cut", callbacks=Pressed(9))
    again = CaptionModel.resume(tmp_path / "cut")
    ours, theirs = (each.run.read_arrays(WEIGHTS)[0] for each in (whole, again))
    for name, each in ours.items():
        np.testing.assert_array_equal(each, theirs[name])


def test_blocks_show_a_grid_for_each_piece() -> None:
    weights = np.zeros((2, 2, 3))
    weights[0, 0, 0] = weights[1, 1, 2] = 1.0
    lines = blocks([" red", " square"], weights)
    assert lines[0].split() == ["red", "square"]
    assert lines[1].startswith("██ · ·   · · ·")
    strip = blocks(["a", "b"], weights[:, :1])
    assert "██" in strip[0]
