"""Every lab: runs in both languages by the same code, and what its prose says is so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from markdown_it import MarkdownIt

from kept import Kept
from recurra import labs
from recurra.errors import OptionError
from recurra.labs.document import LANGUAGES
from recurra.labs.runner import Picture, Printed, Remark, Shown, run
from recurra.labs.show import Table

NAMES = [lab.name for lab in labs.all_labs()]

SHORT: dict[str, dict[str, Any]] = {
    "long-sequence": {"seeds": 1},
    "stock": {"seeds": 1, "steps": 5},
    "translate": {"seeds": 1, "steps": 1000},
    "attention": {"shortest": 3, "longest": 5, "steps": 2},
    "vanishing": {"seeds": 1},
    "memory-lstm": {"lengths": (8,), "most": 5},
    "chatbot": {"count": 150, "steps": 2},
    "caption": {"pictures": 100, "steps": 3, "later": 2, "tested": 40},
    "sentiment": {"count": 100, "steps": 2},
    "shakespeare": {
        "chunks": 4,
        "every": 2,
        "most": 5_000,
        "ours": {"steps": 2, "hidden": 8, "layers": 1, "embedding": 8},
    },
}
"""Settings with which a lab concludes nothing, in a few seconds."""


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_have_the_same_code_and_pictures_in_words(name: str) -> None:
    one, other = (labs.find(name).document(language) for language in LANGUAGES)
    assert [(p.kind, p.text) for p in one.parts if p.kind != "prose"] == [
        (p.kind, p.text) for p in other.parts if p.kind != "prose"
    ]
    for document in (one, other):
        kinds = [part.kind for part in document.parts if part.kind != "prose"]
        assert kinds[0] == "settings"
        assert kinds[-1] == "check"
        assert document.title.endswith("?")
        assert all(len(part.alt) > 10 for part in document.parts if part.kind == "picture")
        assert max(len(line) for line in document.code.splitlines()) <= 78
        prose = "".join(p.text for p in document.parts if p.kind == "prose")
        assert "**" not in MarkdownIt().enable("table").render(prose), "bold that does not close"
    hangul = [any("가" <= c <= "힣" for c in document.title) for document in (one, other)]
    assert hangul == [False, True]


@pytest.mark.parametrize("name", NAMES)
def test_a_lab_runs_with_settings_of_its_own(name: str) -> None:
    """Its quick settings and these are names of the document; nothing it says is held to them."""
    lab, view = labs.find(name), Kept()
    before = torch.get_rng_state()
    done = run(
        lab.document(), view, dict(lab.quick) | SHORT.get(name, {}), strict=name not in SHORT
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert [each for part in done for each in part] == view.outputs
    pictures = [each for each in view.outputs if isinstance(each, Picture)]
    assert len(pictures) == sum(part.kind == "picture" for part in view.parts)
    for each in view.outputs:
        if isinstance(each, Printed):
            assert "\n" not in each.text
        if isinstance(each, Shown) and isinstance(each.value, Table):
            assert all(len(row) == len(each.value.columns) for row in each.value.rows)


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("quick", [True, False])
def test_what_a_lab_says_is_so(name: str, quick: bool) -> None:
    labs.find(name).run(Kept(), quick=quick)


def test_stock_on_the_real_file(data_folder: Path) -> None:
    file = data_folder / "stock-google" / "data-02-stock_daily.csv"
    if not file.exists():
        pytest.skip(f"no {file}")
    lab, view = labs.find("stock"), Kept()
    lab.run(view, quick=True, data=file)
    for text in (
        "newest first",
        "first target: 0.16053716",
        "read off:  668.26 to 835.67 dollars",
        "the truth: 668.26 to 835.67 dollars",
    ):
        assert text in view.text
    tables = [each.value for each in view.outputs if isinstance(each, Shown)]
    assert isinstance(tables[-1], Table)
    figures = {row[0]: row[1:] for row in tables[-1].rows}
    assert figures["tomorrow = today"][0] == "7.97"
    assert 7.85 < float(figures["own range"][0]) < 8.25
    assert 8.5 < float(figures["range of training"][0]) < 10.5
    assert not any(isinstance(each, Remark) for each in view.outputs)


def korean(name: str) -> str:
    """Sixty rows of what a lab takes."""
    if name == "chatbot":
        return "Q,A\n" + "".join(f"{k}번 질문이야,{k}번 대답이에요\n" for k in range(60))
    rows = (f"{k}번째 영화는 {'지루해' if k % 2 else '재밌어'}요,{k % 2}\n" for k in range(60))
    return "document,label\n" + "".join(rows)


@pytest.mark.parametrize(("name", "shown"), [("chatbot", "true "), ("sentiment", "the reader ")])
def test_ones_own_data_come_beside_what_is_made_up(name: str, shown: str, tmp_path: Path) -> None:
    """The prose is of the latter; nothing of it turns untrue where data are given."""
    table = tmp_path / "mine.csv"
    table.write_text(korean(name), "utf-8")
    found = []
    for data in (None, str(table)):
        view, later = Kept(), {"later": 2} if name == "chatbot" else {}
        run(labs.find(name).document(), view, SHORT[name] | later | {"data": data}, strict=False)
        found.append(view.outputs)
    alone, both = found
    assert [each for each in both if each in alone] == alone
    more = [each.text for each in both if isinstance(each, Printed) and each not in alone]
    assert any(shown in line for line in more)
    assert any("번" in line for line in more)


@pytest.mark.parametrize(
    ("name", "near"), [("hihelo", "hihello"), ("long_sequence", "long-sequence"), ("qqq", "")]
)
def test_an_unknown_name_is_answered_with_the_names_and_the_nearest(name: str, near: str) -> None:
    with pytest.raises(OptionError) as caught:
        labs.find(name)
    assert all(lab.name in caught.value.expected for lab in labs.all_labs())
    assert caught.value.fix == (f"did you mean {near}?" if near else "")


def test_settings_that_cannot_work_are_refused_at_once() -> None:
    lab = labs.find("argmax")
    with pytest.raises(OptionError, match="its own"):
        lab.run(Kept(), data=Path("mine.txt"))
    with pytest.raises(OptionError, match="seed=-1"):
        lab.run(Kept(), seed=-1)
    with pytest.raises(OptionError, match="no setting called seed"):
        lab.run(Kept(), seed=1)
