"""What `--tokens` may ask for: one grammar for all tasks, each of which allows some of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from recurra.errors import OptionError

LEAST_SUBWORDS: Final = 300
"""The 256 bytes, what is reserved, and something learnt."""

ONE_TEXT: Final = ("characters", "bytes", "bpe:N", "words", "words:N")
MANY_TEXTS: Final = ("bpe:N", "bpe", "words", "characters")
SEQUENCES: Final = ("words", "characters", "characters:N", "bpe:N")
"""What may be asked for: of one long text, of many by themselves, of sequences to be classified."""

_SIZES: Final = {
    "characters": (1, 8),
    "bpe": (LEAST_SUBWORDS, 1_000_000),
    "words": (1, 1_000_000),
}
"""From the least to the most that may stand behind the colon."""

_MEANINGS: Final = {
    "bpe:N": f"bpe:N for N subwords, N from {LEAST_SUBWORDS} to 1,000,000",
    "characters:N": "characters:N for their n-grams, 1 <= N <= 8",
    "words:N": "words:N for the N commonest",
}


def parsed(how: str, allowed: Sequence[str] = ONE_TEXT) -> tuple[str, int | None]:
    """The unit that is asked for ("characters", "bytes", "subwords", "words"), and how many.

        >>> parsed("bpe:4000", ["characters", "bpe:N"])
        ('subwords', 4000)

    Args:
        how: as the user wrote it.
        allowed: what there is: "words" as it stands, "words:N" with a number.

    Raises:
        OptionError: no such unit, or no such number.
    """
    kind, colon, size = how.partition(":")
    unit = "subwords" if kind == "bpe" else kind
    if how in allowed and "N" not in how:
        return unit, None
    if colon and f"{kind}:N" in allowed and size.isascii() and size.isdecimal() and len(size) < 9:
        least, most = _SIZES[kind]
        if least <= int(size) <= most:
            return unit, int(size)
    known = [_MEANINGS.get(each, each) for each in allowed]
    raise OptionError(f"--tokens {how}", expected=f"{', '.join(known[:-1])}, or {known[-1]}")
