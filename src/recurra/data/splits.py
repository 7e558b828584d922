"""Which part of the data trains, which one chooses, and which one reports."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.errors import DataError, OptionError, counted

SELECT: Final = Fraction(1, 20)
TEST: Final = Fraction(1, 10)
"""The shares of a text that choose (early stopping, settings) and report."""


@final
@dataclass(frozen=True)
class Split:
    """Three stretches of the data, in this order and with nothing between them."""

    train: range
    select: range
    test: range

    @classmethod
    def at(cls, first: int, second: int, n: int) -> Split:
        """The parts of n items that end before `first`, before `second`, and at the end."""
        return cls(range(first), range(first, second), range(second, n))


def contiguous(n: int, *, reports: int | None = None, name: str = "the text") -> Split:
    """Cut n characters: the last tenth reports, the twentieth before it chooses.

    Args:
        n: how many there are.
        reports: how many of them report, where it is not a tenth; a twentieth of the others choose.
        name: what is cut, for messages.

    Raises:
        DataError: there are too few for two in each part.
    """
    if n <= 0:
        raise DataError(f"{name} is empty", expected="a number of characters")
    split = Split.at(int(n * (1 - SELECT - TEST)), int(n * (1 - TEST)), n)
    if reports is not None:
        split = Split.at(int((n - reports) * (1 - SELECT)), n - reports, n)
    if min(len(split.train), len(split.select), len(split.test)) < 2:
        # Where a part's share is a whole number of items, rounding cannot take one from it.
        raise DataError(
            f"{name} has {'one character' if n == 1 else f'{n:,} characters'}: too few to train, "
            "choose and test on",
            expected=f"at least {2 / SELECT} characters; a model learns little "
            "from fewer than 100,000",
            fix="give more text: several files or a folder",
        )
    return split


def apart(
    starts: Sequence[int], n: int, *, reports: int | None = None, name: str = "the text"
) -> Split:
    """As `contiguous`, cut at the documents' beginnings that are nearest to its shares.

    Args:
        starts: where documents begin, ascending, 0 first; the last one ends at n.
        n: how long they are in all.
        reports: how long those are that report, if they are known.
        name: what is cut, for messages; each part has a document at least.

    Raises:
        DataError: there are fewer than three documents.
    """
    if len(starts) < 3:
        raise DataError(
            f"{name} has {counted(len(starts), 'document')}: too few to keep apart and to train, "
            "choose and test on",
            expected="at least three files, each a document, where they are kept apart",
            fix="give more files, or leave --reset-at-documents out",
        )
    exact = n * float(1 - TEST) if reports is None else n - reports
    second = min(starts[2:], key=lambda start: abs(start - exact))
    before = [start for start in starts[1:] if start < second]
    share = n * float(1 - SELECT - TEST) if reports is None else second * float(1 - SELECT)
    first = min(before, key=lambda start: abs(start - share))
    return Split.at(first, second, n)


Rows = NDArray[np.int64]

ALWAYS: Final = -1
"""The fold of rows that never choose: they train whichever fold is left out."""


@final
@dataclass(frozen=True, eq=False)
class Folds:
    """Which rows report, and how the others take turns at choosing.

    `test` are the rows that report, ascending. `learn` are all others, in a random order; `folds`
    says of each of them which fold it is in, 0, 1, ..., or ALWAYS.
    """

    learn: Rows
    test: Rows
    folds: NDArray[np.int8]


def numbered(values: Iterable[Hashable]) -> Rows:
    """The number of each value: 0 for the first, 1 for the first that differs, and so on."""
    index: dict[Hashable, int] = {}
    return np.array([index.setdefault(each, len(index)) for each in values], np.int64)


def joined(*keys: Sequence[Hashable]) -> Rows:
    """The group of each row, numbered as they come: rows that share any key are one group.

    Args:
        keys: for each row its first key, its second key, and so on; None shares with nobody.
    """
    if len(keys) == 1 and None not in keys[0]:
        return numbered(keys[0])
    parent = list(range(len(keys[0])))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for each in keys:
        firsts: dict[Hashable, int] = {}
        for row, key in enumerate(each):
            first = firsts.setdefault(key, row)
            if first != row and key is not None:
                one, other = root(first), root(row)
                parent[max(one, other)] = min(one, other)
    return numbered(map(root, range(len(parent))))


def grouped(
    groups: Rows,
    labels: Rows | None,
    *,
    seed: int,
    test: float = 0.10,
    folds: int = 10,
    name: str = "the data",
) -> Folds:
    """Cut rows into a part that reports and folds that choose; a group stays in one piece.

    Labels are spread as evenly as groups allow: each part gets its share of every label, to the
    nearest row where groups are single rows (largest remainder). A label never reports or chooses
    with all its rows: where its rows outside the test part would make up one fold, one of its
    groups is in no fold (ALWAYS). So are groups too large for a fold. Where there are fewer groups
    than folds, the last folds have no rows.

    A function of its arguments alone, on every machine and version of NumPy.

    Args:
        groups: the group of each row, any whole numbers, (N,).
        labels: the label of each row, numbered from 0, (N,); None where it says nothing.
        seed: chooses among the equally even ways.
        test: the share of the rows that report; 0 for none.
        folds: how many folds the other rows are dealt to.
        name: what is cut, for messages.

    Raises:
        OptionError: the share is not between 0 and 1.
        DataError: there are too few groups for all parts to have rows.
    """
    if not 0 <= test < 1:
        raise OptionError(f"test = {test}", expected="a share of the whole, between 0 and 1")
    groups = np.unique(groups, return_inverse=True)[1].reshape(-1)
    count = int(groups.max(initial=-1)) + 1
    labels = np.zeros(len(groups), np.int64) if labels is None else labels
    # Its raw output is the same for good; a Generator's is not. Not of the seed alone: whoever drew
    # labels or noise with that seed would have a part that goes by them.
    random = np.random.PCG64(np.random.SeedSequence((seed, 0x5B117)))
    sizes = np.bincount(groups, minlength=count)
    classes = _class_of_group(groups, labels, count)
    reports = np.zeros(count, bool)
    if test:
        reports = _reporting(classes, sizes, test, _random(random, count))
        _give_back(reports, groups, labels)
    learn = np.flatnonzero(~reports[groups])
    dealt = _dealt(classes, sizes, ~reports, folds, _random(random, count))
    _release(dealt, groups[learn], labels[learn])
    if (test and not reports.any()) or not (dealt[groups[learn]] == 0).any():
        raise DataError(
            f"{name}: {len(groups):,} examples in {count:,} groups that must not be torn apart: "
            "too few to train, choose and test on",
            expected="groups enough for three parts, and each label in two of them at least",
            fix="give more data",
        )
    learn = learn[np.argsort(_random(random, len(learn)), kind="stable")]
    return Folds(learn, np.flatnonzero(reports[groups]), dealt[groups[learn]].astype(np.int8))


def _random(random: np.random.PCG64, n: int) -> NDArray[np.uint64]:
    return np.atleast_1d(np.asarray(random.random_raw(n), np.uint64))


def _class_of_group(groups: Rows, labels: Rows, count: int) -> Rows:
    """The label that each group counts as: the rarest of its rows'."""
    frequency = np.bincount(labels)
    order = np.lexsort((labels, frequency[labels], groups))
    first = np.ones(len(order), bool)
    first[1:] = np.diff(groups[order]) != 0
    found = np.zeros(count, np.int64)
    found[groups[order][first]] = labels[order][first]
    return found


