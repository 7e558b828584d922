"""What the frozen runs are asked: every verb, from Python and on the command line.

Nothing here imports torch, so that the same questions can be put where it is missing. A call is
named after its verb first; it is made in the folder of its fixture, where the run is `run` and
what else is there is what `make.py` wrote.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import numpy as np

FROZEN: Final = Path(__file__).resolve().parent
RUN: Final = "run"
EXPECTED: Final = "expected.json"

Plain = Any
"""What JSON can hold."""

Differs = Callable[[Plain, Plain], Iterator[str]]


# -- comparing -------------------------------------------------------------------------------------

_NUMBER: Final = re.compile(r"(-?\d+(?:\.\d+(?:e[-+]?\d+)?|e[-+]?\d+))")
_VERSION: Final = re.compile(r"version:[0-9.]+")  # sacrebleu's, in the signatures of its scores


def close(expected: Plain, found: Plain, where: str = "", *, near: float = 1e-5) -> Iterator[str]:
    """Say where two answers differ: words, whole numbers and shapes at all; fractions a little.

    These are equal to a relative 1e-4, to `near`, or to one in the last place that is printed.
    """
    if isinstance(expected, dict) and isinstance(found, dict):
        if expected.keys() != found.keys():
            yield f"{where}: keys {sorted(found)}, expected {sorted(expected)}"
            return
        for key in expected:
            yield from close(expected[key], found[key], f"{where}.{key}", near=near)
    elif isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            yield f"{where}: {len(found)} values, expected {len(expected)}"
            return
        for at, (one, other) in enumerate(zip(expected, found, strict=True)):
            yield from close(one, other, f"{where}[{at}]", near=near)
    elif isinstance(expected, str) and isinstance(found, str):
        yield from _printed(expected, found, where, near)
    elif isinstance(expected, float) and isinstance(found, float):
        if not (_equal(expected, found, near) or (math.isnan(expected) and math.isnan(found))):
            yield f"{where}: {found!r}, expected {expected!r}"
    elif type(expected) is not type(found) or expected != found:
        yield f"{where}: {found!r}, expected {expected!r}"


def _equal(expected: float, found: float, near: float) -> bool:
    return math.isclose(expected, found, rel_tol=1e-4, abs_tol=near)


def _printed(expected: str, found: str, where: str, near: float) -> Iterator[str]:
    """The words between numbers are equal, the numbers nearly."""
    if expected == found:
        return
    one, other = (_NUMBER.split(text) for text in (expected, found))
    if one[::2] != other[::2]:
        yield f"{where}: says\n{found}\nexpected\n{expected}"
        return
    for a, b in zip(one[1::2], other[1::2], strict=True):
        last = 0.0 if "e" in a else 1.01 * 10.0 ** -len(a.partition(".")[2])
        if not _equal(float(a), float(b), max(near, last)):
            yield f"{where}: says {b}, expected {a}, in\n{found}"


def nats(expected: Plain, found: Plain) -> Iterator[str]:
    """The same of answers in nats: fractions are equal to 1e-4."""
    return close(expected, found, near=1e-4)


def alike(expected: Plain, found: Plain) -> Iterator[str]:
    """Say where forecasts out of drawn paths differ by more than other draws would make them.

    That is three tenths of the interval of 95 %: some four standard deviations of its ends.
    """
    (one, other) = (dict(each) for each in (expected, found))
    before, now = (np.asarray(each.pop("quantiles"), np.float64) for each in (one, other))
    yield from close(one, other)
    if before.shape != now.shape:
        yield f"quantiles of shape {now.shape}, expected {before.shape}"
        return
    off = np.abs(now - before) / (before[..., -1:] - before[..., :1])
    if not off.max() <= 0.3:
        at = np.unravel_index(off.argmax(), off.shape)
        yield f"quantile {list(map(int, at))}: {now[at]}, expected {before[at]}"


def same_figures(expected: Plain, found: Plain, where: str = "") -> Iterator[str]:
    """Say where reports on drawn forecasts differ: in what they hold, or by more than a half."""
    if isinstance(expected, dict) and isinstance(found, dict):
        if expected.keys() != found.keys():
            yield f"{where}: keys {sorted(found)}, expected {sorted(expected)}"
            return
        for key in expected:
            yield from same_figures(expected[key], found[key], f"{where}.{key}")
    elif isinstance(expected, float) and isinstance(found, float):
        if not math.isclose(expected, found, rel_tol=0.5, abs_tol=0.15):
            yield f"{where}: {found!r}, expected about {expected!r}"
    elif type(expected) is not type(found):
        yield f"{where}: {found!r}, expected {expected!r}"


# -- asking ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """A question to a run: `ask` gives the answer as plain values, `differs` compares two.

    Args:
        drawn: whether chance has a part in the answer.
    """

    ask: Callable[[], Plain]
    differs: Differs = close
    drawn: bool = False


def answer(fixture: str, call: str) -> Plain:
    """What a run answers, as JSON gives it back."""
    with contextlib.chdir(FROZEN / fixture):
        return asked(CALLS[fixture][call])


def asked(call: Call) -> Plain:
    """What the run in this folder answers, as JSON gives it back."""
    return json.loads(_VERSION.sub("version:x", json.dumps(call.ask())))


@cache
def _loaded(folder: Path) -> Any:
    import recurra

    return recurra.load(folder)


def model() -> Any:
    """The model of the run of the fixture that is asked."""
    return _loaded(Path(RUN).resolve())


def command(*words: str, given: str = "") -> Plain:
    """What a command prints to standard output where that is no terminal."""
    from recurra.cli import main

    stdin = io.TextIOWrapper(io.BytesIO(given.encode()), "utf-8")
    with (
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()),
        _standard_input(stdin),
    ):
        # With --debug errors are raised, not told.
        code = main(["--debug", *words])
    assert code == 0, f"exit {code}"
    return out.getvalue()


@contextlib.contextmanager
def _standard_input(stream: io.TextIOWrapper) -> Iterator[None]:
    import sys

    before, sys.stdin = sys.stdin, stream
    try:
        yield
    finally:
        sys.stdin = before


def plain(value: Any) -> Plain:
    """NumPy's arrays and numbers, and frames of polars, as lists, numbers and texts."""
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return {name: plain(value[name].to_list()) for name in value.columns}
    if isinstance(value, np.ndarray) and value.dtype == np.float32:
        # The shortest digits that say the same float32.
        return [plain(each) for each in value] if value.ndim else float(str(value))
    if isinstance(value, np.float32):
        return float(str(value))
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _in_nats(found: dict[str, Call]) -> dict[str, Call]:
    return {name: replace(each, differs=nats) for name, each in found.items()}


