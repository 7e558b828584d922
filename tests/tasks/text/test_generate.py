from __future__ import annotations

import subprocess
import sys
import time
from itertools import islice, pairwise
from pathlib import Path

import psutil
import pytest
import torch

from commands import Recurra, refused
from in_torch import in_torch
from recurra.codecs.tokenizer import UNKNOWN
from recurra.data.files import TextSource
from recurra.errors import DataError, OptionError
from recurra.search.sampling import Sampling
from recurra.tasks.text.data import OPENING, TextData
from recurra.tasks.text.estimator import TextModel
from recurra.tasks.text.generate import write

PROMPT = "The quick brown fox 3"


@pytest.fixture(scope="module")
def model(trained: Path) -> TextModel:
    return TextModel.load(trained)


def text(model: TextModel, prompt: str = PROMPT, length: int = 120, **options: object) -> str:
    return "".join(model.generate(prompt, length=length, **options))  # type: ignore[arg-type]


def known(model: TextModel) -> str:
    """The characters that the model knows."""
    return model.vocabulary.decode(range(1, len(model.vocabulary)))


def by_hand(model: TextModel, prompt: str, length: int) -> str:
    """Greedy: the whole text read anew for each character."""
    network = in_torch(model)
    ids = [int(i) for i in model.vocabulary.encode(prompt)]
    for _ in range(length):
        with torch.no_grad():
            logits, _ = network(torch.tensor([ids]))
        ids.append(int(logits[0, -1].argmax()))
    return model.vocabulary.decode(ids[-length:])


def test_greedy_is_the_likeliest_character_each_time(model: TextModel) -> None:
    found = text(model, length=60, temperature=0.0)
    assert found == by_hand(model, PROMPT, 60)
    assert found == text(model, length=60, temperature=0.0, seed=9)
    assert found == text(model, length=60, temperature=1.0, top_k=1, seed=9)


