"""What the curves of a training say: which axis is of what, and whole steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recurra.bundle import CONFIG, FORMAT, Run

pytest.importorskip("matplotlib")

from matplotlib.figure import Figure

from recurra.show import curves


def run_of(path: Path, task: str, architecture: dict[str, Any]) -> Run:
    run = Run.create(path)
    facts = {"format": FORMAT, "task": task, "recurra": "0", "training": {}}
    run.write_json(CONFIG, facts | {"inference": {"architecture": architecture}})
    for step in (1, 2):
        run.append_history({"step": step, "train": 1.5 / step, "select": 0.02 / step})
    return run


def titles(drawn: Figure) -> list[str]:
    return [axes.get_title("left") for axes in drawn.axes]


def test_nats_and_crps_have_an_axis_each(tmp_path: Path) -> None:
    drawn = curves.plot(run_of(tmp_path / "run", "series", {"kind": "autoregressive"}))
    assert titles(drawn) == ["training, nats a step", "selection, scaled CRPS"]
    assert not any(axes.get_shared_y_axes().get_siblings(axes)[1:] for axes in drawn.axes)
    firsts = [np.asarray(axes.get_lines()[0].get_ydata())[0] for axes in drawn.axes]
    assert firsts == [1.5, 0.02]


def test_what_is_measured_alike_has_one_axis(tmp_path: Path) -> None:
    drawn = curves.plot(run_of(tmp_path / "run", "series", {"kind": "segments"}))
    assert titles(drawn) == ["scaled CRPS"]
    legend = drawn.axes[0].get_legend()
    assert legend is not None
    assert len(legend.get_texts()) == 2


def test_a_score_has_a_panel_of_its_own(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", "captions", {})
    run.append_history({"step": 3, "train": 0.2, "select": 0.1, "score": 30.0})
    drawn = curves.plot(run)
    assert titles(drawn) == ["loss in nats", "selection, written by itself: score"]
    assert drawn.axes[1].get_ylim()[1] > 30


def test_steps_are_whole(tmp_path: Path) -> None:
    drawn = curves.plot(run_of(tmp_path / "run", "text", {}))
    drawn.canvas.draw()
    assert all(float(tick).is_integer() for tick in drawn.axes[0].get_xticks())
