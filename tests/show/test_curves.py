"""What the curves of a training say: which axis is of what, and whole steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recurra.bundle import CONFIG, FORMAT, Run

pytest.importorskip("matplotlib")

from recurra.show import curves


def run_of(path: Path, task: str, architecture: dict[str, Any]) -> Run:
    run = Run.create(path)
    facts = {"format": FORMAT, "task": task, "recurra": "0", "training": {}}
    run.write_json(CONFIG, facts | {"inference": {"architecture": architecture}})
    for step in (1, 2):
        run.append_history({"step": step, "train": 1.5 / step, "select": 0.02 / step})
    return run


def test_nats_and_crps_have_an_axis_each(tmp_path: Path) -> None:
    drawn = curves.plot(run_of(tmp_path / "run", "series", {"kind": "autoregressive"}))
    assert [axes.get_ylabel() for axes in drawn.axes] == [
        "training, nats",
        "selection, scaled CRPS",
    ]
    firsts = [np.asarray(axes.get_lines()[0].get_ydata())[0] for axes in drawn.axes]
    assert firsts == [1.5, 0.02]
    (legend,) = filter(None, (axes.get_legend() for axes in drawn.axes))
    assert len(legend.get_texts()) == 2


def test_what_is_measured_alike_has_one_axis(tmp_path: Path) -> None:
    drawn = curves.plot(run_of(tmp_path / "run", "series", {"kind": "segments"}))
    assert [axes.get_ylabel() for axes in drawn.axes] == ["scaled CRPS"]


def test_steps_are_whole(tmp_path: Path) -> None:
    drawn = curves.plot(run_of(tmp_path / "run", "text", {}))
    drawn.canvas.draw()
    assert all(float(tick).is_integer() for tick in drawn.axes[0].get_xticks())
