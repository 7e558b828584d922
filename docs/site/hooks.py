"""What the site has beside the guides in docs/: README, labs, reference, commands; and its order.

MkDocs calls what begins with `on_`. Warnings fail a strict build.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from html import escape
from pathlib import Path
from typing import Any, Final

import click
from mkdocs.structure.files import File, Files

import recurra
from recurra import cli, labs
from recurra.labs.document import LANGUAGES
from recurra.labs.page import rendered
from recurra.tasks import TASKS

ROOT: Final = Path(__file__).parents[2]
SOURCE: Final = ROOT / "src" / "recurra"
BESIDE: Final = {"index.md": "README.md", "contributing.md": "CONTRIBUTING.md"} | {
    "changelog.md": "CHANGELOG.md"
}
"""Pages that are files of the root."""

REFERENCE: Final = {
    "Train and load": "train load resume Callback",
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

OUTPUTS: Final = os.environ.get("RECURRA_SITE_LABS") != "0"
log = logging.getLogger("mkdocs.hooks.recurra")


def on_config(config: Any) -> None:
    """Set the order of the pages; Korean guides are those that there are."""
    docs = Path(config.docs_dir)
    korean = [f"ko/{task}.md" for task in TASKS if (docs / "ko" / f"{task}.md").exists()]
    korean += sorted(f"ko/{p.name}" for p in (docs / "ko").glob("*.md") if p.stem not in TASKS)
    each = [lab.name for lab in labs.all_labs()]
    config.nav = [
        {"Start": ["index.md", "coming-from.md", "use.md"]},
        {"Tasks": ["text.md", "find-odd-lines.md", *(f"{t}.md" for t in TASKS if t != "text")]},
        {"Labs": ["labs.md", *(f"labs/{name}.md" for name in each)]},
        {"PyTorch": ["layers.md"]},
        {"Reference": ["reference/index.md", *map(_page_of, REFERENCE), "reference/commands.md"]},
        {"한국어": ["ko/index.md", *korean, {"실습": [f"ko/labs/{name}.md" for name in each]}]},
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
            made[_lab_page(lab.name, language)] = _lab(lab, language)
    guides = [f.src_uri for f in files if re.fullmatch(r"ko/\w+\.md", f.src_uri)]
    made["ko/index.md"] = _korean(sorted(guides), Path(config.docs_dir))
    for page, text in made.items():
        files.append(File.generated(config, page, content=text))


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Make what GitHub reads into what the site reads: links out of docs/, marks of blocks."""
    up = "../" * page.file.src_uri.count("/")
    markdown = re.sub(r"^(```\w+) no-run$", r"\1", markdown, flags=re.M)
    for there, name in BESIDE.items():
        markdown = re.sub(rf"\]\((\.\./)*{name}", f"]({up}{there}", markdown)
    if page.file.src_uri in BESIDE:
        markdown = markdown.replace("](docs/", "](")
    if page.file.src_uri == "labs.md":
        markdown += "\n## All of them\n\n" + _labs("en")
    return markdown


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Put in what came out of a lab's blocks, behind each."""
    found = re.fullmatch(r"(ko/)?labs/([\w-]+)\.md", page.file.src_uri)
    if found is None or not OUTPUTS:
        return html
    english, own = (labs.find(found[2]).document(each) for each in ("en", page.meta["language"]))
    for k, (outputs, a, b) in enumerate(
        zip(_outputs(labs.find(found[2])), english.parts, own.parts, strict=True)
    ):
        shown = (
            "".join(outputs).replace(escape(a.alt), escape(b.alt)) if a.alt else "".join(outputs)
        )
        html = html.replace(f"<!-- out {k} -->", f'<div class="out">{shown}</div>' if shown else "")
    return html


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


def _lab_page(name: str, language: str) -> str:
    return f"{'' if language == 'en' else f'{language}/'}labs/{name}.md"


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


def _labs(language: str) -> str:
    lines = ["| | | |", "|---|---|---|"]
    for lab in labs.all_labs():
        page = f"labs/{lab.name}.md"
        lines.append(f"| [{lab.name}]({page}) | {lab.document(language).title} | {lab.seconds} s |")
    return "\n".join(lines) + "\n"


def _korean(guides: list[str], docs: Path) -> str:
    lines = ["# 한국어", "", "실습(lab)은 모두 한국어로도 있고, 코드는 영어 문서와 같습니다.", ""]
    if guides:
        lines += ["## 안내서", ""]
    for page in guides:
        title = (docs / page).read_text("utf-8").split("\n", 1)[0].removeprefix("# ")
        lines.append(f"- [{title}]({Path(page).name})")
    return "\n".join([*lines, "", "## 실습", "", _labs("ko")])


def _lab(lab: labs.Lab, language: str) -> str:
    """The document, with a mark behind each block for what came out of it."""
    document = lab.document(language)
    up = "../" if language == "en" else "../../"
    typed, other = f"recurra lab {lab.name}", LANGUAGES[language == LANGUAGES[0]]
    there = f"{up}{_lab_page(lab.name, other)}"
    top = {
        "en": f"[한국어]({there}) · `{typed}` runs it, in about {lab.seconds} s.",
        "ko": f"[English]({there}) · `{typed} --lang ko`로 실행합니다({lab.seconds}초쯤).",
    }
    short = {
        "en": "What came out is of the shorter form, `--quick`.",
        "ko": "아래 결과는 짧은 형식인 `--quick`으로 실행한 것입니다.",
    }
    said = top[language] + (f" {short[language]}" if OUTPUTS and lab.quick else "")
    body = [f"---\nlanguage: {language}\n---\n"]
    for k, part in enumerate(document.parts):
        text = part.text.rstrip()
        if part.kind == "prose":
            first, _, rest = text.partition("\n")
            body.append(text if k else f"{first}\n\n{said}\n{rest}")
        elif part.kind == "check":
            inner = "\n".join(f"    {line}" for line in text.split("\n"))
            body.append(f'??? quote "assert"\n\n    ```python\n{inner}\n    ```')
        else:
            body.append(f"```python\n{text}\n```")
        body.append(f"<!-- out {k} -->")
    return "\n\n".join(body) + "\n"


def _digest(lab: labs.Lab) -> str:
    found = hashlib.sha256(lab.document().code.encode())
    for path in sorted(SOURCE.rglob("*")):
        if path.suffix in {".py", ".cpp", ".cc", ".h", ".inc"}:
            found.update(path.read_bytes())
    return found.hexdigest()[:16]


class _Silent:
    """Hears what a lab tells, and says nothing."""

    def begin(self, part: Any) -> None:
        """A part is next."""

    def tell(self, output: Any) -> None:
        """Something came out of it."""


def _outputs(lab: labs.Lab) -> list[list[str]]:
    """What came out of each part, as HTML: kept until the lab's code or the package changes."""
    kept = ROOT / "build" / "labs" / f"{lab.name}-{_digest(lab)}.json"
    if not kept.exists():
        log.info("lab %s runs ...", lab.name)
        done = lab.run(_Silent(), quick=True)
        parts = lab.document().parts
        kept.parent.mkdir(parents=True, exist_ok=True)
        found = [rendered(outputs, part) for outputs, part in zip(done, parts, strict=True)]
        kept.write_text(json.dumps(found), "utf-8")
    held: list[list[str]] = json.loads(kept.read_text("utf-8"))
    return held
