"""What each lab must show."""

from __future__ import annotations

import io
import math
from pathlib import Path
from statistics import median

import numpy as np
import pytest
import torch
from rich.console import Console
from torch.nn.functional import cross_entropy

from recurra import labs
from recurra.errors import DataError
from recurra.labs import (
    LabContext,
    argmax,
    basics,
    charseq,
    hihello,
    long_sequence,
    memory_lstm,
    memory_rnn,
    packed,
    prices,
    shakespeare,
    stock,
    vanishing,
)
from recurra.nn import RNN


def run(name: str, **settings: object) -> tuple[object, str]:
    """A lab's result, and what it printed."""
    console = Console(file=io.StringIO(), width=80)
    context = LabContext(console, quick=True, **settings)  # type: ignore[arg-type]
    result = labs.find(name).run(context)
    assert isinstance(console.file, io.StringIO)
    out = console.file.getvalue()
    assert max(map(len, out.splitlines())) <= 80
    return result, out


def right(written: str, truth: str) -> float:
    return sum(a == b for a, b in zip(written, truth, strict=False)) / len(truth)


def test_basics() -> None:
    result, out = run("basics")
    assert isinstance(result, basics.Basics)
    assert result.shapes == {
        "read": (3, 5, 4),
        "many to many": (3, 5, 2),
        "many to one": (3, 2),
        "one to many": (3, 5, 2),
        "state": (3, 2),
        "with a head": (3, 5, 7),
    }
    assert result.weights == 4 * 2 + 2 * 2 + 2 + 2
    assert result.from_hand < 1e-6
    assert result.output_from_state == 0
    assert result.leaked == 0
    assert result.leaked_time_first > 0.01
    assert "Why is the output as wide as the state?" in out


def test_argmax() -> None:
    result, out = run("argmax")
    assert isinstance(result, argmax.ArgMax)
    assert result.axes == (
        [[1, 2, 0], [2, 0, 1]],
        [[1, 1, 0], [0, 1, 1], [1, 0, 1]],
        [[2, 1], [0, 2], [1, 0]],
    )
    assert result.texts == ("cb", "ac", "ba")
    assert result.windows == (("hel", "l"), ("ell", "o"))
    assert len(argmax.windows(long_sequence.TEXT, 10)) == 170
    assert "5 - 3 = 2" in out


def test_hihello() -> None:
    result, out = run("hihello")
    assert isinstance(result, hihello.HiHello)
    assert result.head.said[-1] == "ihello"
    assert result.head.losses[-1] < 0.01
    assert result.floor == pytest.approx(0.433, abs=5e-4)
    assert result.floor < result.bare.losses[-1] < 0.6
    entropy, chances, scores = result.needed.values()
    assert entropy.misled_steps < 60
    assert math.isinf(chances.misled_steps)
    assert math.isinf(scores.misled_steps)
    assert chances.misled_gradient < 0.01 < 1 < entropy.misled_gradient
    assert "= 0.433" in out
    assert "over 100" in out


@pytest.mark.parametrize("symbols", [2, 5, 10])
def test_no_scores_between_minus_1_and_1_get_below_the_floor(symbols: int) -> None:
    floor = hihello.floor(symbols)
    best = torch.full((1, symbols), -1.0)
    best[0, 0] = 1
    assert float(cross_entropy(best, torch.tensor([0]))) == pytest.approx(floor)
    torch.manual_seed(0)
    others = torch.rand(1000, symbols) * 2 - 1
    assert float(cross_entropy(others, torch.zeros(1000).long(), reduction="none").min()) > floor


def test_charseq() -> None:
    result, out = run("charseq")
    assert isinstance(result, charseq.CharSeq)
    assert result.teacher_forced == result.free_running == "if you want you"
    assert result.loss < 0.01
    assert result.floor == pytest.approx(0.797, abs=5e-4)
    assert result.floor < result.loss_bare < 1
    assert median(result.one_hot.steps) < median(result.number.steps)
    assert result.number.next < result.one_hot.next / 2
    assert result.one_hot.ends < 1 < 2 * result.one_hot.ends < result.number.ends
    assert "Why one-hot and not the index itself?" in out


