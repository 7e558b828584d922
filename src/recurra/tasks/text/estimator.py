"""TextModel: fit, generate, evaluate, save, load."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Any, Self, final

import numpy as np
import torch

from recurra.bundle import CHECKPOINT, CONFIG, REPORT, VOCABULARY, WEIGHTS, Run
from recurra.data.files import TextSource, read_text
from recurra.data.vocabulary import Vocabulary
from recurra.errors import BundleError, DataError, OptionError, TrainingError
from recurra.search import Sampling
from recurra.tasks.text import baselines, data, evaluate, recipe, report
from recurra.tasks.text.data import TextData
from recurra.tasks.text.generate import write
from recurra.tasks.text.model import Architecture, CharacterNetwork
from recurra.tasks.text.options import TextOptions
from recurra.tasks.text.stopping import stop_at
from recurra.training import session
from recurra.training.loop import Settings, Watcher, seeded, train
from recurra.training.optimiser import Rates
from recurra.training.plan import Clock
from recurra.training.precision import Precision
from recurra.training.progress import Silence

Source = str | PathLike[str] | TextSource | Sequence[str | PathLike[str]] | None


@final
@dataclass(kw_only=True, eq=False)
class TextModel(TextOptions):
    """A character model: reads text, says what comes next.

        model = TextModel(minutes=5).fit("corpus.txt", out="runs/mine")
        for piece in model.generate("Once "): print(piece, end="")

    Options are those of TextOptions. A fitted model stands on the folder of its run; without
    `out` that folder is a temporary one, and `save` copies it to a place of its own.

    Raises:
        OptionError: an option is out of its range.
    """

    def __post_init__(self) -> None:
        self.check()
        self._run: Run | None = None
        self._network: CharacterNetwork | None = None

    # -- training ---------------------------------------------------------------------------

    def fit(
        self,
        source: Source = None,
        *,
        out: str | PathLike[str] | None = None,
        overwrite: bool = False,
        watcher: Watcher | None = None,
    ) -> Self:
        """Train on a text: files, folders, "-", a TextSource, or None for the embedded one.

        Ctrl-C ends it early, keeps what was learnt, and raises KeyboardInterrupt; `resume` goes on.

        Raises:
            DataError: the text cannot be used.
            BundleError: `out` exists already, or cannot be written.
            TrainingError: the loss exploded; the best weights before that are kept.
        """
        clock, watcher = Clock(), watcher or Silence()
        self.check()
        if self.threads:
            torch.set_num_threads(self.threads)
        if isinstance(source, TextSource):
            read = TextData.from_source(source)
        else:
            read = data.read(data.listed(source))
        device = session.device_of(self.device)
        precision = session.precision_of(self.precision, device)
        chosen = recipe.recipe(self, len(read.split.train), precision, device)
        size = chosen.size
        read.check_chunk(size.chunk)
        architecture = Architecture(
            len(read.vocabulary),
            self.cell,
            size.embedding,
            size.hidden,
            size.layers,
            chosen.dropout,
        )
        if out is None:
            out = tempfile.mkdtemp(prefix="recurra-")
            weakref.finalize(self, shutil.rmtree, out, ignore_errors=True)
        run = Run.create(out, overwrite=overwrite, reading=read.source.files)
        # A number that no step has: the first weights are drawn apart from all else.
        with seeded(self.seed, 2**32 - 1):
            network = CharacterNetwork(architecture).to(device)
        watcher.says(read.told())
        watcher.says(f"model: {network.told()} ({chosen.reason}); {precision}")
        settings = recipe.configuration(self, read, architecture, size, precision, device)
        try:
            run.write_json(CONFIG, settings)
            run.write_json(VOCABULARY, read.vocabulary.to_json())
            data.store_input(run, read)
            parts = (read.split.train, read.split.select, read.split.test)
            found = baselines.text_baselines(read.vocabulary, *map(read.text, parts))
            report.write_baselines(run, found)
            watcher.says("to beat: " + report.told_baselines(found))
            return self._trained(run, read, network, precision, watcher, clock, new=True)
        except BaseException:
            if not run.has(CHECKPOINT) and not run.has(REPORT):
                # Nothing was learnt: what is there would only be in the way of the next attempt.
                run.remove()
            raise

    @classmethod
    def resume(cls, path: str | PathLike[str], *, watcher: Watcher | None = None) -> Self:
        """Go on with an interrupted training to its end, as if it had never stopped.

        Raises:
            BundleError: no run, a finished one, or one without a checkpoint.
            DataError: the text has changed since.
        """
        run = Run.open(path, task="text")
        if run.has(REPORT):
            raise BundleError(
                f"{run.path}: this training is finished; there is nothing to resume",
                fix=f"use it: recurra generate {run.path}",
            )
        config = run.config()
        with run.intact(CONFIG):
            settings, facts = config["training"], config["data"]
            model, architecture = cls(**config["options"]), Architecture(**config["architecture"])
            precision = Precision(settings["bfloat16"], settings["bfloat16_reason"])
            threads, name = int(settings["threads"]), str(settings["device"])
        if not run.has(CHECKPOINT):
            raise BundleError(
                f"{run.path / CHECKPOINT}: missing",
                fix="without its checkpoint a training cannot go on: train again",
            )
        if threads != torch.get_num_threads():
            # Sums are split over threads: another number rounds differently.
            torch.set_num_threads(threads)
        read = data.read_again(run, facts)
        device = session.device_of(name)
        with seeded(0, 0):
            network = CharacterNetwork(architecture).to(device)
        return model._trained(
            run, read, network, precision, watcher or Silence(), Clock(), new=False
        )

    def _trained(
        self,
        run: Run,
        read: TextData,
        network: CharacterNetwork,
        precision: Precision,
        watcher: Watcher,
        clock: Clock,
        *,
        new: bool,
    ) -> Self:
        settings = run.config()["training"]
        trainee = recipe.trainee(network, read, settings)
        how = Settings(
            seed=settings["seed"],
            rates=Rates(**settings["rates"]),
            finish=settings["finish"],
        )
        if new:
            progress = session.begin(
                trainee,
                network,
                self,
                how,
                precision,
                run,
                watcher,
                clock,
                steps_an_epoch=trainee.streams.length / trainee.streams.chunk,
                most_epochs=recipe.MOST_EPOCHS,
                reserve=evaluate.seconds_needed(network, read),
            )
        else:
            progress = train(trainee, network, None, how, precision, run, watcher, clock)
        if not progress.reason:
            raise KeyboardInterrupt
        self._adopt(run)
        epochs = progress.step * trainee.streams.chunk / trainee.streams.length
        report.write(run, self.network, read, progress, epochs)
        # Its plan is done: there is nothing to go on with.
        shutil.rmtree(run.path / Path(CHECKPOINT).parent, ignore_errors=True)
        if progress.reason == "diverged":
            raise TrainingError(
                f"{run.path}: the loss exploded after step {progress.step}",
                expected="a loss that falls",
                fix=f"the weights of step {progress.best_step} are kept; train again with a lower "
                "--rate",
            )
        return self

    # -- use --------------------------------------------------------------------------------

    @classmethod
    def load(cls, path: str | PathLike[str], *, device: str = "cpu") -> Self:
        """The model of a run.

        Raises:
            BundleError: no run of this task, or a damaged one.
        """
        run = Run.open(path, task="text")
        with run.intact(CONFIG):
            model = cls(**run.config()["options"])
        model.device = device
        model._adopt(run)
        return model

    def _adopt(self, run: Run) -> None:
        config = run.config()
        with run.intact(VOCABULARY):
            vocabulary = Vocabulary.from_json(run.read_json(VOCABULARY))
        with run.intact(CONFIG):
            architecture = Architecture(**config["architecture"])
            self._unknown_rate = float(config["data"]["unknown_rate"])
        arrays, _ = run.read_arrays(WEIGHTS)
        try:
            with seeded(0, 0):  # the weights that it draws are replaced at once
                network = CharacterNetwork(architecture)
            network.load_state_dict({k: torch.from_numpy(v) for k, v in arrays.items()})
        except (RuntimeError, TypeError, ValueError) as error:
            raise BundleError(
                f"{run.path / WEIGHTS}: does not fit {CONFIG} ({str(error).splitlines()[0]})",
                fix="restore both from one copy of the run, or train again",
            ) from error
        if len(vocabulary) != network.embedding.num_embeddings:
            raise BundleError(
                f"{run.path / VOCABULARY}: holds {len(vocabulary) - 1} characters",
                expected=f"{network.embedding.num_embeddings - 1}, as the weights have",
                fix="restore both from one copy of the run, or train again",
            )
        self._run, self._vocabulary = run, vocabulary
        self._network = network.to(session.device_of(self.device)).eval()

    @property
    def run(self) -> Run:
        """The folder that the model stands on."""
        if self._run is None:
            raise OptionError("the model is not fitted yet", fix="call fit, or TextModel.load")
        return self._run

    @property
    def network(self) -> CharacterNetwork:
        """The fitted network."""
        if self._network is None:
            raise OptionError("the model is not fitted yet", fix="call fit, or TextModel.load")
        return self._network

    @property
    def vocabulary(self) -> Vocabulary:
        """The characters that the fitted model knows."""
        assert self.network is not None
        return self._vocabulary

    @property
    def report(self) -> dict[str, Any]:
        """The report of the training: figures, baselines, verdict."""
        found: dict[str, Any] = self.run.read_json(REPORT)
        return found

    def generate(
        self,
        prompt: str = "",
        *,
        temperature: float = 0.8,
        top_k: int | None = None,
        top_p: float = 1.0,
        repetition_penalty: float = 1.0,
        length: int | None = 500,
        stop: Sequence[str] = (),
        seed: int | None = None,
        replace_unknown: bool = False,
    ) -> Iterator[str]:
        """Yield text that follows the prompt, piece by piece, as it is written.

        Args:
            temperature: 0 takes the likeliest character each time, 1 is the model's own choice.
            length: characters; None for no end.
            stop: ends before any of these.
            seed: for the same text again; None draws one.

        Raises:
            OptionError: an option is out of its range.
            DataError: the prompt holds an unknown character, and `replace_unknown` is not set.
        """
        how = Sampling(temperature, top_k, top_p, repetition_penalty)
        rows = self._rows(prompt, how, 1, length, seed, replace_unknown)
        pieces = (row[0] for row in rows)
        return stop_at(pieces, stop) if stop else pieces

    def continuations(
        self,
        prompt: str = "",
        *,
        count: int = 4,
        temperature: float = 0.8,
        top_k: int | None = None,
        top_p: float = 1.0,
        repetition_penalty: float = 1.0,
        length: int | None = 500,
        stop: Sequence[str] = (),
        seed: int | None = None,
        replace_unknown: bool = False,
    ) -> list[str]:
        """Write several continuations of one prompt side by side; options as `generate`.

        The first of them is what `generate` writes with the same seed.

        Raises:
            OptionError: an option is out of its range, or there is no length.
            DataError: the prompt holds an unknown character, and `replace_unknown` is not set.
        """
        if length is None:
            raise OptionError("no length", expected="one, where there are several continuations")
        how = Sampling(temperature, top_k, top_p, repetition_penalty)
        rows = self._rows(prompt, how, count, length, seed, replace_unknown)
        texts = map("".join, zip(*rows, strict=True))
        return ["".join(stop_at(iter(text), stop)) if stop else text for text in texts]

    def _rows(
        self,
        prompt: str,
        how: Sampling,
        count: int,
        length: int | None,
        seed: int | None,
        replace_unknown: bool,
    ) -> Iterator[tuple[str, ...]]:
        if length is not None and length < 1:
            raise OptionError(
                f"length {length}", expected="1 or more characters, or None for no end"
            )
        rows = write(
            self.network,
            self.vocabulary,
            prompt,
            how,
            seed=secrets.randbelow(2**62) if seed is None else seed,
            count=count,
            replace_unknown=replace_unknown,
        )
        return islice(rows, length)

    def nats(self, text: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        """What each character of `text` (N,) costs, in nats, given those before it."""
        if not text:
            raise DataError("the text is empty", expected="at least one character")
        return evaluate.score(self.network, self.vocabulary.encode(text), self._unknown_rate)[0]

    def evaluate(self, source: Source) -> dict[str, Any]:
        """The report on other text: figures, and baselines where the training text is still there.

        Raises:
            DataError: the text cannot be read.
        """
        text = source if isinstance(source, TextSource) else read_text(data.listed(source))
        ids = self.vocabulary.encode(text.text)
        nats, streams = evaluate.score(self.network, ids, self._unknown_rate)
        try:
            known = data.read_again(self.run, self.run.config()["data"])
            train = known.text(known.split.train)
            found = baselines.text_baselines(
                self.vocabulary, train, known.text(known.split.select), text.text
            )
        except DataError:
            found = ()
        return {
            "data": {"name": text.name, "part": "the whole text"},
            "model": evaluate.summary(nats, ids, streams).to_json(),
            "baselines": report.plain(found),
            "verdict": evaluate.plain(evaluate.against(nats, found)),
        }

    def save(self, path: str | PathLike[str], *, overwrite: bool = False) -> None:
        """Copy the run to a folder of its own.

        Raises:
            BundleError: something is there already, or it cannot be written.
        """
        target = Run.create(path, overwrite=overwrite, reading=[self.run.path / CONFIG])
        self.run.copy_to(target)