def _commands(*rows: list[str] | tuple[list[str], str]) -> dict[str, Call]:
    """Commands by their words; with what they are given on standard input."""
    found = {}
    for row in rows:
        words, given = row if isinstance(row, tuple) else (row, "")
        found[" ".join(words)] = Call(partial(command, *words, given=given))
    return found


# -- text ------------------------------------------------------------------------------------------


def _greedy(prompt: str, length: int = 60) -> Plain:
    return "".join(model().generate(prompt, temperature=0, length=length))


def _nats(text: str) -> Plain:
    return plain(model().token_nll(text))


def _lines() -> Plain:
    return [asdict(line) for line in model().lines("other.txt")]


def _line_statistics() -> Plain:
    line_statistics = model().line_statistics
    return plain(
        asdict(line_statistics)
        | {"threshold": line_statistics.threshold(0.9), "alarms": line_statistics.alarms(1.0)}
    )


def _text(prompt: str, passage: str, other: str = "other.txt") -> dict[str, Call]:
    greedy = ["--temperature", "0", "--length", "40"]
    return {
        "generate, greedy": Call(lambda: _greedy(prompt)),
        "generate, greedy, without a prompt": Call(lambda: _greedy("")),
        "generate, repetition penalty": Call(
            lambda: model().continuations(
                prompt, count=2, temperature=0, repetition_penalty=1.3, length=40, stop=["\n"]
            )
        ),
        "token_nll": Call(lambda: _nats(passage)),
        "lines": Call(_lines),
        "usual": Call(_line_statistics),
        "evaluate": Call(lambda: model().evaluate(other)),
        "vocabulary": Call(
            lambda: [
                model().vocabulary.unit,
                len(model().vocabulary),
                plain(model().vocabulary.encode(passage)),
            ]
        ),
    } | _commands(
        ["generate", RUN, "--prompt", prompt, *greedy],
        (["generate", RUN, "--prompt-file", "-", *greedy, "--json"], prompt),
        ["evaluate", RUN],
        ["evaluate", RUN, other],
        ["evaluate", RUN, other, "--json"],
        ["evaluate", RUN, "other.txt", "--per-line", "--top", "0"],
        ["evaluate", RUN, "other.txt", "--per-line", "--json"],
        ["evaluate", RUN, "other.txt", "--watch", "--all", "--quantile", "0.8"],
        (["evaluate", RUN, "-", "--watch", "--threshold", "0.5", "--json"], passage + "\n"),
    )