def test_a_prompt_longer_than_its_pieces_is_read_whole(
    model: TextModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = "jumps over the lazy dog.\nThe quick "
    whole = text(model, prompt, seed=1)
    monkeypatch.setattr("recurra.tasks.text.generate._CHUNK", 3)
    assert text(model, prompt, seed=1) == whole


def test_the_seed_is_all_there_is_to_chance(model: TextModel) -> None:
    found = text(model, seed=3, temperature=1.0)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    assert text(model, seed=3, temperature=1.0) == found
    assert torch.equal(torch.get_rng_state(), before)
    assert text(model, seed=4, temperature=1.0) != found
    # Without a seed one is drawn.
    assert text(model, temperature=1.5) != text(model, temperature=1.5)


def test_rows_are_the_same_whatever_runs_beside_them(model: TextModel) -> None:
    def rows(count: int) -> list[str]:
        return model.continuations(PROMPT, count=count, length=100, seed=5, temperature=1.0)

    five = rows(5)
    assert len(set(five)) == 5
    assert rows(2) == five[:2]
    assert rows(1) == five[:1]
    assert text(model, length=100, seed=5, temperature=1.0) == five[0]


def test_pieces_come_as_they_are_asked_for(model: TextModel) -> None:
    stream = model.generate(PROMPT, length=None, seed=1)
    first = "".join(islice(stream, 50))
    assert len(first) == 50
    assert first + "".join(islice(stream, 50)) == text(model, length=100, seed=1)


def test_generating_is_without_dropout_whoever_trained_before(model: TextModel) -> None:
    network = in_torch(model).train()
    assert network.dropout > 0
    rows = write(network.in_use(), model.vocabulary, PROMPT, Sampling(0.8), seed=1)
    assert "".join(row[0] for row in islice(rows, 120)) == text(model, seed=1)
    assert network.training


def test_a_length_is_kept(model: TextModel) -> None:
    for length in (1, 2, 33):
        assert len(text(model, length=length)) == length
    for length in (0, -3):
        with pytest.raises(OptionError, match=f"length = {length}"):
            model.generate(length=length)


def test_stop_strings_end_it_before_them(model: TextModel) -> None:
    whole = text(model, length=300, seed=2)
    assert whole.count("the") > 1
    assert text(model, length=300, seed=2, stop=["the"]) == whole[: whole.index("the")]
    stops = ["dog", "the", "\n"]
    end = min(whole.index(stop) + len(stop) for stop in stops)
    assert whole.startswith(text(model, length=300, seed=2, stop=stops))
    assert len(text(model, length=300, seed=2, stop=stops)) < end
    rows = model.continuations(PROMPT, count=3, length=200, seed=2, stop=["\n"])
    free = model.continuations(PROMPT, count=3, length=200, seed=2)
    assert rows == [row.split("\n")[0] for row in free]
    with pytest.raises(OptionError, match="empty stop"):
        model.generate(stop=["x", ""])


def test_sampling_keeps_to_what_it_is_told(model: TextModel) -> None:
    assert text(model, seed=1, temperature=0.01) == text(model, temperature=0)
    assert text(model, seed=1, temperature=1.0, top_p=1e-9) == text(model, temperature=0)
    free = text(model, length=200, temperature=0)
    varied = text(model, length=200, temperature=0, repetition_penalty=1.8)
    assert len(set(pairwise(varied))) > len(set(pairwise(free)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": -0.1},
        {"temperature": float("nan")},
        {"top_k": 0},
        {"top_p": 0.0},
        {"top_p": 1.5},
        {"repetition_penalty": 0.0},
    ],
)
def test_options_out_of_range_are_told_at_once(model: TextModel, wrong: dict[str, float]) -> None:
    with pytest.raises(OptionError):
        model.generate(**wrong)  # type: ignore[arg-type]


def test_a_count_below_one_and_no_length_are_told(model: TextModel) -> None:
    with pytest.raises(OptionError, match="count = 0"):
        model.continuations(count=0)
    with pytest.raises(OptionError, match="no length"):
        model.continuations(length=None)


def test_unknown_characters_of_the_prompt_are_named(model: TextModel) -> None:
    with pytest.raises(DataError) as caught:
        model.generate("Żółw λ")
    assert "'Ż' (U+017B)" in caught.value.got
    assert "'ł' (U+0142)" in caught.value.got
    assert "--replace-unknown" in caught.value.fix
    with pytest.raises(DataError, match="and 1 more"):
        model.generate("ÀÁÂÃÄÅ")


def test_unknown_characters_can_be_read_and_are_never_written(model: TextModel) -> None:
    found = text(model, "The quick λ", replace_unknown=True, seed=1, temperature=3.0, length=400)
    assert set(found) <= set(known(model))
    assert found != text(model, "The quick b", seed=1, temperature=3.0, length=400)
    # All unknown characters are one.
    assert found == text(
        model, "The quick Ż", replace_unknown=True, seed=1, temperature=3.0, length=400
    )


def test_without_a_prompt_it_begins_as_after_a_line(model: TextModel, trained: Path) -> None:
    corpus = (trained.parent / "corpus.txt").read_text()
    train = corpus[: model.run.config()["data"]["train"]]
    after = train[: train.rindex("\n") + 1][-OPENING:]
    for options in ({"seed": 1}, {"seed": 2, "temperature": 0.0}):
        found = text(model, "", **options)
        assert found == text(model, after, **options)
        assert found.startswith("The quick")
    assert text(model, "", repetition_penalty=1.5, seed=1).startswith("The ")


def test_a_text_without_line_ends_opens_too() -> None:
    for words, opening in (("one two three ", "three "), ("ab", "b")):
        read = TextData.from_source(TextSource(words * 60, "flat"))
        assert read.opening.endswith(opening)
        assert read.opening in words * 60
        assert not read.vocabulary.unknown(read.opening)


def test_a_stop_may_be_one_string(model: TextModel) -> None:
    text = "".join(model.generate("The quick", temperature=0, stop="fox"))
    assert text == " brown "
    assert model.continuations("The quick", temperature=0, count=2, stop="fox")[0] == text
    with pytest.raises(OptionError, match="an empty stop"):
        list(model.generate("The", stop=[""]))


def test_a_length_below_nothing_is_told(trained: Path, call: Recurra) -> None:
    done = call("generate", trained, "--length", "-5")
    refused(done, "--length -5", "0 for no end")
    assert "None" not in done.err


def test_the_unknown_is_never_chosen(model: TextModel) -> None:
    rows = write(model.network, model.vocabulary, "", Sampling(50.0), count=40)
    drawn = {character for row in islice(rows, 50) for character in row}
    assert drawn <= set(known(model))
    assert len(drawn) > 20
    assert UNKNOWN == 0


def grown(model: TextModel, length: int) -> int:
    """Bytes by which the process grows after the first 1,000 characters."""
    process = psutil.Process()
    stream = model.generate(PROMPT, length=None, seed=1, stop=["never written"])
    for _ in islice(stream, 1000):
        pass
    before: int = process.memory_info().rss
    for _ in islice(stream, length - 1000):
        pass
    after: int = process.memory_info().rss
    return after - before


def test_memory_is_flat(model: TextModel) -> None:
    assert grown(model, 20_000) < 5e6


@pytest.mark.long
def test_memory_is_flat_for_a_million_characters(model: TextModel) -> None:
    assert grown(model, 1_000_000) < 5e6


@pytest.mark.long
def test_the_first_character_comes_within_three_seconds(trained: Path) -> None:
    command = [sys.executable, "-m", "recurra", "generate", str(trained), "--length", "0"]
    took = []
    for _ in range(3):
        start = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert len(process.stdout.read(1)) == 1
            took.append(time.perf_counter() - start)
            process.kill()
    assert sorted(took)[1] < 3
