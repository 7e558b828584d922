"""The house as drawn: which room may use which, and that README, tree and names are true."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tokenize
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from token import NAME

import click
import pytest

import recurra
from blocks import ROOT, blocks, check_shell
from recurra import cli
from recurra.cli.train import train

SOURCE = ROOT / "src" / "recurra"
BENCHMARKS = ROOT / "benchmarks"
README = ROOT / "README.md"
HOUSE = ROOT / "docs" / "house.md"

FLOORS = [
    {"errors"},
    {"codecs", "console", "names", "native"},
    {"data", "search", "judge", "bundle"},
    {"runtime"},
    {"core"},
    {"networks"},
    {"training"},
    {"show"},
    {"tasks"},
    {"demo", "labs", "cli", "doctor", "__main__"},
]
"""From the bottom up: a room may use its own floor and those below."""

BESIDE = {"": 0, "nn": 4}
"""The package itself, whose names are resolved late, and the door to core.layers."""

LATE = {("cli", "demo"), ("cli", "doctor"), ("cli", "labs"), ("__main__", "cli")}
"""What stands on one floor and may use its neighbours: the command line calls all."""

EMPTY = {"__init__.py"}


def modules(root: Path = SOURCE) -> list[Path]:
    return sorted(root.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(SOURCE).with_suffix("").parts[0]


def floor(name: str) -> int:
    if name in BESIDE:
        return BESIDE[name]
    return next(number for number, names in enumerate(FLOORS) if name in names)


def running(path: Path) -> Iterator[ast.AST]:
    """All that a module consists of, but what only type checkers read."""
    tree = ast.parse(path.read_text("utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for each in node.body
        for inner in ast.walk(each)
    }
    return (node for node in ast.walk(tree) if id(node) not in typing_only)


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Rooms of recurra that a module imports, anywhere in it, but where only types are checked."""
    for node in running(path):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import at line {node.lineno}"
            base = node.module or ""
            names = (
                [f"{base}.{alias.name}" for alias in node.names] if base == "recurra" else [base]
            )
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            names = [str(node.args[0].value)] if isinstance(node.args[0], ast.Constant) else []
        for name in names:
            parts = name.split(".")
            if parts[0] == "recurra":
                found = parts[1] if len(parts) > 1 else ""
                line = getattr(node, "lineno", 0)
                yield ("" if found.startswith("__") else found), line


def test_every_module_has_its_place() -> None:
    known = set.union(*FLOORS) | {"nn", "__init__"}
    assert {room(path) for path in modules()} <= known


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_arrows_point_down(path: Path) -> None:
    own = room(path)
    if own == "__init__":
        return
    for used, line in imports(path):
        if used == own or (own, used) in LATE:
            continue
        where = f"{path.relative_to(ROOT)}:{line}: {own} uses {used or 'recurra'}"
        low, high = floor(used), floor(own)
        if own in FLOORS[-1] and used in FLOORS[-1]:
            pytest.fail(f"{where}, its neighbour")
        assert low <= high, f"{where}, which stands above it"
        # On the floor of data, search, judge and bundle each stands for itself.
        if used not in BESIDE and own not in BESIDE and low == high:
            pytest.fail(f"{where}, its neighbour")


# -- circles ------------------------------------------------------------------------------------