# -- labels ----------------------------------------------------------------------------------------


def _streamed(steps: Sequence[Any]) -> Plain:
    stream = model().stream()
    return [plain(stream.push(step)) for step in steps]


def _classified(texts: Sequence[str]) -> Plain:
    groups = [texts[:3], texts[3:4], texts[4:]]
    return [[plain(labels), plain(sure)] for labels, sure in model().classify(groups)]


def _arrays() -> Any:
    with np.load("other.npz", allow_pickle=False) as held:
        flat, lengths = held["X"], held["lengths"]
    return np.split(flat, np.cumsum(lengths)[:-1])


def _texts(texts: Sequence[str]) -> dict[str, Call]:
    return {
        "predict": Call(lambda: plain(model().predict(texts))),
        "predict_proba": Call(lambda: plain(model().predict_proba(texts))),
        "classify": Call(lambda: _classified(texts)),
        "evaluate": Call(lambda: plain(model().evaluate("other.tsv"))),
        "classes": Call(lambda: plain(model().classes_)),
    } | _commands(
        ["classify", RUN, *texts],
        (["classify", RUN, "--json"], "\n".join(texts) + "\n"),
        ["evaluate", RUN],
        ["evaluate", RUN, "other.tsv"],
        ["evaluate", RUN, "other.tsv", "--json"],
    )


def _tagger() -> dict[str, Call]:
    sentences = [
        ["bob", "lives", "in", "new", "york"],
        ["new", "york"],
        ["unheard", "of", "Anna"],
        ["x"],
    ]
    typed = "\n".join(map(" ".join, sentences)) + "\n\nanna met bob smith\n"
    return {
        "predict": Call(lambda: plain(model().predict(sentences))),
        "evaluate": Call(lambda: plain(model().evaluate("other.conll"))),
    } | _commands(
        ["classify", RUN, *map(" ".join, sentences)],
        (["classify", RUN, "--json"], typed),
        (["classify", RUN], typed),
        ["evaluate", RUN],
        ["evaluate", RUN, "other.conll"],
        ["evaluate", RUN, "other.conll", "--json"],
    )


def _numbers() -> dict[str, Call]:
    steps = "7.5,-20\n6.1 -50.5\n5;-80\n\n1,2\n3,4\n"
    return {
        "predict": Call(lambda: plain(model().predict(_arrays()))),
        "predict_proba": Call(lambda: plain(model().predict_proba(_arrays()))),
        "evaluate": Call(lambda: plain(model().evaluate("other.csv"))),
        "stream": Call(lambda: [_streamed(each) for each in _arrays()[:6]]),
    } | _commands(
        (["classify", RUN, "--stream"], steps),
        (["classify", RUN, "--stream", "--json"], steps),
        ["evaluate", RUN],
        ["evaluate", RUN, "other.csv"],
        ["evaluate", RUN, "other.csv", "--json"],
    )


# -- series ----------------------------------------------------------------------------------------


def _ahead(newer: str | None = None, horizon: int | None = None) -> Plain:
    panel, found = model().ahead(newer, horizon=horizon)
    return {
        "ids": list(panel.ids),
        "series": plain(found.series),
        "origins": plain(found.origins),
        "quantiles": plain(found.quantiles),
    }


