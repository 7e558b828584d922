"""Weights that go on learning from what they have scored."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from commands import Recurra, refused
from in_torch import in_torch
from recurra.tasks.text import evaluate
from recurra.tasks.text.dynamic import RATES, SEGMENT, dynamic_nats
from recurra.tasks.text.estimator import TextModel


@pytest.fixture(scope="module")
def model(trained: Path) -> TextModel:
    return TextModel.load(trained)


def test_without_a_rate_it_is_the_plain_evaluation(model: TextModel) -> None:
    ids = model.vocabulary.encode("The quick brown fox jumps over the lazy dog.\n" * 6)
    plain, _ = evaluate.score(model.network, ids, 0.01)
    found = dynamic_nats(in_torch(model), ids, 0.01, None, 0.0)
    np.testing.assert_allclose(found, plain, rtol=1e-4, atol=1e-5)


def test_what_comes_again_is_learnt_and_the_network_stays_as_it_is(model: TextModel) -> None:
    network = in_torch(model)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    ids = model.vocabulary.encode("yzzy dog dog lazy zzz\n" * 60)
    plain, _ = evaluate.score(model.network, ids, 0.01)
    found = dynamic_nats(network, ids, 0.01, None, 0.1)
    # Nothing of a segment is known before it is scored.
    np.testing.assert_allclose(found[:SEGMENT], plain[:SEGMENT], rtol=1e-4, atol=1e-5)
    assert found[-300:].mean() < 0.7 * plain[-300:].mean()
    for name, weight in network.state_dict().items():
        torch.testing.assert_close(weight, before[name], rtol=0, atol=0)


def test_documents_kept_apart_hand_on_no_state(model: TextModel) -> None:
    ids = np.concatenate([[0], model.vocabulary.encode("one line\n" * 9)]).astype(np.int64)
    both = np.concatenate([ids, ids])
    starts = np.array([0, len(ids)])
    found = dynamic_nats(in_torch(model), both, 0.01, 0, 0.0, starts)
    assert len(found) == len(both) - 2
    np.testing.assert_allclose(found[: len(ids) - 1], found[len(ids) - 1 :], rtol=1e-4, atol=1e-5)


def test_on_the_command_line(own_run: Path, call: Recurra, tmp_path: Path) -> None:
    done = call("evaluate", own_run, "--dynamic")
    assert done.code == 0, done.err
    assert "as trained" in done.out
    assert max(map(len, done.out.splitlines())) < 80
    own = TextModel.load(own_run).report["model"]["nats"]
    (tmp_path / "new.txt").write_text("The dog is lazy.\n" * 30)
    for words in ([], [tmp_path / "new.txt"]):
        found = json.loads(call("evaluate", own_run, *words, "--dynamic", "--json").out)
        assert found["rate"] in RATES
        assert words or found["plain"] == pytest.approx(own, rel=1e-4)
        assert found["dynamic"] != found["plain"]
    refused(call("evaluate", own_run, "--dynamic", "--per-line"), "--dynamic and --per-line")
