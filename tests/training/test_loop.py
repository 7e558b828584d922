from __future__ import annotations

import math
import signal
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from recurra.bundle import CHECKPOINT, HISTORY, WEIGHTS, Run
from recurra.errors import BundleError
from recurra.training import checkpoint, loop, plan
from recurra.training.checkpoint import Progress
from recurra.training.loop import Settings, seeded, train
from recurra.training.optimiser import Rates, build
from recurra.training.plan import Clock, Plan
from recurra.training.precision import Precision
from recurra.training.schedule import rate
from toys import Toy, Witness, line

FLOAT32 = Precision(False, "as asked")
SETTINGS = Settings(seed=5, rates=Rates(others=0.02), patience=5)


def fitted(
    run: Run,
    toy: Toy | None = None,
    plan: Plan | None = None,
    settings: Settings = SETTINGS,
    callback: Witness | None = None,
) -> tuple[Progress, nn.Module]:
    """A training of the toy; it goes on with the run's where there is no plan."""
    network = line()
    progress = train(
        toy or Toy(), network, plan, settings, FLOAT32, run, callback or Witness(), Clock()
    )
    return progress, network


def summary(run: Run) -> list[dict[str, Any]]:
    """The history without the clock."""
    return [{k: v for k, v in line.items() if k != "seconds"} for line in run.history()]


def weights(run: Run) -> dict[str, bytes]:
    return {name: value.tobytes() for name, value in run.read_arrays(WEIGHTS)[0].items()}


def same_weights(run: Run, network: nn.Module) -> bool:
    return weights(run) == {k: v.numpy().tobytes() for k, v in network.state_dict().items()}


def test_it_learns_and_ends_with_its_plan(tmp_path: Path) -> None:
    run, callback = Run.create(tmp_path), Witness()
    progress, network = fitted(run, plan=Plan(240, 6), callback=callback)
    assert (progress.reason, progress.step) == ("completed", 240)
    assert progress.best < 0.25
    assert progress.best == min(line["select"] for line in run.history())
    assert [line["step"] for line in run.history()] == [40, 80, 120, 160, 200, 240]
    assert callback.lines == run.history()
    assert callback.events == ["begins 0", "ends"]
    assert callback.steps == list(range(1, 241))
    assert network.training
    assert run.history()[-1]["passed"] == 1


def test_the_training_loss_is_the_mean_of_all_steps_since_the_last_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses: list[float] = []
    monkeypatch.setattr(Witness, "stepped", lambda self, step, loss, count, s: losses.append(loss))
    run = Run.create(tmp_path)
    fitted(run, plan=Plan(23, 4))
    steps = [0] + [line["step"] for line in run.history()]
    for line_, start, stop in zip(run.history(), steps, steps[1:], strict=False):
        assert line_["train"] == pytest.approx(sum(losses[start:stop]) / (stop - start))


def test_the_weights_of_the_best_report_are_kept(tmp_path: Path) -> None:
    run, short = Run.create(tmp_path / "long"), Run.create(tmp_path / "short")
    callback = Witness()
    selects = [5.0, 3.0, 4.0, 3.0, 3.5]
    progress, network = fitted(run, Toy(selects), Plan(50, 5), callback=callback)
    assert (progress.best, progress.best_step) == (3.0, 20)
    assert callback.bests == [10, 20]
    assert not same_weights(run, network)
    # The same training, stopped where its best report was.
    _, network = fitted(short, Toy(selects, crash_at=None), replace(Plan(50, 5), steps=50))
    toy = Toy(selects, interrupt_at=19)
    other = Run.create(tmp_path / "other")
    _, stopped = fitted(other, toy, Plan(50, 5))
    assert same_weights(run, stopped)


