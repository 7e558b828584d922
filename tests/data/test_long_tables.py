from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.data.long_tables import from_long
from recurra.data.tables import Table
from recurra.errors import DataError, OptionError


def table(**columns: list[Any]) -> Table:
    texts: dict[str, list[str | None]] = {
        name: [str(each) for each in values] for name, values in columns.items()
    }
    count = len(next(iter(texts.values())))
    return Table("t.csv", texts, range(2, count + 2))


MADE: dict[str, list[Any]] = {
    "id": ["a", "a", "b", "a", "b"],
    "t": [3, 1, 1, 2, 2],
    "u": [0.5, 1, 2, 3, 4],
    "v": [5, 6, 7, 8, 9],
    "y": ["x", "x", "z", "x", "z"],
    "g": [1, 1, 1, 1, 1],
}


def refusal(**changed: list[Any]) -> str:
    with pytest.raises(DataError) as caught:
        from_long(table(**{**MADE, **changed}), sequence="id", label="y", time="t", group="g")
    assert caught.value.expected
    return caught.value.got


def test_rows_become_sequences_in_the_order_of_time() -> None:
    read = from_long(table(**MADE), sequence="ID", label="y", time="t", group="g")
    assert read.channels == ("u", "v")
    assert [each.tolist() for each in read.values] == [
        [[1, 6], [3, 8], [0.5, 5]],
        [[2, 7], [4, 9]],
    ]
    assert read.values[0].dtype == np.float32
    assert read.labels == ["x", "z"]
    assert read.groups == ["1", "1"]
    assert read.places == [2, 4]


def test_without_time_the_order_of_the_file_counts() -> None:
    read = from_long(table(**MADE), sequence="id", label="y", group="g")
    assert read.channels == ("t", "u", "v")
    assert read.values[0][:, 0].tolist() == [3, 1, 2]


@given(st.permutations(range(9)), st.sampled_from(["ns", "iso", "zone", "float"]))
def test_permuting_rows_changes_nothing_where_there_is_time(order: list[int], kind: str) -> None:
    times: list[Any] = [n % 3 for n in range(9)]
    if kind == "ns":  # as doubles they were all the same
        times = [1_700_000_000_000_000_000 + each for each in times]
    elif kind == "iso":
        times = [f"2024-02-{28 + each:02}" if each < 2 else "2024-03-01" for each in times]
    elif kind == "zone":  # 13:30 at +02:00 is before 12:00 at UTC
        times = [
            ["2024-01-01T13:30:00+02:00", "2024-01-01T12:00:00Z", "2024-01-01T12:30:00+00:00"][each]
            for each in times
        ]
    else:
        times = [each - 0.5 for each in times]
    made: dict[str, list[Any]] = {
        "id": [str(n // 3) for n in range(9)],
        "t": times,
        "u": list(range(9)),
        "y": [str(n // 3) for n in range(9)],
    }
    shuffled = {name: [values[n] for n in order] for name, values in made.items()}
    read = from_long(table(**shuffled), sequence="id", label="y", time="t")
    found = dict(zip(read.labels, read.values, strict=True))
    assert {label: values[:, 0].tolist() for label, values in found.items()} == {
        "0": [0, 1, 2],
        "1": [3, 4, 5],
        "2": [6, 7, 8],
    }


def test_values_that_are_no_numbers() -> None:
    got = refusal(u=[0, 1, "two", 3, 4])
    assert got == "t.csv, line 4: column 'u': 'two' is no number"
    assert refusal(u=[0, 1, "", 3, 4]) == "t.csv, line 4: column 'u': empty"
    assert refusal(u=[0, "1_0", 2, 3, 4]) == "t.csv, line 3: column 'u': '1_0' is no number"
    assert refusal(u=[0, "nan", 2, 3, 4]) == "t.csv, line 3: column 'u': missing (NaN)"
    assert refusal(u=[0, 1, 2, "-inf", 4]) == "t.csv, line 5: column 'u': infinite"
    assert refusal(u=[0, 1, 2, "1e39", 4]) == "t.csv, line 5: column 'u': 1e+39 is beyond float32"


def test_times_that_do_not_order() -> None:
    got = refusal(t=[1, 2, 1, 2, 2])
    assert got == "t.csv, line 5: the same time as in line 3, '2'"
    assert "line 3: column 't': 'noon' is no time" in refusal(t=[1, "noon", 1, 2, 2])
    assert "line 4: column 't': 'x' is no time" in refusal(
        t=["2024-01-01", "2024-01-02", "x", "2024-01-03", "2024-01-04"]
    )
    assert "is no time" in refusal(t=["nan", 2, 1, 3, 2])


def test_what_differs_within_a_sequence() -> None:
    got = refusal(y=["x", "x", "z", "w", "z"])
    assert got == "t.csv, line 5: column 'y' is 'w', but 'x' in line 2 of the same sequence"
    assert "column 'g' is '2', but '1' in line 4" in refusal(g=[1, 1, 1, 1, 2])


def test_columns_that_are_not_there() -> None:
    with pytest.raises(OptionError, match="sequence='i': "):
        from_long(table(**MADE), sequence="i", label="y")
    with pytest.raises(OptionError, match="time='when': "):
        from_long(table(**MADE), sequence="id", label="y", time="when")
    with pytest.raises(DataError, match="no columns beside 'id', 'y'"):
        from_long(table(id=[1, 2], y=[1, 2]), sequence="id", label="y")
