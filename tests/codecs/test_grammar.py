"""What `--tokens` may ask for."""

from __future__ import annotations

import pytest

from recurra.codecs.grammar import MANY_TEXTS, ONE_TEXT, SEQUENCES, parsed
from recurra.errors import OptionError

ASKED = {
    "characters": ("characters", None),
    "characters:1": ("characters", 1),
    "characters:8": ("characters", 8),
    "bytes": ("bytes", None),
    "bpe": ("subwords", None),
    "bpe:300": ("subwords", 300),
    "bpe:1000000": ("subwords", 1_000_000),
    "words": ("words", None),
    "words:1": ("words", 1),
}
KNOWN = {
    ONE_TEXT: {"characters", "bytes", "bpe:300", "bpe:1000000", "words", "words:1"},
    MANY_TEXTS: {"characters", "bpe", "bpe:300", "bpe:1000000", "words"},
    SEQUENCES: {"characters", "characters:1", "characters:8", "bpe:300", "bpe:1000000", "words"},
}
NEVER = ["", ":", "letters", "bpe:", "bpe:N", "bpe:299", "bpe:1000001", "bpe:x", "bpe:-400"]
NEVER += ["words:", "words:0", "words:٣", "words:1000001", "words:N", " words", "bytes:3"]
NEVER += ["characters:0", "characters:9", "bpe:" + "9" * 5000, "bpe:300:300"]


@pytest.mark.parametrize("allowed", KNOWN)
def test_each_task_takes_its_own(allowed: tuple[str, ...]) -> None:
    for how, expected in ASKED.items():
        if how in KNOWN[allowed]:
            assert parsed(how, allowed) == expected
            continue
        with pytest.raises(OptionError, match="tokens"):
            parsed(how, allowed)


@pytest.mark.parametrize("allowed", KNOWN)
@pytest.mark.parametrize("how", NEVER, ids=lambda how: how[:20])
def test_what_nobody_takes(how: str, allowed: tuple[str, ...]) -> None:
    with pytest.raises(OptionError) as caught:
        parsed(how, allowed)
    assert all(each in caught.value.expected for each in allowed)
