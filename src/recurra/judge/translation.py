"""Written texts against what they should be: BLEU, chrF and exact matches, and how sure each is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, final, get_args
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from recurra.errors import DataError, MissingExtra, OptionError
from recurra.judge.bootstrap import (
    FEWEST,
    Interval,
    counts_bootstrap,
    paired_shares,
    share,
)
from recurra.judge.verdict import Verdict, verdict

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric as Library

Floats = NDArray[np.float64]

Metric = Literal["bleu", "chrf", "exact"]
Cut = Literal["13a", "zh", "char"]

NAMES: Final[dict[Metric, str]] = {"bleu": "BLEU", "chrf": "chrF", "exact": "exact"}
MEANS: Final[dict[Metric, str]] = {
    "bleu": "how many runs of one to four words it shares with the reference, from 0 to 100",
    "chrf": "how many runs of one to six characters it shares with the reference, from 0 to 100",
    "exact": "how many of a hundred are the reference to the letter",
}
UNITS: Final[dict[Metric, str]] = {
    "bleu": "BLEU",
    "chrf": "chrF",
    "exact": "points of exact matches",
}

CUTS: Final[dict[Cut, str]] = {
    "13a": "words apart at blanks, signs by themselves (sacrebleu's 13a)",
    "zh": "every Chinese character by itself (sacrebleu's zh)",
    "char": "every character by itself (sacrebleu's char), as no blanks part the words",
}

REPEATS: Final = 1000
"""How often sentences are drawn anew: as sacrebleu does."""

_ENOUGH: Final = 4.0  # words: BLEU counts rows of four

_TESTED: Final = 3_000  # sentences up to which sacrebleu's own test is asked, which holds all draws

# Scripts that put no blanks between words: Chinese; kana; Thai, Lao, Burmese, Khmer.
_HAN: Final = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_RUNNING: Final = re.compile("[\u3040-\u30ff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")


def cut_for(texts: Sequence[str]) -> Cut:
    """How sacrebleu has to cut such texts into words, from the script that they are written in."""
    whole = "".join(texts[:2000])
    letters = sum(letter.isalpha() for letter in whole)
    han, running = len(_HAN.findall(whole)), len(_RUNNING.findall(whole))
    if 3 * (han + running) <= letters or not letters:
        return "13a"
    return "zh" if han > 9 * running else "char"


def words_of(texts: Sequence[str], cut: Cut) -> list[int]:
    """How many words each text has, or characters where no blanks part them."""
    if cut == "13a":
        return [len(text.split()) for text in texts]
    return [len("".join(text.split())) for text in texts]


def deciding(references: Sequence[str]) -> Metric:
    """The metric that decides over such references: BLEU, or chrF where they are short.

    BLEU is made of rows of four words, which shorter references do not have.
    """
    lengths = words_of(references, cut_for(references))
    return "bleu" if lengths and float(np.mean(lengths)) >= _ENOUGH else "chrf"


@final
@dataclass(frozen=True)
class Scores:
    """Figures of a corpus. BLEU and chrF go from 0 to 100; `exact` is a share of one.

    Args:
        signatures: how sacrebleu counted, so that another can count the same.
    """

    bleu: float
    chrf: float
    exact: float
    signatures: dict[str, str]

    def of(self, metric: Metric) -> float:
        """A figure by its name, larger where better; exact matches in points of a hundred."""
        return {"bleu": self.bleu, "chrf": self.chrf, "exact": 100 * self.exact}[metric]

    def to_json(self) -> dict[str, Any]:
        """Its fields as plain values."""
        return {
            "bleu": self.bleu,
            "chrf": self.chrf,
            "exact": self.exact,
            "signatures": self.signatures,
        }


def scores(predicted: Sequence[str], references: Sequence[str]) -> Scores:
    """BLEU (Papineni et al. 2002), chrF (Popović 2015) and exact matches, by sacrebleu.

    Cased, one reference each, as they stand (Post 2018, arXiv:1804.08771).

    Raises:
        DataError: there is none, or not as many of each.
        MissingExtra: sacrebleu is not installed.
    """
    return Counted.of(predicted, references).scores()


def score(metric: Metric, predicted: Sequence[str], references: Sequence[str]) -> float:
    """One figure alone, larger where better: what chooses in a training; exact ones in points.

    Raises:
        DataError: there is none, or not as many of each.
        OptionError: no such metric.
        MissingExtra: sacrebleu is not installed.
    """
    if metric not in get_args(Metric):
        raise OptionError(f"score {metric!r}", expected=f"one of {', '.join(get_args(Metric))}")
    ours, true = _checked(predicted, references)
    if metric == "exact":
        return 100.0 * float(np.mean([one == other for one, other in zip(ours, true, strict=True)]))
    library = sacrebleu_metrics(cut_for(true))[metric]
    return float(library.corpus_score(ours, [true]).score)


@final
@dataclass(frozen=True, eq=False)
class Counted:
    """What each sentence counts towards the figures of any corpus that it is in.

    Args:
        predicted, references: the N sentences, NFC.
        counts: of BLEU (N, 10) and chrF (N, 18), as sacrebleu sums them.
        exact: whether a sentence is its reference, (N,).
        cut: how the references are cut into words.
    """

    predicted: Sequence[str]
    references: Sequence[str]
    counts: dict[Metric, Floats]
    exact: NDArray[np.bool_]
    cut: Cut
    signatures: dict[str, str]

    @classmethod
    def of(cls, predicted: Sequence[str], references: Sequence[str]) -> Counted:
        """Count texts against their references.

        Raises:
            DataError: there is none, or not as many of each.
            MissingExtra: sacrebleu is not installed.
        """
        ours, true = _checked(predicted, references)
        cut = cut_for(true)
        counts, signatures = {}, {}
        for name, library in sacrebleu_metrics(cut).items():
            rows = library._extract_corpus_statistics(ours, [true])
            counts[name] = np.array(rows, np.float64)
            signatures[str(name)] = str(library.get_signature())
        exact = np.array([one == other for one, other in zip(ours, true, strict=True)])
        return cls(ours, true, counts, exact, cut, signatures)

    def __len__(self) -> int:
        return len(self.exact)

    def at(self, rows: NDArray[np.int64]) -> Counted:
        """Some of the sentences, by their numbers."""
        return Counted(
            [self.predicted[row] for row in rows],
            [self.references[row] for row in rows],
            {metric: each[rows] for metric, each in self.counts.items()},
            self.exact[rows],
            self.cut,
            self.signatures,
        )

    def scores(self) -> Scores:
        """The figures of all sentences together."""
        bleu, chrf = (self._figure(m)(self.counts[m].sum(0)[None])[0] for m in ("bleu", "chrf"))
        return Scores(float(bleu), float(chrf), float(self.exact.mean()), self.signatures)

    def sentences(self) -> Floats:
        """The chrF of each sentence by itself, (N,).

        BLEU means little there: most sentences lack a row of four words that is right.
        """
        found: Floats = self._figure("chrf")(self.counts["chrf"])
        return found

    def interval(self, metric: Metric, *, repeats: int = REPEATS, seed: int = 0) -> Interval:
        """A figure and how sure it is: sentences drawn anew (Koehn 2004); exact ones as a share."""
        if metric == "exact":
            return share(int(self.exact.sum()), len(self))
        counts = self.counts[metric]
        return counts_bootstrap(counts, self._figure(metric), repeats=repeats, seed=seed)

    def _figure(self, metric: Metric) -> Any:
        """From sums of counts (R, S) to R figures, each computed by sacrebleu."""
        library = sacrebleu_metrics(self.cut)[metric]
        return lambda sums: summed_figures(library, sums)


@final
@dataclass(frozen=True)
class Paired:
    """A verdict, and the p-value of sacrebleu's own test beside it, where it was asked."""

    verdict: Verdict
    metric: Metric
    p: float | None

    def to_json(self) -> dict[str, Any]:
        """Its fields as plain values."""
        return self.verdict.to_json() | {"metric": self.metric, "p": self.p}


