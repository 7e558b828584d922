"""Commands run in this process, and what they printed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


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