def names() -> dict[str, Path]:
    """Dotted name -> file of every module, the compiled one by the file of its types."""
    found = {}
    for path in [*modules(), *SOURCE.rglob("*.pyi")]:
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path: Path, known: Collection[str]) -> set[str]:
    """The modules that a module imports, at its top or later, but where only types are checked.

    A package that a module is in is loaded before it and is no use of it, unless it is named. A
    name that is made while the program runs (`f"recurra.tasks.{task}.trainer"`) names no module:
    whoever asks knows none of those that may come.
    """
    found: set[str] = set()
    for node in running(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            each = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= each & set(known) or {str(node.module)}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            name = node.args[0]
            found |= {str(name.value)} if isinstance(name, ast.Constant) else set()
    return found & set(known)


def circles(uses: Mapping[str, set[str]]) -> list[set[str]]:
    """The modules that reach themselves, with those that they reach on the way and back."""
    reach = {name: set(used) for name, used in uses.items()}
    for middle in uses:  # Warshall 1962
        for found in reach.values():
            if middle in found:
                found |= reach[middle]
    loops = {frozenset(b for b in reach[a] if a in reach[b]) for a in uses if a in reach[a]}
    return sorted(map(set, loops), key=min)


def test_imports_run_in_no_circle() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == [{"b", "c"}]
    known = names()
    # The package itself resolves its public names when they are first used.
    uses = {name: imported(path, known) - {name} for name, path in known.items()}
    assert "recurra.core.loop" in uses["recurra.core.scan"]
    found = circles(uses)
    assert found == [], [{name: uses[name] & each for name in each} for each in found]


def test_a_task_does_not_use_another() -> None:
    tasks = [p.name for p in (SOURCE / "tasks").iterdir() if p.is_dir() and p.name[0] != "_"]
    for task in tasks:
        for path in (SOURCE / "tasks" / task).rglob("*.py"):
            text = path.read_text("utf-8")
            for other in set(tasks) - {task}:
                assert f"recurra.tasks.{other}" not in text, path


def test_the_package_knows_no_measurements() -> None:
    for path in modules():
        found = re.search(r"^ *(import|from) benchmarks\b", path.read_text("utf-8"), re.M)
        assert not found, path


def test_what_runs_without_torch_asks_for_none() -> None:
    for name in ("errors", "native", "codecs", "bundle", "judge", "cli", "data", "__init__"):
        for path in [SOURCE / f"{name}.py", *(SOURCE / name).rglob("*.py")]:
            if path.exists():
                assert not re.search(r"^(import|from) torch", path.read_text("utf-8"), re.M), path


def test_no_file_is_named_for_nothing() -> None:
    for path in [*modules(), *modules(BENCHMARKS), *(ROOT / "tests").rglob("*.py")]:
        assert not re.fullmatch(r"_?(utils?|helpers?|common|misc)", path.stem), path


def test_files_are_short() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for path in [*modules(), *modules(BENCHMARKS)]
        if (count := len(path.read_text("utf-8").splitlines())) > 400
    }
    assert long == {}


# -- names --------------------------------------------------------------------------------------


OLD_NAMES = {
    "CharacterNetwork", "Looked", "Told", "Trainee", "Usual", "Watcher", "carry", "climb", "design",
    "looked", "recipe", "rivals", "told", "trainee", "watcher",
}  # fmt: skip
OLD_FILES = {
    "again", "audit", "blocks", "calibration", "choice", "cuts", "design", "draws", "fits", "given",
    "lines", "moments", "parts", "places", "recipe", "rivals", "sources", "swap", "terminal",
    "told", "trainee", "truth", "watch", "writing",
}  # fmt: skip
OLD_OPTIONS = {"chunk", "finish", "known", "members", "past", "rate", "static"}
"""What was called otherwise once: the field has words for these."""


def test_old_words_stay_out() -> None:
    found = [path for path in modules() if OLD_FILES & set(path.relative_to(SOURCE).parts[:-1])]
    found += [path for path in modules() if path.stem in OLD_FILES]
    assert found == []
    for path in modules():
        with tokenize.open(path) as file:
            names = {t.string for t in tokenize.generate_tokens(file.readline) if t.type == NAME}
        assert names & OLD_NAMES == set(), path
    for task, make in train.made.items():
        assert {each.name for each in make().params} & OLD_OPTIONS == set(), task


def test_public_names_resolve_and_are_listed() -> None:
    assert sorted(recurra.__all__) == recurra.__all__
    for name in recurra.__all__:
        assert getattr(recurra, name) is not None
        assert name in dir(recurra)
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        recurra.trian  # noqa: B018
    assert recurra.nn.__all__
    for name in recurra.nn.__all__:
        assert getattr(recurra.nn, name) is not None


def loaded(*code: str) -> set[str]:
    """The modules that a fresh Python has loaded in the end."""
    script = "\n".join([*code, "import sys; print('\\n'.join(sys.modules))"])
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split("\n"))


def test_the_kernels_need_no_torch() -> None:
    found = loaded("from recurra.native import Prepared")
    assert "numpy" in found
    assert "torch" not in found