def paired(
    model: Counted,
    baseline: Counted,
    metric: Metric,
    *,
    name: str,
    repeats: int = REPEATS,
    seed: int = 0,
) -> Paired:
    """Judge a model's texts against a baseline's: the same sentences are drawn of both.

    The paired bootstrap of Koehn (2004) over what sacrebleu counts in each sentence; exact matches
    by `paired_shares`.

    Args:
        model, baseline: of the same references.
        metric: what they are judged by.
        name: the baseline, as it reads after "the".
        repeats: how often N sentences are drawn.
        seed: of the draws; the same seed gives the same interval.

    Raises:
        DataError: the references differ.
    """
    if model.references != baseline.references:
        raise DataError(
            f"texts judged by {len(model):,} references, and others by {len(baseline):,}",
            expected="the same references",
        )
    p = None
    if metric == "exact":
        found = paired_shares(model.exact, baseline.exact, repeats=repeats, seed=seed)
        found = Interval(100 * found.low, 100 * found.high, 100 * found.estimate, found.level)
    else:
        figure, width = model._figure(metric), model.counts[metric].shape[1]
        found = counts_bootstrap(
            np.concatenate([model.counts[metric], baseline.counts[metric]], 1),
            lambda sums: figure(sums[:, :width]) - figure(sums[:, width:]),
            repeats=repeats,
            seed=seed,
        )
        if FEWEST <= len(model) <= _TESTED:
            p = _tested(model, baseline, metric, repeats)
    ours, theirs = model.scores().of(metric), baseline.scores().of(metric)
    said = verdict(ours, theirs, found, name=name, unit=UNITS[metric], higher_is_better=True)
    return Paired(said, metric, p)


