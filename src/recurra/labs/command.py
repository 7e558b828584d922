"""The labs on the command line."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

from recurra import labs
from recurra.console import guard
from recurra.errors import OptionError
from recurra.labs.document import LANGUAGES, Part
from recurra.labs.notebook import notebook
from recurra.labs.page import page
from recurra.labs.runner import Output, Picture, Printed, Remark
from recurra.labs.show import table
from recurra.labs.words import WORDS, Words

if TYPE_CHECKING:
    from rich.console import Console

FOLDER: Final = Path("lab-pictures")


def language_of(environment: Mapping[str, str]) -> str:
    """The language of the user's locale, English where there is no document in it."""
    said = [environment.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG")]
    locale = next(filter(None, said), "")
    if sys.platform == "win32" and not locale:
        import ctypes

        korean = ctypes.windll.kernel32.GetUserDefaultUILanguage() & 0x3FF == 0x12
        return "ko" if korean else "en"
    plain = locale.split(".")[0] in ("", "C", "POSIX")
    wanted = "" if plain else environment.get("LANGUAGE", "")
    # As gettext: the first of those wanted that there is; "ko_KR.UTF-8", "Korean_Korea.949".
    for each in [*filter(None, wanted.split(":")), locale]:
        found = re.split(r"[_.@-]", each.lower())[0]
        if (found := {"korean": "ko"}.get(found, found)) in LANGUAGES:
            return found
    return "en"


@final
class Terminal:
    """Prints prose, code and what comes out of it; pictures become files."""

    def __init__(self, console: Console, name: str, folder: Path, language: str) -> None:
        self.console, self.name, self.folder, self.language = console, name, folder, language
        self.pictures = 0

    def begin(self, part: Part) -> None:
        """Print a part; checks and empty prose are passed over."""
        from rich.markdown import Markdown
        from rich.padding import Padding
        from rich.syntax import Syntax

        width = min(self.console.width, 80)
        if part.kind == "prose":
            for k, text in enumerate(part.text.split("\n#")):
                heading, text = text.split("\n", 1) if k or text[:1] == "#" else ("", text)
                if heading:
                    self.line(heading.lstrip("# "), "bold cyan")
                self.console.print(Markdown(text.strip()), width=width)
                self.console.print()
        elif part.kind != "check":
            code = Syntax(
                part.text.rstrip(), "python", theme="ansi_dark", background_color="default"
            )
            self.console.print(Padding(code, (0, 0, 1, 2)))

    def tell(self, output: Output) -> None:
        """Print an output, or write a picture and print where."""
        from rich.padding import Padding
        from rich.text import Text

        if isinstance(output, Picture):
            self.pictures += 1
            path = self.folder / f"{self.name}-{self.pictures}.png"
            _write(path, output.png)
            self.line(WORDS[self.language].picture.format(path), "dim")
        elif isinstance(output, Printed):
            wide = max(self.console.width - 2, 1)
            for line in Text.from_ansi(output.text).wrap(self.console, wide):
                self.console.print(Text.assemble(("│ ", "dim"), line), highlight=False)
        elif isinstance(output, Remark):
            self.line(f"│ {output.said(self.language)}", "dim")
        else:
            value = output.value
            shown = value if hasattr(value, "__rich__") else Text(repr(value))
            self.console.print(Padding(shown, (0, 0, 0, 2)))

    def line(self, text: str, style: str = "") -> None:
        """Print a line as it is."""
        self.console.print(text, style=style, markup=False, highlight=False)


def run(
    name: str | None,
    *,
    run_all: bool,
    quick: bool,
    seed: int,
    language: str | None,
    data: Path | None,
    out: Path | None,
    as_notebook: Path | None,
    as_html: Path | None,
) -> None:
    """`recurra lab`: one lab, all of them, or the list."""
    console = guard.console()
    language = language or language_of(os.environ)
    words = WORDS[language]
    if run_all and (name or data or as_notebook or as_html):
        raise OptionError(
            "--all with a lab's name or its data or files",
            expected="--all with --quick, --seed, --lang and --out alone",
        )
    if name is None and not run_all:
        _list(console, language, words)
        return
    chosen = labs.all_labs() if name is None else (labs.find(name),)
    if as_notebook:
        changes = chosen[0].changes(quick=quick, seed=seed, data=data)
        made = json.dumps(notebook(chosen[0].document(language), changes), ensure_ascii=False)
        _write(as_notebook, made.encode())
        console.print(words.wrote_notebook.format(as_notebook), markup=False)
        if not as_html:
            return
    chosen[0].check(language)  # of all, it is the one that needs torch alone
    if find_spec("matplotlib") is None:
        console.print(words.no_pictures, markup=False)
    for lab in chosen:
        if run_all and (lacking := lab.missing()):
            console.print(words.left_out.format(lab.name, ", ".join(lacking)), markup=False)
            continue
        view = Terminal(console, lab.name, out or FOLDER, language)
        begun = time.perf_counter()
        title = words.lab.format(lab.name)
        if not (quick or seed or data):
            title += words.about.format(words.seconds.format(lab.seconds))
        console.rule(title)
        done = lab.run(view, language=language, quick=quick, seed=seed, data=data)
        view.line(words.seconds.format(f"{time.perf_counter() - begun:.1f}"), "dim")
        if as_html:
            _write(as_html, page(lab.document(language), done, language).encode())
            view.line(words.wrote.format(as_html))


def _list(console: Console, language: str, words: Words) -> None:
    rows = [
        (
            lab.name,
            lab.document(language).title,
            words.seconds.format(lab.seconds),
            " ".join(filter(None, [lab.task, "--data" * bool(lab.data)])),
        )
        for lab in labs.all_labs()
    ]
    console.print(table(words.columns, rows))
    console.print(words.how_to_run, markup=False)


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise OptionError(
            f"{path} cannot be written: {error.strerror or error}",
            expected="a place that this user may write to",
        ) from error