def test_what_only_gcc_and_clang_have_is_in_two_headers() -> None:
    """So that clang-cl can build the kernels, and another compiler needs changes there alone."""
    theirs = re.compile(r"__builtin_|__attribute__|#pragma (GCC|clang)|_Pragma|<cpuid\.h>")
    found = {
        path.name
        for path in (SOURCE / "native").iterdir()
        if path.suffix in {".h", ".cpp", ".inc"} and theirs.search(path.read_text("utf-8"))
    }
    assert found == {"compiler.h", "cpu.h"}


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not loaded("import recurra") & {"torch", "numpy", "rich", "click", "safetensors"}
    listed = loaded(
        "from recurra.cli import main",
        "assert main(['--help']) == 0",
        "assert main(['train', 'text', '--help']) == 0",
    )
    assert "click" in listed
    assert not listed & {"torch", "numpy", "safetensors", "matplotlib"}


NOT_FOR_WRITING = {
    *("torch", "pydantic", "typer", "rich", "asyncio", "concurrent", "logging", "platform"),
    *("importlib.metadata", "statistics", "lzma", "tempfile", "subprocess", "difflib"),
    *("recurra.judge", "recurra.training.loop", "recurra.tasks.text.report"),
    *("recurra.tasks.text.evaluate", "recurra.tasks.text.data"),
    "recurra.tasks.labels.estimator",
}
"""Modules that a first character does not wait for."""


def test_generate_loads_what_writes_and_nothing_else(trained: Path) -> None:
    # NumPy and click load what they like, and so does what puts this package on the path.
    given = loaded("import numpy, numpy.random, click")
    written = loaded(
        "from recurra.cli import main",
        f"assert main(['generate', {str(trained)!r}, '--length', '3']) == 0",
    )
    assert {"numpy", "click", "recurra.tasks.text.estimator"} <= written
    assert not (written - given) & NOT_FOR_WRITING


# -- README -------------------------------------------------------------------------------------


def drawn_tree(root: Path) -> dict[str, str]:
    """Path -> its words, of the block that begins with the root."""
    first = f"{root.relative_to(ROOT).as_posix()}/"
    block = next(b.body for b in blocks(HOUSE) if b.body.startswith(first))
    entries: dict[str, str] = {}
    folders: list[tuple[int, str]] = []
    for line in block.split("\n")[1:]:
        # Words that go on from the line before stand far to the right.
        match = re.match(r"([ │├└─|`-]*)([\w./]+)(?:\s\s+(.*))?$", line)
        if not match or len(match[1]) > 16:
            continue
        depth, name, words = len(match[1]), match[2], match[3] or ""
        while folders and folders[-1][0] >= depth:
            folders.pop()
        path = "".join(folder for _, folder in folders) + name
        if name.endswith("/"):
            folders.append((depth, name))
        entries[path] = words
    return entries


@pytest.mark.parametrize("root", [SOURCE, BENCHMARKS], ids=lambda root: root.name)
def test_the_tree_of_the_house_is_true(root: Path) -> None:
    real = {
        path.relative_to(root).as_posix()
        for path in modules(root)
        if path.name not in EMPTY or path.parent == root
    }
    real |= {f"{path.parent.relative_to(root).as_posix()}/" for path in modules(root)} - {"./"}
    drawn = drawn_tree(root)
    assert set(drawn) == real
    assert [path for path, words in drawn.items() if not words] == []


def test_commands_in_the_readme_exist() -> None:
    assert check_shell(README) >= 2
    named = re.findall(r"`recurra (\w+)", README.read_text("utf-8"))
    assert len(set(named)) > 10
    assert set(named) <= set(cli.recurra.made)


def test_every_command_helps() -> None:

    def walk(each: click.Command) -> Iterator[click.Command]:
        yield each
        if isinstance(each, click.Group):
            context = click.Context(each)
            for name in each.list_commands(context):
                inner = each.get_command(context, name)
                assert inner is not None
                assert inner.name == name
                yield from walk(inner)

    found = list(walk(cli.recurra))
    assert len(found) > 15
    for each in found:
        assert each.help
        for parameter in each.params:
            assert getattr(parameter, "help", None), (each.name, parameter.name)