def _tested(model: Counted, baseline: Counted, metric: Metric, repeats: int) -> float:
    """The p-value of sacrebleu's paired bootstrap; its seed is its own."""
    from sacrebleu.significance import PairedTest

    test = PairedTest(
        [("baseline", baseline.predicted), ("model", model.predicted)],
        {metric: sacrebleu_metrics(model.cut)[metric]},
        [model.references],
        test_type="bs",
        n_samples=repeats,
    )
    _, table = test()
    (results,) = (rows for key, rows in table.items() if key != "System")
    found: Any = results[1]
    return float(found.p_value)


def summed_figures(library: Library, sums: Floats) -> Floats:
    """From sums of counts (R, S) to R figures, each computed by sacrebleu."""
    found = [library._compute_score_from_stats(row.tolist()).score for row in sums]
    return np.array(found, np.float64)


def sacrebleu_metrics(cut: Cut, *, extra: str = "pairs") -> dict[Metric, Library]:
    """What counts BLEU and chrF.

    Raises:
        MissingExtra: sacrebleu, which comes with the extra named, is not installed.
    """
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
    except ImportError as error:
        raise MissingExtra(
            "sacrebleu, which counts BLEU and chrF, is not installed",
            fix=f'pip install "recurra[{extra}]"',
        ) from error
    # Forced, so that it says nothing of sentences that end in " .".
    return {"bleu": BLEU(tokenize=cut, force=True), "chrf": CHRF()}


def _checked(predicted: Sequence[str], references: Sequence[str]) -> tuple[list[str], list[str]]:
    if len(predicted) != len(references) or not len(references):
        raise DataError(
            f"{len(predicted):,} texts and {len(references):,} references",
            expected="as many of each, one at least",
        )
    # Two ways of writing the same letters are no difference.
    return [normalize("NFC", each) for each in predicted], [normalize("NFC", x) for x in references]
