from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.data.splits import ALWAYS, apart, contiguous, grouped, joined
from recurra.errors import DataError, OptionError


@given(st.integers(1, 10_000_000))
def test_the_parts_cover_everything_once_and_in_order(n: int) -> None:
    try:
        split = contiguous(n)
    except DataError:
        assert n < 40
        return
    assert split.train.start == 0
    assert split.train.stop == split.select.start
    assert split.select.stop == split.test.start
    assert split.test.stop == n
    assert min(map(len, (split.train, split.select, split.test))) >= 2
    assert abs(len(split.select) - n / 20) <= 1
    assert abs(len(split.test) - n / 10) <= 1


def test_the_last_tenth_of_tiny_shakespeare() -> None:
    split = contiguous(1_115_394)
    assert len(split.test) == 111_540
    assert split.train == range(948_084)


def test_shares_are_exact() -> None:
    # In floating point 1 - 0.1 of so many characters is off by some.
    split = contiguous(10**17 + 20)
    assert (len(split.train), len(split.test)) == (85 * 10**15 + 17, 10**16 + 2)


def test_too_short_a_text_says_how_short_and_whose() -> None:
    with pytest.raises(DataError, match=r"corpus\.txt has one character:"):
        contiguous(1, name="corpus.txt")
    with pytest.raises(DataError, match=r"corpus\.txt is empty"):
        contiguous(0, name="corpus.txt")
    with pytest.raises(DataError, match=r"has 20 characters") as caught:
        contiguous(20)
    assert "at least 40 characters" in caught.value.expected
    assert len(contiguous(40).select) == 2


# -- groups -------------------------------------------------------------------------------------

ROWS = st.integers(1, 5).flatmap(
    lambda labels: st.lists(
        st.tuples(st.integers(0, 40), st.integers(0, labels - 1)), min_size=1, max_size=120
    )
)


@given(ROWS, st.integers(0, 5), st.sampled_from([0.0, 0.1, 0.3]), st.integers(2, 10))
def test_groups_stay_whole_and_labels_are_learnt_whatever_is_left_out(
    rows: list[tuple[int, int]], seed: int, test: float, folds: int
) -> None:
    groups, labels = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    try:
        cut = grouped(groups, labels, seed=seed, test=test, folds=folds)
    except DataError:
        assert len(set(groups)) < 3 * len(set(labels))
        return
    assert sorted([*cut.learn, *cut.test]) == list(range(len(rows)))
    assert (len(cut.test) > 0) == (test > 0)
    fold = dict(zip(cut.learn.tolist(), cut.folds.tolist(), strict=True))
    part = [fold.get(row, "test") for row in range(len(rows))]
    assert len(set(zip(groups.tolist(), part, strict=True))) == len(set(groups.tolist()))
    assert set(fold.values()) <= {ALWAYS, *range(folds)}
    assert 0 in fold.values()
    for out in range(folds):
        trained = cut.learn[cut.folds != out]
        assert set(labels[trained].tolist()) == set(labels.tolist())


@given(st.integers(40, 3000), st.integers(2, 5), st.integers(0, 9))
def test_single_rows_are_shared_out_to_the_nearest_row(n: int, labels: int, seed: int) -> None:
    label = np.random.default_rng(seed).integers(0, labels, n) ** 2
    cut = grouped(np.arange(n), label, seed=seed)
    assert len(cut.test) == round(0.1 * n)
    counts, tested = np.bincount(label), np.bincount(label[cut.test], minlength=label.max() + 1)
    assert (abs(tested - 0.1 * counts) < 1).all()
    dealt = cut.folds[cut.folds >= 0]
    assert np.ptp(np.bincount(dealt, minlength=10)) <= 1
    for each in set(label.tolist()):
        inside = cut.folds[label[cut.learn] == each]
        if (inside != ALWAYS).all():
            assert np.ptp(np.bincount(inside, minlength=10)) <= 1


