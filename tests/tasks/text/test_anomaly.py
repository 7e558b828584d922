from __future__ import annotations

import io
import json
import math
import os
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from commands import Recurra, refused
from recurra.bundle import CHECKPOINT, REPORT, Run
from recurra.codecs.tokenizer import learn
from recurra.data.files import TextSource
from recurra.data.line_reader import RawLine
from recurra.data.streams import Cursor
from recurra.errors import BundleError, OptionError
from recurra.tasks.text import anomaly, config, evaluate
from recurra.tasks.text.anomaly import USUAL, Line, LineReader, LineStatistics
from recurra.tasks.text.data import TextData
from recurra.tasks.text.estimator import TextModel
from recurra.tasks.text.options import TextOptions
from recurra.tasks.text.repeats import Repeats
from recurra.tasks.text.trainer import TRAINING
from recurra.training.session import precision_of
from small import SMALL, small_text

ODD = "The quick brown fox 3 jumps over the lazy cat."


@pytest.fixture(scope="module")
def model(trained: Path) -> TextModel:
    return TextModel.load(trained)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Twelve lines, of which the seventh is odd."""
    rows = small_text(12).split("\n")
    rows[6] = ODD
    (tmp_path / "new.log").write_text("\n".join(rows))
    return tmp_path / "new.log"


def reader(model: TextModel, rate: float = 0.01) -> LineReader:
    return LineReader(model.network, model.vocabulary, rate, model.line_statistics)


def raws(text: str) -> list[RawLine]:
    *ended, rest = text.split("\n")
    return [RawLine(row, True, False) for row in ended] + [RawLine(rest, False, False)] * bool(rest)


@pytest.mark.parametrize("how", ["bpe:300", "words", "bytes"])
def test_lines_are_cut_as_the_text_was(how: str) -> None:
    odd = "one\n    two  three\n\n\n  \n\tfour five \n end\n"
    text = "".join(odd + row for row in small_text(60).splitlines(keepends=True))
    tokens = learn([text], how, "a text")
    whole = tokens.encode(text)
    assert np.concatenate(
        [tokens.encode(row + "\n") for row in text.split("\n")[:-1]]
    ).tolist() == (whole.tolist())
    assert int(anomaly.ends_of(tokens, whole).sum()) == text.count("\n")


# -- what is usual ----------------------------------------------------------------------------


@given(st.lists(st.tuples(st.floats(0, 9), st.booleans()), max_size=30))
def test_totals_are_those_of_whole_lines(tokens: list[tuple[float, bool]]) -> None:
    nats = np.array([cost for cost, _ in tokens])
    ends = np.array([end for _, end in tokens], bool)
    expected, sums, counts = [], 0.0, 0
    begun = False
    for cost, end in tokens:
        sums, counts = sums + cost, counts + 1
        if end:
            if begun:
                expected.append((sums, counts))
            begun, sums, counts = True, 0.0, 0
    found, lengths = anomaly.totals(nats, ends)
    assert lengths.tolist() == [count for _, count in expected]
    np.testing.assert_allclose(found, [cost for cost, _ in expected], atol=1e-9)


@pytest.mark.parametrize(("spread", "drift"), [(4.0, 0.0), (0.0, 0.04), (2.0, 0.02)])
def test_scores_are_fair_to_lines_of_any_length(spread: float, drift: float) -> None:
    draw = np.random.default_rng(0)
    counts = draw.integers(1, 200, 20_000)
    noise = draw.standard_normal(len(counts)) * np.sqrt(1 + spread * counts + drift * counts**2)
    costs = 1.5 * counts + noise
    line_statistics = LineStatistics.of(costs, counts, "\n")
    scores = np.array([line_statistics.score(*each) for each in zip(costs, counts, strict=True)])
    for some in np.array_split(np.argsort(counts), 4):
        assert abs(scores[some].mean()) < 0.1
        assert abs(scores[some].std() - 1) < 0.12
        assert 0.004 < (scores[some] > line_statistics.threshold(0.99)).mean() < 0.02


def statistics(scores: object) -> LineStatistics:
    return LineStatistics(1.0, 1.0, 0.0, np.asarray(scores, np.float32), "\n")


def test_a_threshold_holds_in_each_of_three_blocks() -> None:
    one = statistics(np.random.default_rng(0).permutation(np.arange(1, 100)))
    three = statistics(np.concatenate([one.scores, one.scores + 5, one.scores - 50]))
    assert three.threshold(0.9) == 95
    assert three.threshold(0.99) == 104
    # Of 99 lines in a block nothing rarer than one in a hundred can be told.
    assert three.threshold(0.9999) == 104
    for wrong in (0.0, 1.0, -1.0, 99.0, math.nan):
        with pytest.raises(OptionError, match="quantile"):
            three.threshold(wrong)
    # The second block had 15 of its 99 above what the first had set, the third none.
    assert three.later(0.9) == [pytest.approx(150), pytest.approx(10)]
    assert three.expected(104) == pytest.approx(1000 / 298)
    assert statistics([1.0, 2.0]).threshold(0.99) == 2


def test_what_is_promised_held_or_nothing_is() -> None:
    draw = np.random.default_rng(1)
    # Lines that are alike, and fresh ones after them: the promise holds, and is no empty one.
    for lines in (3000, 30_000):
        for quantile in (0.9, 0.99, 0.999):
            found = statistics(draw.standard_t(3, lines))
            limit = found.threshold(quantile)
            promised = found.alarms(limit)
            assert promised is not None
            assert 1000 * (draw.standard_t(3, 10_000) > limit).mean() < promised
            assert promised < 15 * max(1000 * (1 - quantile), 10_000 / lines)
    # A middle block whose lines are others altogether, and far too few lines: none is made.
    uneven = np.concatenate([draw.normal(size=300), draw.normal(2, 1, 300), draw.normal(size=300)])
    found = statistics(uneven)
    assert found.alarms(found.threshold(0.99)) is None
    said = anomaly.summary(2.0, 900, found.expected(2.0), None)
    assert "at most is not promised" in said
    assert found.alarms(-99.0) is None
    found = statistics(draw.normal(size=3000))
    assert "; at most " in anomaly.summary(2.0, 3000, found.expected(2.0), found.alarms(2.0))


def test_what_is_usual_comes_back(tmp_path: Path) -> None:
    run, line_statistics = (
        Run.create(tmp_path),
        LineStatistics(1.0, 2.0, 0.5, np.arange(5, dtype=np.float32), "\r\n"),
    )
    line_statistics.write(run)
    again = LineStatistics.read(run)
    assert replace(again, scores=line_statistics.scores) == line_statistics
    assert again.scores.tolist() == line_statistics.scores.tolist()


def test_a_tenth_of_the_selection_part_is_read_and_never_learnt(trained: Path) -> None:
    read = TextData.from_source(TextSource(small_text(400), "small"))
    options = TextOptions(**SMALL, steps=1)
    device = torch.device("cpu")
    model_plan = TRAINING.plan_model(options, read, precision_of("float32", device), device)
    spared = model_plan.settings["spared"]
    assert spared == len(read.select) // 10 > 0
    net = TRAINING.build(model_plan.architecture)
    streams = config.training_task(net, read, model_plan.settings | {"seed": 0}).finishing
    assert len(streams.ids) == read.split.select.stop
    cursor, unheard, heard = Cursor(), 0, 0
    while cursor.epoch == 0:
        chunk = streams.read(cursor)
        same = chunk.inputs[:, 1:] == chunk.targets[:, :-1]
        assert (chunk.targets[:, :-1][~same] == 0).all()
        unheard += int((chunk.targets == 0).sum())
        heard += int((chunk.targets != 0).sum())
        cursor = chunk.following
    assert unheard == spared
    assert heard >= 0.95 * (len(streams.ids) - spared)
    # Nothing is spared where there is nothing to finish with.
    streams = config.training_task(
        net, read, model_plan.settings | {"seed": 0, "spared": 0}
    ).finishing
    assert (streams.read(Cursor()).targets != 0).all()


def test_what_lines_cost_is_learnt_from_the_test_part() -> None:
    read = TextData.from_source(TextSource(small_text(600), "small"))
    nats = np.random.default_rng(0).exponential(size=len(read.test))
    found = anomaly.learn(read, nats)
    assert found is not None
    costs, counts = anomaly.totals(nats, anomaly.ends_of(read.vocabulary, read.test))
    assert found.mean == pytest.approx(costs.sum() / counts.sum())
    # As they came: blocks are stretches of time.
    assert found.scores.tolist() == [
        np.float32(found.score(*each)) for each in zip(costs, counts, strict=True)
    ]


# -- lines ------------------------------------------------------------------------------------


def test_lines_are_read_as_one_text(model: TextModel) -> None:
    text = small_text(3) + "\n" + ODD + "\n\nThe λ end"
    found = reader(model).read(raws(text))
    end = int(model.vocabulary.encode("\n")[0])
    nats, _ = evaluate.score(model.network, model.vocabulary.encode(text), 0.01, end)
    stops = [0, *np.cumsum([line.tokens for line in found]).tolist()]
    for line, start, stop in zip(found, stops, stops[1:], strict=False):
        assert line.nats == pytest.approx(nats[start:stop].sum(), rel=1e-4)
        assert line.worst == pytest.approx(nats[start:stop].max(), rel=1e-4)
        assert line.column == nats[start:stop].argmax() + 1
    assert stops[-1] == len(text)
    assert [line.number for line in found] == [1, 2, 3, 4, 5, 6, 7]
    assert [line.text for line in found] == text.split("\n")
    assert [line.unknown for line in found] == [0, 0, 0, 0, 0, 0, 1]
    assert [line.cut for line in found] == [False] * 6 + [True]


@given(st.lists(st.integers(0, 12), max_size=5))
def test_how_lines_come_does_not_matter(model: TextModel, cuts: list[int]) -> None:
    rows = raws(small_text(10) + ODD * 3 + "\n\n")
    whole, mine = reader(model).read(rows), reader(model)
    places = [0, *sorted(cuts), len(rows)]
    found: list[Line] = []
    for start, stop in pairwise(places):
        found += mine.read(rows[start:stop])
    assert [line.number for line in found] == [line.number for line in whole]
    np.testing.assert_allclose(
        [line.nats for line in found], [line.nats for line in whole], rtol=1e-4
    )


def test_a_long_line_is_read_in_chunks(model: TextModel, monkeypatch: pytest.MonkeyPatch) -> None:
    row = [RawLine("The quick brown fox " * 200, True, False)]
    [whole] = reader(model).read(row)
    monkeypatch.setattr("recurra.runtime.text._VALUES", 1)
    [chunked] = reader(model).read(row)
    assert chunked.nats == pytest.approx(whole.nats, rel=1e-4)
    assert chunked.tokens == whole.tokens == 4001


def test_line_ends_of_either_kind_are_the_same(model: TextModel, tmp_path: Path) -> None:
    text = small_text(5)
    (tmp_path / "unix").write_bytes(text.encode())
    (tmp_path / "dos").write_bytes(text.replace("\n", "\r\n").encode())
    assert list(model.lines(tmp_path / "dos")) == list(model.lines(tmp_path / "unix"))
    assert anomaly.end_of("a\r\nb\r\nc\n") == "\r\n"
    assert anomaly.end_of("a\nb\nc\r\n") == "\n"


# -- the commands -----------------------------------------------------------------------------


def test_the_odd_line_is_the_first(trained: Path, log: Path, call: Recurra) -> None:
    done = call("evaluate", trained, log, "--per-line", "--top", 3)
    rows = [row.split("\t") for row in done.out.splitlines()]
    assert done.code == 0
    assert len(rows) == 3
    score, number, nats, per, column, text = rows[0]
    assert (number, text) == ("7", ODD)
    assert ODD[int(column) - 1 :] in ("cat.", "at.", "t.")
    assert float(nats) == pytest.approx(float(per) * (len(ODD) + 1), rel=1e-2)
    assert [float(row[0]) for row in rows] == sorted((float(row[0]) for row in rows), reverse=True)
    summary = json.loads(call("evaluate", trained, log, "--per-line", "--json", "--top", 0).out)
    assert summary["lines"] == len(summary["top"]) == 12
    assert summary["top"][0]["text"] == ODD
    assert summary["top"][0]["score"] == pytest.approx(float(score), abs=1e-3)
    assert summary["tokens"] == len(log.read_text())


def test_a_screen_gets_a_mark_below_the_place(
    trained: Path, log: Path, call: Recurra, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = log.read_text().replace(ODD, f"{ODD[:-4]}\t{'lazy ' * 40}dog.")
    log.write_text(text)
    monkeypatch.setattr("recurra.tasks.text.monitor.sys.stdout.isatty", lambda: True, raising=False)
    out = call("evaluate", trained, log, "--per-line", "--top", 2).out
    assert max(map(len, out.splitlines())) < 80
    head, _, _, first, shown, mark, *_ = out.splitlines()
    assert head.split(": ")[0].endswith(log.name) or head.endswith(f"{log.name}:")
    assert first.startswith("line 7: score ")
    assert "\\t" in shown  # written out
    assert shown[mark.index("^")] != " "
    out = call("evaluate", trained, log, "--watch", "--threshold", "-99").out
    assert max(map(len, out.splitlines())) < 80
    assert out.splitlines()[6].startswith("!        7 ")


def given_input(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_what_stands_out_is_marked(
    trained: Path, log: Path, call: Recurra, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_input(monkeypatch, log.read_bytes().replace(b"\n", b"\r\n") + b"\ncaf\xe9\n")
    model = TextModel.load(trained)
    limit = model.line_statistics.threshold(0.99)
    repeats = Repeats(limit)
    again = [line.number for line in model.lines(log) if repeats.again(line)]
    done = call("evaluate", trained, "--watch", "--all")
    rows = [row.split("\t") for row in done.out.splitlines()]
    assert [row[0] for row in rows] == [
        "!" if row[2] == "14" or (float(row[1]) > limit and int(row[2]) not in again) else "-"
        for row in rows
    ]
    assert [row[2] for row in rows if row[0] == "!" and row[2] in ("7", "14")] == ["7", "14"]
    assert rows[-1][-1] == "caf\ufffd"
    assert f"scores above {limit:.2f} is marked" in done.err
    assert "14 lines, " in done.err
    # Without --all the marked ones alone; a threshold of one's own.
    found = call("evaluate", trained, log, "--watch", "--threshold", float(rows[6][1]) - 0.01)
    assert [row.split("\t")[2] for row in found.out.splitlines()] == ["7"]
    found = call("evaluate", trained, log, "--watch", "--json", "--quantile", 0.5)
    summary = [json.loads(row) for row in found.out.splitlines()]
    assert all(each["marked"] for each in summary)
    assert ODD in [each["text"] for each in summary]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--top", "3"], "--top without --per-line"),
        (["--all"], "--all without --watch"),
        (["--per-line", "--quantile", "0.9"], "--quantile without --watch"),
        (["--per-line", "--watch"], "--per-line and --watch"),
        (["--per-line"], "--per-line and 0 files"),
        (["--watch", "a", "b"], "--watch and 2 files"),
        (["--per-line", "--top", "-1", "x"], "top = -1"),
        (["--watch", "--quantile", "1", "x"], "--quantile 1"),
        (["--watch", "--quantile", "0", "x"], "--quantile 0"),
        (["--watch", "--quantile", "0.9", "--threshold", "1", "x"], "--quantile and --threshold"),
        (["--per-line", "nothing.log"], "nothing.log: no such file"),
    ],
)
def test_slips_are_told(trained: Path, call: Recurra, words: list[str], said: str) -> None:
    done = call("evaluate", trained, *words)
    refused(replace(done, err="recurra: " + done.err.split("recurra: ")[-1]), said)


def test_runs_that_know_no_lines_say_so(
    own_run: Path, log: Path, call: Recurra, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_run / USUAL).unlink()
    refused(call("evaluate", own_run, log, "--per-line"), "has not learnt what lines cost")
    (own_run / REPORT).unlink()
    refused(call("evaluate", own_run, "--watch"), "not finished", "recurra resume")
    monkeypatch.setattr(evaluate, "FREE_LENGTH", 100)
    made = TextModel(**{**SMALL, "steps": 2}).fit(TextSource("abcd " * 300, "flat"))
    assert made.report["lines"] is None
    with pytest.raises(BundleError, match="has not learnt"):
        list(made.lines(log))
    Run(own_run).write_json("config.json", Run(own_run).config() | {"task": "labels"})
    refused(call("evaluate", own_run, log, "--per-line"), "a run of task 'labels'")


def test_the_report_says_how_many_lines_stand_out(trained: Path, call: Recurra) -> None:
    found = TextModel.load(trained).report["lines"]
    assert found["lines"] == 5
    assert len(found["later"]) == anomaly.BLOCKS - 1
    assert "of 1,000 usual ones about " in call("evaluate", trained).out.replace("\n", " ")
    assert not (trained / CHECKPOINT).exists()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_lines_are_told_at_once_until_ctrl_c(trained: Path) -> None:
    command = [sys.executable, "-m", "recurra", "evaluate", str(trained), "--watch", "--all"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        for row in (b"The quick", b"\xff", b""):
            os.write(process.stdin.fileno(), row + b"\n")
            # Whole lines of output, while the input is still open.
            assert process.stdout.readline().rstrip(b"\n").endswith(row.replace(b"\xff", b"\xbd"))
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert b"3 lines, " in process.stderr.read()


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of Unix")
def test_a_reader_that_has_gone_ends_the_watch(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "many.log").write_text(small_text(2000))
    command = [sys.executable, "-m", "recurra", "evaluate", str(trained), "--watch", "--all"]
    with subprocess.Popen(
        [*command, str(tmp_path / "many.log")], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) == 0
        assert b"Traceback" not in process.stderr.read()
