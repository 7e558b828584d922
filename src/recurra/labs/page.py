"""A document that has run, as a page: one file, its pictures inside."""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape
from typing import Final

from recurra.labs.document import Document, Part
from recurra.labs.runner import Output, Picture, Printed, Remark, Shown
from recurra.labs.show import Table

_CSS: Final = """
:root { --ink: #222; --paper: #fff; --quiet: #f4f4f2; --blue: #0072b2; --orange: #d55e00;
  --green: #009e73; color-scheme: light dark }
@media (prefers-color-scheme: dark) { :root { --ink: #ddd; --paper: #16181a; --quiet: #23262a;
  --blue: #56b4e9; --orange: #f0a050; --green: #30c090 } }
body { color: var(--ink); background: var(--paper); font: 16px/1.6 system-ui, sans-serif;
  max-width: 46rem; margin: 1.5rem auto; padding: 0 1rem; word-break: keep-all;
  overflow-wrap: anywhere }
pre { overflow-x: auto; font-size: 14px; line-height: 1.4; padding: .6rem .8rem; margin: .6rem 0 }
pre.code { background: var(--quiet); border-radius: 6px }
pre.out { border-left: 3px solid var(--blue); padding-top: 0; padding-bottom: 0 }
figure { margin: 1rem 0; overflow-x: auto } svg { width: 100%; height: auto; fill: currentColor }
table { border-collapse: collapse; font-size: 14px; display: block; overflow-x: auto;
  margin: .6rem 0 }
th, td { padding: 2px 10px; border-bottom: 1px solid #8884 } th { text-align: left }
.k, .kn, .kc, .ow { color: var(--blue) } .s1, .s2, .sa, .si, .mi, .mf { color: var(--green) }
.c1 { opacity: .7 }
"""


def page(document: Document, outputs: Sequence[Sequence[Output]], language: str) -> str:
    """A page of HTML; the outputs may be those of the document in another language."""
    from markdown_it import MarkdownIt

    markdown = MarkdownIt().enable("table")
    body = []
    for part, each in zip(document.parts, outputs, strict=True):
        if part.kind == "prose":
            body.append(markdown.render(part.text))
        elif part.kind == "check":
            body.append(f"<details><summary>assert</summary>{_code(part)}</details>")
        else:
            body.append(_code(part))
        body += rendered(each, part, language)
    return (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(document.title)}</title><style>{_CSS}</style></head>\n"
        f"<body>\n{''.join(body)}</body></html>\n"
    )


def _code(part: Part) -> str:
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    coloured: str = highlight(part.text, PythonLexer(), HtmlFormatter(nowrap=True))
    return f'<pre class="code">{coloured}</pre>\n'


def rendered(outputs: Sequence[Output], part: Part, language: str = "en") -> list[str]:
    """What came out of a part, as HTML: its lines first, then the rest in order."""
    found = []
    lines = [
        each.text if isinstance(each, Printed) else each.said(language)
        for each in outputs
        if isinstance(each, Printed | Remark)
    ]
    if lines:
        found.append(_text("\n".join(lines)))
    for each in outputs:
        if isinstance(each, Picture):
            # The words of this document, not of the one that was run.
            drawn = each.svg.replace(escape(each.alt), escape(part.alt), 1)
            found.append(f"<figure>{drawn}</figure>\n")
        elif isinstance(each, Shown) and isinstance(each.value, Table):
            found.append(each.value._repr_html_())
        elif isinstance(each, Shown):
            found.append(_text(repr(each.value)))
    return found


def _text(text: str) -> str:
    from rich.console import Console
    from rich.text import Text

    console = Console(record=True, file=io.StringIO(), width=200, force_jupyter=False)
    console.print(Text.from_ansi(text), soft_wrap=True)
    coloured = console.export_html(code_format="{code}", inline_styles=True)
    return f'<pre class="out">{coloured.rstrip()}</pre>\n'
