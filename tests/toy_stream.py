"""A text network with a vocabulary, to be streamed from."""

from __future__ import annotations

from recurra.codecs.tokenizer import UNKNOWN, learn
from recurra.runtime.streams import Stream, StreamState
from recurra.runtime.text import TextNetwork
from recurra.tasks.text.stream import TextStep, TextStreamed
from toy_runtime import network

KNOWN = learn(["abcde fgh\n"], "characters", "made")
RATE = 0.01
NETWORK: TextNetwork = network("lstm", len(KNOWN), 2).in_use()


def stream(
    state: StreamState | None = None, *, model: str = "one", first: int | None = UNKNOWN
) -> Stream[str, TextStep]:
    """One of a model of this name."""
    return Stream(TextStreamed(NETWORK, KNOWN, RATE, first), model, state)
