"""Strings said backwards with and without a look back."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from recurra import labs
from recurra.core.attention import KINDS
from recurra.labs import LabContext, attention
from recurra.labs.render.attention import blocks, side_by_side
from recurra.nn import Ragged

Done = tuple[attention.AttentionLab, str, Path]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    console, out = Console(file=io.StringIO(), width=80), tmp_path_factory.mktemp("attention")
    result = labs.find("attention").run(LabContext(console, quick=True, out=out))
    assert isinstance(console.file, io.StringIO)
    return result, console.file.getvalue(), out


def test_with_attention_far_more_is_right_than_with_a_fixed_vector(done: Done) -> None:
    learnt = done[0].learnt
    assert set(learnt) == {*KINDS, attention.FIXED}
    assert learnt["general"].batches == attention.QUICK.steps
    assert learnt["general"].letters > 0.7
    assert learnt["general"].letters > learnt[attention.FIXED].letters + 0.3
    for each in learnt.values():
        assert each.strings <= each.letters <= 1
        assert min(each.halves) <= each.letters <= max(each.halves)


def test_weights_of_every_kind_sum_to_1_and_are_0_on_padding(done: Done) -> None:
    seen = done[0].seen
    assert set(seen) == set(KINDS)
    for each in seen.values():
        assert each.from_one < 1e-5
        assert each.on_padding == 0
        assert each.weights.shape == (len(each.said), len(each.text))
        np.testing.assert_allclose(each.weights.sum(1), 1, atol=1e-5)


def test_general_looks_where_the_letter_stands(done: Done) -> None:
    seen = done[0].seen["general"]
    length = len(seen.text)
    most = seen.weights.argmax(1)
    assert np.mean(most == np.arange(length)[::-1]) > 0.6


def test_what_is_printed_and_drawn(done: Done) -> None:
    _, out, folder = done
    assert max(map(len, out.splitlines())) <= 80
    assert "What does looking back give" in out
    assert {path.name for path in folder.iterdir()} == {
        f"attention-{kind.replace('_', '-')}.png" for kind in KINDS
    }


@pytest.mark.parametrize("kind", [*KINDS, attention.FIXED])
def test_a_string_is_said_the_same_alone_as_in_a_batch(kind: str) -> None:
    torch.manual_seed(0)
    model = attention.Reverser(kind, 12)
    batch = attention.strings(attention.QUICK, 5, torch.Generator().manual_seed(4))
    said, weights = model.backwards(batch)
    for row, string in enumerate(batch.to_list()):
        alone, own = model.backwards(Ragged.from_list([string]))
        assert torch.equal(alone[0], said[row, : len(string)])
        if weights is not None and own is not None:
            torch.testing.assert_close(own[0], weights[row, : len(string), : len(string)])


@pytest.mark.parametrize("kind", ["concat", attention.FIXED])
def test_the_loss_is_that_of_what_is_said_letter_by_letter(kind: str) -> None:
    torch.manual_seed(0)
    model = attention.Reverser(kind, 12)
    batch = attention.strings(attention.QUICK, 4, torch.Generator().manual_seed(7))
    nats, count = 0.0, 0
    for string in batch.to_list():
        memory, state = model.read(Ragged.from_list([string]))
        before = torch.tensor([[attention.BEGIN]])
        for letter in string.flip(0):
            scores, _, state = model.said(before, memory, state)
            nats -= scores[0, 0].log_softmax(0)[letter].item()
            count, before = count + 1, letter.view(1, 1)
    assert model.loss(batch).item() == pytest.approx(nats / count, rel=1e-4)


def test_what_is_right_is_counted_by_half_and_by_string() -> None:
    class Known:
        def backwards(self, strings: Ragged) -> tuple[torch.Tensor, None]:
            return torch.tensor([[3, 2, 1, 9], [7, 9, 9, 9]]), None

    test = Ragged(torch.tensor([0, 1, 2, 3, 6, 7]), torch.tensor([4, 2]))
    found = attention.judged(Known(), test, 1, 1.0)  # type: ignore[arg-type]
    assert found.letters == pytest.approx(4 / 6)
    assert found.strings == 0
    assert found.halves == pytest.approx((1, 1 / 3))


def test_shades_grow_with_the_weight_and_maps_stand_side_by_side() -> None:
    weights = np.array([[0.0, 0.19, 0.2, 0.5, 0.79, 0.8, 1.0]], dtype=np.float32)
    assert blocks(weights) == ["  ░▒▓██"]
    seen = attention.Seen("ab", "ba", np.eye(2, dtype=np.float32), 0.0, 0.0)
    assert side_by_side([("dot", seen), ("concat", seen)]) == [
        "dot     concat",
        "  ab      ab",
        "b █     b █",
        "a  █    a  █",
    ]
