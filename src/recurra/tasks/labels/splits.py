"""Examples cut into what trains, what chooses and what reports, and what has to hold for that."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.data.files import name_of
from recurra.data.splits import ALWAYS, Rows, grouped, joined, numbered
from recurra.errors import DataError, counted
from recurra.tasks.labels.examples import Examples, repeats
from recurra.tasks.labels.from_memory import LabelType, in_order

FOLDS: Final = 10
LEAST: Final = 10  # examples, of all parts together


@final
@dataclass(frozen=True, eq=False)
class LabelData:
    """Examples cut into the part that reports and folds that choose in turn.

    `learn` are the rows of `examples` that train and choose, in an order that follows from the
    seed; `folds` says for each of them which fold it is in: 0 to FOLDS - 1, or ALWAYS (-1) for
    those that train and never choose. Leave a fold out of training and let it choose: where one
    model is trained, fold 0. `test` are the rows that report. What is the same, or of the same
    group, is in one fold or in the test part, whole. Rows in neither `learn` nor `test` were left
    out, since the test part has the same.

    `classes` are sorted; `found` counts what was found on the way.
    """

    name: str
    files: tuple[Path, ...]
    test_files: tuple[Path, ...]
    examples: Examples
    learn: Rows
    test: Rows
    folds: NDArray[np.int8]
    classes: tuple[str, ...]
    found: dict[str, int]
    label_type: LabelType = "read"
    columns: dict[str, str] = field(default_factory=dict)
    origin: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def class_numbers(self) -> dict[str, int]:
        """The number of each class."""
        return {label: number for number, label in enumerate(self.classes)}

    @cached_property
    def _targets(self) -> Rows:
        number = self.class_numbers
        return np.array([number.get(each, -1) for each in self.examples.labels], np.int64)

    def targets(self, rows: Rows) -> Rows:
        """The class numbers of examples, (len(rows),)."""
        if self.examples.tagged:
            raise TypeError("tagged examples have step_targets")
        return self._targets[rows]

    def step_targets(self, rows: Rows) -> list[Rows]:
        """The class numbers of the steps of tagged examples, an array for each."""
        if not self.examples.tagged:
            raise TypeError("examples that are not tagged have targets")
        number, labels = self.class_numbers, self.examples.labels
        return [np.array([number[each] for each in labels[row]], np.int64) for row in rows]

    def counts(self, rows: Rows) -> dict[str, int]:
        """How often each class stands in these rows."""
        if self.examples.tagged:
            seen = Counter(tag for row in rows.tolist() for tag in self.examples.labels[row])
            return {label: seen[label] for label in self.classes}
        counts = np.bincount(self.targets(rows), minlength=len(self.classes))
        return dict(zip(self.classes, counts.tolist(), strict=True))

    @cached_property
    def groups(self) -> Rows:
        """A number for each of `learn`: what is the same, or of the same group, has the same."""
        examples, same = self.examples, numbered(self.examples.keys)
        found = same if examples.groups is None else joined(same.tolist(), examples.groups)
        return found[self.learn]

    @cached_property
    def tunes(self) -> NDArray[np.bool_]:
        """Which of `learn` tune what was learnt from other folds, half of each fold.

        They stop a training early and choose penalties and temperatures; the other half compares
        what came of that: no candidate has learnt from it, or was chosen by it. Groups are whole,
        and each label's take turns.
        """
        groups, firsts, of_row = np.unique(self.groups, return_index=True, return_inverse=True)
        labels = np.zeros(len(groups), np.int64)
        if not self.examples.tagged:
            labels = self.targets(self.learn[firsts])
        folds = self.folds[firsts]
        order = np.lexsort((firsts, labels, folds))
        sizes = np.bincount(folds - ALWAYS)
        begin = np.repeat(np.cumsum(sizes) - sizes, sizes)
        # A fold of one group tunes; of the others every second begins with the other half.
        turns = np.arange(len(order)) - begin + folds[order] % 2 * (np.repeat(sizes, sizes) > 1)
        found = np.zeros(len(groups), bool)
        found[order] = turns % 2 == 0
        return found[of_row]

    @property
    def chooses(self) -> int:
        """How many examples choose, where one model is trained."""
        return int((self.folds == 0).sum())

    @property
    def _of_arrays(self) -> bool:
        """Whether they came out of arrays in three dimensions, which do not say what is what."""
        return all(path.suffix.lower() == ".npz" for path in self.files)

    @property
    def read_files(self) -> tuple[Path, ...]:
        """The files that it came from."""
        return (*self.files, *self.test_files)

    @property
    def digest(self) -> str:
        """SHA-256 of the examples."""
        return self.examples.digest

    def summary(self) -> str:
        """What there is, in a sentence."""
        examples = self.examples
        used = len(self.learn) + len(self.test)
        what = f"{self.name}: {used:,} {examples.noun}"
        if examples.kind == "numbers":
            lengths = [len(each) for each in examples.inputs]
            steps = f"{min(lengths):,} to " if min(lengths) < max(lengths) else ""
            steps += counted(max(lengths), "step")
            what += f" of {counted(len(examples.channels), 'channel')}, {steps}"
            if len(examples.channels) > max(lengths) and self._of_arrays:
                what += ' (layout="channels-first" if that is the wrong way round)'
        if self.columns:
            what += " (" + ", ".join(f"{k}: column {v!r}" for k, v in self.columns.items()) + ")"
        what += f", {len(self.classes)} {'tags' if examples.tagged else 'classes'}"
        shares = self.counts(self.learn)
        if len(shares) <= 5 and not examples.tagged:
            what += " (" + ", ".join(f"{k} {v:,}" for k, v in shares.items()) + " to learn from)"
        from_where = f" of {name_of(self.test_files)}" if self.test_files else ""
        what += f"; {len(self.test):,}{from_where} report, {self.chooses:,} of the others choose"
        notes = [
            f"{count:,} {words}"
            for key, words in _FOUND.items()
            if (count := self.found.get(key, 0))
        ]
        return "; ".join([what, *notes])

    def facts(self) -> dict[str, Any]:
        """What the run's configuration says of the data; `read_again` reads by it."""
        examples = self.examples
        always = self.learn[self.folds < 0]
        return {
            "name": self.name,
            "files": [str(file.resolve()) for file in self.files],
            "test_files": [str(file.resolve()) for file in self.test_files],
            "origin": self.origin,
            "sha256": examples.digest,
            "kind": examples.kind,
            "tagged": examples.tagged,
            "label_type": self.label_type,
            "columns": self.columns,
            "channels": list(examples.channels),
            "examples": len(examples),
            "learn": len(self.learn),
            "select": self.chooses,
            "test": len(self.test),
            "always_train": len(always),
            "classes": list(self.classes),
            "counts": {"learn": self.counts(self.learn), "test": self.counts(self.test)},
            "found": self.found,
        }


