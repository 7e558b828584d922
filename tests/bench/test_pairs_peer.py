"""The peer of the pairs task computes what a member does, and searches as ours does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from benchmarks.pairs_peer import TorchMember, beam_search, step
from recurra.codecs.tokenizer import BEGIN, END, UNKNOWN
from recurra.core.ragged import Ragged
from recurra.networks.pairs import Member, PairNetwork
from recurra.runtime.pairs import Architecture
from recurra.search.beam import Beam, beam
from recurra.tasks.pairs.training_task import Sides


def sizes(feeding: str, layers: int = 2, *, shared: bool = False) -> Architecture:
    return Architecture(
        sources=11,
        targets=11 if shared else 9,
        shared=shared,
        cell="gru",
        embedding=6,
        hidden=8,
        layers=layers,
        bidirectional=True,
        attention="general",
        feeding=feeding,
        dropout=0.0,
        members=1,
    )


def pairs(rows: int = 7) -> Sides:
    draw = torch.Generator().manual_seed(2)

    def ids(length: int) -> torch.Tensor:
        return torch.randint(3, 9, (length,), generator=draw)

    sources = [ids(2 + k % 5) for k in range(rows)]
    begin, end = torch.tensor([BEGIN]), torch.tensor([END])
    targets = [torch.cat([begin, source.flip(0), end]) for source in sources]
    return Sides(Ragged.from_list(sources), Ragged.from_list(targets))


@pytest.mark.parametrize("feeding", ["up", "input"])
@pytest.mark.parametrize(("layers", "shared"), [(1, True), (2, False), (3, False)])
def test_the_peer_computes_what_a_member_does(feeding: str, layers: int, shared: bool) -> None:
    torch.manual_seed(0)
    a = sizes(feeding, layers, shared=shared)
    ours, given = Member(a), pairs()
    peer = TorchMember.of(ours, a)
    inputs = given.inputs
    theirs = peer(given.sources.padded(), given.sources.lengths, inputs.padded())
    torch.testing.assert_close(
        theirs[inputs.mask()], ours(given.sources, inputs), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("feeding", ["up", "input"])
def test_both_move_alike(feeding: str) -> None:
    torch.manual_seed(1)
    a, given = sizes(feeding), [pairs(7), pairs(4)]
    ours = Member(a)
    peer = TorchMember.of(ours, a)
    before = [each.detach().clone() for each in ours.parameters()]
    for module in (ours, peer):
        take = step(module, given, 0.1)
        for _ in range(3):
            take()
    moved = dict(ours.named_parameters())
    for name, theirs in peer.named_parameters():
        torch.testing.assert_close(theirs, moved[name], rtol=1e-3, atol=1e-4)
    assert any(not torch.allclose(a, b) for a, b in zip(before, ours.parameters(), strict=True))


@pytest.mark.parametrize("feeding", ["up", "input"])
@pytest.mark.parametrize("width", [1, 4])
def test_a_trained_peer_writes_what_ours_writes(feeding: str, width: int) -> None:
    torch.manual_seed(3)
    a, given = sizes(feeding), pairs(12)
    network = PairNetwork(a)
    take = step(network.member(0), [given], 0.0)
    for _ in range(80):
        take()
    network.eval()
    peer = TorchMember.of(network.member(0), a)
    lengths = given.sources.lengths
    found = beam_search(
        peer,
        given.sources.padded(),
        lengths,
        width=width,
        alpha=1.0,
        most=12,
        begin=BEGIN,
        end=END,
        excluded=(UNKNOWN, BEGIN),
    )
    in_use = network.in_use()
    rows = [row.numpy() for row in given.sources.to_list()]
    decoder = in_use.decoder(in_use.encode(rows))
    ours = beam(
        decoder,
        decoder.begin(),
        begin=BEGIN,
        end=END,
        limits=np.full(len(lengths), 12),
        options=Beam(width),
        excluded=(UNKNOWN, BEGIN),
    )
    expected = [list(each[0].tokens) for each in ours]
    same = sum(a == b for a, b in zip(found, expected, strict=True))
    # A wider beam of the peer's is over once its first hypothesis has ended, ours goes on.
    assert same == len(found) if width == 1 else same >= len(found) / 3
    assert len({tuple(row) for row in found}) > 1


def test_greedy_is_the_likeliest_piece_again_and_again() -> None:
    torch.manual_seed(4)
    a, given = sizes("input"), pairs(3)
    peer = TorchMember(a).eval()
    found = beam_search(
        peer,
        given.sources.padded(),
        given.sources.lengths,
        width=1,
        alpha=1.0,
        most=6,
        begin=BEGIN,
        end=END,
        excluded=(UNKNOWN, BEGIN),
    )
    for row, said in zip(given.sources.to_list(), found, strict=True):
        fed = torch.tensor([[BEGIN]])
        for _ in range(6):
            scores = peer(row[None], torch.tensor([len(row)]), fed)[0, -1].detach()
            scores[[UNKNOWN, BEGIN]] = -torch.inf
            fed = F.pad(fed, (0, 1), value=int(scores.argmax()))
            if fed[0, -1] == END:
                break
        assert said == [k for k in fed[0, 1:].tolist() if k != END]


def test_a_network_that_the_peer_is_not_of_is_refused() -> None:
    with pytest.raises(NotImplementedError):
        TorchMember(Architecture(**(sizes("up").to_json() | {"attention": "dot"})))
