"""What a caption is worth: what it writes by itself, and what it says of each true piece."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.pictures import PictureForm, Pixels
from recurra.codecs.tokenizer import BEGIN, END, Tokenizer
from recurra.errors import DataError
from recurra.judge.captions import HIGHER, Counted, Metric, paired, preferred
from recurra.runtime.captions import CaptionNetwork
from recurra.tasks.captions.baselines import Baseline
from recurra.tasks.captions.caption import Caption, batches
from recurra.tasks.captions.splits import Captioned

SHOWN: Final = 6
"""Best pictures, and worst ones, in a report; and those whose attention is kept."""

_EXACTLY: Final = 0.05
"""Share of exact matches from which on they have a verdict of their own."""


@final
@dataclass(frozen=True, eq=False)
class Forced:
    """What a model says of given captions, each piece given the true ones before it.

    Args:
        nats: (N,) of each true caption, its end among them.
        pieces: (N,) how many pieces and ends these are.
        false_nats, false_pieces: the same (M,) of those that are not true of their pictures.
    """

    nats: NDArray[np.float64]
    pieces: NDArray[np.int64]
    false_nats: NDArray[np.float64]
    false_pieces: NDArray[np.int64]


@final
@dataclass(frozen=True, eq=False)
class Judged:
    """What a model said of P pictures.

    Args:
        captioned: pictures and what is true of them.
        said: the best caption of each picture.
        forced: what it says of the given captions.
        search: how captions were looked for: {"beam": 5, "length_penalty": 1.0}.
        metric: what decides.
    """

    captioned: Captioned
    said: Sequence[Caption]
    forced: Forced
    search: Mapping[str, Any]
    metric: Metric

    @property
    def predicted(self) -> list[str]:
        """The captions as they read."""
        return [each.text for each in self.said]


def asked(
    network: CaptionNetwork,
    form: PictureForm,
    targets: Tokenizer,
    captioned: Captioned,
    scaled: Sequence[Pixels],
    said: Sequence[Caption],
    search: Mapping[str, Any],
    metric: Metric,
) -> Judged:
    """What a network says of pictures: what it `said` by itself, and of each given piece."""
    every = [*captioned.texts, *captioned.false]
    owners = np.concatenate([captioned.owner, captioned.false_owner])
    ids = [np.concatenate([[BEGIN], row, [END]]) for row in targets.encode_batch(every)]
    nats = np.zeros(len(every))
    for rows in batches(scaled):
        texts = np.flatnonzero(np.isin(owners, rows))
        place = np.zeros(len(scaled), np.int64)
        place[rows] = np.arange(len(rows))
        x, sizes = form.numbers([scaled[row] for row in rows.tolist()], network.multiple)
        logs = network.log_likelihood(
            x, sizes, place[owners[texts]], [ids[text] for text in texts.tolist()]
        )
        nats[texts] = [-float(each.sum()) for each in logs]
    pieces = np.array([len(each) - 1 for each in ids], np.int64)
    true = len(captioned.texts)
    forced = Forced(nats[:true], pieces[:true], nats[true:], pieces[true:])
    return Judged(captioned, said, forced, search, metric)


def judge(judged: Judged, baselines: Sequence[Baseline] = ()) -> dict[str, Any]:
    """Every figure of the captions and of the baselines beside them, as plain values.

    Raises:
        DataError: a baseline is of other pictures.
        MissingExtra: sacrebleu or rapidfuzz is not installed.
    """
    references = judged.captioned.references()
    for each in baselines:
        if len(each.predicted) != len(references):
            raise DataError(
                f"the {each.name} says {len(each.predicted):,} texts",
                expected=f"{len(references):,}: baselines of the same part",
            )
    counted = Counted.of(judged.predicted, references)
    others = [Counted.of(each.predicted, references) for each in baselines]
    metric = judged.metric
    exactly = max(each.figure("exact") for each in (counted, *others)) >= _EXACTLY
    against = [(name.name, each) for name, each in zip(baselines, others, strict=True)]
    return {
        "metric": metric,
        "signatures": counted.signatures,
        "search": dict(judged.search),
        "model": figures(counted, metric) | _preferred(judged, judged.forced),
        "forced": _forced(judged.forced),
        "baselines": [
            {"name": each.name, "note": each.note}
            | figures(theirs, metric)
            | _preferred(judged, _forced_of(each, judged))
            for each, theirs in zip(baselines, others, strict=True)
        ],
        "verdict": _against(counted, against, metric),
        "exact_verdict": _against(counted, against, "exact") if exactly else None,
        "writing": {
            "ended": sum(each.ended for each in judged.said) / len(judged.said),
            "empty": sum(not each.text.strip() for each in judged.said) / len(judged.said),
        },
        **_examples(judged, counted, metric),
    }


def figures(counted: Counted, metric: Metric) -> dict[str, Any]:
    """Each metric, with its interval."""
    return {each: counted.interval(each).to_json() for each in METRICS[metric]}


METRICS: Final[dict[Metric, tuple[Metric, ...]]] = {
    "cer": ("cer", "exact", "wer"),
    "chrf": ("chrf", "exact", "bleu", "cider"),
    "cider": ("cider", "chrf", "bleu", "exact"),
}
"""What is shown in which order, by what decides."""


def _against(
    counted: Counted, others: Sequence[tuple[str, Counted]], metric: Metric
) -> dict[str, Any] | None:
    """The verdict against the baseline that is best by a metric; None where there is none."""
    if not others:
        return None
    sign = 1.0 if HIGHER[metric] else -1.0
    name, best = max(others, key=lambda each: sign * each[1].figure(metric))
    return paired(counted, best, metric, name=name).to_json()


def _forced(forced: Forced) -> dict[str, Any]:
    """What true captions cost a piece; infinite ones, which CTC has no columns for, apart."""
    real = np.isfinite(forced.nats)
    nats, pieces = float(forced.nats[real].sum()), int(forced.pieces[real].sum())
    return {
        "nats_a_piece": nats / max(pieces, 1),
        "pieces": pieces,
        "impossible": int((~real).sum()),
    }


def _forced_of(baseline: Baseline, judged: Judged) -> Forced | None:
    if baseline.nats is None or baseline.false_nats is None:
        return None
    ours = judged.forced
    return Forced(baseline.nats, ours.pieces, baseline.false_nats, ours.false_pieces)


def _preferred(judged: Judged, forced: Forced | None) -> dict[str, Any]:
    """How often a true caption of a picture is likelier a piece than a false one, where asked."""
    given = judged.captioned
    if forced is None or not len(given.false):
        return {}
    _, interval = preferred(
        forced.nats / forced.pieces,
        forced.false_nats / forced.false_pieces,
        given.owner,
        given.false_owner,
    )
    return {"preferred": interval.to_json()}


def _examples(judged: Judged, counted: Counted, metric: Metric) -> dict[str, Any]:
    """Best and worst pictures, of equals the longest captions: short ones are easily right."""
    own = counted.pictures(metric)
    worth = own if HIGHER[metric] else -own
    references = judged.captioned.references()
    lengths = np.array([len(each[0]) for each in references])
    worst, best = np.lexsort((-lengths, worth)), np.lexsort((-lengths, -worth))
    few = min(SHOWN, len(worth) // 2 or 1)

    def example(row: int) -> dict[str, Any]:
        return {
            "where": judged.captioned.names[row],
            "said": judged.said[row].text,
            "true": references[row],
            "worth": float(own[row]),
        }

    return {
        "best": [example(int(row)) for row in best[:few]],
        "worst": [example(int(row)) for row in worst[:few]],
    }


def to_look_at(judged: Judged) -> list[int]:
    """Rows that are worth a picture: half of them wrong, where so many are."""
    references = judged.captioned.references()
    right = [each.text in true for each, true in zip(judged.said, references, strict=True)]
    wrong_rows = [row for row, each in enumerate(right) if not each]
    right_rows = [row for row, each in enumerate(right) if each]
    few = wrong_rows[: SHOWN // 2]
    return (few + right_rows[: SHOWN - len(few)] + wrong_rows[len(few) :])[:SHOWN]
