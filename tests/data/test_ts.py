from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recurra.data.ts import read_ts
from recurra.errors import DataError, InputError

HEAD = "# made\n@problemName made\n@classLabel true walk rest\n@data\n"


def write(path: Path, content: str | bytes) -> Path:
    file = path / "a.ts"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def refusal(path: Path, content: str | bytes) -> DataError:
    with pytest.raises(DataError) as caught:
        read_ts(write(path, content))
    assert caught.value.got.startswith(str(path))
    assert caught.value.expected
    return caught.value


NUMBER = st.floats(allow_nan=False, allow_infinity=False, width=32)
SEQUENCES = st.integers(1, 3).flatmap(
    lambda channels: st.lists(
        st.integers(1, 5).flatmap(
            lambda steps: st.lists(
                st.lists(NUMBER, min_size=steps, max_size=steps),
                min_size=channels,
                max_size=channels,
            )
        ),
        min_size=1,
        max_size=5,
    )
)


@given(SEQUENCES, st.sampled_from(["\n", "\r\n", "\n\n", "\n# between\n", "\n% between\n"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read(tmp_path: Path, made: list[list[list[float]]], end: str) -> None:
    lines = [
        ":".join(",".join(map(repr, channel)) for channel in sequence)
        + ":"
        + ["walk", "rest"][n % 2]
        for n, sequence in enumerate(made)
    ]
    read = read_ts(write(tmp_path, HEAD.replace("\n", end) + end.join(lines) + end))
    assert read.labels == [["walk", "rest"][n % 2] for n in range(len(made))]
    for values, sequence in zip(read.values, made, strict=True):
        assert values.dtype == np.float32
        assert values.T.tolist() == sequence
    content = (tmp_path / "a.ts").read_text().split("\n")
    assert [content[place - 1].strip() for place in read.places] == lines


def test_the_header_may_be_written_in_any_case(tmp_path: Path) -> None:
    head = (
        "@PROBLEMNAME x\n@TimeStamps FALSE\n@missing false\n@univariate True\n@Dimension 1\n"
        "@EQUALLENGTH true\n@seriesLength 2\n@ClassLabel TRUE a b\n@other tag\n@DATA\n"
    )
    read = read_ts(write(tmp_path, head + "1,2: a \n -3e0 , 4 :b\n"))
    assert read.labels == ["a", "b"]
    assert read.values[1].tolist() == [[-3], [4]]
    assert read.channels == ("1",)


@pytest.mark.parametrize(
    ("content", "got"),
    [
        ("@problemName a\n", "no line @data"),
        ("\n# nothing\n", "no line @data"),
        ("@problemName a\n@data\n1:a\n", "no line @classLabel before @data"),
        ("@classLabel false\n@data\n1:a\n", "without labels"),
        ("@classLabel true\n@data\n1:a\n", "line 1: @classLabel true"),
        ("1,2,3:a\n@data\n", "line 1: values before @data"),
        ("@timeStamps true\n", "line 1: values with time stamps"),
        ("@targetLabel true\n", "line 1: its targets are numbers"),
        ("@dimensions two\n", "line 1: @dimensions two"),
        ("@seriesLength -2\n", "line 1: @seriesLength -2"),
        ("@clasLabel true a b\n", "line 1: @clasLabel"),
        (HEAD, "nothing after @data"),
        (HEAD + "\n#\n", "nothing after @data"),
        ("", "the file is empty"),
        ("# caf\xe9\n".encode("latin1"), "not UTF-8 at byte 5 (0xe9), line 1"),
    ],
)
def test_broken_headers(tmp_path: Path, content: str | bytes, got: str) -> None:
    assert got in refusal(tmp_path, content).got


@pytest.mark.parametrize(
    ("line", "got"),
    [
        ("1,?:3,4:walk", "line 6: channel 1, step 2: missing ('?')"),
        ("1,2:3,NaN:walk", "line 6: channel 2, step 2: missing (NaN)"),
        ("1,2:3,:walk", "line 6: channel 2, step 2: missing ('')"),
        ("1,2:inf,4:walk", "line 6: channel 2, step 1: infinite"),
        ("1,2:3,-1e40:walk", "line 6: channel 2, step 2: -1e+40 is beyond float32"),
        ("1,2:3,four:walk", "line 6: channel 2, step 2: 'four' is no number"),
        ("1,2:3,1_0:walk", "line 6: channel 2, step 2: '1_0' is no number"),
        ("1,2:3,４:walk", "line 6: channel 2, step 2: '４' is no number"),
        ("1,2::walk", "line 6: channel 2 is empty"),
        ("1,2:3:walk", "line 6: channel 2 has 1 step, channel 1 has 2"),
        ("1,2:walk", "line 6: 1 channel, but line 5 has 2"),
        ("1,2:3,4:5,6:walk", "line 6: 3 channels, but line 5 has 2"),
        ("1,2:3,4:wlk", "line 6: label 'wlk' is not among those of @classLabel"),
        ("1,2:3,4", "line 6: ends with '3,4', which is no label"),
        ("walk", "line 6: no values before the label 'walk'"),
        ("1,2:3,4:", "line 6: label '' is not among"),
    ],
)
def test_broken_lines(tmp_path: Path, line: str, got: str) -> None:
    assert got in refusal(tmp_path, f"{HEAD}1,2:3,4:rest\n{line}\n").got


def test_lines_against_the_header(tmp_path: Path) -> None:
    head = "@classLabel true a b\n@dimensions 2\n@equalLength true\n"
    got = refusal(tmp_path, f"{head}@data\n1,2:a\n").got
    assert "line 5: 1 channel, but @dimensions says 2" in got
    error = refusal(tmp_path, f"{head}@data\n1,2:1,2:a\n1:2:b\n")
    assert "line 6: 1 step, where 2 were expected" in error.got
    assert error.fix == "if they may differ, write @equalLength false"
    got = refusal(tmp_path, f"{head}@seriesLength 3\n@data\n1,2:1,2:a\n").got
    assert "line 6: 2 steps, where 3 were expected" in got


PIECES = st.sampled_from(
    [
        "@data\n",
        "@classLabel true a b\n",
        "@dimensions 2\n",
        "1",
        ",",
        ":",
        "a",
        "\n",
        "?",
        "@",
        "#",
    ]
)


@given(st.lists(PIECES | st.text(max_size=3), max_size=30), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_any_text_is_sequences_or_an_error(tmp_path: Path, pieces: list[str], head: bool) -> None:
    content = ("@classLabel true a b\n@data\n" if head else "") + "".join(pieces)
    try:
        read = read_ts(write(tmp_path, content.encode("utf-8", "surrogatepass")))
    except InputError:
        return
    assert len(read.values) == len(read.labels) == len(read.places) > 0


@given(st.binary(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_an_error(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError):
        read_ts(write(tmp_path, content))


def test_real_files(data_folder: Path) -> None:
    read = read_ts(data_folder / "japanese-vowels" / "JapaneseVowels_TRAIN.ts")
    assert (len(read.values), len(read.channels), len(set(read.labels))) == (270, 12, 9)
    assert {len(each) for each in read.values} <= set(range(7, 30))
    assert read.values[0][0, 0] == np.float32(1.860936)
    assert read.values[0][0, 1] == np.float32(-0.207383)
    read = read_ts(data_folder / "basic-motions" / "BasicMotions_TEST.ts")
    assert {each.shape for each in read.values} == {(100, 6)}
    assert sorted(set(read.labels)) == ["Badminton", "Running", "Standing", "Walking"]