def _quotas(rows: Rows, share: float) -> Rows:
    """How many rows of each class report, by the largest remainder."""
    exact = rows * share
    quotas: Rows = np.floor(exact).astype(np.int64)
    left = max(1, round(float(rows.sum()) * share)) - int(quotas.sum())
    order = np.argsort(-(exact - quotas), kind="stable")
    quotas[order[: max(left, 0)]] += 1
    return quotas


def _reporting(
    classes: Rows, sizes: Rows, share: float, keys: NDArray[np.uint64]
) -> NDArray[np.bool_]:
    """Which groups report: in a random order, as many as fit into the quota of their class."""
    reports = np.zeros(len(classes), bool)
    left = _quotas(np.bincount(classes, sizes).astype(np.int64), share)
    # What does not fit leaves room that smaller groups may fill: each pass fills half of it or so.
    for _ in range(16):
        rows = np.flatnonzero(~reports & (sizes <= left[classes]))
        if not len(rows):
            break
        order = rows[np.lexsort((keys[rows], classes[rows]))]
        begins = np.ones(len(order), bool)
        begins[1:] = np.diff(classes[order]) != 0
        total = np.cumsum(sizes[order])
        before = np.maximum.accumulate(np.where(begins, total - sizes[order], 0))
        taken = order[total - before <= left[classes[order]]]
        reports[taken] = True
        left -= np.bincount(classes[taken], sizes[taken], len(left)).astype(np.int64)
    if not reports.any():  # every group is larger than its quota: the smallest one that can go
        spare = np.bincount(classes)[classes] > 1
        if spare.any():
            reports[np.flatnonzero(spare)[np.lexsort((keys[spare], sizes[spare]))[0]]] = True
    # Of three groups two stay, one to train and one to choose, however large one of them is.
    total, reporting = np.bincount(classes), np.bincount(classes, reports)
    for each in np.flatnonzero((total > 2) & (total - reporting == 1)):
        reports[np.flatnonzero(reports & (classes == each))[-1]] = False
    return reports


