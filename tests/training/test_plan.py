from __future__ import annotations

import json
import math
import time
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from recurra.errors import OptionError
from recurra.tasks.text.options import TextOptions
from recurra.training.budget import DEFAULT_MINUTES, TrainingOptions
from recurra.training.plan import LANDING, Clock, Plan

PLANS = st.builds(
    Plan,
    st.integers(1, 5000),
    st.integers(1, 40),
    st.floats(10, 1000),
    st.floats(0, 5),
    st.floats(1e-4, 1),
    st.floats(0, 2),
    st.integers(0, 3),
)


@given(st.integers(1, 3000), st.integers(1, 40))
def test_reports_are_spread_evenly_and_the_last_step_is_one(steps: int, reports: int) -> None:
    plan = Plan(steps, reports)
    due = [step for step in range(1, steps + 1) if plan.due(step)]
    assert len(due) == min(steps, reports)
    assert due[-1] == steps
    gaps = {after - before for before, after in zip([0, *due], due, strict=False)}
    assert max(gaps) - min(gaps) <= 1


@given(PLANS)
def test_a_plan_comes_back_from_json(plan: Plan) -> None:
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


@given(PLANS, st.data())
def test_a_revised_plan_keeps_the_budget(plan: Plan, data: st.DataObject) -> None:
    assert plan.budget is not None
    step = data.draw(st.integers(1, plan.steps))
    pace = data.draw(st.floats(1e-4, 2))
    elapsed = data.draw(st.floats(0, plan.budget))
    revised = plan.revised(step, elapsed, pace, 0.0)
    assert revised.steps > step or revised is plan
    end = elapsed + (revised.steps - step) * pace + plan.reserve
    if revised is plan:
        # Where it stands, it is within a twentieth of the steps to come, or nearly done.
        noise = max(0.05 * (plan.steps - step), 0.01 * plan.steps)
        near = abs(end - plan.budget) <= (noise + 1) * pace
        over = elapsed + plan.reserve > plan.budget
        assert near or over or plan.steps - step <= 0.03 * plan.steps
        return
    assert revised.revisions == plan.revisions + 1
    assert (revised.budget, revised.reserve) == (plan.budget, plan.reserve)
    least = step + max(1, int(LANDING * plan.steps))
    assert revised.steps == least or abs(end - plan.budget) <= pace + 1e-6
    assert revised.steps >= least


def test_steps_that_were_asked_for_stand() -> None:
    plan = Plan(100)
    assert plan.revised(50, 1e9, 1e3, 9.0) is plan


def test_a_machine_twice_as_slow_still_ends_in_time() -> None:
    plan, step, elapsed = Plan(1000, 20, 100.0, 10.0, 0.09), 0, 0.0
    mark = (0, 0.0)
    while step < plan.steps:
        step += 1
        elapsed += 0.09 if step <= 300 else 0.18
        if plan.tells(elapsed - mark[1]):
            plan = plan.revised(step, elapsed, (elapsed - mark[1]) / (step - mark[0]), 0.0)
            mark = (step, elapsed)
    assert 88 <= elapsed <= 92  # of the 90 that the report leaves


def test_reports_to_come_are_kept_time_for() -> None:
    plan = Plan(1000, 10, budget=100.0, reserve=10.0)
    # Half is done in 20 of 90 seconds; five reports of 4 seconds are to come.
    assert plan.revised(500, 20.0, 0.09, 4.0).steps == 500 + 555
    assert plan.revised(500, 20.0, 0.09, 0.0).steps == 500 + 777


@given(PLANS, st.data())
def test_the_way_never_goes_back(plan: Plan, data: st.DataObject) -> None:
    step, share = 0, 0.0
    for _ in range(5):
        step = data.draw(st.integers(step, plan.steps))
        assert plan.share(step) >= share - 1e-12
        share = plan.share(step)
        revised = plan.revised(step, data.draw(st.floats(0, 1000)), 0.1, 0.0)
        assert revised.share(step) == pytest.approx(share)
        plan = revised
    assert plan.share(plan.steps) == pytest.approx(1.0)


@given(PLANS, st.data())
def test_a_revision_moves_no_report_that_was(plan: Plan, data: st.DataObject) -> None:
    step = data.draw(st.integers(1, plan.steps))
    revised = plan.revised(step, data.draw(st.floats(0, 1000)), 0.1, 0.0)
    before = sum(map(plan.due, range(1, step + 1)))
    after = sum(map(revised.due, range(step + 1, revised.steps + 1)))
    assert before + after <= plan.reports
    assert revised.steps == step or revised.due(revised.steps)


