"""A network that replies: put together from what it knows, copied where it does not."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

from recurra import labs
from recurra.errors import DataError
from recurra.labs import LabContext, chatbot
from recurra.labs.chatbot import Chatbot, Reply
from recurra.labs.render import chatbot as summary
from recurra.tasks.pairs.estimator import PairModel

Done = tuple[Chatbot, str]


def run(**settings: object) -> Done:
    console = Console(file=io.StringIO(), width=80)
    result = labs.find("chatbot").run(LabContext(console, **settings))  # type: ignore[arg-type]
    assert isinstance(console.file, io.StringIO)
    return result, console.file.getvalue()


def said_of(result: Chatbot, *, own: bool) -> str:
    console = Console(file=io.StringIO(), width=80)
    summary.tell(LabContext(console), result, own=own)
    assert isinstance(console.file, io.StringIO)
    return " ".join(console.file.getvalue().replace("│", " ").split())


@pytest.fixture(scope="module")
def done() -> Done:
    threads = torch.get_num_threads()
    found = run()
    assert torch.get_num_threads() == threads
    return found


def test_it_replies_to_what_it_never_saw_and_looking_up_does_not(done: Done) -> None:
    result, _ = done
    assert result.exact["recurra"] > 0.95
    assert max(share for name, share in result.exact.items() if name != "recurra") < 0.05
    assert result.chrf["nearest training source"] > 50
    assert result.verdict.startswith("Better than the nearest training source")


def test_names_that_it_never_met_are_copied_and_fewer_things_are(done: Done) -> None:
    result, _ = done
    assert result.strange["names"] > 0.95
    # Where nothing unknown ever stood in training, what it does is a matter of its first weights.
    assert result.strange["things"] < result.strange["names"] - 0.1
    assert result.replies[2].answer == "what have trains done to Bartholomew?"


def test_it_replies_to_everything_and_is_less_sure_of_what_is_strange(done: Done) -> None:
    result, _ = done
    *known, _, senseless = result.replies
    assert [each.said for each in result.replies] == [said for said, _ in chatbot.SAID]
    assert all(each.answer == each.true for each in known)
    assert senseless.answer
    assert 0 <= senseless.sure < min(each.sure for each in known) <= 1


def test_what_is_printed(done: Done) -> None:
    result, out = done
    assert max(map(len, out.splitlines())) <= 80
    plain = " ".join(out.replace("│", " ").split())
    for text in (
        "What does it know when it answers?",
        "Remarks about somebody and something",
        "nearest training source",
        f"for {100 * result.exact['recurra']:.0f} % of remarks that it never saw",
        "is copied from where it looks: 'what have trains done to Bartholomew?'",
        f"as readily, '{' '.join(result.replies[-1].answer.split())}'",
    ):
        assert text in plain
    thing = result.replies[3]
    assert plain.count("true:") == (thing.answer != thing.true)
    assert "Right of remarks about names it never met 100 %, of remarks about things" in plain


def test_the_talk_holds_nothing_that_could_be_looked_up() -> None:
    pairs = chatbot.talk(chatbot.PAIRS, 5)
    replies = [reply for _, reply in pairs]
    assert len(pairs) == len(set(replies)) == chatbot.PAIRS
    assert pairs == chatbot.talk(chatbot.PAIRS, 5)
    assert pairs != chatbot.talk(chatbot.PAIRS, 6)
    assert not set(replies) & {reply for _, reply in chatbot.SAID}
    named = [said for said, _ in pairs if chatbot.names(said)]
    assert 0.2 < len(named) / len(pairs) < 0.3
    assert len(set.union(*map(chatbot.names, named))) == len(named)
    assert not {word.strip(".?") for said, _ in pairs for word in said.split()} & set(chatbot.NEW)
    for said, reply in pairs:
        assert chatbot.names(said) == chatbot.names(reply)
        assert ("my" in said.split()) == ("your" in reply.split()) == (not chatbot.names(said))


def test_only_names_that_are_nowhere_in_what_it_learns_are_strange() -> None:
    known = [("Gotiva likes pears.", ""), ("who sells pears to Bado?", "")]
    asked = [
        ("who hates Gotiva?", "a"),
        ("my aunt likes Bado.", "b"),
        ("Luma sings.", "c"),
        ("no", ""),
    ]
    assert chatbot.strange(known, asked) == [("Luma sings.", "c")]


def test_what_is_said_follows_the_figures(done: Done) -> None:
    result, _ = done
    poor = replace(result, exact=dict.fromkeys(result.exact, 0.0))
    assert "Nothing that looking up would not know: 0 % of its replies" in said_of(poor, own=True)
    lost = said_of(replace(result, strange={"names": 0.2, "things": 0.1}), own=True)
    assert "cannot put back: 20 % right" in lost
    assert "copied" not in lost
    both = said_of(replace(result, strange={"names": 0.9, "things": 0.8}), own=True)
    assert "So are things that it never met, in 80 % of remarks" in both
    never = said_of(replace(result, strange={"names": 0.9, "things": 0.1}), own=True)
    assert f"'{result.replies[3].answer}' is what it says of zeppelins, and 10 % is" in never
    certain = replace(result, replies=(*result.replies[:-1], Reply("why?", "so.", "", 1.0)))
    assert "'so.', and holds that 100 % likely" in said_of(certain, own=True)
    wrong = replace(result, replies=(Reply("why?", "so.", "thus.", 0.5), *result.replies[1:]))
    assert "which it holds 50 % likely true: thus." in said_of(wrong, own=True)


def test_a_file_of_questions_and_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chatbot, "QUICK", 4)
    file = tmp_path / "talk.csv"
    rows = [f'"{said}","{reply}",0\n' for said, reply in chatbot.talk(200, 1)]
    file.write_text("Q,A,label\n" + "".join(rows), "utf-8")
    result, out = run(path=file, quick=True, out=tmp_path / "out")
    assert result.strange == {}
    assert len(result.replies) == 4
    assert {(each.said, each.true) for each in result.replies} <= set(chatbot.talk(200, 1))
    plain = " ".join(out.replace("│", " ").split())
    assert f"On this file, what the verdict says: {result.verdict}" in plain
    assert "what went best, and what went worst" in plain
    assert "made up here" not in plain
    kept = PairModel.load(tmp_path / "out" / "lab-chatbot")
    assert kept.translate([each.said for each in result.replies]) == [
        each.answer for each in result.replies
    ]
    assert "to talk to it: recurra translate" in plain
    file.write_text(json.dumps({"Q": "who?"}), "utf-8")
    with pytest.raises(DataError):
        run(path=file, quick=True)


def test_some_of_the_real_file(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = data_folder / "chatbot-ko" / "ChatbotData.csv"
    if not file.exists():
        pytest.skip(f"no {file}")
    monkeypatch.setattr(chatbot, "QUICK", 2)
    first, *lines = file.read_text("utf-8").splitlines(keepends=True)
    (tmp_path / "some.csv").write_text(first + "".join(lines[::8]), "utf-8")
    result, out = run(path=tmp_path / "some.csv", quick=True)
    assert result.verdict.startswith("Worse than the nearest training source")
    assert result.exact["recurra"] < result.exact["nearest training source"]
    assert "What does it know when it answers?" in out
