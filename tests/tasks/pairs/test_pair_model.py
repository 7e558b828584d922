from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from recurra.codecs.tokenizer import BEGIN, END
from recurra.core import attention
from recurra.core.ragged import Ragged
from recurra.errors import OptionError
from recurra.networks.pairs import OnDevice, PairNetwork
from recurra.runtime import pairs as runtime
from recurra.runtime.attention import KINDS as SCORES
from recurra.runtime.layers import CELLS
from recurra.runtime.pairs import ATTENTION, Architecture, Ids
from recurra.search.beam import Beam, beam
from recurra.search.hypotheses import top

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


def arrays(ragged: Ragged) -> list[Ids]:
    return [row.numpy() for row in ragged.to_list()]


def stepped(
    net: OnDevice | runtime.PairNetwork, sources: Ragged, inputs: Ragged, copies: int = 1
) -> Tensor:
    """Scores (B * K, T, V), one step after the other."""
    writer: Any = net
    decoder = writer.decoder(writer.encode(arrays(sources)))
    state, found = decoder.begin(copies), []
    for tokens in inputs.padded().repeat_interleave(copies, 0).T.numpy():
        outputs, state = decoder.step(tokens, state)
        found.append(torch.from_numpy(decoder.logits(outputs)))
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
        whole, steps = net(sources, inputs), stepped(OnDevice(net), sources, inputs)
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
    once = stepped(OnDevice(net), sources, inputs)
    thrice = stepped(OnDevice(net), sources, inputs, copies=3)
    torch.testing.assert_close(thrice, once.repeat_interleave(3, 0), atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_the_decoder_of_some_sentences_goes_on_as_that_of_all() -> None:
    net, (sources, inputs) = network(replace(PLAIN, feeding="input", cell="lstm")), problem()
    writer, tokens = OnDevice(net), inputs.padded().numpy()
    decoder = writer.decoder(writer.encode(arrays(sources)))
    _, state = decoder.step(tokens[:, 0], decoder.begin())
    whole, _ = decoder.step(tokens[:, 1], state)
    kept = np.array([2, 0])
    some, after = decoder.select(kept).step(tokens[kept, 1], state.select(kept))
    torch.testing.assert_close(some, whole[kept], atol=1e-5, rtol=1e-4)
    np.testing.assert_allclose(after[ATTENTION].sum(1), np.ones(2), rtol=1e-6)


@torch.no_grad()
def test_members_are_averaged() -> None:
    net, (sources, inputs) = network(), problem()
    each = [net.member(m)(sources, inputs) for m in range(2)]
    torch.testing.assert_close(net(sources, inputs), (each[0] + each[1]) / 2)
    assert not torch.allclose(each[0], each[1])


@torch.no_grad()
def test_weights_are_a_value_of_the_state_and_zero_on_padding() -> None:
    writer, (sources, inputs) = OnDevice(network()), problem()
    decoder = writer.decoder(writer.encode(arrays(sources)))
    _, state = decoder.step(inputs.padded()[:, 0].numpy(), decoder.begin())
    real = sources.mask().numpy()
    assert (state[ATTENTION][~real] == 0).all()
    np.testing.assert_allclose(state[ATTENTION].sum(1), [1.0, 0.0, 1.0], rtol=1e-6)


def test_on_a_device_it_writes_what_it_writes_without_torch() -> None:
    net, (sources, _) = network(replace(PLAIN, feeding="input")), problem()
    found = []
    for writer in (OnDevice(net), net.in_use()):
        anyone: Any = writer
        decoder = anyone.decoder(anyone.encode([arrays(sources)[k] for k in (0, 2)]))
        written = beam(
            decoder,
            decoder.begin(),
            begin=BEGIN,
            end=END,
            limits=[9, 6],
            options=Beam(3, n_best=2),
            excluded=(0,),
            attention=lambda state: state[ATTENTION],
        )
        found.append(written)
    for one, other in zip(*found, strict=True):
        assert [each.tokens for each in one] == [each.tokens for each in other]
        for mine, theirs in zip(one, other, strict=True):
            assert mine.log_probability == pytest.approx(theirs.log_probability, abs=1e-4)
            assert mine.attention is not None
            assert theirs.attention is not None
            np.testing.assert_allclose(mine.attention, theirs.attention, atol=1e-5)


def test_of_equals_on_a_device_the_lower_token_comes_first() -> None:
    writer, draw = OnDevice(network()), torch.Generator().manual_seed(0)
    decoder = writer.decoder(writer.encode([np.array([3])]))
    scores = torch.randint(-2, 3, (40, 9), generator=draw).float()
    for k, excluded in ((1, ()), (3, (4, 0)), (9, ())):
        mine, theirs = decoder.top(scores, k, excluded), top(scores.numpy(), k, excluded)
        assert np.array_equal(mine.ids, theirs.ids)
        assert np.array_equal(mine.values, theirs.values)
        np.testing.assert_allclose(mine.log_sum_exp, theirs.log_sum_exp, rtol=1e-6)


def test_attention_has_the_same_scores_in_both() -> None:
    assert SCORES == attention.KINDS


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
        ({"cell": "qrnn"}, "cell='qrnn'"),
        ({"attention": "cosine"}, "attention='cosine'"),
        ({"feeding": "down"}, "feeding='down'"),
        ({"hidden": 15}, "an even number"),
        ({"attention": "none", "feeding": "input"}, "feeding input with attention='none'"),
        ({"shared": True}, "one shared vocabulary"),
    ],
)
def test_what_no_network_can_be_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        replace(PLAIN, **change)  # type: ignore[arg-type]
