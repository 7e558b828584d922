"""Pictures and texts out of files and values, cut into parts, and the same again to resume."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("PIL")

from PIL import Image

from pictures import folder, header, image, png, saved, some, turned
from recurra.bundle import Run
from recurra.codecs.pictures import Pixels, from_bytes, resized
from recurra.errors import BundleError, DataError, OptionError
from recurra.tasks.captions import picture, stored
from recurra.tasks.captions.data import INPUT, given, to_judge
from recurra.tasks.captions.layouts import text_of
from recurra.tasks.captions.options import CaptionOptions
from recurra.tasks.captions.picture import area_of
from recurra.tasks.captions.splits import CaptionData, Captioned

OPTIONS = CaptionOptions()
N = 40


def table(path: Path, n: int = N, first: int = 0) -> Path:
    """A table of `n` pictures that lie beside it, each with a text of its own."""
    folder(path.parent, n, first)
    rows = [f"p{number}.png\ttext {number}" for number in range(first, first + n)]
    path.write_text("\n".join(["image\ttext", *rows, ""]), encoding="utf-8")
    return path


def texts(captioned: Captioned) -> dict[str, list[str]]:
    return dict(zip(captioned.names, captioned.references(), strict=True))


def right(captioned: Captioned) -> None:
    """Every picture is the one whose number its text says."""
    for pixels, said in zip(captioned.pictures, captioned.references(), strict=True):
        np.testing.assert_array_equal(pixels, some(int(said[0].split()[-1])))


def parts(data: CaptionData) -> list[set[int]]:
    return [set(rows.tolist()) for rows in (data.learn, data.select, data.test)]


# -- layouts -------------------------------------------------------------------------------------


def as_csv(base: Path) -> Path:
    rows = "".join(f'p{n}.png,"text, {n}"\n' for n in range(N))
    (base / "a.csv").write_text("File,Caption\n" + rows)
    return base / "a.csv"


def as_json_lines(base: Path) -> Path:
    rows = [json.dumps({"label": f"text {n}", "path": f"p{n}.png", "x": [1]}) for n in range(N)]
    (base / "a.jsonl").write_text("\n".join(rows))
    return base / "a.jsonl"


def as_parquet(base: Path) -> Path:
    polars = pytest.importorskip("polars")
    rows = {"picture": [f"p{n}.png" for n in range(N)], "words": [f"text {n}" for n in range(N)]}
    polars.DataFrame(rows).write_parquet(base / "a.parquet")
    return base / "a.parquet"


def as_absolute(base: Path) -> Path:
    away = base / "elsewhere"
    away.mkdir()
    rows = "".join(f"{base}/p{n}.png\ttext {n}\n" for n in range(N))
    (away / "a.tsv").write_text("image\ttext\n" + rows)
    return away / "a.tsv"


def as_flickr(base: Path) -> Path:
    away = base / "Flickr"
    base.rename(away_pictures := base.parent / "tmp")
    away.mkdir(parents=True)
    away_pictures.rename(away / "Images")
    rows = [f"p{n}.png,a text, with commas {n}" for n in range(0, N, 2)]
    rows += [f'p{n}.png,"a ""text"" {n}"' for n in range(1, N, 2)]
    (away / "captions.txt").write_text("image,caption\n" + "\n".join(rows) + "\n")
    return away


def as_old_flickr(base: Path) -> Path:
    away = base.parent / "Flickr8k_text"
    away.mkdir()
    base.rename(base.parent / "Flicker8k_Dataset")
    rows = [f"p{n}.png#{k}\ttext {k} {n}" for n in range(N) for k in range(5)]
    (away / "Flickr8k.token.txt").write_text("\n".join(rows))
    return away / "Flickr8k.token.txt"


def as_coco(base: Path) -> Path:
    away = base.parent / "annotations"
    away.mkdir()
    base.rename(base.parent / "val2017")
    images = [{"id": 100 + n, "file_name": f"p{n}.png", "height": 12} for n in range(N)]
    told = [{"id": n, "image_id": 100 + n, "caption": f"text {n}\n"} for n in reversed(range(N))]
    value = {"info": {}, "images": [*images, {"id": 1, "file_name": "x"}], "annotations": told}
    (away / "captions_val2017.json").write_text(json.dumps(value))
    return away / "captions_val2017.json"


def as_metadata(base: Path) -> Path:
    rows = "".join(f"p{n}.png,text {n}\n" for n in range(N))
    (base / "metadata.csv").write_text("file_name,text\n" + rows)
    return base


def as_names(base: Path) -> Path:
    for n in range(N):
        (base / f"p{n}.png").rename(base / f"text {n}.png")
    (base / "readme.md").write_text("pictures")
    (base / ".hidden.png").write_bytes(b"")
    return base


@pytest.mark.parametrize(
    "lay",
    [
        *(as_csv, as_json_lines, as_parquet, as_absolute),
        *(as_flickr, as_old_flickr, as_coco, as_metadata, as_names),
    ],
)
def test_every_layout_gives_the_same_pictures(lay: Callable[[Path], Path], tmp_path: Path) -> None:
    where = lay(folder(tmp_path / "pictures", N))
    data = given(where, None, OPTIONS)
    right(data.captioned)
    assert len(data.captioned) == N
    assert len(data.captioned.texts) == (5 * N if lay is as_old_flickr else N)
    assert given([str(where)], None, OPTIONS).digest == data.digest
    assert INPUT.from_files(json.loads(json.dumps(data.facts()))).digest == data.digest
    found, name = to_judge(where, None, OPTIONS)
    assert found.digest == data.digest
    assert name == data.name


def test_the_text_in_a_name() -> None:
    names = {
        "12.5.png": "12.5",
        "12.5_2.png": "12.5",
        "a_b.png": "a_b",
        "_3.png": "",
        "1_2_3.x": "1_2",
    }
    assert {name: text_of(name) for name in names} == names


def test_names_that_differ_in_case_are_two_texts(tmp_path: Path) -> None:
    folder(tmp_path, 20)
    (tmp_path / "P3.png").write_bytes(png(some(99)))
    data = given(tmp_path, None, OPTIONS)
    assert len(data.captioned) == 21
    assert data.found["cases"] == 1
    assert "1 text like another but for upper and lower case" in data.summary()


def test_what_was_done_to_pictures_is_told(tmp_path: Path) -> None:
    folder(tmp_path, 20)
    for n in (4, 5):
        frames = [image(some(n)), image(some(80 + n))]
        (tmp_path / f"moving_{n}.gif").write_bytes(
            saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
        )
    (tmp_path / "x.txt").write_text("no picture")
    data = given(tmp_path, None, OPTIONS)
    assert "2 pictures: first frame of an animation" in data.summary()
    assert "1 other file of the folder not read" in data.summary()
    assert data.summary() == INPUT.from_files(data.facts()).summary()


def test_composed_and_trimmed(tmp_path: Path) -> None:
    path = table(tmp_path / "a.tsv")
    path.write_text(path.read_text().replace("text 3\n", " caf\u0065\u0301 \n"))
    data = given(path, None, OPTIONS)
    assert texts(data.captioned)["p3.png"] == ["caf\u00e9"]
    assert data.found["trimmed"] == 1


def test_equal_pictures_are_one_with_several_texts(tmp_path: Path) -> None:
    path = table(tmp_path / "a.tsv")
    (tmp_path / "twin.bmp").write_bytes(saved(image(some(3)), "BMP"))  # other bytes, same pixels
    path.write_text(path.read_text() + "twin.bmp\tanother text\np3.png\ta third\n")
    data = given(path, None, OPTIONS)
    assert len(data.captioned) == N
    assert texts(data.captioned)["p3.png"] == ["text 3", "another text", "a third"]
    assert data.found["equal"] == data.found["several"] == 1
    assert "1 picture equal to another" in data.summary()
    row = data.captioned.names.index("p3.png")
    places = [data.captioned.where[int(n)] for n in np.flatnonzero(data.captioned.owner == row)]
    assert places == ["a.tsv, line 5", "a.tsv, line 42", "a.tsv, line 43"]


def test_texts_that_are_not_true(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    folder(tmp_path, N)
    rows = [f"p{n}.png\ttext {n}\t{'True' if n % 2 else 1}" for n in range(N)]
    rows += [f"p{n}.png\twrong {n}\t{'false' if n % 2 else 0}" for n in range(0, N, 3)]
    (tmp_path / "lone.png").write_bytes(png(some(77)))
    rows += ["lone.png\tnothing true\t0"]
    path.write_text("\n".join(["image\tcaption\tTrue", *rows]))
    captioned = given(path, None, OPTIONS).captioned
    right(captioned)
    assert "lone.png" not in captioned.names
    assert captioned.false == tuple(f"wrong {n}" for n in range(0, N, 3))
    assert [captioned.names[n] for n in captioned.false_owner] == [
        f"p{n}.png" for n in range(0, N, 3)
    ]
    run = Run.create(tmp_path / "run")
    stored.write(run, captioned)
    assert stored.read(run).digest == captioned.digest


def test_digests_see_what_belongs_together() -> None:
    pictures, said = [some(n) for n in range(12)], [[f"{n}", f"{n}!"] for n in range(12)]
    first = given(pictures, said, OPTIONS).captioned
    moved = [["0"], ["0!", "1", "1!"], *said[2:]]
    changed = [pictures[0] ^ 1, *pictures[1:]]
    others = [given(pictures, moved, OPTIONS), given(changed, said, OPTIONS)]
    others.append(given(pictures, [["0", "0?"], *said[1:]], OPTIONS))
    found = {first.digest, *(each.digest for each in others)}
    found |= {replace(first, false=("2",), false_owner=np.array([n])).digest for n in (0, 1)}
    assert len(found) == 6


def test_some_pictures_with_all_their_texts() -> None:
    random = np.random.default_rng(0)
    pictures = [some(n) for n in range(30)]
    said = [[f"{k} of {n}" for k in range(1 + n % 4)] for n in range(30)]
    captioned = given(pictures, said, OPTIONS).captioned
    for _ in range(5):
        rows = random.permutation(30)[:11]
        some_of = captioned.of(rows)
        assert some_of.references() == [said[row] for row in rows]
        assert list(some_of.names) == [f"picture {row + 1}" for row in rows]
        assert next(some_of.where[n] for n in range(2)) == f"X[{rows[0]}]"
        np.testing.assert_array_equal(some_of.pictures[4], some(int(rows[4])))
        assert some_of.of(np.argsort(rows)).digest == captioned.of(np.sort(rows)).digest
    assert captioned.of(np.arange(30)).digest == captioned.digest
    assert captioned.of(np.array([], np.int64)).references() == []


def test_large_pictures_are_bounded(tmp_path: Path) -> None:
    folder(tmp_path, 20)
    (tmp_path / "large.png").write_bytes(png(np.zeros((700, 1400, 1), np.uint8)))
    captioned = given(tmp_path, None, OPTIONS).captioned
    high, wide, _ = captioned.pictures[captioned.names.index("large.png")].shape
    assert 0.98 * 2**18 < high * wide <= 2**18
    assert abs(wide / high - 2) < 0.01
    assert 3 * 8000 * area_of(8000) <= 2**30


def test_large_photographs_are_known_whatever_size_they_are_read_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder(tmp_path, 20)
    noise = np.random.default_rng(0).integers(0, 256, (700, 900, 3), np.uint8)
    fine = Image.fromarray(noise).resize((1400, 1800))
    content = saved(fine, "JPEG", quality=95, exif=turned(6))
    (tmp_path / "photo.jpg").write_bytes(content)
    (tmp_path / "photo again.jpg").write_bytes(content)
    data = given(tmp_path, None, OPTIONS)
    row = data.captioned.names.index("photo again.jpg")
    assert data.captioned.references()[row] == ["photo again", "photo"]
    pixels = data.captioned.pictures[row]
    high, wide, _ = pixels.shape
    assert 0.95 * 2**18 < high * wide <= 2**18
    assert abs(wide / high - 1800 / 1400) < 0.01  # on its side, as EXIF says
    whole = resized(from_bytes(content, "")[0], high, wide)
    assert np.abs(pixels.astype(int) - whole).mean() < 6
    # Another number of pictures, so many that each is read at another size.
    monkeypatch.setattr(picture, "MEMORY", 3 * 2**18 * 22)
    other = table(tmp_path / "b" / "a.tsv", 90, first=50)
    (tmp_path / "b" / "copy.jpg").write_bytes(content)
    other.write_text(other.read_text() + "copy.jpg\tphoto\n")
    assert given(tmp_path, None, CaptionOptions(test=[str(other)])).found["test_removed"] == 1
    paths = sorted(tmp_path.glob("*.*g"))
    values = given(paths, [path.stem for path in paths], OPTIONS).captioned
    assert set(values.keys) == set(data.captioned.keys)


# -- parts ---------------------------------------------------------------------------------------


def test_parts_are_drawn_by_pictures(tmp_path: Path) -> None:
    path = table(tmp_path / "a.tsv", 200)
    path.write_text(path.read_text() + "".join(f"p{n}.png\tmore {n}\n" for n in range(200)))
    data = given(path, None, OPTIONS)
    learn, select, test = parts(data)
    assert (len(learn), len(select), len(test)) == (171, 9, 20)
    assert learn | select | test == set(range(200))
    again = given(path, None, OPTIONS)
    assert parts(again) == [learn, select, test]
    assert parts(given(path, None, CaptionOptions(seed=1)))[2] != test
    facts = data.facts()
    assert (facts["pictures"], facts["texts"], facts["learn"]) == (200, 400, 171)
    assert "200 pictures, 400 texts" in data.summary()


def test_given_parts_lose_what_trains_too(tmp_path: Path) -> None:
    path = table(tmp_path / "a.tsv")
    test = table(tmp_path / "b" / "test.tsv", 20, first=30)  # ten of them train
    valid = table(tmp_path / "c" / "valid.tsv", 5, first=39)  # one trains, five report too
    data = given(path, None, CaptionOptions(test=[str(test)], valid=[str(valid)]))
    right(data.captioned)
    assert data.found["valid_removed"] == 1
    assert data.found["test_removed"] == 14
    said = [{s[0] for s in data.of(rows).references()} for rows in (data.learn, data.select)]
    assert not said[0] & said[1]


def test_given_parts_lose_what_trains_too_and_keep_the_rest(tmp_path: Path) -> None:
    path = table(tmp_path / "a.tsv")
    test = table(tmp_path / "b" / "test.tsv", 20, first=30)
    data = given(path, None, CaptionOptions(test=[str(test)]))
    assert len(data.test) == 10
    assert {s[0] for s in data.of(data.test).references()} == {f"text {n}" for n in range(40, 50)}
    assert "10 pictures taken out of the test part" in data.summary()
    assert INPUT.from_files(data.facts()).digest == data.digest
    with pytest.raises(DataError, match="nothing is left of the part that reports"):
        given(path, None, CaptionOptions(test=[str(table(tmp_path / "d" / "e.tsv", 10))]))


# -- drawn ---------------------------------------------------------------------------------------


def test_what_is_drawn_is_drawn_again() -> None:
    data = given(None, None, CaptionOptions(examples=100, seed=3))
    assert (len(data.learn), len(data.select), len(data.test)) == (86, 4, 10)
    assert data.captioned.pictures[0].shape == (64, 64, 3)
    again = INPUT.default(json.loads(json.dumps(data.facts())))
    assert again.digest == data.digest
    assert parts(again) == parts(data)
    assert given(None, None, CaptionOptions(examples=100, seed=4)).digest != data.digest
    korean = given(None, None, CaptionOptions(examples=100, seed=3, language="ko"))
    assert korean.captioned.keys == data.captioned.keys
    assert not korean.captioned.texts[0].isascii()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"draw": "scens"}, "draw='scens'"),
        ({"language": "fr"}, "language='fr'"),
        ({"language": "ko", "draw": "lines"}, "language ko with draw='lines'"),
        ({"image": "x"}, "image"),
        ({"examples": 3}, "examples=3"),
    ],
)
def test_what_cannot_be_drawn(options: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        given(None, None, CaptionOptions(**options))


# -- Python values -------------------------------------------------------------------------------


def test_values_are_pictures_with_texts(tmp_path: Path) -> None:
    folder(tmp_path, 15)
    said = [f"text {n}" for n in range(15)]
    arrays: list[Pixels] = [some(n) for n in range(15)]
    paths = [tmp_path / f"p{n}.png" for n in range(15)]
    for X in (arrays, np.stack(arrays), paths, list(map(str, paths)), list(map(image, arrays))):
        data = given(X, said, OPTIONS)
        right(data.captioned)
        assert data.read_files == ()
        assert to_judge(X, said, OPTIONS)[0].digest == data.digest
    assert given(paths, said, OPTIONS).captioned.names[3] == "p3.png"


@pytest.mark.parametrize(
    ("X", "y", "said"),
    [
        ([some(1)] * 3, ["a"] * 2, "3 pictures, but texts for 2"),
        ([], [], "X: empty"),
        (np.zeros((4, 4), np.uint8), ["a"] * 4, "shape"),
        ("a.png", "text", "X: one text"),
        ([some(n) for n in range(9)], list("abcdefghi"), "9 pictures: too few"),
        ([some(1)] * 20, list("abcdefghijklmnopqrst"), "one picture only"),
        ([some(n) for n in range(20)], ["same"] * 20, "all 20 texts are alike: 'same'"),
        ([some(n) for n in range(20)], [""] * 20, "all 20 texts are empty"),
        ([some(n) for n in range(20)], ["a", " "] * 10, r"10 empty texts: X\[1\]; X\[3\]"),
        ([some(n) for n in range(20)], [["a"], []] * 10, r"y\[1\]: no text"),
        ([some(n) for n in range(20)], [3] * 20, r"y\[0\]: int"),
        ([some(n) for n in range(20)], [[3]] * 20, r"y\[0\]: \[3\]"),
        ([some(n) for n in range(20)], ["\ud800", *"bcdefghijklmnopqrst"], r"X\[0\]: holds half"),
        ([some(0), None] * 10, ["a", "b"] * 10, r"X\[1\]: NoneType"),
    ],
)
def test_values_that_are_not(X: Any, y: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        given(X, y, OPTIONS)


# -- broken files --------------------------------------------------------------------------------


def missing(base: Path) -> None:
    (base / "p7.png").unlink()
    (base / "p9.png").unlink()


def truncated(base: Path) -> None:
    (base / "p7.png").write_bytes(saved(image(some(3, 300, 400)), "JPEG")[:2000])


def huge(base: Path) -> None:
    (base / "p7.png").write_bytes(header(40_000, 40_000))


def emptied(base: Path) -> None:
    (base / "p7.png").write_bytes(b"")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (missing, r"line 9: no such picture: .*p7.png \(and 1 more\)"),
        (truncated, "line 9: .*p7.png: truncated"),
        (huge, "line 9: .*p7.png: 1,600,000,000 pixels"),
        (emptied, "line 9: .*p7.png: the file is empty"),
    ],
)
def test_the_row_of_a_broken_picture_is_named(
    damage: Callable[[Path], None], said: str, tmp_path: Path
) -> None:
    path = table(tmp_path / "a.tsv")
    damage(tmp_path)
    with pytest.raises(DataError, match=said):
        given(path, None, OPTIONS)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "one,two,three\n1,2,3\n", "which column is the image.*'one', 'two', 'three'"),
        ("a.csv", "image,two,three\n1,2,3\n", "which column is the text.*'image', 'two', 'three'"),
        ("a.csv", "image\na.png\n", "one column"),
        ("a.csv", "image,text\n,b\n", "line 2: no picture"),
        ("a.csv", "image,text,true\np0.png,b,maybe\n", "line 2: column 'true' says 'maybe'"),
        ("a.csv", "image,text,true\np0.png,b,0\n", "no text is true"),
        ("a.csv", "image,text\np0.png,\np1.png,b\n", "1 empty text: a.csv, line 2"),
        ("a.csv", "image,text\np0.png,a\n", "one picture only"),
        ("a.csv", f"image,text\n{'long ' * 99},b\n", "line 2: no such picture: .*long long"),
        ("a.csv", "image,text\n.,b\n", "line 2: no such picture"),
        ("a.csv", "image,text\na\0b,b\n", "no such picture|not UTF-8"),
        ("a.txt", "only words\n", "line 1: no picture and text"),
        ("a.txt", "image,caption\n", "no captions"),
        ("a.json", "{", "not JSON"),
        ("a.json", "[1]", "not as COCO"),
        ("a.json", '{"images": [], "annotations": []}', "no annotations"),
        ("a.json", '{"images": []}', "not as COCO's captions: no 'annotations'"),
        (
            "a.json",
            '{"images": [], "annotations": [{"image_id": 4, "caption": "x"}]}',
            "annotation 1: no image of id 4",
        ),
        ("a.png", "x", "suffix '.png'"),
        ("a.xyz", "x", "suffix '.xyz'"),
    ],
)
def test_tables_that_cannot_be_read(name: str, content: str, said: str, tmp_path: Path) -> None:
    folder(tmp_path, 2)
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=said):
        given(tmp_path / name, None, OPTIONS)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"image": "imag"}, "image='imag'"),
        ({"text": "words"}, "text='words'"),
        ({"image": "text", "text": "text"}, "both image and text"),
        ({"examples": 100}, "examples=100"),
    ],
)
def test_columns_that_are_not_there(options: dict[str, Any], said: str, tmp_path: Path) -> None:
    path = table(tmp_path / "a.tsv")
    with pytest.raises(OptionError, match=said):
        given(path, None, CaptionOptions(**options))


def test_named_columns(tmp_path: Path) -> None:
    folder(tmp_path, N)
    rows = "".join(f"text {n},no,p{n}.png\n" for n in range(N))
    (tmp_path / "a.csv").write_text("a,image,b\n" + rows)
    data = given(tmp_path / "a.csv", None, CaptionOptions(image="B", text="a"))
    right(data.captioned)
    assert INPUT.from_files(data.facts()).digest == data.digest


def test_other_things_that_are_no_data(tmp_path: Path) -> None:
    path = table(tmp_path / "a.tsv")
    (tmp_path / "empty").mkdir()
    for X, y, options, said in (
        (tmp_path / "nowhere.tsv", None, {}, "no such file"),
        (tmp_path / "empty", None, {}, "no pictures in the folder"),
        ("-", None, {}, "standard input"),
        ([path, path], None, {}, "given twice"),
        (path, None, {"test": [str(path)]}, "given twice"),
        (None, None, {"test": [str(path)]}, "no data to train on"),
        ([some(1)], None, {}, "pictures without texts"),
        (5, None, {}, "pictures without texts"),
    ):
        with pytest.raises(DataError, match=said):
            given(X, y, CaptionOptions(**options))  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no pictures to judge by"):
        to_judge(None, None, OPTIONS)
    with pytest.raises(OptionError, match="text"):
        given(as_names(folder(tmp_path / "names", N)), None, CaptionOptions(text="a"))


# -- resuming ------------------------------------------------------------------------------------


def run_of(path: Path, data: CaptionData) -> Run:
    run = Run.create(path)
    INPUT.store(run, data)
    return run


def test_files_are_read_again(tmp_path: Path) -> None:
    path = table(tmp_path / "a" / "a.tsv")
    data = given(path, None, OPTIONS)
    run = run_of(tmp_path / "run", data)
    assert not INPUT.is_kept(run)
    again = INPUT.read_again(run, data.facts())
    assert again.digest == data.digest
    assert parts(again) == parts(data)
    (tmp_path / "a" / "p4.png").write_bytes(png(some(555)))
    with pytest.raises(DataError, match="have changed"):
        INPUT.read_again(run, data.facts())


def test_folders_are_read_again(tmp_path: Path) -> None:
    data = given(as_names(folder(tmp_path / "a", N)), None, OPTIONS)
    run = run_of(tmp_path / "run", data)
    assert not INPUT.is_kept(run)
    assert INPUT.read_again(run, data.facts()).digest == data.digest


def test_values_are_kept_in_the_run(tmp_path: Path) -> None:
    pictures = [some(n, 12, 4 * (n + 1), 1 if n % 3 else 3) for n in range(25)]
    said = [[f"{k} of {n}" for k in range(1 + n % 3)] for n in range(25)]
    test = table(tmp_path / "t" / "test.tsv", 12, first=100)
    data = given(pictures, said, CaptionOptions(test=[str(test)], seed=5))
    run = run_of(tmp_path / "run", data)
    assert INPUT.is_kept(run)
    again = INPUT.read_again(run, json.loads(json.dumps(data.facts())))
    assert again.digest == data.digest
    assert parts(again) == parts(data)
    assert again.summary() == data.summary()
    assert [*again.captioned.where] == [*data.captioned.where]
    for one, other in zip(again.captioned.pictures, data.captioned.pictures, strict=True):
        np.testing.assert_array_equal(one, other)
    copy = run.path / INPUT.copies[0]
    content = bytearray(copy.read_bytes())
    content[-100] ^= 1
    copy.write_bytes(content)
    with pytest.raises(BundleError):
        INPUT.read_again(run, data.facts())
    copy.unlink()
    with pytest.raises(DataError, match="copy of the data is gone"):
        INPUT.read_again(run, data.facts())
