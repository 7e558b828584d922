"""A document as a notebook of Jupyter's, in nbformat 4.5, not yet run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from recurra.labs.document import Document


def notebook(document: Document, changes: Mapping[str, object]) -> dict[str, Any]:
    """What a file ending in .ipynb holds, as JSON.

    Args:
        changes: what settings are to be instead: a cell behind those of the document.
    """
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
        },
        "cells": [
            {"id": f"part-{k}", "cell_type": kind, "metadata": {}, "source": text.rstrip("\n")}
            | ({"outputs": [], "execution_count": None} if kind == "code" else {})
            for k, (kind, text) in enumerate(_cells(document, changes))
        ],
    }


def _cells(document: Document, changes: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for part in document.parts:
        if part.text:
            yield ("markdown" if part.kind == "prose" else "code"), part.text
        if part.kind == "settings" and changes:
            yield "code", "\n".join(f"{name} = {value!r}" for name, value in changes.items())