def test_long_sequence() -> None:
    result, out = run("long-sequence")
    assert isinstance(result, long_sequence.LongSequence)
    steady, notes = result.settings["all three"], result.settings["0.1 throughout"]
    assert len(steady.right) == 5
    assert min(steady.right) >= 0.99
    assert min(notes.right) < 0.9
    assert steady.at_limit < notes.at_limit / 3
    assert right(result.joined, long_sequence.TEXT[1:]) >= 0.99
    assert result.carried == 1
    assert result.first_of_window < 0.5
    assert result.first_of_carried == 1
    assert result.written == long_sequence.TEXT[10:]
    assert right(result.written_by_windows, long_sequence.TEXT[10:]) < 0.9
    assert "170 of 170" in out


def test_stock_on_a_walk(tmp_path: Path) -> None:
    result, out = run("stock", out=tmp_path)
    assert isinstance(result, stock.Stock)
    own, training, change, chosen = result.ways.values()
    closes = np.array(result.closes)
    assert len(closes) == 732 - int(732 * 0.7)
    assert result.given_away == pytest.approx(result.true_range, abs=0.01)
    assert result.known[1] < closes.max()
    assert 0 < result.beyond < 1
    assert result.today < own.rmse < training.rmse
    assert result.gift.low > 0
    assert result.gift.estimate == pytest.approx(training.rmse - own.rmse)
    assert training.verdict.better is False
    assert change.verdict.better is False
    assert chosen.rmse < change.rmse
    assert chosen.rmse == pytest.approx(result.today, rel=0.03)
    for way in result.ways.values():
        assert way.lowest <= way.rmse <= way.highest
        assert len(way.line) == len(closes)
    first = np.sqrt(np.mean((np.array(own.line) - closes) ** 2))
    assert own.lowest - 1e-9 <= first <= own.highest + 1e-9
    assert "What does the test part's own range give away?" in out
    assert (tmp_path / "stock.png").exists()


def test_stock_on_few_days_and_on_prices_that_stand_still(tmp_path: Path) -> None:
    days, file = prices.walk(0).days[: prices.FEWEST], tmp_path / "few.csv"
    np.savetxt(file, days, delimiter=",")
    result, out = run("stock", path=file)
    assert isinstance(result, stock.Stock)
    assert not result.gift.known
    assert "too little data" in out.replace("\n", " ")
    assert "inf" not in out
    days[35:, 4] = 100
    np.savetxt(file, days, delimiter=",")
    with pytest.raises(DataError, match="the same day after day"):
        run("stock", path=file)


def test_no_day_to_come_moves_a_forecast_but_through_the_test_parts_range() -> None:
    days = prices.walk(0).days[:200]
    train, test = days[:140], days[133:]
    other = test.copy()
    other[-5:] *= 2
    first, second = (stock.forecasts(train, each, range(1))[0] for each in (test, other))
    for name, closes in first.items():
        same = np.array_equal(closes[:, :-5], second[name][:, :-5])
        assert same is (name != stock.OWN), name


def test_stock_of_a_price_without_noise_is_given_away_too() -> None:
    dollars = np.array([20.0, 25.0, 22.0])
    assert stock.given_away(dollars, (dollars - 10) / 40) == pytest.approx((10, 50))


def test_windows_of_days_and_what_follows_them() -> None:
    days = np.arange(50.0).reshape(10, 5)
    x, y = stock.windows(days), stock.after(days)
    assert x.shape == (3, 7, 5)
    assert x[1].tolist() == days[1:8].tolist()
    assert y[:, 0].tolist() == [days[7, 4], days[8, 4], days[9, 4]]
    changes = stock.Changes.of(days + np.random.default_rng(0).random((10, 5)))
    assert changes.x.shape == (3, 7, 5)
    assert changes.x[:, -1, 4].tolist() == [0, 0, 0]


