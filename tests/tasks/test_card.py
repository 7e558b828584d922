"""Data in a model card are code, in which nothing is Markdown."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

from recurra.bundle import CONFIG, FORMAT, Run
from recurra.tasks import card

EVIL = ["<script>alert(1)</script>", "![x](http://tracker/x.png)", "`` ` |", "a\n\n# b", "\x1b[2J"]


def test_a_fence_is_longer_than_any_in_the_text() -> None:
    assert card.code("pos") == "`pos`"
    assert card.code("a`b``c") == "``` a`b``c ```"
    assert card.code("a\nb\x07") == r"`a\nb\x07`"
    assert card.code("") == ""
    assert card.code(" ") == "`   `"


@pytest.mark.parametrize("evil", EVIL)
def test_nothing_of_data_is_markdown(tmp_path: Path, evil: str) -> None:
    renderer: Any = pytest.importorskip("markdown_it")
    name = evil.replace("/", "").replace("\n", " ")
    run = Run.create(tmp_path / name)
    run.write_json(CONFIG, {"format": FORMAT, "task": "labels", "recurra": "0.1.0"})
    card.write(
        run,
        {"data": {"name": evil}},
        what="Text in",
        network="GRU",
        trained_on="3 texts",
        blocks=[card.table(["class", "n"], [[card.code(evil), "3"]])],
        commands=[f"classify {name}"],
        limits="None.",
    )
    html = renderer.MarkdownIt("commonmark").enable("table").render(run.read_text("README.md"))
    for mark in ("<script", "<img", "<a "):
        assert mark not in html
    assert html.count("<h1>") == 1
    assert html.count("<tr>") == 2


def test_letters_that_no_font_has_are_drawn_quietly(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from recurra.show import picture

    drawn = picture.figure(2, 2)
    drawn.add_subplot().set_title("\U0010fffd\x07 \ue000")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture.write(Run.create(tmp_path / "run"), "figures/x.png", drawn)
        assert picture.svg(drawn, "x")