_FOUND: Final = {
    "repeats": "repeat another (kept in its part)",
    "conflicting": "are the same as one of another label",
    "in_test": "left out of training: the test part has the same",
    "blank_lines": "blank lines skipped",
    "trimmed_labels": "with blanks around the label",
    "comments": "lines left out as comments",
    "blank_tokens": "tokens are a blank",
    "headerless": "without column names: the first line is data (--header if it is not)",
}


def cut(
    name: str,
    examples: Examples,
    origin: dict[str, Any],
    *,
    label_type: LabelType = "read",
    files: tuple[Path, ...] = (),
    test_files: tuple[Path, ...] = (),
    columns: dict[str, str] | None = None,
    counts: dict[str, int] | None = None,
) -> LabelData:
    """Count what comes twice, check the labels, and cut; `origin` says by what seed and share.

    `held` in it is the first row of a given test part, or None.
    """
    if len(examples) < LEAST:
        raise DataError(
            f"{name}: {counted(len(examples), 'example')}: too few to train, choose and test on",
            expected=f"at least {LEAST}, of two classes; a model learns little from fewer than 100",
            fix="give more data",
        )
    same = numbered(examples.keys)
    twice, conflicting = repeats(same, examples.labels)
    groups = same if examples.groups is None else joined(same.tolist(), examples.groups)
    rows = np.arange(len(examples))
    held = origin["held"]
    given = rows[len(rows) if held is None else held :]
    left = rows[: len(rows) if held is None else held]
    dropped = np.isin(groups[left], groups[given])
    left = left[~dropped]
    _check_labels(name, examples, left, given, label_type, int(dropped.sum()))
    labels = _rarest(examples, left)
    folds = grouped(
        groups[left], labels, seed=origin["seed"], test=origin["share"], folds=FOLDS, name=name
    )
    learn, dealt, test = left[folds.learn], folds.folds, given
    if held is None:
        test = left[folds.test]
    if examples.tagged and held is None:
        learn, dealt, test = _all_tags_learnt(examples, groups, learn, dealt, test)
    classes = {label for row in learn.tolist() for label in _labels_of(examples, row)}
    found = dict(counts or {}) | {
        "repeats": twice,
        "conflicting": conflicting,
        "in_test": int(dropped.sum()),
    }
    return LabelData(
        name,
        files,
        test_files,
        examples,
        learn,
        test,
        dealt,
        tuple(in_order(classes, label_type)),
        found,
        label_type,
        columns or {},
        origin,
    )


