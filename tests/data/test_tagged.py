from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recurra.data.tagged import read_conll
from recurra.errors import DataError, InputError


def write(path: Path, content: str | bytes) -> Path:
    file = path / "a.conll"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def refusal(path: Path, content: str) -> str:
    with pytest.raises(DataError) as caught:
        read_conll(write(path, content))
    assert caught.value.expected
    return caught.value.got


TOKEN = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\n\r\t \ufeff"), min_size=1, max_size=4
).filter(lambda token: not token.startswith("-DOC"))


@given(
    st.lists(st.lists(st.tuples(TOKEN, st.sampled_from(["O", "B-x"])), min_size=1), min_size=1),
    st.sampled_from(["\t", " ", "\t_\t", "  _ "]),
    st.sampled_from(["\n", "\n\n", "\t\n", " \t \n", "\r\n"]),
    st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read(
    tmp_path: Path, made: list[list[tuple[str, str]]], between: str, blank: str, last: bool
) -> None:
    text = blank.join(
        "".join(f"{token}{between}{tag}\n" for token, tag in sentence) for sentence in made
    )
    read = read_conll(write(tmp_path, text if last else text.removesuffix("\n")))
    assert read.tokens == [tuple(token for token, _ in sentence) for sentence in made]
    assert read.tags == [tuple(tag for _, tag in sentence) for sentence in made]
    lines = text.split("\n")
    assert [lines[line - 1].split(between)[0] for line in read.lines] == [
        tokens[0] for tokens in read.tokens
    ]


def test_documents_and_comments_are_left_out(tmp_path: Path) -> None:
    read = read_conll(write(tmp_path, "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\n# # # O\n\n"))
    assert read.tokens == [("EU", "#")]
    assert read.tags == [("B-ORG", "O")]
    read = read_conll(write(tmp_path, "# sent id 1\n# text = a b\na b\tO\n#\tO\n#tag\tO\n"))
    assert read.tokens == [("a b", "#", "#tag")]
    assert read.lines == [3]


def test_broken_lines(tmp_path: Path) -> None:
    got = refusal(tmp_path, "a\tO\n\nb O\n")
    assert "line 3: one column, 'b O'" in got
    assert "line 2: one column, 'b'" in refusal(tmp_path, "a O\nb\n")
    assert "line 2: one column, '#b'" in refusal(tmp_path, "a\tO\n#b\n")
    assert "line 3: 3 columns, line 1 has 2" in refusal(tmp_path, "a\tO\n\nb\tX\tO\n")
    assert "line 2: the token is empty" in refusal(tmp_path, "a\tO\n\tO\n")
    assert "line 2: the tag is empty" in refusal(tmp_path, "a\tO\nb\t\n")
    for content in ("\n\t\n", "-DOCSTART- O\n"):
        assert "no tokens" in refusal(tmp_path, content)
    with pytest.raises(DataError, match="not UTF-8 at byte 4"):
        read_conll(write(tmp_path, b"a\tO\n\xe9\tO\n"))


@given(
    st.lists(
        st.sampled_from(["a", "O", "\t", " ", "\n", "\r", "#", "-DOCSTART-"]) | st.text(max_size=3),
        max_size=30,
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_any_text_is_sentences_or_an_error(tmp_path: Path, pieces: list[str]) -> None:
    try:
        read = read_conll(write(tmp_path, "".join(pieces).encode("utf-8", "surrogatepass")))
    except InputError:
        return
    assert [len(each) for each in read.tokens] == [len(each) for each in read.tags]
    assert all(all(each) for each in (*read.tokens, *read.tags))


@pytest.mark.parametrize(
    ("name", "sentences", "count"),
    [
        ("wnut17train.conll", 3394, 62_730),
        ("emerging.dev.conll", 1009, 15_733),
        ("emerging.test.annotated", 1287, 23_394),
    ],
)
def test_real_files(data_folder: Path, name: str, sentences: int, count: int) -> None:
    read = read_conll(data_folder / "wnut17" / name)
    assert len(read.tokens) == sentences
    assert sum(map(len, read.tokens)) == count
    assert len({tag for tags in read.tags for tag in tags}) == 13
