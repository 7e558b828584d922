"""What the site has beside the guides in docs/: README, labs, reference, commands; and its order.

MkDocs calls what begins with `on_`. Warnings fail a strict build.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any, Final

import click
import lab_pages
from mkdocs.structure.files import File, Files

import recurra
from recurra import cli, labs
from recurra.labs.document import LANGUAGES
from recurra.tasks import TASKS

ROOT: Final = Path(__file__).parents[2]
BESIDE: Final = {"index.md": "README.md", "contributing.md": "CONTRIBUTING.md"} | {
    "changelog.md": "CHANGELOG.md"
}
"""Pages that are files of the root."""

REFERENCE: Final = {
    "Train and load": "train load resume quantize Callback",
    "TextModel": "TextModel",
    "LabelModel": "LabelModel",
    "SeriesModel": "SeriesModel",
    "PairModel": "PairModel",
    "CaptionModel": "CaptionModel",
    "Streams": "StreamState",
    "Layers": "nn.RNN nn.GRU nn.LSTM nn.Options nn.LockedDropout nn.Path nn.Traced",
    "Attention": "nn.Attention nn.AttentionOutput nn.Memory",
    "Ragged rows": "Ragged",
    "States": "nn.State nn.HiddenState nn.LSTMState nn.stack_layers",
    "accelerate": "accelerate Accelerated",
    "Errors": "RecurraError InputError OptionError DataError BundleError TrainingError "
    "NotFittedError MissingExtra",
}
"""Title of a page -> the public names on it."""

log = logging.getLogger("mkdocs.hooks.recurra")


def on_config(config: Any) -> None:
    """Set the order of the pages; Korean guides are those that there are."""
    there = {path.stem for path in (Path(config.docs_dir) / "ko").glob("*.md")} | {"labs"}
    first = [name for name in ("README", *TASKS) if name in there]
    korean = [f"ko/{name}.md" for name in [*first, *sorted(there - {*first})]]
    each = [lab.name for lab in labs.all_labs()]
    config.nav = [
        {"Start": ["index.md", "coming-from.md", "use.md"]},
        {"Tasks": ["text.md", "find-odd-lines.md", *(f"{t}.md" for t in TASKS if t != "text")]},
        {"Labs": ["labs.md", *(f"labs/{name}.md" for name in each)]},
        {"PyTorch": ["layers.md"]},
        {"Reference": ["reference/index.md", *map(_page_of, REFERENCE), "reference/commands.md"]},
        {"한국어": [*korean, {"실습": [f"ko/labs/{name}.md" for name in each]}]},
        {
            "Project": [
                *("results.md", "tried.md", "security.md", "house.md"),
                *("contributing.md", "cases.md", "changelog.md"),
            ]
        },
    ]


def on_files(files: Files, config: Any) -> None:
    """Add the pages that no file in docs/ holds."""
    listed = {name for names in REFERENCE.values() for name in names.split()}
    public = {*recurra.__all__, *(f"nn.{n}" for n in recurra.nn.__all__)} - {"nn", "nn.Ragged"}
    if listed ^ public:
        log.warning("not in REFERENCE, or public no more: %s", sorted(listed ^ public))
    made = {page: (ROOT / name).read_text("utf-8") for page, name in BESIDE.items()}
    for title, names in REFERENCE.items():
        each = "".join(f"\n::: recurra.{name}\n" for name in names.split())
        made[_page_of(title)] = f"# {title}\n{each}"
    made["reference/index.md"] = _index()
    made["reference/commands.md"] = "# Commands\n" + "".join(_helps(cli.recurra, "recurra"))
    for lab in labs.all_labs():
        for language in LANGUAGES:
            made[lab_pages.name_of(lab.name, language)] = lab_pages.page(lab, language)
    if files.get_file_from_path("ko/labs.md") is None:
        made["ko/labs.md"] = "# 실습\n"
    for page, text in made.items():
        files.append(File.generated(config, page, content=text))


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Make what GitHub reads into what the site reads: links out of docs/, marks of blocks."""
    up = "../" * page.file.src_uri.count("/")
    root = "" if page.file.src_uri in BESIDE else f"{up}../"
    markdown = re.sub(r"^(```\w+) no-run$", r"\1", markdown, flags=re.M)
    for there, name in BESIDE.items():
        markdown = markdown.replace(f"]({root}{name}", f"]({up}{there}")
    if page.file.src_uri in BESIDE:
        markdown = markdown.replace("](docs/", "](")
    if page.file.name == "labs":
        korean = page.file.src_uri.startswith("ko/")
        markdown += "\n## 모두\n\n" if korean else "\n## All of them\n\n"
        markdown += lab_pages.listed("ko" if korean else "en")
    return markdown


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Put in what came out of a lab's blocks, behind each."""
    found = re.fullmatch(r"(?:ko/)?labs/([\w-]+)\.md", page.file.src_uri)
    return html if found is None else lab_pages.filled(html, found[1], page.meta["language"])


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Say the page's language; nothing may come from the network, no picture be without words."""
    for tag in re.findall(r"<(?:img|script|link|iframe)\b[^>]*>", output):
        if re.search(r"""(src|href)=["']?(https?:)?//""", tag) and 'rel="canonical"' not in tag:
            log.warning("%s: loads from the network: %s", page.file.src_uri, tag)
        if tag.startswith("<img") and not re.search(r'alt="[^"]', tag):
            log.warning("%s: no alternative text: %s", page.file.src_uri, tag)
    korean = page.file.src_uri.startswith("ko/")
    return output.replace('<html lang="en"', '<html lang="ko"', 1) if korean else output


def _page_of(title: str) -> str:
    return f"reference/{title.replace(' ', '-').lower()}.md"


def _index() -> str:
    lines = ["# Reference", "", "Names of the package `recurra`, each with what it is for.", ""]
    lines += ["| | |", "|---|---|"]
    for title, names in REFERENCE.items():
        page = Path(_page_of(title)).name
        for name in names.split():
            found = recurra.nn if name.startswith("nn.") else recurra
            said = (getattr(found, name.split(".")[-1]).__doc__ or "").strip().split("\n")[0]
            lines.append(
                f"| [`{name}`]({page}#recurra.{name}) | {said.replace('|', chr(92) + '|')} |"
            )
    return "\n".join(lines) + "\n"


def _helps(command: click.Command, words: str) -> list[str]:
    context = click.Context(command, info_name=words, terminal_width=80)
    if isinstance(command, click.Group):
        inner = {
            name: command.get_command(context, name) for name in command.list_commands(context)
        }
        return [
            text for name, each in inner.items() if each for text in _helps(each, f"{words} {name}")
        ]
    return [f"\n## {words}\n\n```text\n{command.get_help(context)}\n```\n"]