def _labels_of(examples: Examples, row: int) -> tuple[str, ...]:
    label = examples.labels[row]
    return label if examples.tagged else (label,)


def _rarest(examples: Examples, rows: Rows) -> Rows:
    """The number of each row's label, (len(rows),); of a tagged one's rarest tag."""
    labels = [examples.labels[row] for row in rows.tolist()]
    if examples.tagged:
        counts = Counter(tag for tags in labels for tag in tags)
        labels = [min(tags, key=lambda tag: (counts[tag], tag)) for tags in labels]
    index = {label: number for number, label in enumerate(sorted(set(labels)))}
    return np.array([index[label] for label in labels], np.int64)


def _all_tags_learnt(
    examples: Examples, groups: Rows, learn: Rows, folds: NDArray[np.int8], test: Rows
) -> tuple[Rows, NDArray[np.int8], Rows]:
    """Move sentences whose tags stand nowhere else from the test part to those that train."""
    known = {tag for row in learn.tolist() for tag in examples.labels[row]}
    moved: set[int] = set()
    for row in test.tolist():
        if not known.issuperset(examples.labels[row]) and groups[row] not in moved:
            moved.add(int(groups[row]))
            for other in test[groups[test] == groups[row]].tolist():
                known.update(examples.labels[other])
    back = np.isin(groups[test], sorted(moved))
    return (
        np.concatenate([learn, test[back]]),
        np.concatenate([folds, np.full(int(back.sum()), ALWAYS, np.int8)]),
        test[~back],
    )


def _check_labels(
    name: str, examples: Examples, left: Rows, given: Rows, label_type: LabelType, dropped: int
) -> None:
    seen = Counter(label for row in left.tolist() for label in _labels_of(examples, row))
    asked = Counter(label for row in given.tolist() for label in _labels_of(examples, row))
    gone = f" ({dropped:,} were left out, since the test part has the same)" if dropped else ""
    if len(seen) < 2:
        what = f"one class, {next(iter(seen))!r}" if seen else "nothing to learn from"
        raise DataError(
            f"{name}: {what}, in {counted(len(left), 'example')}{gone}",
            expected="examples of two classes at least",
            fix="look whether the right column was taken as the label"
            if not examples.tagged
            else "look whether the tag stands in the last column; --tag-column names another",
        )
    if not examples.tagged:
        _check_many(name, seen, len(left), label_type)
        both = seen + asked
        single = [label for label, count in both.items() if count == 1 and seen[label]]
        if single:
            rows = {examples.labels[row]: row for row in left.tolist()}
            shown = "; ".join(f"{each!r} ({examples.where[rows[each]]})" for each in single[:5])
            more = f"; and {len(single) - 5:,} more" if len(single) > 5 else ""
            raise DataError(
                f"{name}: {'a class' if len(single) == 1 else f'{len(single):,} classes'} with one "
                f"example: {shown}{more}",
                expected="two examples of each class at least: one to learn from, one to test on",
                fix="give more of it, drop it, or join it with another class",
            )
    unseen = [label for label in asked if label not in seen]
    if unseen:
        shown = ", ".join(f"{each!r} ({asked[each]:,})" for each in sorted(unseen)[:10])
        rows = {label: row for row in given.tolist()[::-1] for label in _labels_of(examples, row)}
        raise DataError(
            f"{name}: labels in the test part that training has none of: {shown}; "
            f"the first at {examples.where[min(rows[each] for each in unseen)]}{gone}",
            expected=f"labels among {', '.join(map(repr, in_order(seen, label_type)[:20]))}",
            fix="train on examples of them too, or drop them from the test part",
        )


def _check_many(name: str, seen: Counter[str], count: int, label_type: LabelType) -> None:
    """Refuse what is no class: a measured number, or a key that is new in nearly every row."""
    if len(seen) <= 50 or label_type in ("str", "bool"):
        return
    if not all(re.fullmatch(r"[-+]?[0-9]*\.?[0-9]+([eE][-+]?[0-9]+)?", label) for label in seen):
        return
    if 2 * len(seen) > count or not all(float(label).is_integer() for label in seen):
        raise DataError(
            f"{name}: {len(seen):,} different numbers as labels in {count:,} examples: this looks "
            "like a value to be predicted, or like a column of keys",
            expected="classes, each with many examples",
            fix="name the column of the class with --label, or put the numbers into a few classes",
        )
