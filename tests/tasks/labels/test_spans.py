from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.tasks.labels.spans import are_spans, counted, f1

BIO = ["O", "B-x", "I-x", "B-y", "I-y"]
SENTENCES = st.lists(st.lists(st.sampled_from(BIO), min_size=1, max_size=9), max_size=5)


def conlleval(tags: list[str]) -> set[tuple[str, int, int]]:
    """Spans as the shared tasks' own script reads them."""
    found, start = set(), None
    for at, tag in enumerate([*tags, "O"]):
        begins = tag[0] == "B" or (tag != "O" and (start is None or tags[start][2:] != tag[2:]))
        if start is not None and (tag == "O" or begins):
            found.add((tags[start][2:], start, at - 1))
            start = None
        if begins:
            start = at
    return found


@given(SENTENCES, st.randoms())
def test_counts_are_those_of_sets_of_spans(true: list[list[str]], random: object) -> None:
    said = [[random.choice([tag, *BIO]) for tag in tags] for tags in true]  # type: ignore[attr-defined]
    counts = counted(true, said, BIO)
    assert counts.types == ("x", "y")
    assert counts.rows().shape == (len(true), 3)
    for row, (one, other) in enumerate(zip(true, said, strict=True)):
        there, claimed = conlleval(one), conlleval(other)
        assert counts.rows()[row].tolist() == [len(there & claimed), len(claimed), len(there)]
        for number, kind in enumerate(counts.types):
            of = [{span for span in some if span[0] == kind} for some in (there, claimed)]
            assert counts.true[row, number] == len(of[0])
            assert counts.said[row, number] == len(of[1])
            assert counts.right[row, number] == len(of[0] & of[1])


def test_other_schemes_are_read_as_bio() -> None:
    classes = ["O", "B-x", "I-x", "E-x", "S-x"]
    true = [["S-x", "B-x", "I-x", "E-x", "O", "S-x", "S-x"]]
    counts = counted(true, [["S-x", "B-x", "E-x", "O", "O", "S-x", "S-x"]], classes)
    assert counts.rows().tolist() == [[3, 4, 4]]
    bilou = counted([["U-x", "B-x", "L-x"]], [["U-x", "U-x", "L-x"]], ["U-x", "B-x", "L-x"])
    assert bilou.rows().tolist() == [[2, 2, 2]]


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (["B-x", "I-x", "O"], True),
        (["B-x"], True),
        (["O", "I-x"], True),
        (["B-x", "E-x", "I-x", "O", "S-x"], True),
        (["NOUN", "VERB"], False),
        (["O"], False),
        (["O", "S-bahn"], False),
        (["B-x", "NOUN", "O"], False),
        (["B-", "O"], False),
    ],
)
def test_which_tags_are_spans(classes: list[str], expected: bool) -> None:
    assert are_spans(classes) is expected


def test_f1_of_sums() -> None:
    found = f1(np.array([[2.0, 4.0, 4.0], [0.0, 0.0, 0.0], [0.0, 3.0, 0.0], [5.0, 5.0, 5.0]]))
    assert found.tolist() == [0.5, 0.0, 0.0, 1.0]
