from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
import torch
from torch import Tensor

from recurra.core import attention
from recurra.core.ragged import Ragged
from recurra.errors import OptionError
from recurra.networks.pairs import CELLS, PairNetwork
from recurra.runtime.pairs import Architecture

PLAIN = Architecture(
    sources=20,
    targets=30,
    shared=False,
    cell="gru",
    embedding=12,
    hidden=16,
    layers=2,
    bidirectional=True,
    attention="general",
    feeding="up",
    dropout=0.0,
    members=2,
)

SOURCES, TARGETS = (5, 0, 3), (4, 6, 2)


def network(architecture: Architecture = PLAIN) -> PairNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return PairNetwork(architecture).eval()


def rows(lengths: tuple[int, ...], ids: int, seed: int) -> Ragged:
    draw = torch.Generator().manual_seed(seed)
    return Ragged.from_list([torch.randint(0, ids, (n,), generator=draw) for n in lengths])


def problem() -> tuple[Ragged, Ragged]:
    return rows(SOURCES, 20, 1), rows(TARGETS, 30, 2)


def stepped(net: PairNetwork, sources: Ragged, inputs: Ragged, copies: int = 1) -> Tensor:
    """Scores (B * K, T, V), one step after the other."""
    decoder = net.decoder(net.encode(sources))
    state, found = decoder.first(copies), []
    for tokens in inputs.padded().repeat_interleave(copies, 0).T:
        scores, state = decoder.step(tokens, state)
        found.append(scores)
    return torch.stack(found, 1)


KINDS = [
    replace(PLAIN, cell=cell, attention=kind, feeding=feeding, layers=layers)
    for cell, kind, feeding, layers in product(
        CELLS, (*attention.KINDS, "none"), ("up", "input"), (1, 2, 3)
    )
    if (kind, feeding) != ("none", "input")
]


@pytest.mark.parametrize(
    "architecture", KINDS, ids=lambda a: f"{a.cell}-{a.attention}-{a.feeding}-{a.layers}"
)
def test_all_steps_at_once_are_step_by_step(architecture: Architecture) -> None:
    net, (sources, inputs) = network(architecture), problem()
    with torch.no_grad():
        whole, steps = net(sources, inputs), stepped(net, sources, inputs)
        torch.testing.assert_close(
            whole, Ragged.from_padded(steps, inputs.lengths).values, atol=1e-5, rtol=1e-4
        )


@pytest.mark.parametrize("kind", ["general", "none"])
@pytest.mark.parametrize("feeding", ["up", "input"])
def test_a_row_is_the_same_alone_and_among_others(kind: str, feeding: str) -> None:
    if (kind, feeding) == ("none", "input"):
        pytest.skip("nothing is found that could be fed")
    net = network(replace(PLAIN, attention=kind, feeding=feeding))
    sources, inputs = problem()
    with torch.no_grad():
        whole = Ragged(net(sources, inputs), inputs.lengths).to_list()
        for b in range(3):
            alone = net(sources.select([b]), inputs.select([b]))
            torch.testing.assert_close(whole[b], alone, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_hypotheses_of_a_sentence_read_one_memory() -> None:
    net, (sources, inputs) = network(), problem()
    once, thrice = stepped(net, sources, inputs), stepped(net, sources, inputs, copies=3)
    torch.testing.assert_close(thrice, once.repeat_interleave(3, 0), atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_the_decoder_of_some_sentences_goes_on_as_that_of_all() -> None:
    net, (sources, inputs) = network(replace(PLAIN, feeding="input", cell="lstm")), problem()
    decoder, tokens = net.decoder(net.encode(sources)), inputs.padded()
    _, state = decoder.step(tokens[:, 0], decoder.first())
    whole, _ = decoder.step(tokens[:, 1], state)
    kept = torch.tensor([2, 0])
    some, after = decoder.keep(kept).step(tokens[kept, 1], state.select(kept))
    torch.testing.assert_close(some, whole[kept], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(after.looked.sum(1), torch.ones(2))


@torch.no_grad()
def test_members_are_averaged() -> None:
    net, (sources, inputs) = network(), problem()
    each = [net.member(m)(sources, inputs) for m in range(2)]
    torch.testing.assert_close(net(sources, inputs), (each[0] + each[1]) / 2)
    assert not torch.allclose(each[0], each[1])


@torch.no_grad()
def test_weights_are_a_value_of_the_state_and_zero_on_padding() -> None:
    net, (sources, inputs) = network(), problem()
    decoder = net.decoder(net.encode(sources))
    _, state = decoder.step(inputs.padded()[:, 0], decoder.first())
    real = sources.mask()
    assert (state.looked[~real] == 0).all()
    torch.testing.assert_close(state.looked.sum(1), torch.tensor([1.0, 0.0, 1.0]))


def test_a_shared_vocabulary_has_one_vector_a_piece() -> None:
    shared = network(replace(PLAIN, sources=30, shared=True))
    member = shared.member(0)
    assert member.source_vectors is member.target_vectors
    apart = sum(p.numel() for p in network(replace(PLAIN, sources=30)).parameters())
    assert apart - sum(p.numel() for p in shared.parameters()) == 2 * 30 * 12


def test_every_weight_has_a_part_in_the_loss() -> None:
    for feeding in ("up", "input"):
        net, (sources, inputs) = network(replace(PLAIN, feeding=feeding)), problem()
        net(sources, inputs).square().sum().backward()
        for name, weight in net.named_parameters():
            assert weight.grad is not None, name
            assert weight.grad.abs().sum() > 0, name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cell": "qrnn"}, "--cell qrnn"),
        ({"attention": "cosine"}, "--attention cosine"),
        ({"feeding": "down"}, "--feeding down"),
        ({"hidden": 15}, "an even number"),
        ({"attention": "none", "feeding": "input"}, "--feeding input with --attention none"),
        ({"shared": True}, "one shared vocabulary"),
    ],
)
def test_what_no_network_can_be_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        replace(PLAIN, **change)  # type: ignore[arg-type]
