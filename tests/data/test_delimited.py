from __future__ import annotations

import csv
import io

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from recurra.data.delimited import HEAD, Rows, delimiter_of, fields_of, read_csv, read_tsv
from recurra.errors import DataError

TEXT = st.text(st.sampled_from('ab"\t,;\n\r é\u2028\x1c'), max_size=8)
TABLE = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(TEXT, min_size=width, max_size=width), min_size=1, max_size=12)
)


def written(rows: list[list[str]], **how: object) -> str:
    out = io.StringIO()
    csv.writer(out, **how).writerows(rows)  # type: ignore[arg-type]
    return out.getvalue()


def refusal(read: object, text: str) -> str:
    with pytest.raises(DataError) as caught:
        read(text, "t")  # type: ignore[operator]
    assert caught.value.expected
    return caught.value.got


@given(TABLE, st.sampled_from(["\n", "\r\n"]), st.sampled_from([",", ";"]))
def test_what_csv_writes_is_read(rows: list[list[str]], end: str, delimiter: str) -> None:
    head = [f"c{n}" for n in range(len(rows[0]))]
    text = written([head, *rows], lineterminator=end, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    if delimiter == ";" and len(head) == 1:
        return  # nothing shows that it is one
    names, columns, lines = read_csv(text, "t")
    assert names == head
    assert [list(row) for row in zip(*columns, strict=True)] == rows
    # Each row begins where it says.
    begins = list(io.StringIO(text, newline=""))
    for line, row in zip(lines, rows, strict=True):
        first = next(io.StringIO(row[0].replace('"', '""') + "x", newline=""))
        assert begins[line - 1].startswith('"' + first.rstrip("\r\nx"))


def test_long_fields_are_read_and_the_limit_is_left_as_it_was() -> None:
    usual = csv.field_size_limit(1000)
    _, columns, _ = read_csv(f"a,b\n{'x' * 200_000},1\n", "t")
    assert len(columns[0][0] or "") == 200_000
    refusal(read_csv, 'a,b\n"x,1\n')
    assert csv.field_size_limit(usual) == 1000
    # An error that is held keeps nothing locked.
    try:
        read_csv("a,b\n1\n", "t")
    except DataError:
        assert read_csv("a,b\n1,2\n", "t")[1] == [["1"], ["2"]]


def test_blank_lines_are_skipped_and_counted_as_lines() -> None:
    assert read_csv("a,b\n\n1,2\n\n\n3,4", "t") == (["a", "b"], [["1", "3"], ["2", "4"]], [3, 6])
    assert read_tsv("a\tb\r\n\r\n1\t2\r\n\t\r\n", "t") == (
        ["a", "b"],
        [["1", ""], ["2", ""]],
        [3, 4],
    )


@pytest.mark.parametrize("read", [read_csv, read_tsv])
def test_rows_of_other_widths(read: object) -> None:
    sep = "," if read is read_csv else "\t"
    head = f"a{sep}b\n" + f"1{sep}2\n" * 9000
    got = refusal(read, f"{head}1\n")
    assert "line 9,002: 1 field, but the header names 2 columns" in got
    got = refusal(read, f"{head}1{sep}2{sep}3\n")
    assert "line 9,002: 3 fields, but the header names 2" in got


def test_a_quote_that_is_never_closed_is_named_where_it_opens() -> None:
    assert "line 3: a quote is opened here" in refusal(read_csv, 'a,b\n1,2\n"x,3\n4,5\n')
    text = 'a,b\n"two\nlines","opened\nhere, ""never"" closed\n1,2\n'
    assert "line 3: a quote is opened here" in refusal(read_csv, text)
    assert "line 2: a quote is opened here" in refusal(read_csv, 'a,b\n"","never\n1,2\n')


def test_quotes_out_of_place() -> None:
    got = refusal(read_csv, 'a,b\n1,2\n"x" y,3\n')
    assert "line 3: a quoted field goes on after its closing quote" in got
    got = refusal(read_csv, 'a,b\n1,"x\ny" z\n')
    assert "line 3: a quoted field of the row that begins on line 2 goes on" in got
    # Within a field that does not begin with one, a quote is a character.
    assert read_csv('a,b\n5" pipe,1\n', "t")[1][0] == ['5" pipe']


# -- TSV ----------------------------------------------------------------------------------------


def values(found: Rows) -> list[list[str | None]]:
    return [list(row) for row in zip(*found[1], strict=True)]


def pandas_like(rows: list[list[str]]) -> str:
    """As pandas and polars write: quotes where a field needs them, and around no other."""
    return "".join(
        "\t".join(
            '"' + each.replace('"', '""') + '"' if set(each) & set('"\t\r\n') else each
            for each in row
        )
        + "\n"
        for row in rows
    )


@given(TABLE.filter(lambda rows: all(any(row) for row in rows)))
def test_what_pandas_writes_is_read(rows: list[list[str]]) -> None:
    head = [f"c{n}" for n in range(len(rows[0]))]
    text = pandas_like([head, *rows])
    # Tabs and line ends inside fields may fall where they would between them.
    assume(not any({"\t", "\n"} & set("".join(row)) for row in rows) or not fits(text))
    assert values(read_tsv(text, "t")) == rows


def fits(text: str) -> bool:
    return len({line.count("\t") for line in text.split("\n") if line}) == 1


LITERAL = st.text(st.sampled_from('ab" ,é\u2028\x1c'), max_size=6)


@given(
    st.lists(st.lists(LITERAL, min_size=2, max_size=2), min_size=1, max_size=9),
    st.sampled_from(['"a" b', '"quoted as a whole"', 'ends with "', 'a "b" c']),
)
def test_literal_fields_are_read_as_they_are(rows: list[list[str]], plain: str) -> None:
    # One field with a quote that no writer of quoted fields leaves like that.
    rows = [*rows, [plain, "1"]]
    text = "a\tb\n" + "".join("\t".join(row) + "\n" for row in rows)
    assert values(read_tsv(text, "t")) == rows


def test_a_field_that_merely_stands_in_quotes_keeps_them() -> None:
    text = 'text\tlabel\n"The end."\t1\n"so ""good"""\t1\n'
    assert values(read_tsv(text, "t"))[0] == ['"The end."', "1"]
    text = 'text\tlabel\nThe end.\t1\n"so ""good"""\t1\n'
    assert values(read_tsv(text, "t"))[1] == ['so "good"', "1"]


def test_a_file_whose_names_are_quoted_is_quoted() -> None:
    # As R writes: all texts in quotes.
    text = '"text"\t"label"\n"it ""works"""\t"1"\n"tab\tinside"\t"0"\n'
    assert values(read_tsv(text, "t")) == [['it "works"', "1"], ["tab\tinside", "0"]]


def test_quotes_that_fit_by_accident_are_literal_where_the_rows_say_so() -> None:
    # Read as quoted, the two lines would be one field.
    text = 'text\tlabel\n"begun\t1\nfoo\tand ended"\n'
    assert values(read_tsv(text, "t")) == [['"begun', "1"], ["foo", 'and ended"']]


@given(st.text(st.sampled_from('ab",\t\n\r;'), max_size=40))
def test_any_text_is_rows_or_an_error(text: str) -> None:
    for read in (read_csv, read_tsv):
        try:
            names, columns, lines = read(text, "t")
        except DataError:
            continue
        assert len(names) == len(columns)
        assert {len(column) for column in columns} <= {len(lines)}
        assert sorted(set(lines)) == lines


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("Datum;Umsatz, netto\n2024-01-01;1,5\n2024-01-02;2,5\n", ";"),
        ("day\tnote, if any\n1\ta;b\n2\tc\n", "\t"),
        ("text,label; good or bad\nso so,bad\nfine,good\n", ","),
        ('a,b\n"x;y",2\n', ","),
        ('a;b\n"x\n,y";2\n', ";"),
        ("one\n1\n", ","),
        ("1,5;2,5;3,5\n1,25;2;3\n", ";"),
        ("08/01/2016;A;-21.419,06\n19/01/2016;A;-53,9\n15/01/2016;A;-116\n", ";"),
        ("4;0;A.N. au 1;;;733480,00;-733480,00\n1;0;A.N. au 1;;;73348,16;-73348,16\n", ";"),
        (
            "April 15, 2023;40;25.00;Ray;p;\nApril 9, 2023;6;4.00;Rosa;\nApril 8, 2023;7;Ed;p;;\n"
            "April 8, 2023;7;1.00;Cecelia;p;\n",
            ";",
        ),
        ("a|b\n1|2,5\n", "|"),
        ("a,b;c\n1,2\n3,4\n", ","),
        ("a;b,c\n", ","),
        ("a;b\n" + "1;2\n" * HEAD, ";"),
    ],
)
def test_what_stands_between_fields(text: str, delimiter: str) -> None:
    assert delimiter_of(text) == delimiter


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('a,"b, ""c"""', ["a", 'b, "c"']),
        ("", []),
        ("\r\rM\r", ["\r\rM\r"]),
        ("a\rb,c", ["a\rb,c"]),
        (f"a,{'b' * 200_000}", ["a", "b" * 200_000]),
    ],
)
def test_fields_of_a_line_and_what_is_none(line: str, found: list[str]) -> None:
    assert fields_of(line) == found
