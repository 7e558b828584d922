from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.tasks.labels.spans import are_spans, counted, f1, spans

BIO = ["O", "B-x", "I-x", "B-y", "I-y"]
SCHEMES = {
    "IOB1": BIO,
    "BIO": BIO,
    "BIOES": [*BIO, "E-x", "S-x", "E-y", "S-y"],
    "BILOU": [*BIO, "L-x", "U-x", "L-y", "U-y"],
}
SENTENCES = st.lists(st.lists(st.sampled_from(BIO), min_size=1, max_size=9), max_size=5)


def conlleval(tags: list[str]) -> set[tuple[str, int, int]]:
    """Spans by the rules of the shared tasks' own script, one by one: what ends, what begins."""
    found, start, before, its = set(), 0, "O", ""
    for at, tag in enumerate([*tags, "O"]):
        mark, _, kind = tag.partition("-")
        mark = {"L": "E", "U": "S"}.get(mark, mark)
        ends = (
            before in ("E", "S")
            or (before, mark) in {("B", "B"), ("B", "S"), ("B", "O")}
            or (before, mark) in {("I", "B"), ("I", "S"), ("I", "O")}
            or (before != "O" and its != kind)
        )
        begins = (
            mark in ("B", "S")
            or (before in ("E", "S", "O") and mark in ("E", "I"))
            or (mark != "O" and its != kind)
        )
        if ends:
            found.add((its, start, at - 1))
        if begins:
            start = at
        before, its = mark, kind
    return found


@given(st.data(), st.sampled_from(sorted(SCHEMES)))
def test_spans_of_any_tags_are_those_of_conlleval(data: st.DataObject, scheme: str) -> None:
    tags = data.draw(st.lists(st.sampled_from(SCHEMES[scheme]), max_size=12))
    assert spans(tags) == conlleval(tags)


@given(st.data(), st.sampled_from(sorted(SCHEMES)))
def test_spans_of_any_tags_are_those_of_seqeval(data: st.DataObject, scheme: str) -> None:
    found = pytest.importorskip("seqeval.metrics.sequence_labeling")
    tags = data.draw(st.lists(st.sampled_from(SCHEMES[scheme]), max_size=12))
    # It knows L- and U- by no other names.
    known = [tag.replace("L-", "E-").replace("U-", "S-") for tag in tags]
    assert spans(tags) == set(found.get_entities(known))


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


def test_a_span_that_another_mark_ends_is_another_span() -> None:
    for last, single in (("L", "U"), ("E", "S")):
        classes = ["O", "B-x", "I-x", f"{last}-x", f"{single}-x"]
        true, said = ["B-x", f"{last}-x", "O"], [f"{single}-x", f"{last}-x", "O"]
        assert counted([true], [said], classes).rows().tolist() == [[0, 2, 1]]
        assert counted([true], [["I-x", "I-x", "O"]], classes).rows().tolist() == [[1, 1, 1]]
        assert spans([f"{single}-x", "I-x", f"{last}-x", f"{last}-x"]) == {
            ("x", 0, 0),
            ("x", 1, 2),
            ("x", 3, 3),
        }


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
