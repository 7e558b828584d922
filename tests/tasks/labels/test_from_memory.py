from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.errors import DataError
from recurra.tasks.labels.from_memory import (
    as_given,
    as_known,
    examples_from,
    in_order,
    inputs_from,
    labels_from,
)


def refusal(X: Any, y: Any = None) -> str:
    with pytest.raises(DataError) as caught:
        inputs_from(X) if y is None else examples_from(X, y)
    assert caught.value.expected
    return caught.value.got


LABELS = st.one_of(
    st.lists(st.integers(-(2**40), 2**40), min_size=1),
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1),
    st.lists(st.booleans(), min_size=1),
    st.lists(st.integers(-99, 99).map(float), min_size=1),
)


@given(LABELS, st.booleans())
def test_labels_come_back_as_they_were(labels: list[Any], as_array: bool) -> None:
    text, label_type = labels_from(np.array(labels) if as_array else labels)
    assert all(isinstance(each, str) for each in text)
    back = as_given(text, label_type)
    assert back.tolist() == labels
    assert back.dtype.kind == np.array(labels).dtype.kind
    assert len(set(text)) == len(set(labels))
    # As scikit-learn sorts them.
    classes = in_order(set(text), label_type)
    assert as_given(classes, label_type).tolist() == np.unique(np.array(labels)).tolist()


@pytest.mark.parametrize(
    ("labels", "classes", "expected"),
    [
        (["1", "0"], ["0", "1"], ["1", "0"]),
        (["1.0", "0.0"], ["0", "1"], ["1", "0"]),
        (["True", "False"], ["0", "1"], ["1", "0"]),
        (["1", "0"], ["False", "True"], ["True", "False"]),
        (["2", "1"], ["1.0", "2.0"], ["2.0", "1.0"]),
        (["b", "c"], ["a", "b"], ["b", "c"]),
        ([], ["a"], []),
    ],
)
def test_labels_are_known_by_other_types(
    labels: list[str], classes: list[str], expected: list[str]
) -> None:
    assert as_known(labels, classes) == expected


def test_labels_of_which_none_is_known_are_refused() -> None:
    with pytest.raises(DataError, match="'7', and not one of its labels is a class"):
        as_known(["7", "8"], ["pos", "neg"])


def test_classes_of_files_are_in_the_order_of_their_numbers() -> None:
    assert in_order(["10", "9", "-1"], "read") == ["-1", "9", "10"]
    assert in_order(["10", "9"], "str") == ["10", "9"]
    assert in_order(["10", "9", "a"], "read") == ["10", "9", "a"]


@pytest.mark.parametrize(
    ("y", "got"),
    [
        ([1, "a"], "y: int and str"),
        ([True, 2], "y: bool and int"),
        ([1, None], "y[1]: None"),
        ([b"a"], "y[0]: b'a'"),
        ([0.0, 0.5], "y[1]: 0.5. Unknown label type: continuous"),
        (np.array([0, np.nan]), "y[1]: nan"),
        (np.array([1j]), "y[0]: 1j"),
        (np.array(["2020-01-01"], "datetime64[D]"), "y[0]: "),
    ],
)
def test_what_is_no_label(y: Any, got: str) -> None:
    with pytest.raises(DataError) as caught:
        labels_from(y)
    assert caught.value.got.startswith(got)


def test_texts() -> None:
    for X in (["a", "b"], ("a", "b"), np.array(["a", "b"]), np.array(["a", "b"], object)):
        kind, inputs = inputs_from(X)
        assert (kind, inputs) == ("text", ["a", "b"])
        assert {type(each) for each in inputs} == {str}
    examples, label_type = examples_from(iter(["a", "b"]), [True, False], ["g", None])
    assert (examples.labels, label_type) == (["True", "False"], "bool")
    assert examples.groups == ["g", None]
    assert list(examples.where) == ["X[0]", "X[1]"]


def test_tables_of_polars() -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"text": ["a", "b"], "y": [3, 4], "u": [0.5, 1.5], "v": [1, 2]})
    examples, label_type = examples_from(frame["text"], frame["y"])
    assert (examples.inputs, examples.labels, label_type) == (["a", "b"], ["3", "4"], "int")
    kind, inputs = inputs_from(frame[["u", "v"]])
    assert kind == "numbers"
    assert [each.tolist() for each in inputs] == [[[0.5], [1]], [[1.5], [2]]]


