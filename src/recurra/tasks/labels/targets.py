"""What is true of a part, and by how much answers that are measured against it are right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, final

import numpy as np
from numpy.typing import NDArray

from recurra.data.splits import joined
from recurra.errors import DataError
from recurra.judge import bootstrap
from recurra.judge.bootstrap import Interval
from recurra.tasks.labels.examples import Examples
from recurra.tasks.labels.spans import SpanCounts, are_spans, counted
from recurra.tasks.labels.spans import f1 as span_f1

Numbers = NDArray[np.int64]
Floats = NDArray[np.float64]

Metric = Literal["accuracy", "macro_f1", "span_f1"]

NAMES: Final[dict[Metric, str]] = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "span_f1": "span F1",
}


@final
@dataclass(frozen=True, eq=False)
class Targets:
    """The labels of some rows, to measure answers against.

    S are the rows, or where steps are tagged their steps end to end; K the classes.

    Args:
        examples: those that the rows are of.
        rows: (N,).
        classes: by their numbers.
        targets: class numbers (S,).
        lengths: steps of each row (N,), where steps are tagged.
        units: for each of S the number of what it is drawn together with: its sentence, or its
            group; each by itself where nothing joins them.
    """

    examples: Examples
    rows: Numbers
    classes: tuple[str, ...]
    targets: Numbers
    lengths: Numbers | None
    units: Numbers

    @classmethod
    def of(cls, examples: Examples, rows: Numbers, classes: Sequence[str]) -> Targets:
        """Rows of examples whose labels are among the classes.

        Raises:
            DataError: there is no row, or a label is none of the classes.
        """
        if not len(rows):
            raise DataError("no examples to report on", expected="at least one")
        number = {label: place for place, label in enumerate(classes)}
        found: list[int] = []
        for row in rows.tolist():
            label = examples.labels[row]
            for each in label if examples.tagged else (label,):
                if each not in number:
                    raise DataError(
                        f"{examples.where[row]}: the label {each!r} is none that the model knows",
                        expected=f"labels among {', '.join(map(repr, classes[:20]))}",
                    )
                found.append(number[each])
        lengths = None
        if examples.tagged:
            lengths = np.array([len(examples.labels[row]) for row in rows], np.int64)
        owners = np.arange(len(rows))
        if examples.groups is not None:
            owners = joined([examples.groups[row] for row in rows.tolist()])
        units = owners if lengths is None else np.repeat(owners, lengths)
        return cls(examples, rows, tuple(classes), np.array(found, np.int64), lengths, units)

    @cached_property
    def spans(self) -> bool:
        """Whether the tags mark spans."""
        return self.lengths is not None and are_spans(self.classes)

    @property
    def metric(self) -> Metric:
        """What the verdict is about."""
        return "span_f1" if self.spans else "accuracy"

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What contenders are compared by, the verdict's first."""
        return (self.metric, *(m for m in ("accuracy", "macro_f1") if m != self.metric))

    @cached_property
    def independent(self) -> bool:
        """Whether each answer is drawn by itself."""
        return int(self.units.max()) + 1 == len(self.units)

    def place(self, number: int) -> tuple[int, int | None]:
        """The row that an answer belongs to, by its place in `rows`, and its step where tagged."""
        if self.lengths is None:
            return number, None
        ends = np.cumsum(self.lengths)
        row = int(np.searchsorted(ends, number, "right"))
        return row, int(number - ends[row] + self.lengths[row])

    def tags(self, numbers: Numbers) -> list[list[str]]:
        """Tags (S,) as names, a list for each sentence."""
        assert self.lengths is not None
        names = [self.classes[number] for number in numbers.tolist()]
        ends = np.cumsum(self.lengths).tolist()
        return [names[end - n : end] for end, n in zip(ends, self.lengths.tolist(), strict=True)]

    def span_counts(self, predicted: Numbers) -> SpanCounts:
        """What spans are right, said and true in each sentence."""
        return counted(self.tags(self.targets), self.tags(predicted), self.classes)

    # -- figures ---------------------------------------------------------------------------

    def figure(self, metric: Metric, predicted: Numbers) -> Interval:
        """A metric of answers (S,), and how sure it is."""
        if metric == "accuracy" and self.independent:
            right = int((predicted == self.targets).sum())
            return bootstrap.share(right, len(self.targets))
        counts, times = self._counts(metric, predicted)
        return bootstrap.counts_bootstrap(counts[0], self._formula(metric), times=times)

    def advantage(self, metric: Metric, model: Numbers, baseline: Numbers) -> Interval:
        """By how much the model's answers (S,) are better by a metric than the baseline's (S,)."""
        if metric == "accuracy" and self.independent:
            return bootstrap.paired_shares(model == self.targets, baseline == self.targets)
        (first, second), times = self._counts(metric, model, baseline)
        formula, width = self._formula(metric), first.shape[1]
        return bootstrap.counts_bootstrap(
            np.concatenate([first, second], 1),
            lambda sums: formula(sums[:, :width]) - formula(sums[:, width:]),
            times=times,
        )

    def exact(self, metric: Metric, predicted: Numbers) -> float:
        """A metric of answers (S,) alone, without its interval."""
        counts, times = self._counts(metric, predicted)
        sums = counts[0].sum(0) if times is None else times @ counts[0]
        return float(self._formula(metric)(sums[None])[0])

    def _formula(self, metric: Metric) -> Callable[[Floats], Floats]:
        """From sums of `_counts` (R, ...) to figures (R,)."""
        if metric == "accuracy":
            return lambda sums: sums[:, 0] / np.maximum(sums[:, 1], 1)
        return span_f1 if metric == "span_f1" else macro_f1

    def _counts(
        self, metric: Metric, *answers: Numbers
    ) -> tuple[list[NDArray[np.float64]], Numbers | None]:
        """What each unit counts (U, ...), for each of the answers; how often, where not once."""
        targets, units, times = self.targets, self.units, None
        if self.independent:
            # Examples that are answered alike count alike.
            code = targets
            for each in answers:
                code = code * len(self.classes) + each
            _, first, times = np.unique(code, return_index=True, return_counts=True)
            targets, answers = targets[first], tuple(each[first] for each in answers)
            units = np.arange(len(first))
        number = int(units.max()) + 1
        found = []
        for each in answers:
            if metric == "span_f1":
                assert self.lengths is not None
                sentences = self.units[np.cumsum(self.lengths) - 1]
                rows = np.zeros((number, 3))
                np.add.at(rows, sentences, self.span_counts(each).rows())
            elif metric == "accuracy":
                right = np.bincount(units, each == targets, number)
                rows = np.stack([right, np.bincount(units, minlength=number)], 1)
            else:
                kinds = len(self.classes)
                rows = np.zeros((number, 3 * kinds))
                hit = each == targets
                np.add.at(rows, (units[hit], targets[hit]), 1)
                np.add.at(rows, (units, kinds + each), 1)
                np.add.at(rows, (units, 2 * kinds + targets), 1)
            found.append(rows)
        return found, times


def macro_f1(sums: Floats) -> Floats:
    """Macro F1 (R,) of sums (R, 3 K): right, said and true of each class.

    The mean over the classes that occur or are said, as scikit-learn's f1_score takes it.
    """
    right, said, true = np.split(sums, 3, axis=1)
    among = said + true
    each = 2 * right / np.where(among > 0, among, 1.0)
    found: Floats = each.sum(1) / np.maximum((among > 0).sum(1), 1)
    return found