@given(PLANS, st.data())
def test_revising_again_at_the_same_pace_changes_nothing(plan: Plan, data: st.DataObject) -> None:
    assert plan.budget is not None
    step = data.draw(st.integers(1, plan.steps))
    pace, elapsed = data.draw(st.floats(1e-3, 1)), data.draw(st.floats(0, plan.budget))
    revised = plan.revised(step, elapsed, pace, 0.0)
    assume(revised.steps != step + max(1, int(LANDING * plan.steps)))
    again = revised.revised(step, elapsed, pace, 0.0)
    assert again is revised


def test_a_revision_never_goes_beyond_what_helps() -> None:
    plan = Plan(100, 20, budget=1000.0, most=100)
    assert plan.revised(50, 5.0, 0.1, 0.0).steps == 100
    assert replace(plan, most=None).revised(50, 5.0, 0.1, 0.0).steps > 100


def test_a_short_stretch_does_not_tell_the_pace() -> None:
    plan = Plan(100, 20, budget=120.0)
    assert not plan.tells(9.9)
    assert plan.tells(10.0)
    assert not Plan(100).tells(1e9)


def test_a_clock_goes_on_from_what_was_used() -> None:
    assert 0 <= Clock().elapsed() < 5
    assert 100 <= Clock(100.0).elapsed() < 105
    assert 7 <= Clock(since=time.perf_counter() - 7).elapsed() < 12


# -- what can be asked for ----------------------------------------------------------------------


def test_the_time_budget_is_two_minutes_or_as_given() -> None:
    assert TrainingOptions().seconds == 60 * DEFAULT_MINUTES
    assert TrainingOptions(minutes=0.5).seconds == 30
    assert TrainingOptions(steps=3).seconds is None
    assert TrainingOptions(epochs=2).seconds is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"minutes": 0.0}, "minutes=0.0\n  expected: above 0"),
        ({"minutes": -1}, "minutes=-1\n"),
        ({"minutes": math.nan}, "minutes=nan\n"),
        ({"minutes": math.inf}, "minutes=inf\n"),
        ({"steps": 0}, "steps=0\n  expected: at least 1"),
        ({"epochs": 0.0}, "epochs=0.0\n"),
        ({"seed": -1}, "seed=-1\n  expected: at least 0"),
        ({"seed": 2**63}, "seed=9223372036854775808\n"),
        ({"threads": 0}, "threads=0\n"),
        ({"threads": 10**6}, "threads=1000000\n"),
        ({"precision": "float8"}, "precision='float8'\n  expected: one of auto, float32, bfloat16"),
        ({"minutes": 1.0, "steps": 5}, "minutes=1.0 and steps=5\n  expected: one of"),
        ({"steps": 5, "epochs": 1.0}, "steps=5 and epochs=1.0\n"),
        ({"minutes": 1.0, "steps": 5, "epochs": 1.0}, "minutes=1.0 and steps=5 and epochs"),
        ({"steps": 2.5}, "steps=2.5\n  expected: a whole number"),
        ({"steps": "5"}, "steps='5'\n  expected: a whole number"),
        ({"steps": True}, "steps=True\n"),
        ({"minutes": "2"}, "minutes='2'\n  expected: a number"),
        ({"seed": None}, "seed=None\n"),
        ({"device": 0}, "device=0\n  expected: a word"),
        ({"hidden": 0}, "hidden=0\n  expected: at least 1 and at most 16384"),
        ({"layers": 65}, "layers=65\n"),
        ({"embedding": 0}, "embedding=0\n"),
        ({"dropout": 1.0}, "dropout=1.0\n  expected: at least 0 and below 1"),
        ({"dropout": -0.1}, "dropout=-0.1\n"),
        ({"batch": 0}, "batch=0\n"),
        ({"bptt": 1}, "bptt=1\n  expected: at least 2"),
        ({"lr": 0.0}, "lr=0.0\n  expected: above 0"),
        ({"train_on_validation": 1.0}, "train_on_validation=1.0\n"),
    ],
)
def test_what_is_out_of_range_is_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        TextOptions(**options)  # type: ignore[arg-type]
    assert str(caught.value).startswith(message)


def test_whole_numbers_are_numbers() -> None:
    options = TextOptions(minutes=2, dropout=0, lr=1, seed=2**63 - 1)
    assert options.seconds == 120
