"""Runs of every task whose JSON was changed and sealed again: used, or refused by a message.

Each in a child with limits: whatever stands in a run of a few kilobytes, it takes a few seconds and
a gigabyte at most, and nothing is written outside of its folder. For systems that fork.
"""

from __future__ import annotations

import contextlib
import json
import random
import shutil
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from fuzz import children, options
from recurra.bundle import CONFIG, seal

SECONDS: Final = 10
"""Of a processor; on a machine with other work the clock goes on longer."""

PATIENCE: Final = 60
"""Of the clock: whoever waits for a pipe needs no processor."""

DATA: Final = {
    "text": ("--length", "20", "--seed", "1"),
    "labels": ("a good film",),
    "series": (),
    "pairs": ("a bc",),
    "captions": ("0.png",),
}
"""What the verb of each task is called with."""

VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 1, -1, 2, 3, 7, 100, 12_000, 10**6, 10**9, -(10**9), 2**31, 2**63),
    *(10**30, 0.5, -0.5, 1e-300, 1e308, -1e308, "", "0", "text", "a" * 100_000, "\x1b]0;x\x07"),
    *("../outside", "/dev/zero", "/nowhere/at/all", "%s", "{}", "(a+)+$", "é\u202e\udcff"),
    *([], {}, [[]], [1], ["x"], {"x": 1}, [0] * 10_000, "DEEP"),
)
"""What a value becomes."""


def campaign(numbers: Iterable[int], folder: Path) -> int:
    """Run cases and print what is wrong; how many there are of that."""
    children.load_all()
    prepare(folder)
    faults = 0
    for number in numbers:
        if wrong := case(number, folder):
            faults += 1
            print(f"runs {wrong}\n", flush=True)
    return faults


def prepare(folder: Path) -> None:
    """Finished runs of every task, interrupted ones, and data to judge them by."""
    shutil.copy(options.FROZEN / options.RUNS["captions"] / "0.png", folder)

    def data() -> int:
        options.prepare(folder)
        return 0

    begun = [partial(_begin, name, folder / "begun" / name) for name in options.RUNS]
    # In children too: the threads of polars and torch do not live on in a child.
    first: list[Callable[[], int]] = [data, *begun]
    for each in first:
        ended = children.begin(each, folder.parent / "said").wait(300)
        assert ended.code == 0, ended.said


def _begin(task: str, out: Path) -> int:
    import recurra
    from commands import Pressed
    from damage import FEW, fit
    from toy_captions import LESS, strips

    with contextlib.suppress(KeyboardInterrupt):
        if task == "captions":
            model = recurra.CaptionModel(**LESS | FEW | {"reading": "ctc"})
            model.fit(*strips(40), out=out, callbacks=Pressed(3))
        else:
            fit(task, 0, out, Pressed(3))
    return 0 if (out / CONFIG).exists() else 1


def case(number: int, folder: Path) -> str | None:
    """Change one file of one run and use it; what is wrong with how that ends, or None."""
    draw = random.Random(number)
    task = list(options.RUNS)[number % len(options.RUNS)]
    act = draw.choice(["use", "use", "evaluate", "report", "certify", "show", "resume"])
    place = folder / "case"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    run = place / "run"
    shutil.copytree(folder / ("begun" if act == "resume" else "runs") / task, run)
    names = sorted(each.relative_to(run).as_posix() for each in run.rglob("*.json"))
    name = draw.choice([CONFIG] * len(names) + names)
    what = changed(run / name, draw)
    words = _words(task, act, run, folder)
    ended = children.begin(
        lambda: children.called(words, place), folder / "said", processor=SECONDS
    ).wait(PATIENCE)
    code, said = ended.code, ended.said
    left = sorted(each.name for each in place.iterdir() if each.name != "run")
    wrong = ""
    if code not in (0, 1, 2):
        wrong = ended.how
    elif "internal error" in said or "Traceback" in said:
        wrong = "no clear error"
    elif code and act != "certify" and "recurra: " not in said and "Usage" not in said:
        wrong = f"exit {code} without a message"
    elif left:
        wrong = f"outside of the run: {left}"
    return (
        f"{number} {' '.join(words[:1])} {task}: {name}: {what}: {wrong}\n{said[-1500:]}"
        if wrong
        else None
    )


def _words(task: str, act: str, run: Path, folder: Path) -> list[str]:
    from recurra.tasks import TASKS

    if act == "use":
        given = [str(folder / each) if each.endswith(".png") else each for each in DATA[task]]
        return [TASKS[task].verb, str(run), *given]
    if act == "evaluate":
        return ["evaluate", str(run), *map(str, sorted((folder / task).iterdir())[:1])]
    return ["evaluate" if act == "report" else act, str(run)]


def changed(file: Path, draw: random.Random) -> str:
    """Change something in a JSON file, and seal it again; says what."""
    value, whose = seal.opened(json.loads(file.read_bytes()))
    root, all_of_it = {"": value}, []
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        holder, key = draw.choice(list(_places(root)))
        match draw.choice(["value", "value", "value", "value", "drop", "add", "name", "number"]):
            case "drop" if holder is not root:
                del holder[key]
                what = f"no {key!r}"
            case "add" if isinstance(holder[key], dict):
                holder[key]["unknown"] = draw.choice(VALUES)
                what = f"{key!r} with more"
            case "add" if isinstance(holder[key], list):
                holder[key].append(draw.choice(VALUES))
                what = f"{key!r} with more"
            case "name" if isinstance(holder, dict) and holder is not root:
                holder[f"{key}x"] = holder.pop(key)
                what = f"{key!r} renamed"
            case "number" if type(holder[key]) in (int, float):
                holder[key] = holder[key] * draw.choice([-1, 2, 10, 1000, 10**6])
                what = f"{key!r} = {holder[key]}"
            case _:
                holder[key] = draw.choice(VALUES)
                what = f"{key!r} = {str(holder[key])[:40]!a}"
        all_of_it.append(what)
    text = _sealed(root[""], whose)
    deep = "[" * 100_000 + "]" * 100_000 if draw.random() < 0.5 else "[" * 300 + "]" * 300
    # With the escapes of JSON: half a character has no bytes.
    file.write_text(text.replace('"DEEP"', deep), "ascii")
    return ", ".join(all_of_it)


def _sealed(value: Any, whose: str | None) -> str:
    if whose is None:
        return json.dumps(value)
    with contextlib.suppress(ValueError):
        if isinstance(value, dict | list):
            return json.dumps(seal.sealed(value, whose))
    return json.dumps(value)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key, each in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(each, dict | list):
            # Of long lists some: all else would hardly ever be drawn.
            inner = list(_places(each))
            yield from inner if len(inner) < 60 else inner[:: len(inner) // 60]
