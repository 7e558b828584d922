"""Steps of streams on torch tensors: weights are packed once, and again whenever they change."""

from __future__ import annotations

import copy
import gc
import threading
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import laws
import recurra.nn
from recurra.core import kept
from recurra.native import absent

pytestmark = pytest.mark.skipif(bool(absent), reason=absent)


def write(weight: Tensor) -> None:
    with torch.no_grad():
        weight.mul_(0.9)


def write_unseen(weight: Tensor) -> None:
    weight.data.mul_(0.9)


def write_one_number_unseen(weight: Tensor) -> None:
    weight.data.reshape(-1)[-1] += 0.5


def swap(weight: Tensor) -> None:
    weight.data = weight.data * 0.9


def turn_signs(weight: Tensor) -> None:
    # Sums and parities of bits are blind to this.
    weight.data.neg_()


def exchange(weight: Tensor) -> None:
    weight.data.copy_(weight.data.flip(0))


def write_as_an_array(weight: Tensor) -> None:
    weight.detach().numpy()[...] += 0.25


def swap_back_and_forth(weight: Tensor) -> None:
    # What is freed in between is not there for the last one to lie in.
    for _ in range(4):
        weight.data = weight.data * 0.9


COUNTED = [write, swap, swap_back_and_forth]
UNCOUNTED = [write_unseen, write_one_number_unseen, turn_signs, exchange, write_as_an_array]
"""Ways of writing that torch counts, and others."""


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("change", COUNTED)
@pytest.mark.parametrize("layers", [1, 2])
def test_a_step_sees_what_torch_counts(
    kind: str, change: Callable[[Tensor], None], dtype: torch.dtype, layers: int
) -> None:
    layer = getattr(recurra.nn, kind)(7, 33, layers, dtype=dtype)
    x, state = torch.randn(3, 7, dtype=dtype), layer.zero_state(3).map(torch.randn_like)

    def check() -> Tensor:
        with laws.path(""), torch.no_grad():
            output, last = layer.step(x, state)
            both, _ = layer(torch.stack([x, x], 1), state)
        assert torch.equal(output, both[:, 0])
        assert torch.equal(output, last.hidden[:, -1])
        found: Tensor = output
        return found

    before = check()
    for parameter in layer.parameters():
        change(parameter)
        after = check()
        assert not torch.equal(before, after)
        before = after


