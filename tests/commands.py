"""Commands run in this process, what they printed, and what interrupts a training."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from recurra.training.progress import Silence


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str


Recurra = Callable[..., Done]


def refused(done: Done, *words: str) -> None:
    """Exit 2 and one message: what came, what was expected or what to do; nothing on stdout."""
    assert done.code == 2, done
    assert done.out == ""
    message = done.err[done.err.index("recurra: ") :]
    assert message.count("recurra: ") == 1
    for word in words:
        assert word in message, message
    assert "\n  expected: " in message or "\n  to do: " in message


class Pressed(Silence):  # type: ignore[misc]
    """Presses Ctrl-C at a step."""

    def __init__(self, at: int) -> None:
        self.at = at

    def stepped(self, step: int, *_: Any) -> None:
        if step == self.at:
            signal.raise_signal(signal.SIGINT)
