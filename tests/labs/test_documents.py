"""Documents that run: what is in them, how they run, and what they become."""

from __future__ import annotations

import json
import sys
import traceback
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from commands import Recurra
from kept import Kept
from recurra import labs
from recurra.errors import OptionError
from recurra.labs import command
from recurra.labs.document import Document
from recurra.labs.notebook import notebook
from recurra.labs.page import page
from recurra.labs.runner import MOST, Picture, Printed, Remark, Shown, run
from recurra.labs.show import blue, marked, red, table
from recurra.labs.words import WORDS

TEXT = """# Is it so?

Prose with `code`.

```python settings
size = 3
```

```text
no Python
```

```python
print("half", end="")
print("whole")
size * 2
```

```python picture A line that rises
import matplotlib.pyplot as plt

plt.plot([1, size])
```

More prose.

```python check
assert size == 3
```
"""


def written(folder: Path, text: str = TEXT) -> Document:
    path = folder / "mine.md"
    path.write_text(text, "utf-8")
    return Document.read(path)


def test_a_document_is_prose_and_blocks_on_their_lines(tmp_path: Path) -> None:
    document = written(tmp_path)
    assert document.title == "Is it so?"
    assert [part.kind for part in document.parts if part.text] == [
        "prose", "settings", "prose", "code", "picture", "prose", "check",
    ]  # fmt: skip
    assert "no Python" in document.parts[2].text
    assert next(p for p in document.parts if p.kind == "picture").alt == "A line that rises"
    lines = document.code.splitlines()
    for number, line in enumerate(TEXT.splitlines()):
        assert lines[number : number + 1] in ([line], [""], [])
    assert lines[5] == "size = 3"


def test_what_comes_out_is_told_as_it_comes(tmp_path: Path) -> None:
    view = Kept()
    run(written(tmp_path), view, {})
    printed, value, picture = view.outputs
    assert printed == Printed("halfwhole")
    assert value == Shown(6)
    assert isinstance(picture, Picture)
    assert picture.png.startswith(b"\x89PNG")
    assert 'aria-label="A line that rises"' in picture.svg


def test_a_traceback_points_into_the_document(tmp_path: Path) -> None:
    document = written(tmp_path, TEXT.replace("size * 2", "def f():\n    1 / 0\n\n\nf()"))
    with pytest.raises(ZeroDivisionError) as caught:
        run(document, Kept(), {})
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert last.filename == str(document.path)
    assert last.line == "1 / 0"
    assert document.path.read_text("utf-8").splitlines()[(last.lineno or 0) - 1].strip() == "1 / 0"


def test_settings_are_changed_and_only_they(tmp_path: Path) -> None:
    document, view = written(tmp_path), Kept()
    with pytest.raises(OptionError, match="no setting called width"):
        run(document, view, {"width": 1})
    with pytest.raises(AssertionError):
        run(document, view, {"size": 5})
    run(document, view, {"size": 5}, strict=False)
    assert Shown(10) in view.outputs
    assert view.outputs[-1] == Remark("untrue", "size == 3")


def test_long_outputs_are_cut_and_counted(tmp_path: Path) -> None:
    view = Kept()
    run(written(tmp_path, "# Q?\n\n```python\nfor k in range(99):\n    print(k)\n```\n"), view, {})
    assert len(view.outputs) == MOST + 1
    assert view.outputs[-1] == Remark("more_lines", 99 - MOST)


def test_the_process_is_left_as_it_was(tmp_path: Path) -> None:
    import matplotlib
    from matplotlib import pyplot

    pyplot.switch_backend("svg")
    mine = pyplot.figure()
    threads = torch.get_num_threads()
    text = TEXT.replace("size = 3", "import torch\n\nsize = 3\ntorch.set_num_threads(3)")
    before = dict(matplotlib.rcParams)
    run(written(tmp_path, text), Kept(), {})
    assert dict(matplotlib.rcParams) == before
    assert pyplot.get_fignums() == [mine.number]
    with pytest.raises(ZeroDivisionError):
        run(written(tmp_path, TEXT.replace("plt.plot([1, size])", "plt.plot([1 / 0])")), Kept(), {})
    assert pyplot.get_fignums() == [mine.number]
    pyplot.close(mine)
    assert torch.get_num_threads() == threads


def test_without_matplotlib_pictures_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recurra.labs.runner._draws", lambda: False)
    view = Kept()
    run(written(tmp_path), view, {})
    assert view.outputs == [Printed("halfwhole"), Shown(6)]


def test_a_page_holds_it_all_in_the_words_of_its_language(tmp_path: Path) -> None:
    document, view = written(tmp_path), Kept()
    outputs = run(document, view, {"size": 5}, strict=False)
    other = written(tmp_path, TEXT.replace("A line that rises", "오르는 선").replace("More", "더"))
    made = page(other, outputs, "ko")
    assert made.startswith('<!doctype html>\n<html lang="ko">')
    for text in (
        "<title>Is it so?</title>",
        "halfwhole",
        'aria-label="오르는 선"',
        "<svg",
        "더 prose",
        "이번에는 맞지 않았습니다: size == 3",
    ):
        assert text in made
    assert "http" not in made.replace("http-equiv", "")


def test_tables_are_for_people_on_a_terminal_and_on_a_page() -> None:
    made = table("a | <b>", [("x", 1.23456), (red("y"), "2"), (blue("z"), 3)])
    assert made.columns == ("a", "<b>")
    assert made.rows[0] == ("x", "1.235")
    html = made._repr_html_()
    assert "<th>&lt;b&gt;</th>" in html
    assert '<td align="right">1.235</td>' in html
    assert '<td align="left"><span style="color: #e03030">y</span></td>' in html
    assert "\x1b" not in html


