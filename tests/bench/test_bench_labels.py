from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import BenchOptions
from benchmarks import labels as bench
from benchmarks.labels_peer import TorchMember, step
from recurra.errors import OptionError
from recurra.networks.label_batch import TensorBatch
from recurra.networks.labels import Member
from toy_labels import dataset, network


@pytest.mark.parametrize("packed", [False, True])
def test_the_peer_computes_what_a_member_does(packed: bool) -> None:
    inputs = dataset("text").inputs
    ours: Member = network("text", pooling="max", cell="gru").member(0).eval()
    architecture = network("text", pooling="max", cell="gru").architecture
    peer = TorchMember(architecture, packed=packed).eval()
    peer.load_state_dict(ours.state_dict())
    batch = TensorBatch.of(inputs, np.argsort(inputs.lengths)[:17])
    torch.testing.assert_close(peer(batch), ours(batch))


def test_a_step_of_either_learns() -> None:
    of = dataset("text")
    rows = of.data.learn[:16]
    batch, targets = TensorBatch.of(of.inputs, rows), of.targets.targets_of(rows)
    ours = network("text", pooling="max").member(0)
    peer = TorchMember(network("text", pooling="max").architecture, packed=True)
    for module in (ours, peer):
        before = torch.nn.functional.cross_entropy(module.eval()(batch), targets)
        take = step(module.train(), [batch], [targets])
        for _ in range(60):
            take()
        assert torch.nn.functional.cross_entropy(module.eval()(batch), targets) < before


def test_a_set_is_trained_by_the_command_and_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw = np.random.default_rng(0)
    folder = tmp_path / "basic-motions"
    folder.mkdir()
    for part in ("TRAIN", "TEST"):
        lines = ["@classLabel true Up Down", "@data"]
        for k in range(24):
            values = (1 if k % 2 else -1) * np.arange(6) + 0.1 * draw.standard_normal(6)
            row = ",".join(f"{value:.3f}" for value in values)
            lines.append(f"{row}:{'Up' if k % 2 else 'Down'}")
        (folder / f"BasicMotions_{part}.ts").write_text("\n".join(lines) + "\n")
    bench.run(BenchOptions(tmp_path, minutes=0.05, repeats=1, only="basic-motions"))
    out = capsys.readouterr().out
    found = json.loads(out.splitlines()[-1])
    (row,) = found["rows"]
    assert (row["set"], row["metric"]) == ("basic-motions", "accuracy")
    assert 0 <= row["ours"] <= 1
    assert 0 <= row["baseline"] <= 1
    assert "to reach: 97.5 %" in out


def test_a_folder_is_needed(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="without a folder"):
        bench.run(BenchOptions(tmp_path / "nothing"))


@pytest.mark.parametrize("only", ["lines", "steps", "trec lines steps", ""])
def test_where_nothing_can_be_measured_it_says_what_is_missing(only: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"has no .*(trec-questions|nsmc-sample)"):
        bench.run(BenchOptions(tmp_path, only=only))