def test_the_cut_is_a_function_of_the_seed() -> None:
    random = np.random.default_rng(0)
    groups, labels = random.integers(0, 500, 2000), random.integers(0, 3, 2000)
    one, again, other = (grouped(groups, labels, seed=seed) for seed in (1, 1, 2))
    for name in ("learn", "test", "folds"):
        assert (getattr(one, name) == getattr(again, name)).all()
        assert not np.array_equal(getattr(one, name), getattr(other, name))
    # The names of groups do not matter.
    assert (grouped(groups * 7 + 5, labels, seed=1).learn == one.learn).all()
    # For good: a resumed training must find the rows that it began with.
    cut = grouped(np.arange(20), np.arange(20) % 2, seed=7)
    assert cut.test.tolist() == [6, 7]
    assert cut.learn.tolist() == [4, 16, 15, 10, 9, 1, 13, 17, 3, 11, 14, 12, 8, 0, 19, 2, 5, 18]
    assert cut.folds.tolist() == [4, 0, 1, 7, 9, 4, 5, 3, 7, 2, 3, 6, 5, 8, 6, 2, 0, 1]


def test_the_cut_has_nothing_to_do_with_what_others_draw_by_the_seed() -> None:
    drawn = np.random.default_rng(0).random(2000)
    test = grouped(np.arange(2000), None, seed=0).test
    assert abs(drawn[test].mean() - 0.5) < 0.1


def test_learn_is_in_no_order() -> None:
    learn = grouped(np.arange(1000), None, seed=0).learn
    assert abs(np.corrcoef(learn, np.arange(len(learn)))[0, 1]) < 0.1


def test_large_groups_share_out_well() -> None:
    random = np.random.default_rng(1)
    groups = np.repeat(np.arange(300), random.integers(1, 60, 300))
    labels = random.integers(0, 2, 300)[groups]
    cut = grouped(groups, labels, seed=0)
    n = len(groups)
    assert abs(len(cut.test) - 0.1 * n) < 0.01 * n
    assert np.ptp(np.bincount(cut.folds)) < 0.02 * n
    for each in (0, 1):
        assert abs((labels[cut.test] == each).mean() - (labels == each).mean()) < 0.02


def test_sizes_even_out() -> None:
    # Large groups leave room, which single rows fill.
    groups = np.r_[np.repeat(np.arange(100), 37), np.arange(100, 400)]
    for seed in range(10):
        assert len(grouped(groups, None, seed=seed).test) == 400
    # Dealt by size, down and up again, no fold gets the largest of each round.
    cut = grouped(np.repeat(np.arange(200), np.arange(1, 201)), None, seed=0, test=0)
    assert np.ptp(np.bincount(cut.folds)) < 20


def test_groups_of_several_labels() -> None:
    # The label 9 stands in two groups that count as others, 1 and 2.
    groups = np.r_[0, 0, 1, 2, 2, 3, 10 + np.arange(60)]
    labels = np.r_[1, 9, 1, 2, 9, 2, np.zeros(60, int)]
    for seed in range(40):
        cut = grouped(groups, labels, seed=seed, test=0.7, folds=2)
        assert set(labels[cut.learn].tolist()) == {0, 1, 2, 9}
        cut = grouped(groups, labels, seed=seed, test=0, folds=2)
        for fold in range(2):
            assert set(labels[cut.learn[cut.folds != fold]].tolist()) == {0, 1, 2, 9}


def test_a_fold_that_is_emptied_is_not_the_first() -> None:
    groups, labels = np.array([3, 3, 0, 3, 0, 3, 5, 1]), np.array([3, 0, 2, 2, 0, 3, 2, 1])
    assert 0 in grouped(groups, labels, seed=0, test=0, folds=2).folds
    # Of three groups one always stays to choose, even beside one that is larger than all others.
    cut = grouped(np.r_[np.zeros(6, int), 1, 2, 3], None, seed=0, test=0.3, folds=2)
    assert 0 in cut.folds


