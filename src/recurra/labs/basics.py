"""What a recurrent layer computes, worked by hand, and the shapes it takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from recurra.labs.context import LabContext
from recurra.labs.render import basics as render
from recurra.nn import RNN

LETTERS = "helo"
WORDS = ("hello", "eolll", "lleel")


@final
@dataclass(frozen=True)
class Basics:
    """Shapes are (batch, time, feature); differences are the largest among all numbers.

    `leaked` is how much the other words change with the first one, in our layer and in one that
    takes the first axis for time; `hello` has each state of the first word, by hand and by layer.
    """

    shapes: dict[str, tuple[int, ...]]
    weights: int
    from_hand: float
    output_from_state: float
    leaked: float
    leaked_time_first: float
    hello: tuple[tuple[list[float], list[float]], ...]


@torch.no_grad()
def run(context: LabContext) -> Basics:
    """Show shapes, the equation, the shared weights, and what reading time first would mix."""
    torch.manual_seed(context.seed)
    x, changed = letters(*WORDS), letters("ooooo", *WORDS[1:])
    layer = RNN(len(LETTERS), 2)
    output, state = layer(x)
    last, hand = state.layer(-1).hidden, by_hand(layer, x)
    shapes = {
        "read": x.shape,
        "many to many": output.shape,
        "many to one": output[:, -1].shape,
        "one to many": one_to_many(layer, x[:, 0], 5).shape,
        "state": last.shape,
        "with a head": nn.Linear(2, 7)(output).shape,
    }
    time_first = nn.RNN(len(LETTERS), 2)
    time_first.load_state_dict(layer.state_dict())
    result = Basics(
        shapes={name: tuple(shape) for name, shape in shapes.items()},
        weights=sum(p.numel() for p in layer.parameters()),
        from_hand=apart(output, hand),
        output_from_state=apart(output[:, -1], last),
        leaked=apart(layer(changed)[0][1:], output[1:]),
        leaked_time_first=apart(time_first(changed)[0][1:], time_first(x)[0][1:]),
        hello=tuple(zip(hand[0].tolist(), output[0].tolist(), strict=True)),
    )
    render.tell(context, result, WORDS)
    return result


def letters(*words: str) -> Tensor:
    """One-hot letters of words of one length, (B, T, 4)."""
    return one_hot(torch.tensor([[LETTERS.index(c) for c in w] for w in words]), 4).float()


def by_hand(layer: RNN, x: Tensor) -> Tensor:
    """The layer's outputs (B, T, H), worked by hand: one equation, the same weights each step."""
    w_x, w_h, b_x, b_h = layer.parameters()
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


def apart(a: Tensor, b: Tensor) -> float:
    """The largest difference between two tensors of one shape."""
    return float((a - b).abs().max())
