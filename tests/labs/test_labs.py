"""Finding, listing and running labs, and what they print through."""

from __future__ import annotations

import io
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch
from matplotlib.axes import Axes
from rich.console import Console

from recurra import labs
from recurra.errors import OptionError
from recurra.labs import Lab, LabContext


def context(**settings: object) -> LabContext:
    console = Console(file=io.StringIO(), width=80)
    return LabContext(console, **settings)  # type: ignore[arg-type]


def printed(where: LabContext) -> str:
    assert isinstance(where.console.file, io.StringIO)
    return where.console.file.getvalue()


def test_listing_and_finding_labs_loads_no_torch() -> None:
    code = (
        "import sys; from recurra import labs; labs.all_labs(); labs.find('basics');"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_lab_has_its_script_and_every_name_once() -> None:
    names = [lab.name for lab in labs.all_labs()]
    assert len(set(names)) == len(names)
    for lab in labs.all_labs():
        assert callable(import_module(f"recurra.labs.{lab.name.replace('-', '_')}").run)
        assert labs.find(lab.name) is lab


@pytest.mark.parametrize(
    ("name", "near"), [("hihelo", "hihello"), ("long_sequence", "long-sequence"), ("qqq", "")]
)
def test_an_unknown_name_is_answered_with_the_names_and_the_nearest(name: str, near: str) -> None:
    with pytest.raises(OptionError) as caught:
        labs.find(name)
    assert all(lab.name in caught.value.expected for lab in labs.all_labs())
    assert caught.value.fix == (f"did you mean {near}?" if near else "")


def test_a_file_is_asked_for_where_it_is_needed_and_refused_where_not(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="without a file"):
        Lab("prices", "needs one", "must").run(context())
    with pytest.raises(OptionError, match="no file"):
        labs.find("argmax").run(context(path=tmp_path / "text.txt"))


def test_all_names_the_labs_skipped_for_want_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    some = (labs.find("argmax"), Lab("prices", "needs a file", "must"), labs.find("basics"))
    monkeypatch.setattr(labs, "_LABS", some)
    where = context(path=Path("left out"), quick=True)
    done = labs.run_all(where)
    assert list(done.results) == ["argmax", "basics"]
    assert done.skipped == ("prices",)
    assert "Skipped for want of a file: prices." in printed(where)


def test_a_lab_leaves_the_callers_random_numbers_alone() -> None:
    before = torch.get_rng_state()
    labs.find("basics").run(context(seed=3))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_lab_gives_the_same_for_the_same_seed_and_another_for_another() -> None:
    first, again, other = (labs.find("basics").run(context(seed=seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize("settings", [{"seed": -1}, {"out": Path(__file__)}])
def test_settings_that_cannot_work_are_refused_at_once(settings: dict[str, object]) -> None:
    with pytest.raises(OptionError):
        context(**settings)


def test_text_is_printed_as_it_is() -> None:
    where = context()
    where.say("[bold]not markup[/bold] 12")
    where.table(("[red]", "n"), [("[x]", 1.5), ("y", 10)])
    where.spelled("[label]", "ab]", "abc")
    where.answer("[why]?", "[because]")
    out = printed(where)
    for text in ("[bold]not markup[/bold] 12", "[red]", "[x]", "[label]  2 of 3  'ab]'", "[why]?"):
        assert text in out


def test_columns_of_figures_are_aligned_to_the_right() -> None:
    where = context()
    where.table(("name", "count"), [("a", "7"), ("b", "-0.5 %")])
    lines = [line.rstrip() for line in printed(where).splitlines() if line.strip()]
    assert lines[-2].endswith("     7")
    assert lines[-1].endswith("-0.5 %")


def test_what_was_spelled_wrong_is_red() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system="standard")
    where = LabContext(console)
    where.spelled("says", "hallo", "hello")
    assert "\x1b[1;31ma\x1b[0m" in printed(where)


def test_pictures_and_pages_are_saved_only_where_a_folder_is_given(tmp_path: Path) -> None:
    def draw(axes: Axes) -> None:
        axes.set_title("t")

    nowhere = context()
    nowhere.picture("p", draw)
    nowhere.page("p", "<p>")
    assert printed(nowhere) == ""
    out = tmp_path / "deep" / "er"
    where = context(out=out)
    where.picture("p", draw)
    where.page("p", "<p>")
    assert (out / "p.png").read_bytes().startswith(b"\x89PNG")
    assert (out / "p.html").read_text(encoding="utf-8") == "<p>"


def test_without_matplotlib_a_picture_is_left_out_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    where = context(out=tmp_path)
    where.picture("p", lambda axes: None)
    assert printed(where) == (
        "no picture p.png: matplotlib is missing: pip install 'recurra[show]'\n"
    )
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OptionError, match=r"p\.html cannot be written"):
        context(out=tmp_path / "file" / "below").page("p", "<p>")
