"""What the labs that spell have in common."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from recurra.errors import DataError
from recurra.labs.speller import Alphabet, Speller, descend, squared_error
from recurra.nn import GRU, LSTM, RNN

TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)


@given(TEXTS, st.randoms())
def test_an_alphabet_depends_on_the_characters_alone(text: str, chance: object) -> None:
    shuffled = list(text)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert Alphabet.of("".join(shuffled)) == Alphabet.of(text)


@given(TEXTS)
def test_no_text_holds_a_reserved_symbol(text: str) -> None:
    alphabet = Alphabet.of(text + "01")
    ids = alphabet.framed(text)[0].tolist()
    assert ids[0] == alphabet.start
    assert ids[-1] == alphabet.end
    assert max(ids[1:-1]) < alphabet.letters <= min(alphabet.start, alphabet.end)
    assert alphabet.text(torch.tensor(ids[1:])) == text


def test_text_ends_before_the_first_end_and_draws_a_start_as_unknown() -> None:
    alphabet = Alphabet.of("abc")
    ids = torch.tensor([0, alphabet.start, 2, alphabet.end, 1, alphabet.end])
    assert alphabet.text(ids) == "a\ufffdc"


def test_a_character_outside_the_alphabet_is_named() -> None:
    with pytest.raises(DataError, match="'x'"):
        Alphabet.of("abc").ids("axb")


@pytest.mark.parametrize("layer", [RNN(4, 6, 2), GRU(4, 6), LSTM(4, 6, 2)])
def test_writing_freely_feeds_each_symbol_back(layer: RNN | GRU | LSTM) -> None:
    torch.manual_seed(0)
    model = Speller(layer)
    prompt = torch.tensor([[0, 1, 2], [3, 3, 0]])
    written = model.write(prompt, 5)
    whole = torch.cat([prompt, written], 1)
    assert torch.equal(model.predict(whole)[:, 2:-1], written)


def test_squared_error_is_the_distance_from_a_one_hot() -> None:
    scores = torch.tensor([[0.5, 0.0], [0.0, 3.0]])
    found = squared_error(scores, torch.tensor([0, 1]))
    assert float(found) == pytest.approx((0.25 + 0 + 0 + 4) / 4)


def test_descending_takes_each_rate_in_turn_and_clips() -> None:
    model = nn.Linear(1, 1, bias=False)
    start = model.weight.item()
    rates = [0.5, 0.0, 0.25]
    weights = []
    for step in descend(model, lambda: model.weight.sum() * 8, rates, clip=2.0):
        weights.append(model.weight.item())
        assert step.gradient == pytest.approx(8)
    # Adam's step is the rate itself where the gradient stays the same.
    assert weights == pytest.approx([start - 0.5, start - 0.5, start - 0.75], abs=1e-5)
    assert model.weight.grad is not None
    assert model.weight.grad.item() == pytest.approx(2)
