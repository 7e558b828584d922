"""The course labs: documents that run, each with a question and its answer, in two languages.

Nothing here loads torch; a lab does, when it runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final, final

from recurra.errors import MissingExtra, OptionError, did_you_mean
from recurra.labs.document import Document
from recurra.labs.runner import Output, View, run
from recurra.labs.words import WORDS
from recurra.tasks import TASKS

__all__ = ["Lab", "all_labs", "find"]

DOCUMENTS: Final = Path(__file__).parent / "documents"


@final
@dataclass(frozen=True)
class Lab:
    """A lab: its documents are those of its name in `documents/`.

    Args:
        seconds: of one core that it takes, as measured beside other work.
        task: the one whose packages it needs beside torch.
        data: what `--data` may be; nothing where it has its own alone.
        quick: its settings where there is little time.
    """

    name: str
    seconds: int
    task: str = ""
    data: str = ""
    quick: Mapping[str, object] = field(default_factory=dict)

    def document(self, language: str = "en") -> Document:
        """The lab in a language: en or ko."""
        end = "" if language == "en" else f".{language}"
        return Document.read(DOCUMENTS / f"{self.name}{end}.md")

    def missing(self) -> list[str]:
        """Packages that it needs and that are not installed."""
        if self.task:
            return TASKS[self.task].missing()
        return [] if find_spec("torch") else ["torch"]

    def check(self, language: str = "en") -> None:
        """Check that it can run here.

        Raises:
            MissingExtra: what it needs is not installed; said in a language, en or ko.
        """
        if lacking := self.missing():
            words = WORDS[language]
            raise MissingExtra(
                words.lacking.format(self.name, ", ".join(lacking)), fix=words.install
            )

    def changes(self, *, quick: bool, seed: int, data: Path | None) -> dict[str, object]:
        """The settings that are not as the document has them.

        Raises:
            OptionError: data for a lab that has its own, or a seed below 0.
        """
        if data is not None and not self.data:
            raise OptionError(f"lab {self.name} with --data {data}", expected="its own data alone")
        if seed < 0:
            raise OptionError(f"--seed {seed}", expected="0 or more")
        found = dict(self.quick) if quick else {}
        return found | ({"seed": seed} if seed else {}) | ({"data": str(data)} if data else {})

    def run(
        self,
        view: View,
        *,
        language: str = "en",
        quick: bool = False,
        seed: int = 0,
        data: Path | None = None,
    ) -> list[list[Output]]:
        """Run the lab; see `recurra.labs.runner.run`.

        Raises:
            MissingExtra: what it needs is not installed.
            OptionError: what it is told to do it cannot.
        """
        self.check(language)
        changes = self.changes(quick=quick, seed=seed, data=data)
        return run(self.document(language), view, changes, strict=not (seed or data))


_LABS: Final = (
    Lab("basics", 2),
    Lab("argmax", 1),
    Lab("hihello", 4),
    Lab("charseq", 3),
    Lab("long-sequence", 16, quick={"seeds": 2}),
    Lab("stock", 8, data="daily prices", quick={"seeds": 2}),
    Lab("translate", 25, quick={"seeds": 2}),
    Lab("attention", 70, quick={"shortest": 5, "longest": 10, "steps": 130}),
    Lab("vanishing", 5, quick={"seeds": 3}),
    Lab("packed", 2),
    Lab("memory-rnn", 3),
    Lab("memory-lstm", 5, quick={"lengths": (32, 64)}),
    Lab(
        "chatbot",
        13,
        task="pairs",
        data="questions and answers",
        quick={"steps": 250, "later": 600},
    ),
    Lab("caption", 60, quick={"pictures": 6000, "steps": 280, "later": 40, "tested": 200}),
    Lab(
        "sentiment", 13, task="labels", data="texts and labels", quick={"count": 800, "steps": 150}
    ),
    Lab(
        "shakespeare",
        120,
        data="a text",
        quick={
            "chunks": 200,
            "every": 50,
            "most": 40_000,
            "ours": {"steps": 150, "hidden": 100, "layers": 1},
        },
    ),
)


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
