"""Streams: models that are fed step after step, in constant memory, their state a value to keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeVar, final

from recurra.bundle import arrays as array_file
from recurra.bundle import disk
from recurra.errors import BundleError, OptionError
from recurra.runtime.state import State

X = TypeVar("X", contravariant=True)
Y = TypeVar("Y", covariant=True)
_In = TypeVar("_In")
_Out = TypeVar("_Out")

_KIND: Final = "stream"


@final
@dataclass(frozen=True, eq=False)
class StreamState:
    """Where a stream stands: a value that can be kept, sent, and gone on from.

        kept = stream.state
        kept.save("stream.state")
        other = model.stream(StreamState.load("stream.state"))

    Args:
        state: of the network, one row.
        facts: what a task keeps beside it, as JSON has it.
        steps: how many were pushed so far.
        model: the run that it is of.
    """

    state: State
    facts: Mapping[str, Any] = field(default_factory=dict)
    steps: int = 0
    model: str = ""

    def to_bytes(self) -> bytes:
        """All of it as bytes, which `from_bytes` reads: no pickle."""
        facts = {"kind": _KIND, "facts": dict(self.facts), "steps": self.steps}
        return array_file.to_bytes(dict(self.state.arrays), facts, self.model)

    @classmethod
    def from_bytes(cls, content: bytes) -> StreamState:
        """The state that `to_bytes` wrote.

        Raises:
            BundleError: it is none, or damaged.
        """
        try:
            arrays, facts, model = array_file.from_bytes(content)
            if facts["kind"] != _KIND or model is None:
                raise ValueError("no state of a stream")
            return cls(State(arrays), dict(facts["facts"]), int(facts["steps"]), model)
        except (ValueError, KeyError, TypeError) as error:
            raise BundleError(
                f"a stream's state: {error}", expected="what StreamState.to_bytes gave"
            ) from None

    def save(self, path: str | PathLike[str]) -> None:
        """Write it to a file, whole or not at all.

        Raises:
            BundleError: the file cannot be written.
        """
        disk.write(Path(path), [self.to_bytes()])

    @classmethod
    def load(cls, path: str | PathLike[str]) -> StreamState:
        """The state that `save` wrote.

        Raises:
            BundleError: the file cannot be read, or holds something else.
        """
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise BundleError(f"{path}: cannot be read ({error.strerror})") from None
        try:
            return cls.from_bytes(content)
        except BundleError as error:
            raise BundleError(f"{path}: {error.got}", expected=error.expected) from None


class Streamed(Protocol[X, Y]):
    """How a task's model is fed: things in, predictions out, the state passed in and returned."""

    def begin(self) -> StreamState:
        """Before the first step."""
        ...

    def push(self, x: X, before: StreamState) -> tuple[Y, StreamState]:
        """What is predicted after one more thing, and the state then.

        Raises:
            InputError: a thing that is not like those the model was trained on.
        """
        ...

    def predict(self, state: StreamState) -> Y:
        """What is predicted where the stream stands."""
        ...


def check_state(state: StreamState, model: str, first: State) -> None:
    """Check that a state is one of a model, whose streams begin with `first`.

    Raises:
        BundleError: it is of another model, or of other arrays.
    """
    if state.model != model:
        raise BundleError(
            f"a stream's state of the run {state.model or 'of no name'}",
            expected=f"one of this model, the run {model}",
        )
    held, wanted = (
        {name: (array.dtype.name, array.shape) for name, array in each.arrays.items()}
        for each in (state.state, first)
    )
    if held != wanted:
        raise BundleError(f"a stream's state of other arrays: {held}", expected=str(wanted))


@final
class Stream(Generic[_In, _Out]):
    """A live stream of one model.

        stream = model.stream()
        for value in values:
            prediction = stream.push(value)

    Memory does not grow with the steps. Several streams of a model are independent of each other.

    Args:
        streamed: how the model is fed.
        model: the run that the model stands on, which states are known by.
        state: where to go on; without one it begins.

    Raises:
        BundleError: a state of another model.
    """

    def __init__(
        self, streamed: Streamed[_In, _Out], model: str | None, state: StreamState | None = None
    ) -> None:
        self._streamed, self._model = streamed, model or ""
        self._state: StreamState | None = streamed.begin() if state is None else None
        if state is not None:
            self.state = state

    def push(self, x: _In) -> _Out:
        """Take one more step, and say what is predicted after it.

        Raises:
            InputError: a step that is not like those the model was trained on; the stream stays
                where it was.
            OptionError: the stream is closed.
        """
        before = self._open()
        found, after = self._streamed.push(x, before)
        self._state = after
        return found

    def predict(self) -> _Out:
        """What is predicted where the stream stands, without another step.

        Raises:
            OptionError: the stream is closed.
        """
        return self._streamed.predict(self._open())

    @property
    def state(self) -> StreamState:
        """Where the stream stands; setting it goes there, back or elsewhere.

        Raises:
            BundleError: it is set to a state of another model.
            OptionError: the stream is closed.
        """
        now = self._open()
        return StreamState(now.state, now.facts, now.steps, self._model)

    @state.setter
    def state(self, state: StreamState) -> None:
        check_state(state, self._model, self._streamed.begin().state)
        self._state = state

    def fork(self) -> Stream[_In, _Out]:
        """Another stream that goes on from here."""
        return Stream(self._streamed, self._model, self.state)

    def close(self) -> None:
        """Let go of the state; further steps are refused."""
        self._state = None

    def _open(self) -> StreamState:
        if self._state is None:
            raise OptionError("this stream is closed", fix="begin another: model.stream()")
        return self._state