def test_what_is_wrong_is_red() -> None:
    assert marked("hxxlo!", "hello") == f"  3 of 5 'h{red('xx')}lo{red('!')}'"


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "ko_KR.UTF-8"}, "ko"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "ko_KR"}, "ko"),
        ({"LC_ALL": "C", "LANG": "ko_KR"}, "en"),
        ({"LANG": "en_US", "LANGUAGE": "ko:en"}, "ko"),
        ({"LANG": "de_DE", "LANGUAGE": "de:ko:en"}, "ko"),
        ({"LANG": "ko_KR", "LANGUAGE": "en_GB:ko"}, "en"),
        ({"LANG": "Korean_Korea.949"}, "ko"),
        ({"LANG": "kok_IN"}, "en"),
        ({"LANG": "C.UTF-8", "LANGUAGE": "ko"}, "en"),
        ({"LANG": "de_DE"}, "en"),
    ],
)
def test_the_language_is_the_users(environment: dict[str, str], language: str) -> None:
    assert command.language_of(environment) == language


def test_a_lab_on_the_command_line(call: Recurra, tmp_path: Path) -> None:
    html = tmp_path / "deep" / "hihello.html"
    done = call("lab", "hihello", "--lang", "ko", "--out", str(tmp_path), "--html", str(html))
    assert done.code == 0
    for text in ("출력층", "6 of 6 'ihello'", "floor 0.433", "cross entropy", "이어서 해 보기"):
        assert text in done.out
    assert "assert" not in done.out
    assert (tmp_path / "hihello-1.png").exists()
    assert html.read_text("utf-8").count("<svg") == 1


def test_a_korean_locale_changes_the_prose_alone(
    call: Recurra, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the terminal says by itself too; code, what came out and pictures stay."""

    def hangul(text: str) -> bool:
        return any("가" <= c <= "힣" for c in text)

    for name in ("LC_ALL", "LC_MESSAGES", "LANGUAGE"):
        monkeypatch.delenv(name, raising=False)
    lines, pictures = [], []
    for locale in ("en_US.UTF-8", "ko_KR.UTF-8"):
        monkeypatch.setenv("LANG", locale)
        done = call("lab", "hihello", "--seed", "5", "--out", tmp_path)
        assert done.code == 0, done.err
        lines.append([line.rstrip() for line in done.out.splitlines() if line.strip()])
        pictures.append((tmp_path / "hihello-1.png").read_bytes())
    english, korean = lines
    assert pictures[0] == pictures[1]
    plain = [line for line in korean if not hangul(line)]
    assert len(plain) > 60
    assert [line for line in english if line in set(plain)] == plain
    assert {line for line in english if line[:5] == "│ ste"} < set(plain)
    assert "실습 hihello" in korean[0]
    assert korean[-1].endswith("초")
    assert not any(map(hangul, english))
    heads = {each.split("{}")[0] for each in asdict(WORDS["en"]).values()} - {"", ", about "}
    said = [line.lstrip("│ ").startswith(tuple(heads)) for line in english]
    assert any(said)  # the picture at least
    assert not any(line.lstrip("│ ").startswith(tuple(heads)) for line in korean)


def test_what_is_said_around_a_lab_is_said_in_both_languages() -> None:
    english, korean = (asdict(WORDS[language]) for language in ("en", "ko"))
    for name, text in english.items():
        assert text.count("{}") == korean[name].count("{}")
        assert any("가" <= c <= "힣" for c in korean[name]), name


def test_the_list_has_every_lab_its_question_and_what_it_takes(call: Recurra) -> None:
    done = call("lab", "--lang", "ko")
    assert all(lab.name in done.out for lab in labs.all_labs())
    assert "출력층은" in done.out
    assert "질문" in done.out
    assert "question" not in done.out
    assert "…" not in done.out  # letters two cells wide are folded, none is cut off


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--all", "basics"), "--all"),
        (("argmax", "--seed", "3"), "no setting called seed"),
        (("argmax", "--data", "x"), "its own data alone"),
    ],
)
def test_what_cannot_be_is_refused(call: Recurra, words: tuple[str, ...], text: str) -> None:
    done = call("lab", *words)
    assert done.code == 2
    assert text in done.err


def test_what_is_missing_is_told_before_it_starts(
    call: Recurra, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "recurra.tasks.task.find_spec", lambda name: None if name == "sklearn" else 1
    )
    for language, said in (("en", "is not installed"), ("ko", "설치되어 있지 않습니다")):
        done = call("lab", "sentiment", "--lang", language)
        assert done.code == 2
        assert done.out == ""
        assert "sklearn" in done.err
        assert said in done.err


def test_a_notebook_is_one_and_jupyter_runs_it(call: Recurra, tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    done = call("lab", "hihello", "--notebook", str(tmp_path / "h.ipynb"))
    assert done.code == 0
    assert "not run yet" in done.out
    read = nbformat.read(tmp_path / "h.ipynb", as_version=4)
    nbformat.validate(read)
    read.metadata.kernelspec.name = "python3"
    nbclient.NotebookClient(read, timeout=300).execute()
    shown = json.dumps(read)
    assert "floor 0.433" in shown
    assert "image/png" in shown
    assert "text/html" in shown


def test_a_notebook_has_changed_settings_behind_the_documents_own(tmp_path: Path) -> None:
    cells = notebook(written(tmp_path), {"size": 4})["cells"]
    sources = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
    assert sources[:2] == ["size = 3", "size = 4"]


def test_labs_load_no_torch_until_one_runs() -> None:
    import subprocess

    code = (
        "import sys; from recurra import labs; [x.document().title for x in labs.all_labs()];"
        "sys.exit('torch' in sys.modules or 'matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