@pytest.mark.parametrize("patience", [1, 2, 3])
def test_it_stops_when_nothing_improves(tmp_path: Path, patience: int) -> None:
    run, selects = Run.create(tmp_path), [5.0, 3.0, 3.0, 2.0, 2.5, 2.2, 2.0, 9.0, 1.0, 1.0]
    progress, _ = fitted(run, Toy(selects), Plan(100, 10), replace(SETTINGS, patience=patience))
    assert progress.reason == "early"
    assert progress.step == {1: 30, 2: 60, 3: 70}[patience]
    assert progress.best_step == (20 if patience == 1 else 40)
    assert progress.stale == patience


def test_the_rate_follows_the_schedule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []

    class Spy(torch.optim.SGD):
        def step(self, closure: Any = None) -> None:  # type: ignore[override]
            rates.append(self.param_groups[0]["lr"])

    monkeypatch.setattr(loop, "build", lambda network, rates: [Spy(network.parameters(), lr=0.5)])
    fitted(Run.create(tmp_path), plan=Plan(40, 4), settings=replace(SETTINGS, warm_up=0.25))
    expected = [0.5 * rate((step + 1) / 40, warm_up=0.25) for step in range(40)]
    assert rates == pytest.approx(expected)
    assert max(rates) == 0.5


def test_gradients_are_cut_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    norms: list[float] = []

    class Spy(torch.optim.SGD):
        def step(self, closure: Any = None) -> None:  # type: ignore[override]
            parts = [p.grad.norm() for p in self.param_groups[0]["params"]]
            norms.append(float(torch.stack(parts).norm()))

    monkeypatch.setattr(loop, "build", lambda network, rates: [Spy(network.parameters(), lr=1.0)])
    fitted(Run.create(tmp_path), plan=Plan(10, 2), settings=replace(SETTINGS, clip=0.125))
    assert norms == pytest.approx([0.125] * 10, rel=1e-3)


# -- explosions -------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [math.nan, math.inf, 1e9])
def test_an_exploded_loss_keeps_the_best_weights(tmp_path: Path, bad: float) -> None:
    run, callback = Run.create(tmp_path / "bad"), Witness()
    progress, network = fitted(run, Toy(bad_at=33, bad=bad), Plan(50, 5), callback=callback)
    assert (progress.reason, progress.step) == ("diverged", 33)
    assert progress.best_step == 30
    assert any("exploded at step 34" in message for message in callback.said)
    assert callback.events[-1] == "ends"
    whole = Run.create(tmp_path / "whole")
    fitted(whole, Toy(interrupt_at=29), Plan(50, 5))
    assert weights(run) == weights(whole)
    assert all(torch.isfinite(p).all() for p in network.parameters())
    # Going on with it does nothing: there is nothing good ahead.
    again, _ = fitted(run)
    assert (again.reason, again.step, again.best_step) == ("diverged", 33, 30)


def test_an_explosion_before_the_first_report_keeps_the_last_checkpoint(tmp_path: Path) -> None:
    run = Run.create(tmp_path)
    progress, network = fitted(run, Toy(bad_at=3), Plan(50, 5))
    assert (progress.reason, progress.best_step) == ("diverged", 0)
    assert same_weights(run, line())
    assert same_weights(run, network)


def test_a_selection_loss_that_is_no_number_is_an_explosion(tmp_path: Path) -> None:
    run, callback = Run.create(tmp_path), Witness()
    progress, _ = fitted(run, Toy([2.0, math.nan]), Plan(50, 5), callback=callback)
    assert (progress.reason, progress.step, progress.best_step) == ("diverged", 20, 10)
    assert "selection loss is nan" in " ".join(callback.said)
    assert [line["step"] for line in run.history()] == [10]


def test_a_batch_in_which_nothing_counts_is_no_explosion(tmp_path: Path) -> None:
    run = Run.create(tmp_path)
    progress, _ = fitted(run, Toy(empty_at=12), Plan(50, 50))
    assert progress.reason == "completed"
    assert run.history()[12]["train"] is None


