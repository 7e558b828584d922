from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recurra.bundle import Run
from recurra.training import session
from recurra.training.budget import TrainingOptions
from recurra.training.loop import Settings
from recurra.training.plan import Clock, Plan
from recurra.training.precision import Precision
from toys import Toy, Witness, line


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Begins a training of a plan, which is not trained; gives what was said."""

    def begun(plan: Plan, minutes: float = 0.5) -> list[str]:
        monkeypatch.setattr(session, "calibrate", lambda *_, **__: plan)
        monkeypatch.setattr(session, "train", lambda *_: None)
        callback = Witness()
        session.begin(
            Toy(),
            line(),
            TrainingOptions(minutes=minutes),
            Settings(),
            Precision(False, ""),
            Run.create(tmp_path, overwrite=True),
            callback,
            Clock(),
            reserve=1.0,
        )
        return callback.said

    return begun


def test_a_time_that_is_too_short_is_told_with_one_that_is_not(begin: Any) -> None:
    # Ten steps are a pass of this data; the six that lack take a minute.
    assert begin(Plan(4, 3, budget=30.0, step_seconds=10.0)) == [
        "4 steps fit into 0.5 minutes here, too few to learn from: 1.5 minutes would do"
    ]
    assert begin(Plan(10, 3, budget=30.0, step_seconds=10.0)) == []


def test_a_cap_is_called_a_cap(begin: Any) -> None:
    (said,) = begin(Plan(Toy().most_steps, 3, budget=30.0))
    assert said == "1,000 steps, the most that are taken for so much data"


def history(*costs: float, scores: bool = False) -> list[dict[str, Any]]:
    key, sign = ("score", -1) if scores else ("select", 1)
    return [{"step": 10 * k, "select": 1.0} | {key: sign * cost} for k, cost in enumerate(costs, 1)]


@pytest.mark.parametrize("scores", [False, True])
def test_what_more_time_would_bring(scores: bool) -> None:
    plan = Plan(50, 5, budget=60.0)
    falling = history(5, 4, 3, 2, 1, scores=scores)
    assert session.outlook(plan, falling).endswith("more time is likely to help.")
    assert "more --steps may" in session.outlook(Plan(50, 5, budget=60.0, most=50), falling)
    early = history(5, 1, 3, 3, 3, scores=scores)
    assert session.outlook(plan, early) == (
        "The selection part was best at step 20: more time would bring nothing."
    )
    assert session.outlook(plan, history(5, 4, 3, 1, 2, scores=scores)) == ""
    assert session.outlook(plan, history(2, 1, 3, 3)) == ""  # of a training of a few steps


def test_what_was_not_chosen_by_tells_nothing() -> None:
    finishing = [*history(5, 4), {"step": 30, "select": None}, {"step": 40, "select": None}]
    assert session.outlook(Plan(40, 4), finishing) == ""
