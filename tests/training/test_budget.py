"""Options that are lists, beside those of one value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from recurra.errors import OptionError
from recurra.training.budget import TrainingOptions, option


@dataclass(frozen=True, kw_only=True)
class Options(TrainingOptions):
    files: list[str] | None = option(None, "Some files.")
    words: list[str] = option(None, "Some words.")
    word: str | None = option(None, "A word.")


def made(**values: Any) -> Options:
    return Options(**{"words": [], **values})


def test_lists_of_words() -> None:
    assert made().files is None
    assert made(files=[]).files == []
    assert made(files=["a", "b"], words=["c"]).files == ["a", "b"]
    assert made(files=("a", Path("b"))).files == ["a", "b"]


@pytest.mark.parametrize("value", ["a", [1], ["a", None], 3, True, {"a": 1}])
def test_what_is_no_list_of_words(value: object) -> None:
    with pytest.raises(OptionError) as error:
        made(files=value)
    assert error.value.got == f"--files {value!r}"
    assert error.value.expected == "a list of words"


def test_a_list_is_no_word() -> None:
    with pytest.raises(OptionError, match="a word"):
        made(word=["a"])
    with pytest.raises(OptionError, match="a list of words"):
        made(words=None)