@pytest.mark.parametrize(
    "X",
    [
        np.arange(12).reshape(2, 6),
        np.arange(12.0).reshape(2, 6, 1),
        list(np.arange(12).reshape(2, 6)),
        np.arange(12).reshape(2, 6).tolist(),
        np.arange(12).reshape(2, 6, 1).tolist(),
        np.arange(12).reshape(2, 6).astype(object),
    ],
)
def test_numbers(X: Any) -> None:
    kind, inputs = inputs_from(X)
    assert kind == "numbers"
    assert [each.shape for each in inputs] == [(6, 1)] * 2
    assert inputs[1][:, 0].tolist() == [6, 7, 8, 9, 10, 11]
    assert inputs[0].dtype == np.float32


def test_ragged_numbers() -> None:
    X = np.empty(2, object)
    X[:] = [np.ones((3, 2)), np.ones((5, 2))]
    for each in (X, list(X), [[[1, 2]] * 3, [[1, 2]] * 5]):
        assert [x.shape for x in inputs_from(each)[1]] == [(3, 2), (5, 2)]
    assert [x.shape for x in inputs_from([[1, 2, 3], [4]])[1]] == [(3, 1), (1, 1)]


def test_tokens() -> None:
    X = [["a", "b"], ("c",)]
    assert inputs_from(X) == ("tokens", [("a", "b"), ("c",)])
    examples, label_type = examples_from(X, [[1, 2], [1]])
    assert (examples.labels, examples.tagged, label_type) == ([("1", "2"), ("1",)], True, "int")
    examples, _ = examples_from(X, [np.array(["x", "y"]), np.array(["x"])])
    assert examples.labels == [("x", "y"), ("x",)]
    examples, _ = examples_from(X, ["x", "y"])
    assert (examples.labels, examples.tagged) == (["x", "y"], False)
    assert "X[1]: 1 tokens, but 2 labels" in refusal(X, [[1, 2], [1, 2]])


@pytest.mark.parametrize(
    ("X", "got"),
    [
        ("text", "X: one text"),
        (3, "X: int"),
        (None, "X: NoneType"),
        ([], "X: empty"),
        (np.zeros((0, 3)), "X: empty, of shape (0, 3)"),
        (np.zeros(3), "X: an array of shape (3,)"),
        ([1.0, 2.0], "X[0]: 1.0, no sequence"),
        (np.zeros((1, 1, 1, 1)), "X: an array of shape (1, 1, 1, 1)"),
        (np.array([["a", "b"]]), "X: <U1 values of shape (1, 2)"),
        (["a", 1], "X[1]: int, but X[0] is a text"),
        (["a", None], "X[1]: NoneType"),
        ([["a"], []], "X[1]: empty"),
        ([["a"], "b"], "X[1]: str, no list of tokens"),
        ([["a"], [1]], "X[1]: list, no list of tokens"),
        ([[1], "b"], "X[1]: 'b', no sequence"),
        ([[1], []], "X[1]: empty, 0 steps"),
        ([[], [1]], "X[0]: empty, 0 steps"),
        ([[1], ["b"]], "X[1]: text"),
        ([[1, None]], "X[0]: object values"),
        (np.array([[1, "a"]], object), "X: object values of shape (1, 2)"),
        ([[1], [np.nan]], "X[1]: channel 1, step 1: missing"),
        (np.array([[1, np.inf]]), "X[0]: channel 1, step 2: infinite"),
        ([[[1, 2], [3]]], "X[0]: rows of different lengths"),
        (np.array([[1j]]), "X[0]: complex128 values"),
    ],
)
def test_what_is_no_input(X: Any, got: str) -> None:
    assert refusal(X).startswith(got)


def test_counts_that_differ() -> None:
    assert refusal(["a", "b"], ["x"]) == "X has 2 sequences, but there are 1 labels"
    assert refusal([["a"]], []) == "X has 1 sequences, but there are 0 labels"
    with pytest.raises(DataError, match="there are 1 groups"):
        examples_from(["a", "b"], ["x", "y"], ["g"])
    assert refusal([np.ones((2, 1)), np.ones((2, 3))], [0, 1]).startswith("X[1]: 3 channels")
    assert refusal(["a"], "x").startswith("y: one text")


def test_sparse_matrices() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(DataError, match="a sparse matrix") as caught:
        inputs_from(sparse.csr_matrix(np.eye(3)))
    assert "toarray" in caught.value.fix