def test_stock_on_the_real_file(data_folder: Path) -> None:
    file = data_folder / "stock-google" / "data-02-stock_daily.csv"
    if not file.exists():
        pytest.skip(f"no {file}")
    result, out = run("stock", path=file)
    assert isinstance(result, stock.Stock)
    assert result.first_target == pytest.approx(0.16053716, abs=5e-9)
    assert "0.16053716" in out
    assert "newest first" in out
    assert result.today == pytest.approx(7.968, abs=5e-4)
    own, training, *_ = result.ways.values()
    assert own.rmse == pytest.approx(8.05, abs=0.2)
    assert 8.5 < training.rmse < 10.5
    assert result.given_away == pytest.approx((668.26, 835.67), abs=0.01)


def test_vanishing(tmp_path: Path) -> None:
    result, out = run("vanishing", out=tmp_path)
    assert isinstance(result, vanishing.Vanishing)
    rnn, gru, lstm, gru_open, lstm_open = result.layers.values()
    for each in (rnn, gru, lstm, gru_open, lstm_open):
        assert each.median[0] == 1
        assert len(each.median) == vanishing.STEPS
        assert all(map(math.isfinite, each.highest))
        for low, middle, high in zip(each.lowest, each.median, each.highest, strict=True):
            assert low <= middle <= high
    assert rnn.median[50] < gru.median[50] < 1e-9 < 0.01 < gru_open.median[50]
    assert lstm.median[50] < 1e-9 < 0.1 < lstm_open.median[50]
    tanh, relu = result.radii["tanh"], result.radii["relu"]
    assert all(each.state < 8 for each in tanh.values())
    assert relu[2.0].state > 1e6
    assert relu[1.2].median[100] < tanh[1.2].median[100] / 1e3
    assert relu[2.0].median[100] > tanh[2.0].median[100] * 1e3
    for found in (tanh, relu):
        reached = [each.median[100] for each in found.values()]
        assert reached == sorted(reached)
    assert "Why tanh and not ReLU?" in out
    assert {path.name for path in tmp_path.iterdir()} == {"vanishing.png", "vanishing-radius.png"}


@pytest.mark.parametrize("radius", [0.5, 2.0])
def test_a_matrix_has_the_radius_asked_for(radius: float) -> None:
    weight = vanishing.scaled("relu", radius).get_parameter("weight_hh_l0").detach()
    assert float(torch.linalg.eigvals(weight).abs().max()) == pytest.approx(radius)


def test_a_gradient_by_distance_is_that_of_the_cell() -> None:
    """One unit without a curve in its way: each step back is multiplied by the same weight."""
    layer = RNN(vanishing.FEATURES, 1, nonlinearity="relu", dtype=torch.float64)
    with torch.no_grad():
        layer.get_parameter("weight_hh_l0").fill_(0.9)
        layer.get_parameter("bias_ih_l0").fill_(100)
    share, _ = vanishing.by_distance(layer)
    expected = 0.9 ** torch.arange(vanishing.STEPS)
    torch.testing.assert_close(share, expected.double())


def test_packed(tmp_path: Path) -> None:
    result, out = run("packed", out=tmp_path)
    assert isinstance(result, packed.Packed)
    assert result.lengths == (18, 9, 7, 9, 16)
    assert result.real_steps == 59
    assert result.padded_steps == 90
    assert result.saved == pytest.approx(31 / 90)
    assert result.batch_sizes == (5,) * 7 + (4,) * 2 + (2,) * 7 + (1,) * 2
    for difference in (
        result.from_alone,
        result.from_torch,
        result.from_other_order,
        result.with_empty,
    ):
        assert difference < 1e-6
    assert len({round(n, 3) for row in result.states for n in row}) > 40
    assert result.guessed == (18, 9, 7, 9, 15)
    assert "5 5 5 5 5 5 5 4 4 2 2 2 2 2 2 2 1 1" in out
    html = (tmp_path / "packed.html").read_text(encoding="utf-8")
    assert html.count('<td class="last">') == 5
    assert html.count('<td class="padding">') == 31
    assert html.count("<td>") == 59 - 5


