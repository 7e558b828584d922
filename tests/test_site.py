"""Where the documentation is; `./dev docs` itself fails on dead links, and CI runs it."""

from __future__ import annotations

from pathlib import Path

from blocks import ROOT
from commands import Recurra
from recurra.doctor import documentation


def test_where_the_documentation_is(call: Recurra, tmp_path: Path) -> None:
    said = call("docs").out
    assert f"{ROOT / 'docs'}: " in said
    assert "./dev docs" in said or f"{ROOT / 'build' / 'site' / 'index.html'}\n" in said
    elsewhere = documentation(tmp_path)
    assert str(tmp_path) not in elsewhere
    assert "guides come with the source" in elsewhere
    (tmp_path / "build" / "site").mkdir(parents=True)
    (tmp_path / "mkdocs.yml").touch()
    assert f"./dev docs in {tmp_path}" in documentation(tmp_path)
    (tmp_path / "build" / "site" / "index.html").touch()
    assert f"site:     {tmp_path / 'build' / 'site' / 'index.html'}\n" in documentation(tmp_path)
