"""The states of recurrent networks: plain values, and what can be done with any of them.

State                every leaf is a tensor with the batch first
|-- HiddenState      hidden         (RNN and GRU)
`-- LSTMState        hidden, cell

A cell's state has leaves (B, H); a layer's has leaves (B, L*D, H), in the order of torch's first
axis: layer 0 forwards, layer 0 backwards, layer 1 forwards, ...
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar, final

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from recurra.errors import DataError, OptionError

S = TypeVar("S", bound="State")


@dataclass(frozen=True, eq=False)
class State(ABC):
    """What a recurrence remembers: named tensors, or other states, each with the batch first.

        output, state = recurra.nn.LSTM(16, 32)(torch.randn(4, 10, 16))
        state = state.detach().select(torch.tensor([2, 0]))  # two rows, cut off from their past

    Subclasses are frozen dataclasses whose fields are tensors or states, and have a `hidden`. Torch
    looks into them (torch.export, vmap, compile), and they unpack in the order of their fields:
    `output, (hidden, cell) = lstm(x)`.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        pytree.register_pytree_node(
            cls,
            lambda state: (list(vars(state).values()), None),
            lambda values, _: cls(*values),
            serialized_type_name=f"{cls.__module__}.{cls.__qualname__}",
            flatten_with_keys_fn=lambda state: (
                [(pytree.GetAttrKey(name), value) for name, value in vars(state).items()],
                None,
            ),
        )

    def __iter__(self) -> Iterator[Any]:
        """Yield the fields: the hidden state, and an LSTM's cell state."""
        return iter(vars(self).values())

    @property
    @abstractmethod
    def batch(self) -> int:
        """The number of rows, B."""

    def leaves(self) -> Iterator[Tensor]:
        """Yield the tensors, in the order of the fields."""
        for value in vars(self).values():
            if isinstance(value, Tensor):
                yield value
            else:
                yield from value.leaves()

    def map(self, fn: Callable[[Tensor], Tensor]) -> Self:
        """Return the state with `fn` applied to each leaf."""
        return type(self)(
            *(fn(v) if isinstance(v, Tensor) else v.map(fn) for v in vars(self).values())
        )

    def select(self, rows: Tensor) -> Self:
        """Return the rows named by indices (K,), which may repeat, or kept by a mask (B,)."""
        return self.map(lambda leaf: leaf[rows.to(leaf.device)])

    def where(self, mask: Tensor, other: Self) -> Self:
        """Return this state's rows where `mask` (B,) is true, and `other`'s elsewhere."""
        theirs = other.arrays()

        def pick(name: str, leaf: Tensor) -> Tensor:
            wide = mask.to(leaf.device).reshape(-1, *(1,) * (leaf.dim() - 1))
            return torch.where(wide, leaf, theirs[name])

        return self.named(pick)

    def detach(self) -> Self:
        """Return the same values, cut off from the steps that led to them."""
        return self.map(Tensor.detach)

    def to(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> Self:
        """Return the state on a device, in a dtype, or both."""
        return self.map(lambda leaf: leaf.to(device=device, dtype=dtype))

    def layer(self, k: int) -> Self:
        """Return the (B, H) state of layer `k` of a layer's (B, L*D, H) state; -1 is the last."""
        return self.map(lambda leaf: leaf.select(1, k))

    @staticmethod
    def concatenate(states: Sequence[S]) -> S:
        """Return one state with the rows of all, in order.

        Raises:
            OptionError: no states, or states of different kinds.
        """
        return _join(states, lambda leaves: torch.cat(leaves, 0))

    def arrays(self, prefix: str = "") -> dict[str, Tensor]:
        """Return the leaves by name: "hidden", or "decoder.hidden" where states are nested."""
        found: dict[str, Tensor] = {}
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                found[prefix + name] = value
            else:
                found |= value.arrays(f"{prefix}{name}.")
        return found

    def from_arrays(self, arrays: Mapping[str, Tensor], prefix: str = "") -> Self:
        """Return a state of this one's structure from what `arrays` gave.

        This state is the template: device, dtype and all sizes but the batch are taken from it.

        Raises:
            DataError: a name is missing, or a size other than the batch differs.
        """

        def find(name: str, leaf: Tensor) -> Tensor:
            if prefix + name not in arrays:
                raise DataError(
                    f"no {prefix + name!r} among the arrays of a state",
                    expected=f"the names {', '.join(prefix + n for n in self.arrays())}",
                )
            found = arrays[prefix + name]
            if found.shape[1:] != leaf.shape[1:] or found.dim() != leaf.dim():
                raise DataError(
                    f"{prefix + name} has shape {tuple(found.shape)}",
                    expected=f"(rows, {', '.join(map(str, leaf.shape[1:]))})",
                )
            return found.to(leaf)

        return self.named(find)

    def named(self, fn: Callable[[str, Tensor], Tensor], prefix: str = "") -> Self:
        """Return the state with `fn` applied to each leaf and its name, as in `arrays`."""
        values: list[Tensor | State] = []
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                values.append(fn(prefix + name, value))
            else:
                values.append(value.named(fn, f"{prefix}{name}."))
        return type(self)(*values)


@final
@dataclass(frozen=True, eq=False)
class HiddenState(State):
    """The state of an RNN or GRU: hidden (B, H), or (B, L*D, H) for a layer's.

        state = recurra.nn.HiddenState(torch.zeros(4, 2, 32))
        output, state = recurra.nn.GRU(16, 32, num_layers=2)(torch.randn(4, 10, 16), state)

    It unpacks: `output, (hidden,) = gru(x)`.
    """

    hidden: Tensor

    @property
    def batch(self) -> int:
        """The number of rows, B."""
        return self.hidden.shape[0]


@final
@dataclass(frozen=True, eq=False)
class LSTMState(State):
    """The state of an LSTM: hidden and cell, each (B, H), or (B, L*D, H) for a layer's.

        state = recurra.nn.LSTMState(torch.zeros(4, 2, 32), torch.zeros(4, 2, 32))
        output, state = recurra.nn.LSTM(16, 32, num_layers=2)(torch.randn(4, 10, 16), state)

    It unpacks: `output, (hidden, cell) = lstm(x)`.
    """

    hidden: Tensor
    cell: Tensor

    @property
    def batch(self) -> int:
        """The number of rows, B."""
        return self.hidden.shape[0]


def stack_layers(states: Sequence[S]) -> S:
    """Return the (B, L*D, H) state of layers from the (B, H) state of each: inverse of `layer`.

        states = [recurra.nn.HiddenState(torch.zeros(4, 32)) for _ in range(2)]
        recurra.nn.stack_layers(states).hidden  # (B, 2, H)

    One layer's leaves are views.

    Raises:
        OptionError: no states, or states of different kinds.
    """
    if len(states) == 1:
        return states[0].map(lambda leaf: leaf.unsqueeze(1))
    return stack(states, 1)


def join_layers(states: Sequence[S]) -> S:
    """Return the (B, L*D, H) state of layers from those of some after others, (B, l*D, H) each.

    Raises:
        OptionError: no states, or states of different kinds.
    """
    return _join(states, lambda leaves: torch.cat(leaves, 1))


def stack(states: Sequence[S], axis: int) -> S:
    """Return one state whose leaves have a new axis along which `states` lie.

    Raises:
        OptionError: no states, or states of different kinds.
    """
    return _join(states, lambda leaves: torch.stack(leaves, axis))


def _join(states: Sequence[S], fn: Callable[[list[Tensor]], Tensor]) -> S:
    if not states:
        raise OptionError("no states to join", expected="at least one state")
    kinds = sorted({type(state).__name__ for state in states})
    if len(kinds) > 1:
        raise OptionError(f"states of kinds {', '.join(kinds)}", expected="states of one kind")
    every = [state.arrays() for state in states]
    return states[0].named(lambda name, _: fn([arrays[name] for arrays in every]))
