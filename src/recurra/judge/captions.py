"""Captions against one or several references a picture: how right, and how sure each figure is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recurra.codecs.words import normal, word_pattern
from recurra.errors import DataError, MissingExtra, unknown
from recurra.judge.bootstrap import Interval, counts_bootstrap, paired_shares, share
from recurra.judge.cider import cider
from recurra.judge.translation import MEANS as OF_TEXTS
from recurra.judge.translation import Cut, cut_for, sacrebleu_metrics, summed_figures, words_of
from recurra.judge.verdict import Verdict, verdict

Floats = NDArray[np.float64]

Metric = Literal["exact", "cer", "wer", "chrf", "bleu", "cider"]

NAMES: Final[dict[Metric, str]] = {
    "exact": "exact",
    "cer": "character error rate",
    "wer": "word error rate",
    "chrf": "chrF",
    "bleu": "BLEU",
    "cider": "CIDEr-D",
}
MEANS: Final[dict[Metric, str]] = {
    "exact": OF_TEXTS["exact"],
    "chrf": OF_TEXTS["chrf"],
    "bleu": OF_TEXTS["bleu"],
    "cer": "characters to change, add or take away for the true text, of a hundred of its own",
    "wer": "words to change, add or take away for the true text, of a hundred of its own",
    "cider": "how far it says what most people say of the picture, rare words weighing more",
}
UNITS: Final[dict[Metric, str]] = {
    "exact": "points of exact matches",
    "cer": "points of character errors",
    "wer": "points of word errors",
    "chrf": "chrF",
    "bleu": "BLEU",
    "cider": "CIDEr-D",
}
HIGHER: Final[dict[Metric, bool]] = {
    "exact": True,
    "cer": False,
    "wer": False,
    "chrf": True,
    "bleu": True,
    "cider": True,
}
"""Whether a larger figure is a better one."""

REPEATS: Final = 1000
"""How often pictures are drawn anew."""

_SENTENCE: Final = 3.0  # words: readings and serial numbers have fewer
_MANY: Final = 100  # words from which on it counts how many of them are different

SHARES: Final = ("exact", "cer", "wer")
"""Figures that are shares of one, which verdicts tell in points of a hundred."""


def are_strings(texts: Sequence[str]) -> bool:
    """Whether texts are strings, of which each character matters, rather than sentences.

    Readings, numbers, names, which have fewer than 3 words in the mean (characters where no blanks
    part words); and such as have a word of their own for every other one, which is no language.
    """
    cut = cut_for(texts)
    lengths = words_of(texts, cut)
    if not lengths or float(np.mean(lengths)) < _SENTENCE:
        return True
    words = [word for text in texts for word in text.split()] if cut == "13a" else []
    return len(words) > _MANY and len(set(words)) > len(words) / 2


def deciding(references: Sequence[Sequence[str]]) -> Metric:
    """The metric that decides over such references.

    The character error rate where they `are_strings`. CIDEr-D where more than half of the pictures
    have several that differ, as the consensus of people is what it asks for. Else chrF.
    """
    texts = [text for each in references for text in each]
    if are_strings(texts):
        return "cer"
    several = sum(len({normal(text) for text in each}) > 1 for each in references)
    return "cider" if 2 * several > len(references) else "chrf"


def score(metric: Metric, predicted: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """One figure alone, larger where better: what chooses in a training.

    Exact ones in points of a hundred; of error rates what they leave of a hundred points, which is
    below 0 where there are more errors than characters.

    Raises:
        DataError: there is none, not as many of each, or a picture has no reference.
        OptionError: no such metric.
        MissingExtra: sacrebleu or rapidfuzz is not installed.
    """
    _known(metric)
    ours, true, cut = _checked(predicted, references)
    counts, _ = _count(metric, ours, true, cut)
    figure = float(_figures(metric, cut)(counts.sum(0)[None])[0])
    scaled = 100 * figure if metric in SHARES else figure
    return scaled if HIGHER[metric] else 100 - scaled


@final
@dataclass(frozen=True, eq=False)
class Counted:
    """What each picture counts towards the figures of any set of pictures that it is in.

    Counted.of(["a red dog"], [["a red dog", "a dog"]]).figure("exact")    1.0

    Args:
        predicted: the N captions, NFC.
        references: one or several of each picture, NFC, in alphabetical order.
        counts: of each metric (N, S), of which the figure is a function of their sums.
        cut: how the references are cut into words.
        signatures: how sacrebleu counted, so that another can count the same.
    """

    predicted: Sequence[str]
    references: Sequence[Sequence[str]]
    counts: dict[Metric, Floats]
    cut: Cut
    signatures: dict[str, str]

    @classmethod
    def of(cls, predicted: Sequence[str], references: Sequence[Sequence[str]]) -> Counted:
        """Count captions against their pictures' references.

        Raises:
            DataError: there is none, not as many of each, or a picture has no reference.
            MissingExtra: sacrebleu or rapidfuzz is not installed.
        """
        ours, true, cut = _checked(predicted, references)
        counts: dict[Metric, Floats] = {}
        signatures: dict[str, str] = {}
        for metric in NAMES:
            counts[metric], signature = _count(metric, ours, true, cut)
            if signature:
                signatures[metric] = signature
        return cls(ours, true, counts, cut, signatures)

    def __len__(self) -> int:
        return len(self.predicted)

    def at(self, rows: NDArray[np.int64]) -> Counted:
        """Some of the pictures, by their numbers; CIDEr-D weighs words as among all of them."""
        return Counted(
            [self.predicted[row] for row in rows],
            [self.references[row] for row in rows],
            {metric: each[rows] for metric, each in self.counts.items()},
            self.cut,
            self.signatures,
        )

    def figure(self, metric: Metric) -> float:
        """A figure of all pictures together.

        `exact` is a share of one, `cer` and `wer` are errors over characters or words, chrF and
        BLEU go from 0 to 100, CIDEr-D from 0 to 10.

        Raises:
            OptionError: no such metric.
        """
        _known(metric)
        return float(_figures(metric, self.cut)(self.counts[metric].sum(0)[None])[0])

    def pictures(self, metric: Metric) -> Floats:
        """Each picture's own figure, (N,). BLEU's means little: few have four words in a row right.

        Raises:
            OptionError: no such metric.
        """
        _known(metric)
        return _figures(metric, self.cut)(self.counts[metric])

    def interval(self, metric: Metric, *, repeats: int = REPEATS, seed: int = 0) -> Interval:
        """A figure and how sure it is: pictures drawn anew; exact ones as a share.

        Raises:
            OptionError: no such metric.
        """
        _known(metric)
        if metric == "exact":
            return share(int(self.counts[metric][:, 0].sum()), len(self))
        figures = _figures(metric, self.cut)
        return counts_bootstrap(self.counts[metric], figures, repeats=repeats, seed=seed)


@final
@dataclass(frozen=True)
class Paired:
    """A verdict, and the metric that it was found by."""

    verdict: Verdict
    metric: Metric

    def to_json(self) -> dict[str, Any]:
        """Its fields as plain values."""
        return self.verdict.to_json() | {"metric": self.metric}


def paired(
    model: Counted,
    baseline: Counted,
    metric: Metric,
    *,
    name: str,
    repeats: int = REPEATS,
    seed: int = 0,
) -> Paired:
    """Judge a model's captions against a baseline's: the same pictures are drawn of both.

    The paired bootstrap of Koehn (2004) over what each picture counts; exact matches by
    `paired_shares`. Shares and error rates are told in points of a hundred.

    Args:
        model, baseline: of the same references.
        metric: what they are judged by.
        name: the baseline, as it reads after "the".
        repeats: how often N pictures are drawn.
        seed: of the draws; the same seed gives the same interval.

    Raises:
        DataError: the references differ.
        OptionError: no such metric.
    """
    _known(metric)
    if model.references != baseline.references:
        raise DataError(
            f"captions judged by references of {len(model):,} pictures, and others by "
            f"{len(baseline):,}",
            expected="the same references",
        )
    scale = 100.0 if metric in SHARES else 1.0
    if metric == "exact":
        right = [each.counts[metric][:, 0] > 0 for each in (model, baseline)]
        found = paired_shares(*right, repeats=repeats, seed=seed)
    else:
        figures, width = _figures(metric, model.cut), model.counts[metric].shape[1]
        sign = 1.0 if HIGHER[metric] else -1.0
        found = counts_bootstrap(
            np.concatenate([model.counts[metric], baseline.counts[metric]], 1),
            lambda sums: sign * (figures(sums[:, :width]) - figures(sums[:, width:])),
            repeats=repeats,
            seed=seed,
        )
    found = Interval(scale * found.low, scale * found.high, scale * found.estimate, found.level)
    said = verdict(
        scale * model.figure(metric),
        scale * baseline.figure(metric),
        found,
        name=name,
        unit=UNITS[metric],
        higher_is_better=HIGHER[metric],
    )
    return Paired(said, metric)


def preferred(
    true_nats: ArrayLike,
    false_nats: ArrayLike,
    owner_true: ArrayLike,
    owner_false: ArrayLike,
    *,
    repeats: int = REPEATS,
    seed: int = 0,
) -> tuple[float, Interval]:
    """In what share of all pairs of a picture's true and false captions the true one is likelier.

    Equally likely ones count a half. The interval is over pictures, of which the pairs of one go
    together.

    Args:
        true_nats, false_nats: how surprising each caption is, (T,) and (F,); fewer is likelier.
        owner_true, owner_false: whose picture it is of, by number, (T,) and (F,).

    Raises:
        DataError: shapes do not fit, a figure is no number, or no picture has one of each.
    """
    true, false = np.asarray(true_nats, np.float64), np.asarray(false_nats, np.float64)
    of_true, of_false = np.asarray(owner_true), np.asarray(owner_false)
    if true.shape != of_true.shape or false.shape != of_false.shape or true.ndim != 1:
        raise DataError(
            f"nats of shape {true.shape} and {false.shape}, their pictures of {of_true.shape} and "
            f"{of_false.shape}",
            expected="two rows of nats, and a picture for each of them",
        )
    if np.isnan(true).any() or np.isnan(false).any():
        raise DataError("a caption's nats are no number", expected="a number for each caption")
    counts = []
    for picture in np.intersect1d(of_true, of_false):
        ours, theirs = true[of_true == picture][:, None], false[of_false == picture]
        wins = (ours < theirs).sum() + (ours == theirs).sum() / 2
        counts.append([float(wins), float(ours.size * theirs.size)])
    if not counts:
        raise DataError(
            "no picture has a true caption and a false one", expected="one picture at least"
        )
    found = counts_bootstrap(counts, _ratios, repeats=repeats, seed=seed)
    return found.estimate, found


def _ratios(sums: Floats) -> Floats:
    found: Floats = sums[:, 0] / np.maximum(sums[:, 1], 1)  # of nothing: what is there is wrong
    return found


def _figures(metric: Metric, cut: Cut) -> Callable[[Floats], Floats]:
    """From sums of counts (R, S) to R figures."""
    if metric not in ("chrf", "bleu"):
        return _ratios
    library = sacrebleu_metrics(cut, extra="captions")[metric]
    return lambda sums: summed_figures(library, sums)


def _count(
    metric: Metric, ours: Sequence[str], true: Sequence[Sequence[str]], cut: Cut
) -> tuple[Floats, str]:
    """What each picture counts, (N, S), and how sacrebleu counted, where it did."""
    if metric in ("chrf", "bleu"):
        library = sacrebleu_metrics(cut, extra="captions")[metric]
        most = max(map(len, true))
        wide = [[each[n] if n < len(each) else None for each in true] for n in range(most)]
        rows = library._extract_corpus_statistics(ours, wide)  # type: ignore[arg-type]
        return np.array(rows, np.float64), str(library.get_signature())
    if metric == "exact":
        own = [float(one in each) for one, each in zip(ours, true, strict=True)]
        return np.stack([own, np.ones(len(own))], 1), ""
    split = list if metric == "cer" else _splitter(cut)
    said, held = [split(one) for one in ours], [[split(x) for x in each] for each in true]
    if metric == "cider":
        return np.stack([cider(said, held), np.ones(len(said))], 1), ""
    return np.array(_edits(said, held), np.float64), ""


def _edits(
    ours: Sequence[Sequence[str]], true: Sequence[Sequence[Sequence[str]]]
) -> list[list[float]]:
    """To the nearest reference of each picture, and its length; of equally near the longest."""
    try:
        from rapidfuzz.distance import Levenshtein
    except ImportError as error:
        raise MissingExtra(
            "rapidfuzz, which counts edits, is not installed",
            fix='pip install "recurra[captions]"',
        ) from error
    found = []
    for one, each in zip(ours, true, strict=True):
        edits, less = min((Levenshtein.distance(one, other), -len(other)) for other in each)
        found.append([float(edits), float(-less)])
    return found


def _splitter(cut: Cut) -> Callable[[str], list[str]]:
    """Words and marks, or characters where no blanks part words."""
    return word_pattern().findall if cut == "13a" else lambda text: list("".join(text.split()))


def _known(metric: str) -> None:
    if metric not in NAMES:
        raise unknown("metric", metric, list(NAMES))


def _checked(
    predicted: Sequence[str], references: Sequence[Sequence[str]]
) -> tuple[list[str], list[list[str]], Cut]:
    """Both in NFC, as two ways of writing the same letters are no difference; how they are cut."""
    if len(predicted) != len(references) or not len(references):
        raise DataError(
            f"{len(predicted):,} captions and references of {len(references):,} pictures",
            expected="as many of each, one at least",
        )
    for row, each in enumerate(references):
        if isinstance(each, str) or not len(each):
            raise DataError(
                f"picture {row:,} has no list of references: {each!r}", expected="one text or more"
            )
    # In one order, so that the one they are given in makes no difference where two are as near.
    true = [sorted(normal(text) for text in each) for each in references]
    cut = cut_for([text for each in true for text in each])
    return [normal(text) for text in predicted], true, cut
