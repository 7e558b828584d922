"""The pairs task on the command line: calls, and what is printed of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recurra.data.line_reader import standard_input_lines
from recurra.errors import OptionError
from recurra.search.sampling import Sampling
from recurra.tasks import render
from recurra.tasks.pairs import report
from recurra.tasks.pairs.attention_map import blocks
from recurra.tasks.pairs.estimator import PairModel
from recurra.tasks.pairs.options import PairOptions

if TYPE_CHECKING:
    from recurra.training.loop import Callback


def train(
    options: PairOptions,
    sources: Sequence[str],
    out: Path | None,
    *,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """`recurra train pairs`."""
    from recurra.tasks import command

    command.train(
        PairModel(**vars(options)),
        sources,
        out,
        Path(sources[0]).stem if sources else "dates",
        _callback(quiet),
        report.summary,
        overwrite=overwrite,
        as_json=as_json,
    )


def resume(path: Path, *, as_json: bool, quiet: bool) -> None:
    """`recurra resume`."""
    from recurra.tasks import command

    def fit() -> PairModel:
        return PairModel.resume(path, callback=_callback(quiet))

    command.trained(path, fit, report.summary, as_json=as_json)


def evaluate(path: Path, sources: Sequence[str], *, as_json: bool) -> None:
    """`recurra evaluate`."""
    render.evaluate(PairModel.load(path), sources, report.summary, as_json=as_json)


def translate(
    path: Path,
    texts: Sequence[str],
    *,
    search: dict[str, Any],
    sampling: dict[str, Any],
    sample: bool,
    show_attention: bool,
    as_json: bool,
) -> None:
    """`recurra translate`: a line for each text, as soon as it is there.

    An empty line stays empty, so that files stay aligned.

    Args:
        search: options of `PairModel.translations` that were given: beam, n_best, ...
        sampling: options of Sampling that were given; one is enough to draw by chance.
        sample: draw by chance, by the model's own probabilities.
    """
    if sample or sampling:
        if "beam" in search:
            raise OptionError(
                f"--beam {search['beam']} and --sample", expected="one of them: search, or chance"
            )
        search = search | {"sample": Sampling(**sampling)}
    model = PairModel.load(path)
    groups = iter([list(texts)]) if texts else standard_input_lines()
    several = search.get("n_best", 1) > 1
    for group in groups:
        for text, found in _translated(model, group, search):
            if as_json:
                said = [_plain(each, attention=show_attention) for each in found]
                line = json.dumps({"source": text, "translations": said}, ensure_ascii=False)
                sys.stdout.write(line + "\n")
                continue
            lines = [
                f"{each.score:.4f}\t{_one_line(each.text)}" if several else _one_line(each.text)
                for each in found
            ]
            if show_attention and found:
                best = found[0]
                lines += ["", *blocks(best.source, best.pieces, best.attention)]
            # Where there are several lines for a text, an empty one stands between two texts.
            apart = [""] if several or show_attention or not lines else []
            sys.stdout.write("\n".join([*lines, *apart]) + "\n")
        sys.stdout.flush()


def _translated(
    model: PairModel, texts: Sequence[str], search: dict[str, Any]
) -> Iterator[tuple[str, Sequence[Any]]]:
    """Each text with its translations, the best first; none for a text of blanks."""
    asked = [text for text in texts if text.strip()]
    found = iter(model.translations(asked, **search) if asked else [])
    for text in texts:
        yield text, next(found) if text.strip() else []


def _one_line(text: str) -> str:
    # A line end that a model writes would shift all lines after it.
    return " ".join(text.splitlines())


def _plain(each: Any, *, attention: bool) -> dict[str, Any]:
    """A translation as plain values."""
    found = {
        "text": each.text,
        "score": round(float(each.score), 6),
        "log_probability": round(float(each.log_probability), 6),
        "ended": bool(each.ended),
    }
    if attention:
        found |= {
            "source_pieces": list(each.source),
            "pieces": list(each.pieces),
            "attention": np.round(np.asarray(each.attention, np.float64), 4).tolist(),
        }
    return found


def _callback(quiet: bool) -> Callback:
    from recurra.tasks import command

    return command.callback(quiet, unit="pieces", measure="nats a piece; score of what it writes")
