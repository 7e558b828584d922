"""A certificate says what it saw: each comparison fails when the way that it is of is broken."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from recurra import native
from recurra.bundle import WEIGHTS, Run
from recurra.data.streams import Ids
from recurra.errors import BundleError
from recurra.runtime.certificate import (
    CERTIFICATE,
    TOLERANCE,
    Certificate,
    Check,
    close,
    equal,
    from_json,
    not_shown,
)
from recurra.runtime.state import State
from recurra.runtime.text import TextNetwork
from recurra.tasks.text.certify import TOKENS, compare
from recurra.tasks.text.estimator import TextModel
from toy_runtime import Array, network

V = 23
TRAINED = network("gru", V, members=2)
IN_USE: TextNetwork = TRAINED.in_use()
IDS = np.random.default_rng(0).integers(0, V, 300)
NAMES = {
    "chunks": "in chunks = whole",
    "steps": "step by step = whole",
    "strangers": "among strangers = alone",
    "pool": "by row of a pool = alone",
    "torch": "torch = runtime, nats",
    "likeliest": "torch's likeliest = runtime's",
}


def by_torch(ids: Ids) -> Array:
    with torch.no_grad():
        logits, _ = TRAINED(torch.from_numpy(ids)[None])
        found: Array = logits[0].log_softmax(-1).numpy()
    return found


def checks(
    trained: Callable[[Ids], Array] | str = by_torch, allowed: float = TOLERANCE
) -> dict[str, Check]:
    found = compare(IN_USE, IDS, trained, allowed=allowed)
    return {check.name: check for check in found}


def failed(found: dict[str, Check]) -> set[str]:
    return {name for name, check in found.items() if check.held is not True}


def test_a_sound_network_holds() -> None:
    found = checks()
    assert set(found) == set(NAMES.values())
    assert failed(found) == set()
    for name in ("chunks", "steps", "strangers", "pool"):
        check = found[NAMES[name]]
        assert check.allowed == (0.0 if native.compiled else TOLERANCE)
        assert check.difference == 0.0 or not native.compiled
    assert 0 < (found[NAMES["torch"]].difference or 0) <= TOLERANCE
    assert "300 tokens" in found[NAMES["torch"]].note


def nudged(scores: Array) -> Array:
    """The least that numbers can be off; more where nobody promises the last bit."""
    if native.compiled:
        return np.nextafter(scores, np.float32(np.inf), where=np.isfinite(scores), out=scores)
    return scores + np.float32(0.01)


Way = Callable[..., Any]


def forgetful(read: Way) -> Way:
    """No state is carried into a chunk."""
    return lambda self, ids, state=None, *rest, **more: read(self, ids, None, *rest, **more)


def off_by_a_bit(step: Way) -> Way:
    def stepped(self: Any, ids: Ids, state: State) -> tuple[Array, State]:
        scores, after = step(self, ids, state)
        return nudged(scores), after

    return stepped


def late(step: Way) -> Way:
    """Scores that are right, and in the end a state that is that of before."""
    calls = 0

    def stepped(self: Any, ids: Ids, state: State) -> tuple[Array, State]:
        nonlocal calls
        calls += 1
        scores, after = step(self, ids, state)
        return scores, state if calls == len(IDS) else after

    return stepped


def mixing(read: Way) -> Way:
    """A row sees the one above it, where there are several."""

    def mixed(self: Any, ids: Ids, *rest: Any, **more: Any) -> Any:
        hidden, after = read(self, ids, *rest, **more)
        return [np.roll(each, 1, 0) for each in hidden], after

    return mixed


def near_rows(advance: Way) -> Way:
    """The rows beside those that are named."""
    return lambda self, ids, arrays, rows: advance(self, ids, arrays, rows - 1)


def turned(advance: Way) -> Way:
    """The right rows, and what they say in another order."""
    return lambda self, ids, arrays, rows: advance(self, ids, arrays, rows)[::-1]


def off_in_a_pool(advance: Way) -> Way:
    return lambda self, ids, arrays, rows: nudged(advance(self, ids, arrays, rows))


@pytest.mark.parametrize(
    ("method", "broken", "fails"),
    [
        ("read", forgetful, {"chunks"}),
        ("read", mixing, {"strangers"}),
        ("step", off_by_a_bit, {"steps"}),
        ("step", late, {"steps"}),
        ("advance", turned, {"pool"}),
        ("advance", off_in_a_pool, {"pool"}),
        ("advance", near_rows, {"pool"}),
    ],
)
def test_a_broken_way_is_told_by_its_name(
    monkeypatch: pytest.MonkeyPatch, method: str, broken: Callable[[Way], Way], fails: set[str]
) -> None:
    monkeypatch.setattr(TextNetwork, method, broken(getattr(TextNetwork, method)))
    assert failed(checks()) == {NAMES[name] for name in fails}


def test_what_torch_says_is_told_by_how_much() -> None:
    def shifted(ids: Ids) -> Array:
        found = by_torch(ids)
        found[7, 5] += 0.01
        return found

    found = checks(shifted)
    assert failed(found) == {NAMES["torch"]}
    assert found[NAMES["torch"]].difference == pytest.approx(0.01, abs=1e-4)
    assert failed(checks(shifted, 0.02)) == set()

    def swapped(ids: Ids) -> Array:
        """Of one token the likeliest and the least likely."""
        found = by_torch(ids)
        most, least = found[7].argmax(), found[7, 1:].argmin() + 1
        found[7, [most, least]] = found[7, [least, most]]
        return found

    assert failed(checks(swapped)) == {NAMES["torch"], NAMES["likeliest"]}

    def undefined(ids: Ids) -> Array:
        return by_torch(ids) * np.float32(np.nan)

    assert NAMES["torch"] in failed(checks(undefined))


def test_without_torch_it_says_so() -> None:
    found = checks("torch is not installed")
    assert found[NAMES["torch"]].held is None
    assert found[NAMES["torch"]].note == "torch is not installed"
    assert failed(found) == {NAMES["torch"]}
    whole = Certificate.of(tuple(found.values()))
    assert whole.held
    assert "4 comparisons held; not shown: torch = runtime" in whole.sentence()


def test_few_tokens_will_do_and_many_are_cut() -> None:
    for count in (1, 2):
        assert all(c.held for c in compare(IN_USE, IDS[:count], by_torch, allowed=TOLERANCE))
    many = compare(IN_USE, np.resize(IDS, 2 * TOKENS), by_torch, allowed=TOLERANCE)
    assert many[0].note.startswith(f"{TOKENS} tokens")


# -- what it is made of ---------------------------------------------------------------------------


def test_equal_is_to_the_last_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    one = np.array([1.0, -np.inf, np.nan], np.float32)
    assert equal("x", [one], [one.copy()], "").held
    for other in (
        np.array([np.nextafter(np.float32(1), 2), -np.inf, np.nan], np.float32),
        np.array([1.0, np.inf, np.nan], np.float32),
        np.array([1.0, -np.inf, 0.0], np.float32),
        one[:2],
    ):
        monkeypatch.setattr(native, "compiled", True)
        check = equal("x", [one[:1], one], [one[:1], other], "")
        assert check.held is False
        assert check.difference
    # Without kernels nothing promises the last bit.
    monkeypatch.setattr(native, "compiled", False)
    assert equal("x", [one], [one + np.float32(5e-5)], "").held
    assert not equal("x", [one], [one + np.float32(5e-4)], "").held


def test_it_comes_back_and_says_what_failed() -> None:
    good, bad, none = close("a", [], [], "n"), Check("b", 2.0, 1.0, "m"), not_shown("c", "no data")
    whole = Certificate.of([good, bad, none])
    assert not whole.held
    assert "NOT HELD: b." in whole.sentence()
    summary = json.loads(json.dumps(whole.to_json()))
    assert summary["held"] is False
    assert [each["held"] for each in summary["checks"]] == [True, False, None]
    assert from_json(summary) == whole
    assert Certificate.of([good, none]).held


def test_it_says_what_it_runs_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Certificate.of([]).kernels == (native.instructions() or f"NumPy ({native.absent})")
    monkeypatch.setattr(native, "instructions", lambda: None)
    monkeypatch.setattr(native, "absent", "not built")
    assert Certificate.of([]).kernels == "NumPy (not built)"


# -- of a run -------------------------------------------------------------------------------------


def test_a_run_has_one(trained: Any) -> None:
    run = Run(trained)
    found = from_json(run.read_json(CERTIFICATE))
    assert found.held
    assert {check.name for check in found.checks} == set(NAMES.values())
    assert all(check.held for check in found.checks)
    assert run.read_json("report.json")["certificate"] == {
        "held": True,
        "sentence": found.sentence(),
    }


@pytest.mark.parametrize("weights", ["float32", "bfloat16"])
def test_it_is_made_again(own_run: Any, weights: str) -> None:
    (own_run / CERTIFICATE).unlink()
    found = TextModel.load(own_run, weights=weights).certify()
    assert found.held
    assert all(check.held for check in found.checks)
    assert from_json(Run(own_run).read_json(CERTIFICATE)) == found
    # Its data gone, it says what it could not show.
    (own_run.parent / "elsewhere").mkdir()
    config = Run(own_run).config()
    config["data"]["files"] = [str(own_run / "gone.txt")]
    Run(own_run).write_json("config.json", config)
    found = TextModel.load(own_run, weights=weights).certify()
    assert [check.held for check in found.checks] == [None]
    assert "gone.txt" in found.checks[0].note


def test_weights_that_were_replaced_meanwhile_are_noticed(own_run: Any) -> None:
    model, run = TextModel.load(own_run), Run(own_run)
    arrays, facts = run.read_arrays(WEIGHTS)
    name = sorted(arrays)[0]
    run.write_arrays(WEIGHTS, arrays | {name: arrays[name] + 1}, facts)
    with pytest.raises(BundleError, match="other weights") as caught:
        model.certify()
    assert "load it again" in caught.value.fix
    assert TextModel.load(own_run).certify().held