def test_a_group_too_large_for_a_fold_always_trains() -> None:
    groups = np.r_[np.zeros(600, int), np.arange(1, 401)]
    cut = grouped(groups, np.arange(1000) % 2, seed=0)
    assert not (groups[cut.test] == 0).any()
    assert (cut.folds[groups[cut.learn] == 0] == ALWAYS).all()
    assert np.ptp(np.bincount(cut.folds[cut.folds >= 0])) <= 1
    # Five recordings are all that there is: each of the others is a fold.
    groups = np.repeat(np.arange(5), 20)
    cut = grouped(groups, np.arange(100) % 2, seed=0)
    assert len(cut.test) == 20
    assert np.bincount(cut.folds).tolist() == [20] * 4


def test_rare_labels_train() -> None:
    labels = np.r_[np.zeros(500, int), [1], [2, 2], [3, 3, 3]]
    for seed in range(20):
        cut = grouped(np.arange(len(labels)), labels, seed=seed)
        learnt = labels[cut.learn]
        assert cut.folds[learnt == 1].tolist() == [ALWAYS]
        assert len(set(cut.folds[learnt == 2].tolist())) == (learnt == 2).sum()


def test_too_few_groups() -> None:
    for groups in ([0], [0, 0, 0], [0, 1], []):
        with pytest.raises(DataError, match="must not be torn apart"):
            grouped(np.array(groups, int), None, seed=0)
    with pytest.raises(OptionError):
        grouped(np.arange(9), None, seed=0, test=1.0)


def test_without_a_test_part_all_rows_learn() -> None:
    cut = grouped(np.arange(100), np.arange(100) % 3, seed=0, test=0)
    assert len(cut.test) == 0
    assert np.bincount(cut.folds).tolist() == [10] * 10


@given(st.lists(st.tuples(st.integers(0, 30), st.none() | st.integers(0, 30)), max_size=60))
def test_rows_that_share_a_key_are_joined(rows: list[tuple[int, int | None]]) -> None:
    found = joined([row[0] for row in rows], [row[1] for row in rows])
    # The same by hand: groups flow together until nothing changes.
    parts = [{n} for n in range(len(rows))]
    for one in range(len(rows)):
        for other in range(one):
            a, b = rows[one], rows[other]
            if a[0] == b[0] or (a[1] is not None and a[1] == b[1]):
                union = parts[one] | parts[other]
                for each in union:
                    parts[each] = union
    for one in range(len(rows)):
        for other in range(one):
            assert (found[one] == found[other]) == (other in parts[one])
    assert sorted(set(found.tolist())) == list(range(len(set(found.tolist()))))
    assert found.dtype == np.int64


@pytest.mark.long
def test_a_million_rows() -> None:
    random = np.random.default_rng(0)
    labels = random.choice(5, 1_000_000, p=[0.5, 0.3, 0.15, 0.049, 0.001])
    groups = joined([f"text {n}" for n in random.integers(0, 700_000, 1_000_000)])
    cut = grouped(groups, labels, seed=0)
    tested = np.bincount(labels[cut.test]) / np.bincount(labels)
    assert (abs(tested - 0.1) < 0.003).all()
    assert not set(groups[cut.test].tolist()) & set(groups[cut.learn].tolist())


@given(st.lists(st.integers(1, 50), min_size=3, max_size=30))
def test_documents_are_never_torn_apart(lengths: list[int]) -> None:
    ends = np.cumsum(lengths).tolist()
    starts, n = [0, *ends[:-1]], ends[-1]
    split = apart(starts, n)
    assert len(split.train) + len(split.select) + len(split.test) == n
    assert (split.train.start, split.train.stop) == (0, split.select.start)
    assert (split.select.stop, split.test.stop) == (split.test.start, n)
    assert min(map(len, (split.train, split.select, split.test))) > 0
    assert split.select.start in starts
    assert split.test.start in starts
    # No other beginning is nearer to nine tenths, as long as two documents stand before it.
    assert all(abs(split.test.start - 0.9 * n) <= abs(s - 0.9 * n) for s in starts[2:])


@pytest.mark.parametrize("starts", [(0,), (0, 5)])
def test_too_few_documents_are_told(starts: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=rf"notes has {len(starts)} document.*too few") as caught:
        apart(starts, 10, name="notes")
    assert "--reset-at-documents" in caught.value.fix
