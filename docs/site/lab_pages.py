"""Labs as pages of the site: the documents, with what came out of their blocks."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from pathlib import Path
from typing import Any, Final

from recurra import labs
from recurra.labs.document import LANGUAGES
from recurra.labs.page import rendered

ROOT: Final = Path(__file__).parents[2]
SOURCE: Final = ROOT / "src" / "recurra"
OUTPUTS: Final = os.environ.get("RECURRA_SITE_LABS") != "0"
log = logging.getLogger("mkdocs.hooks.recurra")


def name_of(lab: str, language: str) -> str:
    """The page of a lab in a language."""
    return f"{'' if language == 'en' else f'{language}/'}labs/{lab}.md"


def listed(language: str) -> str:
    """All labs, as a table with links."""
    lines = ["| | | |", "|---|---|---|"]
    for lab in labs.all_labs():
        page = f"labs/{lab.name}.md"
        lines.append(f"| [{lab.name}]({page}) | {lab.document(language).title} | {lab.seconds} s |")
    return "\n".join(lines) + "\n"


def page(lab: labs.Lab, language: str) -> str:
    """The document, with a mark behind each block for what came out of it."""
    document = lab.document(language)
    up = "../" if language == "en" else "../../"
    typed, other = f"recurra lab {lab.name}", LANGUAGES[language == LANGUAGES[0]]
    there = f"{up}{name_of(lab.name, other)}"
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


def filled(html: str, name: str, language: str) -> str:
    """A page with what came out of the lab's blocks in place of the marks behind them."""
    for k, outputs in enumerate(_outputs(labs.find(name))[language] if OUTPUTS else []):
        shown = "".join(outputs)
        html = html.replace(f"<!-- out {k} -->", f'<div class="out">{shown}</div>' if shown else "")
    return html


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


def _outputs(lab: labs.Lab) -> dict[str, list[list[str]]]:
    """What came out of each part, as HTML, by language: kept until code or package change."""
    kept = ROOT / "build" / "labs" / f"{lab.name}-{_digest(lab)}.json"
    if not kept.exists():
        log.info("lab %s runs ...", lab.name)
        done = lab.run(_Silent(), quick=True)
        kept.parent.mkdir(parents=True, exist_ok=True)
        found = {
            language: [
                rendered(outputs, part, language)
                for outputs, part in zip(done, lab.document(language).parts, strict=True)
            ]
            for language in LANGUAGES
        }
        kept.write_text(json.dumps(found), "utf-8")
    held: dict[str, list[list[str]]] = json.loads(kept.read_text("utf-8"))
    return held
