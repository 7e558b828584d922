"""A demo of each task: what it learns from, and what it can do on what it never saw."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, final

import numpy as np
from rich.cells import cell_len, set_cell_size
from rich.text import Text

from recurra.console.text import WIDTH, fitted, percent, printable
from recurra.demo import built_in
from recurra.errors import counted

Shown = Iterator[Text | str]
"""Lines for a terminal."""


@final
@dataclass(frozen=True, kw_only=True)
class Demo:
    """What is shown of a task.

    Args:
        about: what it learns, and from what, in words.
        data: gives what its model's `fit` takes, and what is kept unseen.
        shows: the model, what was kept unseen -> what it can do, and last what that is worth.
        then: commands to go on with; RUN is the run.
        needs: packages beside those of the task.
        options: of its model, beside the time.
        among: what e to the loss counts: "letters".
    """

    about: str
    data: Callable[[], tuple[Mapping[str, Any], Any]]
    shows: Callable[[Any, Any], Shown]
    then: Sequence[str]
    needs: Sequence[str] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    among: str = ""


# -- text ---------------------------------------------------------------------------------------

_FIRST: Final = ("SMILING", "UPSIDE-DOWN", "SNOWMAN", "HEAVY")
_WRITTEN: Final = 200
_STYLES: Final = ("", "yellow", "bold yellow", "bold dark_orange", "bold red", "bold white on red")


def _text() -> tuple[Mapping[str, Any], Any]:
    source = built_in.character_names()
    return {"source": source}, source.text


def _exists(name: str) -> bool:
    try:
        return unicodedata.name(unicodedata.lookup(name)) == name
    except (KeyError, TypeError):  # TypeError: the name of a sequence of them
        return False


def _show_text(model: Any, text: str) -> Shown:
    facts = model.run.config()["data"]
    known = facts["train"] + facts["select"]
    shown, unseen = set(text[:known].split("\n")), text[known:].split("\n")[1:-1]
    yield "Given the first word, it makes up characters that nobody has drawn yet:"
    for word in _FIRST:
        ends = model.continuations(
            f"\n{word} ", count=6, temperature=0.7, length=60, stop="\n", seed=1
        )
        names = dict.fromkeys(f"{word} {end}" for end in ends if not _exists(f"{word} {end}"))
        yield from (f"    {name}" for name in [*names][:2])
    written = "".join(model.generate("\n", temperature=0.7, length=40 * _WRITTEN, seed=1))
    names = dict.fromkeys(written.split("\n")[1:-1][:_WRITTEN])
    real = [name for name in names if name not in shown and _exists(name)]
    yield (
        f"and of {counted(len(names), 'name')} that it writes without a word, {len(real)} are of "
        "characters that do exist, though it was never shown them:"
    )
    drawn = ((unicodedata.lookup(name), name) for name in real)
    yield from [f"    {each}  {name}" for each, name in drawn if each.isprintable()][:4]
    yield ""
    yield "Names it never saw, coloured by surprise, the oddest first and then an ordinary one:"
    nats = model.token_nll("\n".join(unseen[:500]) + "\n")
    ends = np.cumsum([len(name) + 1 for name in unseen[:500]])
    costs = np.split(nats, ends[:-1])
    order = sorted(range(len(costs)), key=lambda k: -float(costs[k].mean()))
    for k in [*order[:5], order[len(order) // 2]]:
        yield _coloured(unseen[k], costs[k])
    yield ""
    report = model.report
    others = [f"the {each['name']} {math.exp(each['nats']):.2f}" for each in report["baselines"]]
    yield (
        "Asked for the next letter of a name it never saw, it wavers between about "
        f"{math.exp(report['model']['nats']):.2f} of them, {', '.join(others[:2])}."
    )


def _coloured(text: str, nats: Any) -> Text:
    """A text, its characters the stronger the less they were expected."""
    from recurra.tasks.text.show import EDGES

    line = Text("    ")
    for character, level in zip(text, np.searchsorted(EDGES, nats, "right"), strict=False):
        line.append(character, _STYLES[level])
    return line


# -- labels -------------------------------------------------------------------------------------


def _right(sources: Sequence[str], truths: Sequence[str], said: Sequence[str]) -> Iterator[Text]:
    shown = [fitted(source, 34, tail=True) for source in sources]
    wide = max(map(cell_len, shown))
    for source, truth, answer in zip(shown, truths, said, strict=True):
        good = truth == answer
        line = Text(f"    {set_cell_size(source, wide)}  ")
        line.append(printable(answer), "green" if good else "red")
        line.append("  right" if good else f"  wrong: {truth}", "dim")
        line.truncate(WIDTH, overflow="ellipsis")
        yield line


def _share(truths: Sequence[str], said: Sequence[str]) -> str:
    right = sum(a == b for a, b in zip(truths, said, strict=True))
    return f"{right:,} of {len(truths):,} right ({percent(right / len(truths))})"


def _labels() -> tuple[Mapping[str, Any], Any]:
    (names, languages, keys), (unseen, truths, _) = built_in.names_by_language()
    return {"X": names, "y": languages, "groups": keys}, (unseen[:1000], truths[:1000])


def _show_labels(model: Any, unseen: tuple[list[str], list[str]]) -> Shown:
    names, truths = unseen
    said = [str(each) for each in model.predict(names)]
    yield "Countries and languages whose names it was never shown, in any language:"
    yield from _right(names[:10], truths[:10], said[:10])
    yield ""
    yield f"{_share(truths, said)}; a guess is right once in {len(built_in.LANGUAGES)}."


# -- pairs --------------------------------------------------------------------------------------


def _pairs() -> tuple[Mapping[str, Any], Any]:
    pairs, unseen = built_in.dates()
    return {"X": pairs}, unseen[:500]


def _show_pairs(model: Any, unseen: list[tuple[str, str]]) -> Shown:
    sources, truths = (list(side) for side in zip(*unseen, strict=True))
    said = model.translate(sources)
    yield "Days that it was never shown:"
    yield from _right(sources[:8], truths[:8], said[:8])
    yield ""
    yield f"{_share(truths, said)}, to the last character."


# -- series -------------------------------------------------------------------------------------


def _series() -> tuple[Mapping[str, Any], Any]:
    past, year = built_in.carbon_dioxide()
    return {"X": past}, year


def _show_series(model: Any, year: Any) -> Shown:
    said = model.predict(level=[80])
    truth = year["co2"].to_numpy()
    middle, low, high = (said[f"recurra{end}"].to_numpy() for end in ("", "-lo-80", "-hi-80"))
    yield "The year that it was never shown, in parts per million:"
    yield f"    {'week':<10}{'came':>8}{'forecast':>10}   80 % interval"
    for k in range(3, len(truth), 8):
        inside = low[k] <= truth[k] <= high[k]
        row = f"    {year['week'].iloc[k]:%Y-%m-%d}{truth[k]:>8.1f}{middle[k]:>10.1f}"
        row += f"   {low[k]:.1f} to {high[k]:.1f}  "
        yield Text(row).append("inside" if inside else "outside", "green" if inside else "red")
    there = np.isfinite(truth)
    off = np.abs(truth - middle)[there].mean()
    held = int(((low <= truth) & (truth <= high))[there].sum())
    yield ""
    yield (
        f"Off by {off:.2f} on average; {held} of {there.sum()} weeks are inside their interval, "
        "80 % are meant to be."
    )


# -- captions -----------------------------------------------------------------------------------


def _captions() -> tuple[Mapping[str, Any], Any]:
    known, unseen = built_in.displays()
    return {"X": [each.image for each in known], "y": [each.text for each in known]}, unseen


def _show_captions(model: Any, drawn: Sequence[Any]) -> Shown:
    from PIL import Image

    folder = model.run.path / "unseen"
    folder.mkdir(exist_ok=True)
    paths = [str(folder / f"{number}.png") for number in range(1, 9)]
    for path, each in zip(paths, drawn, strict=False):
        Image.fromarray(each.image).save(path)
    truths, said = [each.text for each in drawn], model.caption([each.image for each in drawn])
    yield "Displays that it was never shown:"
    yield from _right(paths, truths[:8], said[:8])
    yield ""
    yield f"{_share(truths, said)}, to the last digit."


_LAB: Final = "recurra lab hihello"

DEMOS: Final[Mapping[str, Demo]] = {
    "text": Demo(
        about="It reads the names of Unicode's characters letter by letter, out of Python's own "
        "tables, and learns to make up more.",
        data=_text,
        shows=_show_text,
        then=(
            'recurra generate RUN --prompt "SMILING "',
            "recurra train text YOUR.txt --minutes 3",
            "recurra train labels YOUR.csv --minutes 3",
            _LAB,
        ),
        among="letters",
    ),
    "labels": Demo(
        about="It is shown countries and languages as 20 languages call them, out of Babel's "
        "tables, and learns to tell whose word it is.",
        data=_labels,
        shows=_show_labels,
        then=('recurra classify RUN "Norvegia"', "recurra train labels YOUR.csv --minutes 3", _LAB),
        needs=("babel",),
        among="languages",
    ),
    "series": Demo(
        about="It reads the carbon dioxide in the air of Mauna Loa, week by week from 1958 on, out "
        "of statsmodels' data, and learns to go on.",
        data=_series,
        shows=_show_series,
        then=("recurra forecast RUN --plot", "recurra train series YOUR.csv --horizon 14", _LAB),
        options={"horizon": built_in.WEEKS},
    ),
    "pairs": Demo(
        about="It is shown dates in English, each with the same in Korean, written by Babel, and "
        "learns to translate them.",
        data=_pairs,
        shows=_show_pairs,
        then=('recurra translate RUN "July 4, 2031"', "recurra train pairs YOUR.tsv", _LAB),
        among="characters",
    ),
    "captions": Demo(
        about="It is shown scans of seven-segment displays, drawn here, each with what it says, "
        "and learns to read them.",
        data=_captions,
        shows=_show_captions,
        then=("recurra caption RUN RUN/unseen/1.png", "recurra train captions YOUR.csv", _LAB),
        options={"reading": "ctc"},
        among="characters",
    ),
}
