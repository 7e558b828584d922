"""Odd input of every kind: whatever comes, there is one message, and no hang.

A case follows from its number alone, so that a fault is shown again by `--first N --cases 1`.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final

SECONDS: Final = 60
"""Longer than any case takes where it ends at all."""


class Hang(BaseException):
    """A case that has not ended in time; no handler of errors takes it."""


@contextlib.contextmanager
def ending(seconds: int = SECONDS) -> Iterator[None]:
    """End what is inside when it takes too long, where signals can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def late(_number: int, _frame: FrameType | None) -> None:
        raise Hang(f"no end after {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def fault(case: Callable[[], str | None]) -> str | None:
    """What is wrong with how a case ends; None where nothing is."""
    try:
        with ending():
            return case()
    except (Exception, Hang) as error:
        return "".join(traceback.format_exception(error)[-6:])
