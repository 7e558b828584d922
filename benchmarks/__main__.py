"""`python -m benchmarks NAME ...`, from the root of the repository."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import click

from benchmarks import BenchOptions
from recurra.cli import main
from recurra.console.commands import Argument, Command
from recurra.errors import OptionError

BENCHES: Final = {
    "text": "the loss on the test part of a text after --minutes, over --repeats seeds",
    "labels": "labels after --minutes, training steps against torch.nn, lines a second",
    "archive": "twelve sets of number sequences after --minutes each, beside MiniRocket and 1-NN",
    "series": "forecasts after --minutes at most, lab stock against torch, many series",
    "short": "answers on twelve short series, after --minutes each, beside single methods",
    "captions": "captions after --minutes of scenes, strips, ShapeWorld; steps against torch.nn",
    "pairs": "translations after --minutes at most, lab translate and a network against torch.nn",
    "layers": "steps of recurrent layers against torch.nn and ONNX Runtime",
    "lines": "whether what is promised of usual lines holds on text that follows, of many kinds",
    "use": "a text model's first character, speed, memory, pool; alone and beside others",
}
"""Name, which is that of the module here, and what is measured."""


WHOLE: Final = {"lines", "text", "use"}
"""What has no parts that could be named."""


@click.command(
    "bench",
    cls=Command,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
)
@click.argument(
    "name",
    cls=Argument,
    type=click.Choice(list(BENCHES)),
    metavar="NAME",
    help=". ".join(f"{name}: {what}" for name, what in BENCHES.items()) + ".",
)
@click.argument(
    "data", cls=Argument, type=Path, required=False, help="A file or folder, where it takes one."
)
@click.option("--minutes", default=3.0, help="Time of each training.")
@click.option("--repeats", default=3, help="Seeds, or timings.")
@click.option(
    "--only",
    default="",
    show_default=False,
    help="Names of what is measured; a wrong one lists them. Of layers, cases with all of these "
    'words: "train GRU small".',
)
@click.option("--seconds", default=1.0, help="Time of each way of a case of layers.")
def bench(name: str, **given: Any) -> None:
    """Measure speed or quality; the last line printed is JSON."""
    options = BenchOptions(**given)
    if options.only and name in WHOLE:
        raise OptionError(
            f"bench {name} --only {options.only!r}: it has no parts",
            expected=f"--only with {', '.join(each for each in BENCHES if each not in WHOLE)}",
        )
    import_module(f"benchmarks.{name}").run(options)


if __name__ == "__main__":
    sys.exit(main(of=bench))
