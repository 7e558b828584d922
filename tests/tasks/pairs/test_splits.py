"""Parts: what stands in one stands in no other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.data.source_locations import Places
from recurra.errors import DataError
from recurra.tasks.pairs.splits import MOST, PairData, Pairs, checked, cut


def pairs(*both: tuple[str, str]) -> Pairs:
    where = Places((("", "X", range(len(both))),))
    return checked([s for s, _ in both], [t for _, t in both], where)


def many(n: int, first: int = 0) -> list[tuple[str, str]]:
    return [(f"s {k}", f"t {k}") for k in range(first, first + n)]


def made(found: Pairs, seed: int = 0, **origin: Any) -> PairData:
    given = {"seed": seed, "share": 0.1, "valid": None, "test": None} | origin
    return cut("some", found, given)


def both(data: PairData, rows: Any) -> list[tuple[str, str]]:
    found = data.of(rows)
    return list(zip(found.sources, found.targets, strict=True))


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("xyz")), min_size=10),
    st.integers(0, 3),
)
def test_a_source_is_in_one_part(drawn: list[tuple[str, str]], seed: int) -> None:
    found = pairs(*drawn)
    if len(set(found.sources)) < 3:
        with pytest.raises(DataError, match="too few sources"):
            made(found, seed)
        return
    data = made(found, seed)
    parts = [data.learn, data.select, data.test]
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(found)))
    assert all(len(rows) for rows in parts)
    seen = [{found.sources[row] for row in rows} for rows in parts]
    assert not seen[0] & seen[1]
    assert not seen[0] & seen[2]
    assert not seen[1] & seen[2]
    assert data.found["repeats"] == len(found) - len(set(drawn))
    counts = {source: len({t for s, t in drawn if s == source}) for source in found.sources}
    assert data.found["several"] == sum(count > 1 for count in counts.values())
    assert data.found["shared"] == data.found["test_removed"] == 0


def test_sizes_of_drawn_parts() -> None:
    data = made(pairs(*many(1000)))
    assert (len(data.learn), len(data.select), len(data.test)) == (855, 45, 100)
    data = made(pairs(*many(60_000)))
    assert (len(data.learn), len(data.select), len(data.test)) == (60_000 - 2 * MOST, MOST, MOST)
    data = made(pairs(*many(10)))
    assert (len(data.learn), len(data.select), len(data.test)) == (8, 1, 1)


def test_parts_follow_from_the_seed_and_nothing_else() -> None:
    one, same, other = (made(pairs(*many(200)), seed) for seed in (1, 1, 2))
    assert one.test.tolist() == same.test.tolist()
    assert one.select.tolist() == same.select.tolist()
    assert one.test.tolist() != other.test.tolist()
    # For good: on every machine, with every version of NumPy.
    assert made(pairs(*many(30)), 0).test.tolist() == [1, 6, 24]


def test_a_source_of_many_targets_is_not_torn_apart() -> None:
    data = made(pairs(*[("a", str(k)) for k in range(90)], *many(10)))
    # Nor do all the others report and choose.
    assert [len(data.test), len(data.select), len(data.learn)] == [5, 3, 92]
    assert "a" in {source for source, _ in both(data, data.learn)}
    # Where all are too large, the smallest goes.
    data = made(pairs(*[(s, str(k)) for s, n in (("a", 9), ("b", 6), ("c", 3)) for k in range(n)]))
    assert [len(data.test), len(data.select), len(data.learn)] == [3, 6, 9]


def test_given_parts_lose_what_stands_in_another() -> None:
    train = [*many(20), ("s 0", "t 0")]
    valid = [*many(4, 18), ("v", "v")]  # s 18 and s 19 are in training
    test = [*many(3, 19), ("v", "v"), ("s 1", "another"), *many(2, 50)]
    found = pairs(*train, *valid, *test)
    data = made(found, valid=[21, 26], test=[26, 33])
    assert len(data.learn) == 21
    assert both(data, data.select) == [*many(2, 20), ("v", "v")]
    # s 19 in training, s 20 and s 21 and v in the part that chooses.
    assert both(data, data.test) == [("s 1", "another"), *many(2, 50)]
    assert data.found == {
        "valid_removed": 2,
        "test_removed": 4,
        "repeats": 1,
        "several": 1,
        "shared": 1,
    }
    summary = data.summary()
    assert "4 pairs taken out of the test part: another part has the same" in summary
    assert "2 pairs taken out of the part that chooses: training has the same" in summary
    assert "1 test source with another target in another part" in summary
    assert "1 repeated pair (kept, in one part)" in summary


def test_a_given_test_part_alone() -> None:
    data = made(pairs(*many(40), *many(5, 38)), test=[40, 45])
    assert (len(data.learn), len(data.select), len(data.test)) == (38, 2, 3)
    assert data.found["test_removed"] == 2


def test_a_given_part_that_chooses_alone() -> None:
    found = pairs(*many(40), *many(10, 35))
    data = made(found, valid=[40, 50])
    # What is drawn to report and chooses too does not report.
    parts = [set(both(data, rows)) for rows in (data.learn, data.select, data.test)]
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]
    assert data.found["valid_removed"] + data.found["test_removed"] == 5


def test_nothing_left_of_a_given_part() -> None:
    with pytest.raises(DataError, match="nothing is left of the part that reports"):
        made(pairs(*many(40), *many(5)), test=[40, 45])
    with pytest.raises(DataError, match="nothing is left of the part that chooses"):
        made(pairs(*many(40), *many(5), *many(5, 50)), valid=[40, 45], test=[45, 50])


@pytest.mark.parametrize("n", [1, 9])
def test_too_few(n: int) -> None:
    with pytest.raises(DataError, match=f"{n} pairs?: too few") as error:
        made(pairs(*many(n)))
    assert error.value.exit_code == 2
    with pytest.raises(DataError, match=f"{n} pairs?: too few"):
        made(pairs(*many(n), *many(20, 50)), test=[n, n + 20])


def test_some_pairs_of_all() -> None:
    found = pairs(*many(5))
    some = found.of([3, 0, 3])
    assert some.sources == ("s 3", "s 0", "s 3")
    assert some.targets == ("t 3", "t 0", "t 3")
    assert list(some.where) == ["X[3]", "X[0]", "X[3]"]
    assert (found.reversed.sources, found.reversed.targets) == (found.targets, found.sources)
    digests = {each.digest for each in (found, some, found.reversed, pairs(*many(4)))}
    assert len(digests) == 4
    assert pairs(("ab", "c")).digest != pairs(("a", "bc")).digest


def test_sides_are_composed_and_checked() -> None:
    assert pairs(("e\u0301", "각")).sources == ("é",)
    for bad in (("a", ""), (" \n", "b")):
        assert pairs(("x", "y"), bad, ("z", "z")).sources == ("x", "z")
        with pytest.raises(DataError, match="1 pair, each without a source or without a target"):
            pairs(bad)
    with pytest.raises(DataError, match=r"X\[1\]: holds half a character"):
        pairs(("x", "y"), ("a", "b\udc80"))