# -- the finishing phase ------------------------------------------------------------------------


def test_the_last_steps_read_the_selection_part_too(tmp_path: Path) -> None:
    run, toy, callback = Run.create(tmp_path), Toy(), Witness()
    settings = replace(SETTINGS, finish=0.3)
    progress, network = fitted(run, toy, Plan(100, 10), settings, callback)
    assert toy.finished_at == [70]
    assert [line["select"] is None for line in run.history()] == [False] * 7 + [True] * 3
    # Once trained on, it chooses no more: the last weights are kept.
    assert (progress.finishing, progress.best_step) == (True, 100)
    assert same_weights(run, network)
    assert len(toy.asked) == 7
    assert callback.bests[-1] == 100


def test_a_trainee_with_nothing_more_to_read_keeps_its_last_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Toy, "finish", lambda _, train_state: train_state)
    run, callback = Run.create(tmp_path), Witness()
    settings = replace(SETTINGS, finish=0.3)
    progress, network = fitted(run, Toy(), Plan(100, 10), settings, callback)
    assert progress.best_step == 100
    assert same_weights(run, network)
    assert callback.said == ["from here on nothing chooses: the last weights are kept"]


@pytest.mark.parametrize(
    ("back", "selects", "goes_back"),
    [
        (True, (1.0, 0.5, 0.6, 0.7), True),
        (True, (1.0, 0.9, 0.5, 0.7), False),
        (False, (1.0, 0.5, 0.6, 0.7), False),
    ],
)
def test_finishing_goes_back_to_the_best_weights_where_two_reports_were_worse(
    back: bool,
    selects: tuple[float, ...],
    goes_back: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run, network, was_best = Run.create(tmp_path), line(), []
    finish = Toy.finish

    def attribution(self: Toy, train_state: Any) -> Any:
        was_best.append(same_weights(run, network))
        return finish(self, train_state)

    monkeypatch.setattr(Toy, "finish", attribution)
    settings = replace(SETTINGS, finish=0.6, back=back)
    toy = Toy(selects=selects)
    train(toy, network, Plan(100, 10), settings, FLOAT32, run, Witness(), Clock())
    assert was_best == [goes_back]


def test_cut_off_while_finishing_the_chosen_weights_are_kept(tmp_path: Path) -> None:
    settings = replace(SETTINGS, finish=0.3)
    run = Run.create(tmp_path / "cut")
    progress, _ = fitted(run, Toy(bad_at=85), Plan(100, 10), settings)
    assert progress.best_step <= 70
    chosen = Run.create(tmp_path / "chosen")
    fitted(chosen, Toy(interrupt_at=70), Plan(100, 10), settings)
    assert weights(run) == weights(chosen)


# -- going on -----------------------------------------------------------------------------------


def uninterrupted(tmp_path: Path, settings: Settings, plan: Plan) -> Run:
    run = Run.create(tmp_path / "whole")
    fitted(run, Toy(), plan, settings)
    return run


@pytest.mark.parametrize("finish", [0.0, 0.4])
@pytest.mark.parametrize("stops", [(0,), (7,), (9, 10, 11), (24,), (29, 30, 31), (17, 35, 48, 49)])
def test_after_ctrl_c_it_goes_on_as_if_never_stopped(
    tmp_path: Path, stops: tuple[int, ...], finish: float
) -> None:
    settings, plan = replace(SETTINGS, finish=finish), Plan(50, 7)
    whole, run = uninterrupted(tmp_path, settings, plan), Run.create(tmp_path / "cut")
    for number, stop in enumerate(stops):
        start = None if number else plan
        progress, _ = fitted(run, Toy(interrupt_at=stop), start, settings)
        # The step at hand is finished; the last one ends the plan.
        assert progress.step == stop + 1
        assert progress.reason == ("completed" if stop == 49 else "")
        assert run.has(WEIGHTS)
    fitted(run, Toy(), None, settings)
    assert summary(run) == summary(whole)
    assert weights(run) == weights(whole)


@pytest.mark.parametrize("finish", [0.0, 0.4])
@pytest.mark.parametrize("crash", [0, 6, 8, 21, 29, 31, 49])
def test_after_a_crash_it_goes_on_as_if_never_stopped(
    tmp_path: Path, crash: int, finish: float
) -> None:
    settings, plan = replace(SETTINGS, finish=finish), Plan(50, 7)
    whole, run = uninterrupted(tmp_path, settings, plan), Run.create(tmp_path / "cut")
    callback = Witness()
    with pytest.raises(RuntimeError, match="power"):
        fitted(run, Toy(crash_at=crash), plan, settings, callback)
    assert callback.events[-1] == "ends"
    # Beyond the checkpoint, and cut short: neither may stay.
    with open(run.path / HISTORY, "a") as file:
        file.write('{"step": 49, "train": 1.0, "select": 1.0, "seconds": 1}\n{"step": 50, "tr')
    half = run.path / f".{WEIGHTS}.x.aside"
    half.write_text("half of it")
    callback = Witness()
    fitted(run, Toy(), None, settings, callback)
    assert not half.exists()
    assert summary(run) == summary(whole)
    assert weights(run) == weights(whole)


@pytest.mark.parametrize("name", [WEIGHTS, HISTORY, CHECKPOINT])
@pytest.mark.parametrize("nth", [1, 2, 4])
def test_a_crash_while_writing_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, nth: int
) -> None:
    settings, plan = replace(SETTINGS, finish=0.2), Plan(50, 7)
    whole, run = uninterrupted(tmp_path, settings, plan), Run.create(tmp_path / "cut")
    count = 0
    method = "append_history" if name == HISTORY else "write_bytes"
    write = getattr(Run, method)

    def fail(self: Run, *given: Any) -> None:
        nonlocal count
        count += name in (HISTORY, given[0])
        if count > nth:
            raise BundleError("the disk is full")
        write(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(Run, method, fail)
        with pytest.raises(BundleError, match="full"):
            fitted(run, Toy(), plan, settings)
    fitted(run, Toy(), None, settings)
    assert summary(run) == summary(whole)
    assert weights(run) == weights(whole)


def test_going_on_with_a_finished_training_does_nothing(tmp_path: Path) -> None:
    run = Run.create(tmp_path)
    done, _ = fitted(run, plan=Plan(20, 2))
    before = weights(run), run.history()
    callback = Witness()
    again, network = fitted(run, callback=callback)
    assert again == replace(done, seconds=again.seconds)
    assert (weights(run), run.history()) == before
    assert callback.events == []
    assert same_weights(run, network)


def test_the_time_used_before_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    class Ticking(Witness):
        def stepped(self, step: int, loss: float, count: int, seconds: float) -> None:
            nonlocal now
            now += 1.0

    monkeypatch.setattr(plan, "time", SimpleNamespace(perf_counter=lambda: now))
    run, patient = Run.create(tmp_path), replace(SETTINGS, patience=99)
    given = Plan(600, 20, budget=500.0, reserve=50.0, step_seconds=0.75)
    progress, _ = fitted(run, Toy(interrupt_at=400), given, patient, Ticking())
    assert progress.seconds == 401
    now = 1e6
    progress, _ = fitted(run, Toy(), None, patient, Ticking())
    assert progress.reason == "completed"
    assert 440 <= progress.seconds <= 460
    # A second a step, before and after.
    assert progress.step == progress.seconds


def test_a_plan_is_revised_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, callback = Run.create(tmp_path), Witness()
    # A budget that has nearly run out.
    progress, _ = fitted(run, plan=Plan(1000, 100, budget=0.01), callback=callback)
    assert progress.plan.revisions == len(callback.plans) >= 1
    passed = [line["passed"] for line in callback.lines]
    assert passed == sorted(passed)
    assert progress.step == progress.plan.steps < 1000
    assert run.history()[-1]["passed"] == 1
    assert run.read_arrays(CHECKPOINT)[1]["plan"] == progress.plan.to_json()


def test_a_score_chooses_where_there_is_one(tmp_path: Path) -> None:
    run = Run.create(tmp_path)
    toy = Toy(selects=[3.0, 2.0, 1.0, 0.5, 0.4], scores=[1.0, 7.0, 2.0, 7.0, 3.0])
    progress, _ = fitted(run, toy, Plan(20, 5))
    assert (progress.best_step, progress.best, progress.stale) == (16, -7.0, 1)  # the later
    assert [line["score"] for line in run.history()] == toy.scores
    assert [line["select"] for line in run.history()] == toy.selects
    plain = Run.create(tmp_path / "plain")
    fitted(plain, None, Plan(4, 2))
    assert all("score" not in line for line in plain.history())


# -- signals and chance --------------------------------------------------------------------------


def test_the_first_ctrl_c_is_noted_and_the_second_kills(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)

    class Impatient(Toy):
        def select(self, network: nn.Module) -> Any:
            signal.raise_signal(signal.SIGINT)
            raise AssertionError

    run = Run.create(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        fitted(run, Impatient(interrupt_at=9), Plan(50, 5))
    assert signal.getsignal(signal.SIGINT) is before
    assert run.read_arrays(CHECKPOINT)[1]["step"] == 0


def test_who_wants_ctrl_c_ignored_has_it_ignored(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        progress, _ = fitted(Run.create(tmp_path), Toy(interrupt_at=9), Plan(50, 5))
        assert progress.reason == "completed"
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_it_trains_in_other_threads_too(tmp_path: Path) -> None:
    found = []
    run = Run.create(tmp_path)
    thread = threading.Thread(target=lambda: found.append(fitted(run, plan=Plan(10, 2))))
    thread.start()
    thread.join()
    assert found[0][0].reason == "completed"


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**32 - 1))
def test_seeded_is_a_function_of_seed_and_step_and_leaves_no_trace(seed: int, step: int) -> None:
    torch.manual_seed(3)
    before, numpy_before = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
    with seeded(seed, step):
        first = torch.rand(3)
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_equal(np.random.get_state(), numpy_before)  # noqa: NPY002
    torch.rand(100)
    with seeded(seed, step):
        assert torch.equal(torch.rand(3), first)
    with seeded(seed, step + 1):
        assert not torch.equal(torch.rand(3), first)
    with seeded(seed ^ 1, step):
        assert not torch.equal(torch.rand(3), first)


def test_seeded_leaves_no_trace_of_errors() -> None:
    before = torch.get_rng_state()
    with pytest.raises(ZeroDivisionError), seeded(0, 0):
        _ = torch.rand(3) / (1 // int(torch.zeros(1)))
    assert torch.equal(torch.get_rng_state(), before)


def test_training_takes_no_chance_from_outside_and_none_away(tmp_path: Path) -> None:
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        run = Run.create(tmp_path / str(seed))
        fitted(run, plan=Plan(20, 2))
        assert torch.equal(torch.get_rng_state(), before)
        found.append(weights(run))
    assert found[0] == found[1]
    run = Run.create(tmp_path / "other")
    fitted(run, plan=Plan(20, 2), settings=replace(SETTINGS, seed=6))
    assert weights(run) != found[0]


def test_the_checkpoint_is_there_before_the_first_step(tmp_path: Path) -> None:
    run = Run.create(tmp_path)
    with pytest.raises(RuntimeError, match="power"):
        fitted(run, Toy(crash_at=0), Plan(50, 5))
    progress, _ = checkpoint.read(run, line(), build(line(), SETTINGS.rates))
    assert progress == Progress(0, Plan(50, 5))
    assert not run.has(WEIGHTS)