def _give_back(reports: NDArray[np.bool_], groups: Rows, labels: Rows) -> None:
    """Let no label be in reporting groups alone, as groups of several labels can bring about."""
    present = np.zeros(int(labels.max(initial=0)) + 1, bool)
    present[labels[~reports[groups]]] = True
    missing = ~present[labels]
    while missing.any():
        row = int(np.flatnonzero(missing)[0])
        reports[groups[row]] = False
        present[labels[groups == groups[row]]] = True
        missing &= ~present[labels]


def _dealt(
    classes: Rows, sizes: Rows, dealing: NDArray[np.bool_], folds: int, keys: NDArray[np.uint64]
) -> Rows:
    """The fold of each group: large ones first, one class after the other, round and round."""
    dealt = np.full(len(classes), ALWAYS, np.int64)
    # A group that would make a fold of twice its fair size trains always, if there are others.
    fair = sizes[dealing].sum() / folds
    small = dealing & (sizes <= 2 * fair)
    # Nor is the one group of a label dealt: a fold that holds all of a label teaches none of it.
    counts = np.bincount(classes[dealing], minlength=int(classes.max(initial=0)) + 1)
    dealing = small if sizes[small].sum() >= fair else dealing
    rows = np.flatnonzero(dealing & (counts[classes] > 1))
    order = rows[np.lexsort((keys[rows], -sizes[rows], classes[rows]))]
    counts = np.bincount(classes[order])
    counts = counts[counts > 0]
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    turn = np.arange(len(order)) - starts
    # Every second full round goes backwards, or the first fold had the largest of each round.
    backwards = (turn // folds % 2 == 1) & (turn // folds < np.repeat(counts // folds, counts))
    seat = np.where(backwards, folds - 1 - turn % folds, turn % folds)
    dealt[order] = (starts + seat) % folds
    return dealt


def _release(dealt: Rows, groups: Rows, labels: Rows) -> None:
    """Take a group out of its fold wherever that fold holds all rows of a label."""
    if not len(labels):
        return
    count = int(labels.max()) + 1
    lowest, highest = np.full(count, 127), np.full(count, -1)
    np.minimum.at(lowest, labels, dealt[groups])
    np.maximum.at(highest, labels, dealt[groups])
    first = np.zeros(count, np.int64)
    first[labels[::-1]] = groups[::-1]
    alone = (lowest == highest) & (highest >= 0)
    dealt[first[alone]] = ALWAYS
    left = dealt[groups]
    if (left >= 0).any():  # where that has emptied fold 0, another one is the first
        dealt[dealt >= 0] -= left[left >= 0].min()
