"""The talk of lab chatbot."""

from __future__ import annotations

from recurra.labs import talk as made

COUNT = 1500


def test_the_talk_holds_nothing_that_could_be_looked_up() -> None:
    pairs = made.talk(COUNT, 5)
    replies = [reply for _, reply in pairs]
    assert len(pairs) == len(set(replies)) == COUNT
    assert pairs == made.talk(COUNT, 5)
    assert pairs != made.talk(COUNT, 6)
    for kept in ("my aunt is fond of violins.", "where can my doctor buy kites?"):
        assert kept not in {said for said, _ in pairs}
    named = [said for said, _ in pairs if made.names(said)]
    assert 0.2 < len(named) / len(pairs) < 0.3
    assert len(set.union(*map(made.names, named))) == len(named)
    assert not {word.strip(".?") for said, _ in pairs for word in said.split()} & set(made.NEW)
    for said, reply in pairs:
        assert made.names(said) == made.names(reply)
        assert ("my" in said.split()) == ("your" in reply.split()) == (not made.names(said))


def test_only_names_that_are_nowhere_in_what_it_learns_are_strange() -> None:
    known = [("Gotiva likes pears.", ""), ("who sells pears to Bado?", "")]
    asked = [
        ("who hates Gotiva?", "a"),
        ("my aunt likes Bado.", "b"),
        ("Luma sings.", "c"),
        ("no", ""),
    ]
    assert made.strange(known, asked) == [("Luma sings.", "c")]
