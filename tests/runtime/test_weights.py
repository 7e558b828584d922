"""Weights are taken by name, each of its shape, all finite, and none is left."""

from __future__ import annotations

import numpy as np
import pytest

from recurra.errors import BundleError, OptionError
from recurra.runtime.text import TextNetwork
from recurra.runtime.weights import Weights
from toy_runtime import Array, network, normal


def held() -> dict[str, Array]:
    return {"one": normal(0, 2, 3), "two": normal(1, 3)}


def test_they_are_taken_as_they_are() -> None:
    arrays = held() | {"turned": normal(2, 4, 5).T}
    weights = Weights(arrays)
    for name, array in arrays.items():
        taken = weights.take(name, *array.shape)
        np.testing.assert_array_equal(taken, array)
        assert taken.flags.c_contiguous
    weights.finish()
    assert weights.has("one")
    assert not weights.has("three")


def test_what_is_missing_is_named() -> None:
    with pytest.raises(BundleError, match=r"no weights three"):
        Weights(held()).take("three", 2)


@pytest.mark.parametrize("shape", [(3, 2), (2, 3, 1), (6,), ()])
def test_another_shape_is_named_with_both(shape: tuple[int, ...]) -> None:
    with pytest.raises(BundleError, match=r"weights one: float32 \(2, 3\)") as caught:
        Weights(held()).take("one", *shape)
    assert caught.value.expected == f"float32 {shape}"


def test_another_type_is_named() -> None:
    with pytest.raises(BundleError, match="weights one: float64"):
        Weights({"one": np.zeros((2, 3))}).take("one", 2, 3)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_named(value: float) -> None:
    arrays = held()
    arrays["one"][1, 2] = value
    with pytest.raises(BundleError, match="weights one: NaN or infinite"):
        Weights(arrays).take("one", 2, 3)


def test_they_are_kept_in_what_there_is() -> None:
    with pytest.raises(OptionError, match="weights='int4'") as caught:
        Weights(held(), "int4")
    assert caught.value.expected == "one of float32, bfloat16, int8"


def test_what_nobody_took_is_named() -> None:
    weights = Weights(held())
    weights.take("two", 3)
    with pytest.raises(BundleError, match="belong nowhere: one"):
        weights.finish()


@pytest.mark.parametrize("members", [1, 2])
def test_every_array_of_a_network_is_checked(members: int) -> None:
    net = network(members=members, symbols=7)
    arrays = {name: each.numpy() for name, each in net.state_dict().items()}
    whole = TextNetwork(net.architecture, arrays)
    assert whole.size == sum(each.size for each in arrays.values())
    for name, array in arrays.items():
        spoilt = array.copy()
        spoilt.flat[-1] = np.nan
        for wrong in (spoilt, array[:-1], None):
            others = {key: each for key, each in arrays.items() if key != name}
            with pytest.raises(BundleError, match=rf"weights {name}(:|$)"):
                TextNetwork(net.architecture, others if wrong is None else others | {name: wrong})
    with pytest.raises(BundleError, match="belong nowhere: more"):
        TextNetwork(net.architecture, arrays | {"more": normal(0, 2)})