def _written(*words: str, suffix: str) -> Plain:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / f"out{suffix}"
        assert command("forecast", RUN, *words, "--out", str(out)) == f"{out}\n"
        return out.read_text("utf-8")


def _heads(*words: str) -> Plain:
    """The first two columns of a table of forecasts, which series and when, and all their names."""
    head, *rows = command(*words).splitlines()
    return [head, *(row.split(",")[:2] for row in rows)]


def _panel() -> dict[str, Call]:
    return {
        "forecast": Call(_ahead),
        "forecast, newer data": Call(lambda: _ahead("newer.csv")),
        "forecast, a shorter horizon": Call(lambda: _ahead("newer.csv", 2)),
        "predict": Call(lambda: plain(model().predict("newer.csv"))),
        "evaluate": Call(lambda: plain(model().evaluate("longer.csv"))),
        "forecast --out, CSV": Call(lambda: _written("newer.csv", suffix=".csv")),
        "forecast --out, JSON lines": Call(lambda: _written("newer.csv", suffix=".jsonl")),
    } | _commands(
        ["forecast", RUN],
        ["forecast", RUN, "newer.csv"],
        ["forecast", RUN, "newer.csv", "--horizon", "2", "--json"],
        ["evaluate", RUN],
        ["evaluate", RUN, "longer.csv"],
        ["evaluate", RUN, "longer.csv", "--json"],
    )


def _next(values: Sequence[float]) -> Plain:
    """What a stream says before values and after each; nothing of it is drawn."""
    stream = model().stream()
    return [stream.predict(), *(stream.push(value) for value in values)]


def _walk(values: Sequence[float]) -> dict[str, Call]:
    typed = "".join("\n" if math.isnan(value) else f"{value}\n" for value in values)
    drawn = {
        "forecast": Call(_ahead, alike, True),
        "forecast, newer data": Call(lambda: _ahead("newer.csv"), alike, True),
        "evaluate": Call(lambda: plain(model().evaluate("longer.csv")), same_figures, True),
        f"forecast {RUN} newer.csv": Call(lambda: _heads("forecast", RUN, "newer.csv"), drawn=True),
    }
    return (
        {"stream": Call(lambda: _next(values))}
        | drawn
        | _commands(
            (["forecast", RUN, "--stream"], typed),
            (["forecast", RUN, "--stream", "--json"], typed),
            ["evaluate", RUN],
        )
    )


# -- pairs -----------------------------------------------------------------------------------------


def _translations(texts: Sequence[str], **how: Any) -> Plain:
    return [
        [plain(vars(each) | {"attention": each.attention}) for each in found]
        for found in model().translations(texts, **how)
    ]


def _pairs(texts: Sequence[str]) -> dict[str, Call]:
    asked: dict[str, dict[str, Any]] = {
        "greedy": {"beam": 1},
        "beam of 5": {"beam": 5},
        "beam of 3, no length penalty": {"beam": 3, "length_penalty": 0.0},
        "4 best": {"beam": 5, "n_best": 4},
        "coverage penalty": {"beam": 4, "n_best": 2, "coverage_penalty": 0.4},
        "no row of 2 twice": {"beam": 3, "no_repeat_ngram": 2},
        "cut at 3 pieces": {"longest": 3},
    }
    typed = "\n".join(texts) + "\n"
    return (
        {
            f"translate, {name}": Call(partial(_translations, texts, **how))
            for name, how in asked.items()
        }
        | {
            "translate": Call(lambda: model().translate(texts)),
            "evaluate": Call(lambda: plain(model().evaluate("other.tsv"))),
        }
        | _commands(
            ["translate", RUN, *(text for text in texts if text)],
            (["translate", RUN, "--beam", "1"], typed),
            (["translate", RUN, "--json", "--n-best", "2"], typed),
            (["translate", RUN, "--n-best", "3", "--length-penalty", "0.6"], typed),
            ["translate", RUN, texts[0], "--show-attention"],
            ["translate", RUN, texts[0], "--show-attention", "--json", "--coverage-penalty", "0.2"],
            ["evaluate", RUN],
            ["evaluate", RUN, "other.tsv"],
            ["evaluate", RUN, "other.tsv", "--json"],
        )
    )


