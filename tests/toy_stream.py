"""A text network with a vocabulary, to be streamed from; what pools of all tasks have to show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from recurra.codecs.tokenizer import UNKNOWN, learn
from recurra.runtime.pool import Pool
from recurra.runtime.streams import Stream, StreamState
from recurra.runtime.text import TextNetwork
from recurra.tasks.text.stream import TextStep, TextStreamed
from toy_runtime import network, same, same_state

KNOWN = learn(["abcde fgh\n"], "characters", "made")
RATE = 0.01
NETWORK: TextNetwork = network("lstm", len(KNOWN), 2).in_use()


def stream(
    state: StreamState | None = None, *, model: str = "one", first: int | None = UNKNOWN
) -> Stream[str, TextStep]:
    """One of a model of this name."""
    return Stream(TextStreamed(NETWORK, KNOWN, RATE, first), model, state)


def check_pool(
    live: Pool[Any, Any],
    begun: Callable[[], Stream[Any, Any]],
    drawn: Callable[[np.random.Generator], Any],
    answers: Callable[[Any], list[Any]],
    seed: int,
) -> None:
    """Streams opened, stepped in any order and closed are each what they are alone.

    Args:
        begun: begins a stream.
        drawn: what a stream is fed next.
        answers: what a stream would say, for each row of what a pool says.
    """
    draw = np.random.default_rng(seed)
    streams: dict[int, Stream[Any, Any]] = {}
    for _ in range(30):
        rows = draw.permutation(list(streams))[: draw.integers(0, len(streams) + 1)]
        match int(draw.integers(0, 5)):
            case 0:
                streams |= {row: begun() for row in live.open(int(draw.integers(1, 6))).tolist()}
            case 1 if streams:
                live.close(rows[:1])
                streams = {r: each for r, each in streams.items() if r not in rows[:1]}
            case 2 if len(rows) > 1:
                one, other = rows[:2].tolist()
                live.put(one, live.state(other))
                streams[one] = streams[other].fork()
            case _ if streams:
                inputs = [drawn(draw) for _ in rows]
                said = answers(live.push(rows, inputs))
                assert len(said) == len(rows)
                for row, x, one in zip(rows.tolist(), inputs, said, strict=True):
                    alone = streams[row].push(x)
                    assert not isinstance(one, dict) or list(one) == list(alone)
                    for own, other in zip(_plain(one), _plain(alone), strict=True):
                        if isinstance(own, str):
                            assert own == other
                        else:
                            same(own, other)
    assert len(live) == len(streams) > 0
    for row, each in streams.items():
        check_same_place(live.state(row), each.state)


def check_same_place(found: StreamState, wanted: StreamState) -> None:
    """Two streams stand at the same place."""
    same_state(found.state, wanted.state)
    for name in ("facts", "steps", "model"):
        assert getattr(found, name) == getattr(wanted, name)


def _plain(said: Any) -> list[Any]:
    return list(said.values() if isinstance(said, dict) else said)
