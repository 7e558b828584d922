"""The course labs: one short script each, which shows something, asks a question and answers it.

Nothing here loads torch; a lab does, when it runs.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Final, Literal, final

from recurra.errors import OptionError, did_you_mean
from recurra.labs.context import LabContext

__all__ = ["AllRun", "Lab", "LabContext", "all_labs", "find", "run_all"]


@final
@dataclass(frozen=True)
class Lab:
    """A lab: its name, what it shows, and whether it reads a file: never, if given one, or always.

    Its script is the module of its name in this folder, with a function `run(context)`.
    """

    name: str
    question: str
    file: Literal["none", "may", "must"] = "none"

    @property
    def needs_file(self) -> bool:
        """Whether it cannot run without a path."""
        return self.file == "must"

    def run(self, context: LabContext) -> Any:
        """Run the lab, print through the context, and return its result, a frozen dataclass.

        The random numbers of the caller stay as they were.

        Raises:
            OptionError: a path is missing, or given to a lab that reads none.
            DataError: the file cannot be used.
        """
        if self.needs_file and context.path is None:
            raise OptionError(
                f"lab {self.name} without a file", expected=f"recurra lab {self.name} PATH"
            )
        if self.file == "none" and context.path is not None:
            raise OptionError(
                f"lab {self.name} with the file {context.path}", expected="no file: it has its own"
            )
        context.heading(self.name, self.question)
        script = import_module(f"recurra.labs.{self.name.replace('-', '_')}")
        from recurra.training.loop import chance_put_back

        begun = time.perf_counter()
        with chance_put_back():
            result = script.run(context)
        context.aside(f"{time.perf_counter() - begun:.1f} s")
        return result


_LABS: Final = (
    Lab("basics", "what a recurrent layer computes, by hand, and the shapes it takes and gives"),
    Lab("argmax", "from scores (batch, time, vocabulary) to text, and how many windows a text has"),
    Lab("hihello", "the smallest text model: 'hihell' in, 'ihello' out, with and without a head"),
    Lab("charseq", "a phrase letter by letter, one-hot or by number, fed the truth or itself"),
    Lab("long-sequence", "a long sentence from windows of 10, then with the state handed on"),
    Lab("stock", "seven days -> the next close; what scaling by the test part gives away", "may"),
    Lab("translate", "four sentences to Korean; what the decoder is fed while it learns"),
    Lab("attention", "five ways to look back, and strings reversed with and without them"),
    Lab("vanishing", "how far back a gradient reaches in RNN, GRU and LSTM; tanh against ReLU"),
    Lab("packed", "sentences of unequal length in one batch, without a padded step"),
    Lab("memory-rnn", "a cell written out, and a sentence it recites from a start symbol"),
    Lab("memory-lstm", "a longer sentence, alone and in a batch; how much RNN, GRU and LSTM hold"),
    Lab("chatbot", "questions and answers; which words of a question go into the reply", "may"),
    Lab("caption", "a picture -> a sentence: seen once, at every step, or looked at; and black"),
    Lab("sentiment", "a sentence -> its mood, against counting words", "may"),
    Lab("shakespeare", "RNN, GRU and LSTM learn to write like a text, side by side", "may"),
)


@final
@dataclass(frozen=True)
class AllRun:
    """The result of each lab that `run_all` ran, and the labs skipped for want of a file."""

    results: dict[str, Any]
    skipped: tuple[str, ...]


def all_labs() -> tuple[Lab, ...]:
    """Every lab, in the order of the course."""
    return _LABS


def find(name: str) -> Lab:
    """The lab of this name.

    Raises:
        OptionError: there is none; it lists the names and the nearest.
    """
    names = [lab.name for lab in _LABS]
    if name in names:
        return _LABS[names.index(name)]
    raise OptionError(
        f"no lab is called {name!r}",
        expected=f"one of {', '.join(names)}",
        fix=did_you_mean(name.lower().replace("_", "-"), names, 0.5),
    )


def run_all(context: LabContext) -> AllRun:
    """Run every lab that needs no file, and name those that were skipped for want of one.

    A path in the context is given to no lab: each would want another.
    """
    context = replace(context, path=None)
    skipped = tuple(lab.name for lab in _LABS if lab.needs_file)
    results = {lab.name: lab.run(context) for lab in _LABS if not lab.needs_file}
    if skipped:
        context.say(f"Skipped for want of a file: {', '.join(skipped)}.")
    return AllRun(results, skipped)
