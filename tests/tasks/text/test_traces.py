"""What is recorded of a network's inside, against its definition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from recurra.bundle import Run
from recurra.codecs.tokenizer import UNKNOWN
from recurra.data.files import TextSource
from recurra.data.streams import Ids
from recurra.networks.text import TextNetwork, log_probabilities
from recurra.runtime.text import Architecture
from recurra.tasks.text import evaluate, traces
from recurra.tasks.text.data import TextData
from recurra.tasks.text.influence import influence
from small import small_text

NONE = np.zeros(0, np.int64)
ODD = "Grüße — 🙂 Pack my box with five dozen liquor jugs; sphinx of black quartz.\n"


def network_of(read: TextData, cell: str = "lstm", members: int = 1) -> TextNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        found = TextNetwork(Architecture(len(read.vocabulary), cell, 6, 12, 2, 0.4, members))
        for weight in found.parameters():
            torch.nn.init.normal_(weight, std=0.6)
    return found.eval()


def read_of(text: str, tokens: str = "characters") -> TextData:
    return TextData.from_source(TextSource(text, "some text"), tokens)


def documents() -> TextData:
    texts = [f"Document {n}.\n" + "It says much, it ends soon.\n" * (1 + n % 3) for n in range(200)]
    starts = np.cumsum([0, *map(len, texts)])[:-1]
    source = TextSource("".join(texts), "documents", starts=tuple(starts.tolist()))
    return TextData.from_source(source, reset_at_documents=True)


@pytest.fixture(scope="module")
def read() -> TextData:
    return read_of("A Strange end: x-y.\n" * 40 + small_text(70))


def scored(network: TextNetwork, read: TextData) -> traces.Nats:
    before, starts = int(read.ids[read.parts.test.start - 1]), read.starts_in(read.parts.test)
    in_use = network.in_use()
    return evaluate.score(in_use, read.test, read.unknown_rate, before, starts)[0]


def record(run: Run, network: TextNetwork, read: TextData, nats: traces.Nats) -> None:
    """Write what there is to see inside of it into a run, as its training does."""
    in_use = network.in_use()

    def gradient(breaks: traces.Places) -> NDArray[np.float32]:
        return influence(network, in_use, read.test, read.unknown_rate, breaks)

    traces.record(run, in_use, read, nats, gradient)


def cost(network: TextNetwork, ids: Ids, rate: float) -> float:
    """Nats of the last id when those before it are read from a state of zeros."""
    with torch.no_grad():
        logits, _ = network(torch.from_numpy(ids[None, :-1].astype(np.int64)))
    return -float(log_probabilities(logits[0, -1], rate)[int(ids[-1])])


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_loss_after_a_reset_is_that_of_its_definition(read: TextData, cell: str) -> None:
    network = network_of(read, cell)
    nats, ids = scored(network, read), read.test
    found = traces.context(network.in_use(), ids, nats, read.unknown_rate, NONE, float(nats.mean()))
    steps = found["context.steps"].tolist()
    assert steps == [1 << k for k in range(len(steps))]
    assert steps[-1] >= 64
    # Up to 4 tokens a window counts one place; it is 36 tokens long up to 32.
    starts = np.arange(len(ids) - 1 - 36 + 1)
    for number, k in enumerate((1, 2, 4)):
        off = [cost(network, ids[s : s + k + 1], read.unknown_rate) - nats[s + k] for s in starts]
        assert found["context.nats"][number] == pytest.approx(np.mean(off) + nats.mean(), abs=1e-4)
        assert found["context.error"][number] == pytest.approx(
            np.std(off) / np.sqrt(len(off)), abs=1e-4
        )
    assert abs(found["context.nats"][-1] - nats.mean()) < abs(
        found["context.nats"][0] - nats.mean()
    )


def test_the_influence_is_the_gradient_by_what_was_read(read: TextData) -> None:
    network, ids = network_of(read), read.test[:40]
    found = influence(network, network.in_use(), ids, read.unknown_rate, NONE)
    assert found.shape == (19,)  # with 20 tokens before them, from which the state comes
    embedded = network.embedding(torch.from_numpy(ids[None, :39].astype(np.int64)))
    embedded = embedded.detach().requires_grad_()
    hidden, _ = network.recurrent(embedded)
    loss = F.cross_entropy(network.head(hidden[:, -1]), torch.tensor([int(ids[39]) - 1]))
    loss.backward()  # type: ignore[no-untyped-call]
    assert embedded.grad is not None
    norms = embedded.grad[0].norm(dim=1).flip(0).numpy()
    np.testing.assert_allclose(found, norms[:19], rtol=1e-4)
    assert not network.embedding._forward_hooks


def test_the_influence_on_several_is_that_on_all_of_them(read: TextData) -> None:
    network, ids = network_of(read, members=3), read.test[:40]
    found = influence(network, network.in_use(), ids, read.unknown_rate, NONE)
    embedded = []
    said = []
    for member in network.members:
        vectors = member.embedding(torch.from_numpy(ids[None, :39].astype(np.int64)))
        embedded.append(vectors.detach().requires_grad_())
        hidden, _ = member.recurrent(embedded[-1])
        said.append(member.head(hidden[:, -1]).softmax(-1))
    loss = -torch.stack(said).mean(0)[0, int(ids[39]) - 1].log()
    slopes = torch.cat(torch.autograd.grad(loss, embedded), -1)
    np.testing.assert_allclose(found, slopes[0].norm(dim=1).flip(0).numpy()[:19], rtol=1e-4)


def test_the_state_that_the_influence_begins_in_is_of_its_own_document(read: TextData) -> None:
    network, ids = network_of(read), read.test[:40].copy()
    ids[18] = UNKNOWN  # where a document begins: two tokens before the state is taken
    found = influence(network, network.in_use(), ids, read.unknown_rate, np.array([18]))
    embedded = network.embedding(torch.from_numpy(ids[None, 18:39].astype(np.int64)))
    embedded = embedded.detach().requires_grad_()
    hidden, _ = network.recurrent(embedded)
    loss = F.cross_entropy(network.head(hidden[:, -1]), torch.tensor([int(ids[39]) - 1]))
    (slope,) = torch.autograd.grad(loss, embedded)
    np.testing.assert_allclose(found, slope[0].norm(dim=1).flip(0).numpy()[:19], rtol=1e-4)


def test_nothing_crosses_the_end_of_a_document(tmp_path: Path) -> None:
    read = documents()
    network, breaks = network_of(read), read.starts_in(read.parts.test)
    assert breaks is not None
    nats = scored(network, read)
    run = Run(tmp_path)
    record(run, network, read, nats)
    arrays, facts = run.read_arrays(traces.INSIDE)
    assert facts["whole"] == pytest.approx(nats.mean())
    # Further back than any document is long, nothing is left to be read.
    assert len(arrays["gradient"]) == traces.BACK
    assert arrays["gradient"][0] > 0
    longest = int(np.diff([*breaks, len(read.test)]).max())
    assert not arrays["gradient"][longest:].any()
    assert arrays["context.steps"][-1] > longest
    np.testing.assert_allclose(arrays["context.nats"][-1], nats.mean(), atol=1e-5)
    # Where a document begins a line ends, at no cost.
    start, pieces = facts["passage"]["start"], facts["passage"]["pieces"]
    inside = breaks[(breaks >= start) & (breaks < start + len(pieces))] - start
    assert len(inside) > 1
    assert {pieces[k] for k in inside} == {"\n"}
    assert not arrays["passage"][inside].any()
    assert "\ufffd" not in pieces
    # The state after a beginning is the state after that alone.
    unit = facts["units"][0]
    first = int(inside[0])
    with torch.no_grad():
        alone = network.recurrent.trace(network.embedding(torch.zeros(1, 1, dtype=torch.long)))
    expected = alone.states.hidden[0, 0, unit["layer"] - 1, unit["unit"] - 1]
    assert arrays["units"][first, 0] == pytest.approx(float(expected), abs=1e-5)


@pytest.mark.parametrize("tokens", ["bytes", "bpe:300", "words"])
def test_tokens_of_any_kind_are_recorded(tmp_path: Path, tokens: str) -> None:
    read = read_of(small_text(60) + ODD * 20, tokens)
    network = network_of(read)
    nats = scored(network, read)
    run = Run(tmp_path)
    record(run, network, read, nats)
    arrays, facts = run.read_arrays(traces.INSIDE)
    start, count = facts["passage"]["start"], len(arrays["passage"])
    assert facts["passage"]["pieces"] == read.vocabulary.shown(read.test[start : start + count])
    assert all(np.isfinite(value).all() for value in arrays.values())


def test_an_ordinary_passage_costs_what_the_whole_does() -> None:
    nats = np.concatenate([np.full(1200, 9.0), np.full(1200, 1.0), np.full(1200, 4.0)])
    nats[-1] = 14.0
    start, end = traces.ordinary(nats)
    assert end - start == traces.PASSAGE
    assert abs(nats[start:end].mean() - nats.mean()) < 0.7
    assert traces.ordinary(np.ones(7)) == (0, 7)


def test_the_most_surprising_places_stand_apart(read: TextData) -> None:
    nats = np.ones(len(read.test))
    nats[[3, 4, 300]] = [8.0, 9.0, 7.0]
    found = traces.surprises(nats, read)
    assert [each["at"] for each in found[:2]] == [4, 300]
    text = read.text(read.split.test)
    first = found[0]
    assert "".join([*first["before"], first["piece"], *first["after"]]) == text[:25]
    assert len(first["before"]) == 4


@pytest.mark.parametrize(
    "text", [small_text(30), "ab" * 20, "aå\u0301\u202e<b>\n" * 40], ids=["lines", "short", "odd"]
)
def test_recording_is_repeatable_and_disturbs_nothing(tmp_path: Path, text: str) -> None:
    data = read_of(text)
    network = network_of(data)
    nats = scored(network, data)
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    chance = torch.get_rng_state()
    run = Run(tmp_path)
    record(run, network, data, nats)
    first = run.read_arrays(traces.INSIDE)
    record(run, network, data, nats)
    arrays, facts = run.read_arrays(traces.INSIDE)
    assert facts == first[1]
    assert {k: v.tobytes() for k, v in arrays.items()} == {
        k: v.tobytes() for k, v in first[0].items()
    }
    assert torch.equal(torch.get_rng_state(), chance)
    assert all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())
    assert len(facts["passage"]["pieces"]) == len(arrays["passage"])
    assert all(np.isfinite(value).all() for value in arrays.values())
    start = facts["passage"]["start"]
    held = data.text(data.split.test)[start : start + len(arrays["passage"])]
    assert "".join(facts["passage"]["pieces"]) == data.vocabulary.decode(
        data.vocabulary.encode(held)
    )
    np.testing.assert_allclose(arrays["passage"], nats[start : start + len(held)], rtol=1e-6)
    assert traces.seconds_needed(network.in_use(), data) >= 0
