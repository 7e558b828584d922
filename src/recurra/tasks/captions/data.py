"""Files or Python values -> pictures with texts, and which of them train, choose and report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from recurra.bundle import Run
from recurra.data.files import given_once, listed
from recurra.data.source_locations import Places
from recurra.errors import DataError, OptionError, unknown
from recurra.tasks.captions import stored
from recurra.tasks.captions.from_files import Found, captioned_of
from recurra.tasks.captions.from_memory import captioned_from
from recurra.tasks.captions.generators import GENERATORS, PARTS, Part
from recurra.tasks.captions.generators.drawn import draw_many
from recurra.tasks.captions.generators.scenes import Scenes
from recurra.tasks.captions.layouts import EXPECTED, Reading
from recurra.tasks.captions.options import CaptionOptions
from recurra.tasks.captions.picture import Picture, area_of
from recurra.tasks.captions.splits import (
    MOST,
    SELECT,
    CaptionData,
    Captioned,
    checked,
    cut,
)
from recurra.tasks.input import Input, of_facts

__all__ = ["INPUT", "CaptionData", "Captioned", "given", "to_judge"]

SHARE: Final = 0.1
"""What reports where no test part is given."""

_UNTOLD: Final = ("pictures without texts", "pictures and texts, or files of both")
"""What X is that is no files, and what it should be."""

EXAMPLES: Final = 10_000
"""Pictures that are drawn where nobody says how many."""


def given(X: Any, y: Any, options: CaptionOptions) -> CaptionData:
    """What a model is fitted on: pictures and texts, files, or None for such as are drawn.

    Raises:
        DataError: they are broken, or cannot be learnt from.
        OptionError: a column or a generator does not exist, or is named where there is none.
        MissingExtra: a package that they need is not installed.
    """
    reading, parts = _reading(options), (options.valid or [], options.test or [])
    if y is not None:
        for option in ("image", "text"):
            if getattr(options, option) is not None:
                raise OptionError(
                    f"{option}={getattr(options, option)!r}",
                    expected="a column only where a table is given",
                )
        captioned, counts = captioned_from(X, y)
        found = Found("given", captioned, counts=counts)
        return _with_parts(found, parts, reading, options.seed)
    files = listed(X, *_UNTOLD)
    if files:
        if options.examples is not None:
            raise OptionError(
                f"--examples {options.examples}", expected="it only where no DATA is given"
            )
        return _of_files(files, parts, reading, options.seed)
    if any(parts):
        raise DataError(
            f"{(parts[1] or parts[0])[0]}: a part, but no data to train on",
            expected="DATA, a table or a folder, before --test and --valid",
        )
    for option in ("image", "text"):
        if (value := getattr(options, option)) is not None:
            raise OptionError(
                f"--{option} {value}", expected="a column only where a table is given"
            )
    return _drawn(options.draw, options.language, options.examples or EXAMPLES, options.seed)


def to_judge(X: Any, y: Any, options: CaptionOptions) -> tuple[Captioned, str]:
    """Pictures with texts that a model is judged on, and what they are called.

    Args:
        X: a table, a folder; or pictures.
        y: the texts of pictures.

    Raises:
        DataError: they are broken.
        OptionError: a column does not exist.
    """
    if y is not None:
        return captioned_from(X, y)[0], "given"
    files = listed(X, *_UNTOLD)
    if not files:
        raise DataError("no pictures to judge by", expected=EXPECTED)
    found = captioned_of(files, _reading(options))
    return found.captioned, found.name


def _reading(options: CaptionOptions) -> Reading:
    return Reading(options.image, options.text, options.header)


def _of_files(
    sources: Sequence[str | Path],
    parts: tuple[Sequence[str | Path], Sequence[str | Path]],
    reading: Reading,
    seed: int,
) -> CaptionData:
    # Before pictures are decoded, which can take minutes.
    given_once([Path(each) for files in (sources, *parts) for each in files])
    return _with_parts(captioned_of(sources, reading), parts, reading, seed)


def _with_parts(
    main: Found,
    parts: tuple[Sequence[str | Path], Sequence[str | Path]],
    reading: Reading,
    seed: int,
) -> CaptionData:
    """The pictures with those of files that choose, and of files that report, behind them."""
    origin: dict[str, Any] = {"seed": seed, "share": SHARE, "valid": None, "test": None}
    origin["reading"] = asdict(reading)
    captioned, counts = main.captioned, Counter(main.counts)
    held: list[tuple[Path, ...]] = []
    for name, files in zip(("valid", "test"), parts, strict=True):
        found = captioned_of(files, reading) if files else None
        held.append(found.files if found else ())
        if found is not None:
            origin[name] = [len(captioned), len(captioned) + len(found.captioned)]
            captioned = captioned.followed_by(found.captioned)
            counts.update(found.counts)
    return cut(
        main.name,
        captioned,
        origin,
        files=main.files,
        test_files=held[1],
        valid_files=held[0],
        columns=main.columns,
        counts=dict(counts),
    )


# -- drawn ---------------------------------------------------------------------------------------


def _drawn(name: str, language: str, count: int, seed: int) -> CaptionData:
    """Pictures of a generator, each part drawn apart."""
    if name not in GENERATORS:
        raise unknown("generator", name, list(GENERATORS))
    if language != "en" and name != "scenes":
        raise OptionError(
            f"--language {language} with --draw {name}", expected="a language with scenes only"
        )
    test = max(1, min(round(count * SHARE), MOST))
    select = max(1, min(round((count - test) * SELECT), MOST))
    sizes = (count - test - select, select, test)
    drawn = [_part(*each, name, language, seed) for each in zip(PARTS, sizes, strict=True)]
    learn, selects, tests = (captioned for captioned, _ in drawn)
    first, second = len(learn), len(learn) + len(selects)
    captioned = learn.followed_by(selects).followed_by(tests)
    origin = {
        "default": True,
        "draw": name,
        "language": language,
        "examples": count,
        "seed": seed,
        "share": SHARE,
        "valid": [first, second],
        "test": [second, len(captioned)],
    }
    counts: Counter[str] = Counter()
    for _, found in drawn:
        counts.update(found)
    return cut(name, captioned, origin, counts=dict(counts))


def _part(
    part: Part, count: int, name: str, language: str, seed: int
) -> tuple[Captioned, dict[str, int]]:
    """The first pictures that a generator draws for a part, and what was found."""
    generator = GENERATORS[name].make(part, seed)
    if isinstance(generator, Scenes):
        generator = replace(generator, language=language)  # type: ignore[arg-type]  # it checks it
    area = area_of(count)
    pictures, texts = [], []
    for number, drawn in enumerate(draw_many(generator, range(count)), 1):
        pixels = drawn.image if drawn.image.ndim == 3 else drawn.image[..., None]
        pictures.append(Picture.of(pixels, f"picture {number}", area))
        texts.append(drawn.text)
    where = Places((("", "picture", range(1, count + 1)),))
    return checked(pictures, range(count), texts, None, where)


# -- resuming ------------------------------------------------------------------------------------


def _from_copy(run: Run, facts: dict[str, Any]) -> CaptionData:
    return cut(
        facts["name"],
        stored.read(run),
        facts["origin"],
        **of_facts(facts),
    )


def _from_files(facts: dict[str, Any]) -> CaptionData:
    origin = facts["origin"]
    reading = Reading(**origin["reading"])
    parts = (facts["valid_files"], facts["test_files"])
    return _of_files(facts["files"], parts, reading, origin["seed"])


def _default(facts: dict[str, Any]) -> CaptionData:
    origin = facts["origin"]
    return _drawn(origin["draw"], origin["language"], origin["examples"], origin["seed"])


INPUT: Final = Input(
    copies=(stored.COPY,),
    write=lambda run, data: stored.write(run, data.captioned),
    from_copy=_from_copy,
    from_files=_from_files,
    default=_default,
    unit="pictures",
    costly=True,
)