def test_packed_colours_the_last_state_red_and_padding_blue() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system="standard")
    labs.find("packed").run(LabContext(console))
    assert isinstance(console.file, io.StringIO)
    out = console.file.getvalue()
    for word in ("bed", "done", "others", "ones", "again"):
        assert f"\x1b[1;31m{word}" in out
    assert out.count("\x1b[34m           0") == 31


def test_memory_rnn() -> None:
    result, out = run("memory-rnn")
    assert isinstance(result, memory_rnn.MemoryRNN)
    assert result.chosen_fed_back == "hello pytorch. how long can a rnn cell remember?"
    assert result.ended
    assert right(result.scores_fed_back, result.chosen_fed_back) < 0.6
    assert result.from_library < 1e-5
    digits, reserved = result.reserved
    assert max(digits) < min(reserved)
    assert "the raw scores:" in out


def test_memory_lstm() -> None:
    result, _ = run("memory-lstm")
    text = "hello pytorch. how long can a rnn cell remember? show me your limit!"
    assert isinstance(result, memory_lstm.MemoryLSTM)
    assert result.bare.text == result.head.text == text
    assert result.head.rounds is not None
    assert result.rows == tuple(text[k:] for k in range(1, 6))
    assert set(result.holds) == {"RNN", "GRU", "LSTM"}
    for held in result.holds.values():
        assert len(held.rounds) == 2
        assert all(rounds for rounds in held.rounds)


def test_what_is_not_held_ends_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_lstm, "MOST", 2)
    assert memory_lstm.held(0, memory_lstm.LAYERS["LSTM"], (32, 64)).rounds == (None,)


def test_shakespeare_on_the_embedded_text(tmp_path: Path) -> None:
    result, out = run("shakespeare", out=tmp_path)
    assert isinstance(result, shakespeare.Shakespeare)
    assert list(result.cells) == ["rnn", "gru", "lstm"]
    for learnt in result.cells.values():
        assert [count for count, _ in learnt.curve] == [0, 20, 40]
        nats = [value for _, value in learnt.curve]
        assert nats[0] > nats[1] > nats[2]
        assert learnt.nats == pytest.approx(nats[2], abs=0.3)
        assert learnt.sample.startswith("b")
        assert len(learnt.sample) == 201
    entropies = [result.warmth[t].entropy for t in shakespeare.TEMPERATURES]
    assert entropies == sorted(entropies)
    assert result.warmth[1.0].nats < result.warmth[0.2].nats
    assert "What does dividing by 0.8 do?" in out
    assert "2.38 to 1" in out
    assert (tmp_path / "shakespeare.png").exists()


def test_shakespeare_on_a_file_without_a_b_and_again(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("나는 배가 고프다. 너는 안 고프다?\n" * 100 + "모르는 글자", encoding="utf-8")
    first, again = (run("shakespeare", path=text)[0] for _ in range(2))
    assert isinstance(first, shakespeare.Shakespeare)
    assert isinstance(again, shakespeare.Shakespeare)
    assert first.warmth == again.warmth
    for cell, learnt in first.cells.items():
        assert learnt.sample.startswith("나")
        assert learnt.curve == again.cells[cell].curve
        assert math.isfinite(learnt.nats)


def test_shakespeare_on_a_text_that_is_too_short(tmp_path: Path) -> None:
    text = tmp_path / "short.txt"
    text.write_text("too short. " * 20, encoding="utf-8")
    with pytest.raises(DataError, match="220 characters are too few"):
        run("shakespeare", path=text)


@pytest.mark.long
def test_shakespeare_in_full(data_folder: Path) -> None:
    console = Console(file=io.StringIO(), width=80)
    path = data_folder / "tinyshakespeare" / "input.txt"
    result = labs.find("shakespeare").run(LabContext(console, path))
    assert result.cells["rnn"].nats < 2.1
    assert result.cells["gru"].nats < 2.0
    assert result.cells["lstm"].nats < 2.1
    assert result.default.nats < min(cell.nats for cell in result.cells.values())
