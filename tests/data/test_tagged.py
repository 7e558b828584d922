from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recurra.data.tagged import read_conll
from recurra.errors import DataError, InputError, OptionError


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
).filter(lambda token: not token.startswith("-DOC") and set(token) != {"#"})


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


def test_comments_of_either_kind_of_file(tmp_path: Path) -> None:
    for between in ("\t", " "):
        rows = ["a", "#", "##", "#tag", "O"]
        text = "".join(f"{row}{between}X{between}O\n" for row in rows)
        read = read_conll(write(tmp_path, f"## sentence 1\n# a b c d\n{text}\n## two\n{text}"))
        assert read.tokens == [tuple(rows), tuple(rows)]
        assert read.comments == 3
        assert read.lines == [3, 10]
        assert read.at[1] == (10, 11, 12, 13, 14)


def test_a_token_may_be_a_blank(tmp_path: Path) -> None:
    for text in ("a\tO\n \tB-x\n\tO\n", "a O\n  B-x\n O\n"):
        read = read_conll(write(tmp_path, text))
        assert read.tokens == [("a", " ", " ")]
        assert read.tags == [("O", "B-x", "O")]
        assert read.blank == 2


def test_columns_are_chosen(tmp_path: Path) -> None:
    file = write(tmp_path, "1 EU NNP B-NP B-ORG\n2 is VB O O\n")
    for tag, tags in ((None, ("B-ORG", "O")), ("4", ("B-NP", "O")), ("-3", ("NNP", "VB"))):
        read = read_conll(file, token="2", tag=tag)
        assert (read.tokens, read.tags) == ([("EU", "is")], [tags])
    for wrong in ("6", "0", "-6", "upos", "x"):
        with pytest.raises(OptionError, match=f"tag_column=.?{wrong}.?: .* has 5 columns"):
            read_conll(file, tag=wrong)


UNIVERSAL = """# newdoc
# text = vámonos al mar
1-2\tvámonos\t_\t_\t_\t_\t_\t_\t_\t_
1\tvamos\tir\tVERB\tV\t_\t0\troot\t_\t_
2\tnos\tnosotros\tPRON\tP\t_\t1\tobj\t_\t_
2.1\tsí\tsí\tADV\tA\t_\t1\tadv\t_\t_

# text = mar
1\tmar\tmar\tNOUN\tN\t_\t0\troot\t_\t_
"""


def test_universal_dependencies(tmp_path: Path) -> None:
    file = write(tmp_path, UNIVERSAL)
    read = read_conll(file)
    assert read.tokens == [("vamos", "nos"), ("mar",)]
    assert read.tags == [("VERB", "PRON"), ("NOUN",)]
    assert read.lines == [4, 9]
    for tag in ("deprel", "DEPREL", "8", "-3"):
        assert read_conll(file, tag=tag).tags == [("root", "obj"), ("root",)]
    assert read_conll(file, token="lemma").tokens == [("ir", "nosotros"), ("mar",)]


def test_tokens_alone_are_read_where_no_tags_are_asked_for(tmp_path: Path) -> None:
    file = write(tmp_path, "# a b\na\nb\n\nc\n")
    assert read_conll(file, tagged=False).tokens == [("a", "b"), ("c",)]
    assert read_conll(write(tmp_path, "a\tO\n"), tagged=False).tokens == [("a",)]


def test_broken_lines(tmp_path: Path) -> None:
    got = refusal(tmp_path, "a\tO\n\nb O\n")
    assert "line 3: one column, 'b O'" in got
    assert "line 2: one column, 'b'" in refusal(tmp_path, "a O\nb\n")
    assert "line 2: one column, '#b'" in refusal(tmp_path, "a\tO\n#b\n")
    assert "line 3: 3 columns, line 1 has 2" in refusal(tmp_path, "a\tO\n\nb\tX\tO\n")
    assert "line 2: one column, '# O'" in refusal(tmp_path, "a\tO\n# O\n")
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
