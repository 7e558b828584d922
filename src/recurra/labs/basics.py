"""What a recurrent layer computes, worked by hand, and the shapes it takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from recurra.labs.context import LabContext
from recurra.nn import RNN

LETTERS = "helo"
WORDS = ("hello", "eolll", "lleel")


@final
@dataclass(frozen=True)
class Basics:
    """Shapes as (batch, time, feature); differences are the largest of all numbers compared."""

    input: tuple[int, ...]
    output: tuple[int, ...]
    state: tuple[int, ...]
    weights: int
    by_hand: float
    output_from_state: float
    leaked: float
    leaked_time_first: float
    many_to_one: tuple[int, ...]
    one_to_many: tuple[int, ...]
    with_head: tuple[int, ...]


def run(context: LabContext) -> Basics:
    """Show shapes, the equation, the shared weights, and what reading time first would mix."""
    torch.manual_seed(context.seed)
    x = letters(*WORDS)
    layer = RNN(len(LETTERS), 2)
    with torch.no_grad():
        output, state = layer(x)
        hand = by_hand(layer, x)
        last = state.layer(-1).hidden
        many = one_to_many(layer, x[:, 0], 5)
        head = torch.nn.Linear(2, 7)(output)
        # The same weights in torch's layer as it comes, which takes the first axis for time.
        time_first = torch.nn.RNN(len(LETTERS), 2)
        time_first.load_state_dict(layer.state_dict())
        changed = letters("ooooo", *WORDS[1:])
        leak = _apart(layer(changed)[0][1:], output[1:])
        leak_time_first = _apart(time_first(changed)[0][1:], time_first(x)[0][1:])
    result = Basics(
        tuple(x.shape), tuple(output.shape), tuple(last.shape),
        sum(p.numel() for p in layer.parameters()),
        _apart(output, hand), _apart(output[:, -1], last), leak, leak_time_first,
        tuple(output[:, -1].shape), tuple(many.shape), tuple(head.shape),
    )  # fmt: skip
    _tell(context, result, x, output, hand)
    return result


def letters(*words: str) -> Tensor:
    """One-hot letters of words of one length, (B, T, 4)."""
    return one_hot(torch.tensor([[LETTERS.index(c) for c in w] for w in words]), 4).float()


def by_hand(layer: RNN, x: Tensor) -> Tensor:
    """The layer's outputs (B, T, H), worked by hand: one equation, the same weights each step."""
    w_x, w_h, b_x, b_h = (
        layer.get_parameter(name)
        for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    )
    h = torch.zeros(len(x), layer.hidden_size)
    steps = []
    for t in range(x.shape[1]):
        h = torch.tanh(x[:, t] @ w_x.T + b_x + h @ w_h.T + b_h)
        steps.append(h)
    return torch.stack(steps, 1)


def one_to_many(layer: RNN, x: Tensor, steps: int) -> Tensor:
    """Read one input (B, F), then let the state run on by itself: (B, steps, H)."""
    h, state = layer.step(x)
    outputs = [h]
    while len(outputs) < steps:
        h, state = layer.step(torch.zeros_like(x), state)
        outputs.append(h)
    return torch.stack(outputs, 1)


def _apart(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max())


def _tell(context: LabContext, r: Basics, x: Tensor, output: Tensor, hand: Tensor) -> None:
    context.section("shapes: (batch, time, feature)")
    context.say(f"{', '.join(WORDS)}: {len(WORDS)} words of 5 letters, each one of {len(LETTERS)}")
    context.table(
        ("RNN(4, 2)", "read", "given"),
        (
            ("many to many, a state after every letter", r.input, r.output),
            ("many to one, the last state alone", r.input, r.many_to_one),
            ("one to many, the state runs on by itself", (3, 4), r.one_to_many),
            ("the state handed on to what comes next", "", r.state),
        ),
    )
    context.section("h_t = tanh(W_x x_t + b_x + W_h h_(t-1) + b_h), for 'hello'")
    context.table(
        ("t", "letter", "x_t", "by hand", "the layer"),
        (
            (t + 1, WORDS[0][t], *(_numbers(v[0, t]) for v in (x.int(), hand, output)))
            for t in range(5)
        ),
    )
    context.say(
        f"Largest difference over all three words: {r.by_hand:.1e}. One set of {r.weights} weights "
        "(8 + 4 + 2 + 2) serves every step, of a word of 5 letters or of 500."
    )
    context.section("batch first, or time first?")
    context.say(
        "The first word is changed to 'ooooo'. By how much do the outputs of the other two change?\n"
        f"In our layer, which takes (batch, time, feature) and nothing else, by {r.leaked:.2f}. In a "
        f"layer that takes the first axis for time, by {r.leaked_time_first:.2f}: it reads 5 rows "
        "of 3 steps, one word runs into the next, and the output's shape does not show it."
    )
    context.answer(
        "Why is the output as wide as the state?",
        "Because it is the state: the output after each step is the state after that step "
        f"(difference at the last one: {r.output_from_state:g}). Any other width is a head's "
        f"work: Linear(2, 7) on top gives {r.with_head}.",
    )


def _numbers(v: Tensor) -> str:
    return " ".join(f"{n:g}" if n == int(n) else f"{n:+.3f}" for n in v.tolist())
