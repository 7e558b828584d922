"""The text that is read where none is given: Python's own language reference."""

from __future__ import annotations

import sys

from recurra.data.files import TextSource
from recurra.data.passages import without_repeats
from recurra.errors import DataError


def embedded_text() -> TextSource:
    """The language reference that every Python carries (`pydoc_data.topics`), as one text.

    Its topics repeat each other's paragraphs: each stands where it comes first, and not again. Its
    content differs between versions of Python, so the name holds the version.

    Raises:
        DataError: this Python was installed without it.
    """
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise DataError(
            "this Python carries no pydoc_data.topics",
            expected="the language reference, which Python's own installers include",
            fix="give a text file of your own",
        ) from error
    values = (topics[key] for key in sorted(topics))
    text = without_repeats("\n\n".join(value for value in values if isinstance(value, str)))
    return TextSource(text, f"python-{sys.version_info.major}.{sys.version_info.minor}-reference")


def is_embedded(name: str) -> bool:
    """Whether a text of no file is the embedded one, of this Python or another."""
    return name.startswith("python-") and name.endswith("-reference")