@pytest.mark.parametrize("change", UNCOUNTED)
def test_a_step_sees_other_changes_from_the_next_eval_on_or_once_they_are_counted(
    change: Callable[[Tensor], None],
) -> None:
    layer = recurra.nn.GRU(7, 33)
    x, weight = torch.randn(3, 7), layer.get_parameter("weight_hh_l0")
    state = layer.zero_state(3).map(torch.randn_like)
    looks: list[Callable[[], object]] = [
        layer.eval, lambda: torch.autograd.graph.increment_version(weight)
    ]  # fmt: skip
    with laws.path(""), torch.no_grad():
        for look in looks:
            before, _ = layer.step(x, state)
            change(weight)
            stale, _ = layer.step(x, state)
            assert torch.equal(before, stale)  # as it is documented
            look()
            after, _ = layer.step(x, state)
            assert not torch.equal(before, after)
            assert torch.equal(after, layer(torch.stack([x, x], 1), state)[0][:, 0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("change", [*COUNTED, *UNCOUNTED])
def test_a_call_sees_every_change(
    kind: str, change: Callable[[Tensor], None], dtype: torch.dtype
) -> None:
    layer = getattr(recurra.nn, kind)(7, 33, dtype=dtype)
    x, state = torch.randn(3, 7, dtype=dtype), layer.zero_state(3).map(torch.randn_like)

    def check(wish: str) -> Tensor:
        with laws.path(wish), torch.no_grad():
            one, last = layer(x[:, None], state)
            output = one[:, 0]
            # Beside a second step the weights are packed for this call alone.
            both, _ = layer(torch.stack([x, x], 1), state)
        assert torch.equal(output, both[:, 0])
        assert torch.equal(output, last.hidden[:, 0])
        found: Tensor = output.clone()
        return found

    for wish in ("", "native"):
        before = check(wish)
        for parameter in layer.parameters():
            change(parameter)
            after = check(wish)
            assert not torch.equal(before, after)
            before = after


def test_single_numbers_of_large_weights_are_seen_without_a_version() -> None:
    layer = recurra.nn.GRU(512, 512)
    x, state = torch.randn(1, 512), layer.zero_state(1).map(torch.randn_like)
    weight = layer.get_parameter("weight_hh_l0").data
    for row in range(0, 1536, 67):
        with laws.path("native"), torch.no_grad():
            layer(x[:, None], state)
            weight[row, (7 * row) % 512] += 0.5
            found, _ = layer(x[:, None], state)
            assert torch.equal(found[:, 0], copy.deepcopy(layer).step(x, state)[0])


def test_one_number_of_large_weights_is_seen_by_its_version() -> None:
    layer = recurra.nn.RNN(512, 512)
    x = torch.ones(1, 512)
    weight = layer.get_parameter("weight_ih_l0")
    with laws.path("native"), torch.no_grad():
        for k in range(0, 512, 37):
            before, _ = layer.step(x)
            weight[k, (5 * k) % 512] += 0.5
            assert not torch.equal(layer.step(x)[0], before)


def test_packed_weights_are_kept_while_the_weights_live() -> None:
    layer = recurra.nn.LSTM(3, 4, 2)
    x = torch.randn(2, 3)
    gc.collect()
    before = set(kept._kept)
    with laws.path(""), torch.inference_mode():
        layer.step(x)
        handles = {key: kept._kept[key].handle for key in set(kept._kept) - before}
        assert len(handles) == 2
        layer.step(x)
        for key, handle in handles.items():
            assert kept._kept[key].handle is handle
    del layer
    gc.collect()
    assert not handles.keys() & kept._kept.keys()


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_a_first_state_of_another_type_is_turned_into_the_weights(kind: str) -> None:
    layer = getattr(recurra.nn, kind)(3, 4)
    state = layer.zero_state(2).map(torch.randn_like)
    for x in (torch.randn(2, 1, 3), torch.randn(2, 5, 3)):
        with laws.path("native"):
            expected, last = layer(x, state)
            found, other = layer(x, state.to(dtype=torch.float64))
        assert torch.equal(found, expected)
        assert all(map(torch.equal, other.leaves(), last.leaves()))


def test_weights_made_in_inference_mode_have_no_version_and_are_not_kept() -> None:
    with laws.path("native"), torch.inference_mode():
        layer = recurra.nn.GRU(3, 4)
        x = torch.randn(2, 3)
        first, _ = layer.step(x)
        layer.get_parameter("weight_ih_l0").neg_()
        assert not torch.equal(layer.step(x)[0], first)
        assert id(layer.get_parameter("weight_hh_l0")) not in kept._kept


def test_threads_that_step_one_layer_while_it_changes() -> None:
    layer = recurra.nn.GRU(8, 40)
    x = torch.randn(2, 8)
    wanted: list[Tensor] = []
    found: list[Tensor] = []
    scales = [1.0, 0.5]
    plain = {name: value.clone() for name, value in layer.state_dict().items()}
    with laws.path("native"), torch.no_grad():
        for scale in scales:
            layer.load_state_dict({name: value * scale for name, value in plain.items()})
            wanted.append(layer.step(x)[0])

        def work() -> None:
            with torch.no_grad():
                found.extend(layer.step(x)[0] for _ in range(200))

        for scale in scales * 3:
            layer.load_state_dict({name: value * scale for name, value in plain.items()})
            found.clear()
            workers = [threading.Thread(target=work) for _ in range(3)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            expected = wanted[scales.index(scale)]
            assert len(found) == 600
            assert all(torch.equal(each, expected) for each in found)
