"""Ending a stream of text where a stop string begins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from recurra.errors import OptionError


def stop_at(pieces: Iterable[str], stops: str | Sequence[str]) -> Iterator[str]:
    """Hand on `pieces` up to the stop string that is complete first; nothing of it comes out.

    What may be the beginning of a stop string is held back until it is or is not, so that the
    text does not depend on how it is cut into pieces. Memory is that of the longest stop string
    and the longest piece. No piece is asked for after the end, and no empty one is handed on.

    Raises:
        OptionError: a stop string is empty.
    """
    stops = [stops] if isinstance(stops, str) else stops
    if not all(stops):
        raise OptionError("an empty stop string", expected="at least one character")
    return _stopped(pieces, tuple(stops))


def _stopped(pieces: Iterable[str], stops: tuple[str, ...]) -> Iterator[str]:
    held = ""
    for piece in pieces:
        held += piece
        # The first to end; of those that end together, the longest, so that no part comes out.
        found = [(at + len(stop), at) for stop in stops if (at := held.find(stop)) >= 0]
        if found:
            _, begin = min(found)
            if begin:
                yield held[:begin]
            return
        safe = len(held) - _begun(held, stops)
        if safe:
            yield held[:safe]
            held = held[safe:]
    if held:
        yield held


def _begun(text: str, stops: tuple[str, ...]) -> int:
    """How many of the last characters of `text` may begin a stop string."""
    longest = min(len(text), max((len(stop) for stop in stops), default=1) - 1)
    for length in range(longest, 0, -1):
        if any(stop.startswith(text[len(text) - length :]) for stop in stops):
            return length
    return 0
