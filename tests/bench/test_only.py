"""What `--only` names is measured; a name of nothing is an error that lists what there is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks import BenchOptions, archive, captions, labels, layers, pairs, series, short
from benchmarks.__main__ import BENCHES, WHOLE, bench
from recurra.cli import main
from recurra.errors import OptionError

RUN: dict[str, Callable[[BenchOptions], None]] = {
    "labels": labels.run,
    "series": series.run,
    "short": short.run,
    "pairs": pairs.run,
    "captions": captions.run,
    "layers": layers.run,
}
PARTS: dict[str, Mapping[str, str]] = {
    "labels": labels.PARTS,
    "series": series.PARTS,
    "short": short.PARTS,
    "pairs": pairs.PARTS,
    "captions": captions.PARTS,
    "archive": archive.PARTS,
}


@pytest.mark.parametrize("name", BENCHES)
def test_a_name_of_nothing_lists_what_there_is(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, str(tmp_path), "--only", "nsmk"], of=bench) == 2
    out, said = capsys.readouterr()
    assert out == ""
    assert "--only 'nsmk'" in said
    for part in PARTS.get(name, ["series"] if name in WHOLE else ["stream", "zoneout"]):
        assert part in said


@pytest.mark.parametrize("name", RUN)
def test_one_wrong_name_among_right_ones_too(name: str, tmp_path: Path) -> None:
    right = next(iter(PARTS.get(name, ["train"])))
    with pytest.raises(OptionError, match="wrong"):
        RUN[name](BenchOptions(tmp_path, only=f"{right} wrong"))


def test_what_is_near_is_said() -> None:
    with pytest.raises(OptionError, match="did you mean nsmc"):
        BenchOptions(only="nsmk").select("labels", labels.PARTS)


def test_a_part_without_its_family_is_nothing() -> None:
    with pytest.raises(OptionError, match="selects nothing"):
        BenchOptions(only="en-de").select("pairs", pairs.PARTS)


def test_what_needs_no_data_is_measured_without_and_the_rest_is_left_out(tmp_path: Path) -> None:
    assert BenchOptions().select("series", series.PARTS) == ["stock", "many"]
    (tmp_path / "etth1").mkdir()
    found = BenchOptions(tmp_path).select("series", {"many": "", "m4": "m4-hourly", "e": "etth1"})
    assert found == ["many", "e"]
    with pytest.raises(OptionError, match=re.escape("has no m4-hourly")):
        BenchOptions(tmp_path, only="m4 many").select("series", series.PARTS)
    with pytest.raises(OptionError, match="without a folder"):
        BenchOptions(tmp_path / "nothing").select("series", series.PARTS)


def test_a_bench_is_run_by_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given: list[Any] = []
    monkeypatch.setattr(layers, "run", given.append)
    assert main(["layers", "--only", "train GRU", "--seconds", "0.5"], of=bench) == 0
    assert given == [BenchOptions(only="train GRU", seconds=0.5)]
    assert main(["layer"], of=bench) == 2
    assert "'use'" in capsys.readouterr().err
