"""What RNN, GRU and LSTM have in common: layers, directions, and what lies between the layers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar, Generic, TypeVar, Unpack, overload

import torch
from torch import Tensor, nn
from torch.nn.functional import pad
from torch.nn.utils.rnn import PackedSequence

from recurra.core.arguments import Path, ScanArguments, Scanned, Traced
from recurra.core.cells import Cell, Weights
from recurra.core.conversion import as_input, as_state, plain, stood_in, unpacked
from recurra.core.dropout import drop, drop_locked, dropout
from recurra.core.options import DEFAULTS, Options, complete, spelled_out, whole
from recurra.core.parameters import Parts, Shapes, assemble, reset, shapes
from recurra.core.ragged import Ragged, check_lengths
from recurra.core.scan import choose, walk, walk_states
from recurra.core.stacked import forward
from recurra.core.state import State, stack, stack_layers
from recurra.core.validation import check_input, check_state
from recurra.errors import OptionError

_PARAMETERS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")

S = TypeVar("S", bound=State)
X = TypeVar("X", Tensor, Ragged)
R = TypeVar("R", Scanned[Any, Any], Traced[Any, Any])


class Recurrent(nn.Module, ABC, Generic[S]):
    """Layers of one cell over time, batch first; see RNN, GRU and LSTM.

    Args:
        input_size: F.
        hidden_size: H.
        num_layers: L.
        device: of the parameters.
        dtype: of the parameters.
        options: see Options.

    Raises:
        OptionError: a size below 1, or options that are unknown, out of range or exclude others.
    """

    own: ClassVar[dict[str, Any]] = {}
    """Options of this kind of layer alone, with their defaults."""

    proj_size: int = 0
    """P, where the hidden state is projected to it; an LSTM's alone."""

    batch_first: bool = True

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__()
        self.input_size = input_size = whole("input_size", input_size)
        self.hidden_size = whole("hidden_size", hidden_size)
        self.num_layers = num_layers = whole("num_layers", num_layers)
        # One by one, since some are changed later on: a dropout while a model is trained.
        every = complete(**options)
        self.bias = every["bias"]
        self.dropout = every["dropout"]
        self.bidirectional = every["bidirectional"]
        self.locked_dropout = every["locked_dropout"]
        self.weight_dropout = every["weight_dropout"]
        self.zoneout = every["zoneout"]
        self.residual = every["residual"]
        self.layer_norm = every["layer_norm"]
        self.learn_state = every["learn_state"]
        if self.residual and num_layers == 1 and input_size != self.output_size:
            raise OptionError(
                f"residual=True of one layer from {input_size} to {self.output_size} features",
                expected="a layer whose input and output sizes are equal",
            )
        for k in range(num_layers * self.directions):
            for name, shape in self._shapes(k).items():
                empty = torch.empty(shape, device=device, dtype=dtype)
                self.register_parameter(name + self._suffix(k), nn.Parameter(empty))
        self.reset_parameters()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.__signature__ = spelled_out(cls.__init__)  # type: ignore[attr-defined]

    @property
    @abstractmethod
    def cell(self) -> Cell[S]:
        """One step of the recurrence."""

    @property
    def directions(self) -> int:
        """D: 2 where rows are read backwards as well, else 1."""
        return 2 if self.bidirectional else 1

    @property
    def output_size(self) -> int:
        """Features of the output, D*P, where P is H without a projection."""
        return self.directions * self.state_size

    @property
    def state_size(self) -> int:
        """Features of the hidden state of one direction, P or H."""
        return self.proj_size or self.hidden_size

    @property
    def plain(self) -> bool:
        """Whether its equations and parameters are torch.nn's without a projection."""
        more = self.weight_dropout or self.zoneout or self.proj_size
        return not (more or self.residual or self.layer_norm or self.learn_state)

    def reset_parameters(self) -> None:
        """Draw all parameters from U(-1/sqrt(H), 1/sqrt(H)), in torch's order; see parameters."""
        reset(dict(self.named_parameters()), self.hidden_size)

    def zero_state(self, batch: int) -> S:
        """Return a state of zeros, leaves (B, L*D, H)."""
        like = self._weight("weight_hh_l0")
        one = self._parts(0).cell.zero_state(batch, self.state_size, like)
        return stack_layers([one] * (self.num_layers * self.directions))

    def first_state(self, batch: int) -> S:
        """Return what a row begins with, leaves (B, L*D, H): the learnt state, or zeros."""
        found = [self._parts(k).fresh for k in range(self.num_layers * self.directions)]
        learnt = [one for one in found if one is not None]
        if not learnt:
            return self.zero_state(batch)
        return stack_layers([one.map(lambda leaf: leaf.expand(batch, -1)) for one in learnt])

    @overload
    def forward(
        self,
        x: Tensor,
        state: S | None = None,
        *,
        lengths: Tensor | Sequence[int] | None = None,
        resets: Tensor | None = None,
    ) -> tuple[Tensor, S]: ...

    @overload
    def forward(
        self,
        x: Ragged,
        state: S | None = None,
        *,
        lengths: None = None,
        resets: Tensor | None = None,
    ) -> tuple[Ragged, S]: ...

    @overload
    def forward(
        self,
        x: PackedSequence,
        state: S | None = None,
        *,
        lengths: None = None,
        resets: Tensor | None = None,
    ) -> tuple[PackedSequence, S]: ...

    def forward(
        self,
        x: Any,
        state: Any = None,
        lengths: Tensor | Sequence[int] | None = None,
        resets: Tensor | None = None,
    ) -> tuple[Any, S]:
        """Run the layers over whole sequences.

        Args:
            x: (B, T, F), a tensor or NumPy array; Ragged with values (N, F), or a PackedSequence.
            state: first state, leaves (B, L*D, H), or a tuple of these; where None the learnt one,
                or zeros.
            lengths: steps of each row of a padded x, (B,), any device, zeros allowed.
            resets: (B, T) bool: true at (b, t) resets row b between steps t - 1 and t: no state is
                handed on there, and what follows begins as a row does.

        Returns:
            Output (B, T, D*P), zeros after a row's end, or Ragged or packed if x is; last state
            (B, L*D, H), which unpacks: `output, (hidden, cell) = lstm(x)`.

        Raises:
            OptionError: kinds or shapes that do not fit, or lengths given beside a Ragged.
        """
        if not isinstance(x, (Tensor, Ragged)):
            call = stood_in(self, x, (x, state), {"lengths": lengths, "resets": resets})
            if call is not None:
                return call  # type: ignore[no-any-return]
            if isinstance(x, PackedSequence):
                rows, pack = unpacked(x)
                found: Any = self.forward(rows, state, lengths=lengths, resets=resets)  # type: ignore[arg-type]
                return pack(found[0]), found[1]
        x, state = self._given(x, state, lengths, resets)
        top: Any
        known = None if isinstance(x, Ragged) else self._unequal(x, lengths)
        if known is None:
            top, last = self._forward(x, state, resets)
        else:
            rows = Ragged.from_padded(x, known)
            top, last = self._forward(rows, state, _within(resets, rows))
            top = top.padded(steps=x.shape[1])
        return top, plain(self, last)

    @overload
    def trace(
        self,
        x: Tensor,
        state: S | None = None,
        *,
        lengths: Tensor | Sequence[int] | None = None,
        resets: Tensor | None = None,
    ) -> Traced[Tensor, S]: ...

    @overload
    def trace(
        self,
        x: Ragged,
        state: S | None = None,
        *,
        lengths: None = None,
        resets: Tensor | None = None,
    ) -> Traced[Ragged, S]: ...

    def trace(
        self,
        x: Tensor | Ragged,
        state: S | None = None,
        *,
        lengths: Tensor | Sequence[int] | None = None,
        resets: Tensor | None = None,
    ) -> Traced[Tensor, S] | Traced[Ragged, S]:
        """Run as `forward` does and keep every layer's state after each step.

        Returns:
            output, state, and states with leaves (B, T, L*D, H), zeros after a row's end.
        """
        x, state = self._given(x, state, lengths, resets)
        if isinstance(x, Ragged):
            return self._trace(x, state, resets)
        known = self._unequal(x, lengths)
        if known is None:
            return self._trace(x, state, resets)
        rows = Ragged.from_padded(x, known)
        traced = self._trace(rows, state, _within(resets, rows))
        missing = (0, 0, 0, 0, 0, x.shape[1] - rows.steps)
        states = traced.states.map(lambda leaf: pad(leaf, missing))
        output = traced.output.padded(steps=x.shape[1])
        return Traced(output, traced.state, states, traced.path)

    def step(self, x: Tensor, state: S | None = None) -> tuple[Tensor, S]:
        """Take one step of a stream: x (B, F) -> output (B, P), state (B, L, H).

        Without gradients, on the kernels, the weights are packed once, and packed anew when any of
        them changes.

        Raises:
            OptionError: the layer reads both ways, so that there is no next step.
        """
        if self.bidirectional:
            raise OptionError("a step of a bidirectional layer", expected="bidirectional=False")
        if x.ndim != 2:
            raise OptionError(
                f"a step of shape {tuple(x.shape)}", expected=f"(B, F) = (B, {self.input_size})"
            )
        output, last = self.forward(x[:, None], state)
        return output.squeeze(1), last

    def explain(self, x: Tensor | Ragged, *, every_state: bool = False) -> tuple[Path, ...]:
        """Return which path each layer and direction takes for an input like x, (L*D,), and why."""
        x = as_input(x, self._weight("weight_ih_l0"))
        parts = [self._parts(k) for k in range(self.num_layers * self.directions)]
        return tuple(choose(p.cell, x, p.weights, every_state=every_state) for p in parts)

    def __prepare_scriptable__(self) -> nn.Module:
        """Refuse torch.jit.script, which compiles source and knows none of our types."""
        raise OptionError(
            f"torch.jit.script of {type(self).__name__}",
            expected="torch.jit.trace, torch.export or torch.compile",
            fix="or give a torch.nn layer this one's state_dict, and script that",
        )

    def extra_repr(self) -> str:
        """Return the sizes and settings that differ from the default."""
        parts = [f"{self.input_size}, {self.hidden_size}"]
        defaults = {"num_layers": 1, **DEFAULTS, **self.own}
        for name, default in defaults.items():
            value = getattr(self, name)
            if value != default:
                parts.append(f"{name}={value}")
        return ", ".join(parts)

    def _forward(self, x: X, state: S | None, resets: Tensor | None) -> tuple[X, S]:
        def scan(below: X, parts: Parts[S], first: S | None, reverse: bool) -> Scanned[X, S]:
            cell, weights, fresh = parts
            return walk(ScanArguments(cell, below, weights, first, reverse, resets, fresh))

        top, results = self._climb(x, state, scan)
        return top, stack_layers([result.state for result in results])

    def _trace(self, x: X, state: S | None, resets: Tensor | None) -> Traced[X, S]:
        def scan(below: X, parts: Parts[S], first: S | None, reverse: bool) -> Traced[X, S]:
            cell, weights, fresh = parts
            arguments = ScanArguments(cell, below, weights, first, reverse, resets, fresh)
            return walk_states(arguments)

        top, results = self._climb(x, state, scan)
        last = stack_layers([result.state for result in results])
        return Traced(top, last, stack([result.states for result in results], 2), results[0].path)

    def _climb(
        self, x: X, state: S | None, scan: Callable[[X, Parts[S], S | None, bool], R]
    ) -> tuple[X, list[R]]:
        """Return the top layer's output, and what `scan` gave for each layer and direction."""

        def step(below: X, k: int) -> R:
            first = None if state is None else state.layer(k)
            parts = self._parts(k)
            if self.training and self.weight_dropout:
                hidden = dropout(parts.weights.hidden, self.weight_dropout)
                parts = parts._replace(weights=parts.weights._replace(hidden=hidden))
            return scan(below, parts, first, k % self.directions == 1)

        between: Callable[[X], X] | None = None
        if self.training and self.locked_dropout:
            between = partial(drop_locked, share=self.locked_dropout)
        elif self.training and self.dropout:
            between = partial(drop, share=self.dropout)
        count = self.num_layers * self.directions
        return forward(x, count, self.directions, step, between, residual=self.residual)

    def _shapes(self, k: int) -> Shapes:
        """Shapes of the parameters of the k-th of all layers and directions, by their names."""
        return shapes(
            self.cell,
            self.input_size if k < self.directions else self.output_size,
            self.hidden_size,
            self.state_size,
            bias=self.bias,
            layer_norm=self.layer_norm,
            learn_state=self.learn_state,
        )

    def _suffix(self, k: int) -> str:
        layer, reverse = divmod(k, self.directions)
        return f"_l{layer}_reverse" if reverse else f"_l{layer}"

    def _parts(self, k: int) -> Parts[S]:
        """The cell and the weights of the k-th of all layers and directions."""
        suffix = self._suffix(k)
        if self.plain:
            names = _PARAMETERS[: 4 if self.bias else 2]
            weights = Weights(*[self._weight(name + suffix) for name in names])
            return Parts(self.cell, weights, None)
        found = {name: self._weight(name + suffix) for name in self._shapes(k)}
        return assemble(self.cell, found, self.zoneout, self.training)

    def _weight(self, name: str) -> Tensor:
        found = self._parameters.get(name)
        # Parametrizations put an attribute in a parameter's place.
        return getattr(self, name) if found is None else found

    def _unequal(self, x: Tensor, lengths: Tensor | Sequence[int] | None) -> Tensor | None:
        """Return the lengths where they say anything, else None."""
        if lengths is None:
            return None
        known = check_lengths(lengths, x.shape[0], x.shape[1])
        return None if bool((known == x.shape[1]).all()) else known

    def _given(
        self, x: Any, state: Any, lengths: Tensor | Sequence[int] | None, resets: Tensor | None
    ) -> tuple[Any, S | None]:
        """Return input and first state as what is worked on, checked."""
        weight = self._weight("weight_ih_l0")
        x, state = as_input(x, weight), as_state(state, self.cell.state_type)
        if isinstance(x, Ragged) and lengths is not None:
            raise OptionError("lengths beside a Ragged", expected="a Ragged has its own")
        check_input(x, weight, resets)
        between = (self.num_layers * self.directions,)
        cell = self._parts(0).cell if self.proj_size else self.cell
        check_state(cell, state, x, between, self.state_size)
        return x, state


def _within(resets: Tensor | None, rows: Ragged) -> Tensor | None:
    return None if resets is None else resets[:, : rows.steps]