# -- captions --------------------------------------------------------------------------------------

PICTURES: Final = [f"{number}.png" for number in range(6)]


def _told(paths: Sequence[str], **how: Any) -> Plain:
    return [[plain(vars(each)) for each in found] for found in model().captions(paths, **how)]


def _captions(paths: Sequence[str]) -> dict[str, Call]:
    asked: dict[str, dict[str, Any]] = {
        "greedy": {"beam": 1},
        "beam of 5": {"beam": 5},
        "2 best": {"beam": 5, "n_best": 2, "length_penalty": 0.0},
    }
    typed = "\n".join([*paths[:2], "", paths[2]]) + "\n"
    return (
        {f"caption, {name}": Call(partial(_told, paths, **how)) for name, how in asked.items()}
        | {
            "caption": Call(lambda: model().caption(paths)),
            "evaluate": Call(lambda: plain(model().evaluate("other.tsv"))),
        }
        | _commands(
            ["caption", RUN, *paths],
            (["caption", RUN, "--beam", "1"], typed),
            ["caption", RUN, paths[0], "--show-attention"],
            ["caption", RUN, paths[0], "--n-best", "2", "--json"],
            ["evaluate", RUN],
            ["evaluate", RUN, "other.tsv"],
        )
    )


# -- all of them -----------------------------------------------------------------------------------

_SENTENCES: Final = [
    "the plot was great and the music of it fine",
    "dull",
    "",
    "a film",
    "words that nobody knows: Zażółć, awful 漢字!",
    "it was great was it not was it bad",
]
_NAMES: Final = ["Ivanova", "kowalczyk", "O'Brien", "x", "Łukasz Ωmega", "ivanivanivanov"]
_NAN: Final = float("nan")

CALLS: Final[dict[str, dict[str, Call]]] = {
    "text-characters": _in_nats(
        _text("the cat ", "the dog sees a bird.\nsome odd line, 42.\nthe cat")
    ),
    "text-documents": _in_nats(
        _text("the cat ", "the cat sees the old dog.\nÜber 漢字 a cat", "others")
    ),
    "text-bytes": _in_nats(_text("고양이", "개가 새를 본다.\nabc 漢 고양이\n")),
    "text-words": _in_nats(_text("the cat", "the cat sees a zebra .\nthe old dog and the cat\n")),
    "labels-texts": _texts(_SENTENCES),
    "labels-characters": _texts(_NAMES)
    | {"stream": Call(lambda: [_streamed(each) for each in (_NAMES[0], "xyz")])}
    | _commands((["classify", RUN, "--stream"], "i\nv\na\n\nk\no\n")),
    "labels-subwords": _texts(_SENTENCES),
    "labels-tags": _tagger(),
    "labels-numbers": _numbers(),
    "series-panel": _panel(),
    "series-walk": _walk([11.0, 12.5, _NAN, 9.0, 30.0, 10.5, 10.0, 9.5]),
    "series-counts": _walk([3.0, 0.0, 4.0, _NAN, 12.0, 2.0]),
    "pairs-words": _in_nats(_pairs(["1 2 3", "7", "", "4 Bob 9 0", "5 6 7 8"])),
    "pairs-fixed": _in_nats(_pairs(["abc", "fedcb", "", "h", "axb"])),
    "pairs-input": _in_nats(_pairs(["1 2 3", "7", "", "4 Bob 9 0", "5 6 7 8"])),
    "pairs-location": _in_nats(_pairs(["abc", "fedcb", "", "h", "axb"])),
    "captions-strips": _in_nats(_captions(PICTURES)),
    "captions-columns": _in_nats(_captions(PICTURES)),
}
"""Fixture -> its calls, named after their verbs first."""


def verb_of(call: str) -> str:
    """The verb that a call is named after."""
    return re.split(r"[ ,]", call, maxsplit=1)[0]
