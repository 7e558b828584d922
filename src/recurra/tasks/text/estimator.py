"""TextModel: fit, generate, evaluate, save, load."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from os import PathLike
from pathlib import Path
from typing import Any, Self, final

import numpy as np
import torch

from recurra.bundle import CONFIG, VOCABULARY, Run
from recurra.codecs import grammar
from recurra.codecs import tokenizer as tokens
from recurra.codecs.tokenizer import UNKNOWN
from recurra.codecs.tokenizer import Tokenizer as Tokens
from recurra.data.files import STANDARD_INPUT, TextSource
from recurra.data.lines import raw_lines
from recurra.data.long_text import LongText, Text, open_text
from recurra.data.stored_ids import released
from recurra.errors import BundleError, DataError, OptionError
from recurra.search.choice import Sampling
from recurra.tasks.design import Design
from recurra.tasks.model import Model
from recurra.tasks.text import (
    baselines,
    data,
    dynamic,
    evaluate,
    lines,
    recipe,
    report,
    stored,
    traces,
)
from recurra.tasks.text.data import TextData
from recurra.tasks.text.generate import write
from recurra.tasks.text.lines import Line, LineReader, Usual
from recurra.tasks.text.model import Architecture, CharacterNetwork
from recurra.tasks.text.options import TextOptions
from recurra.tasks.text.stopping import stop_at
from recurra.tasks.text.trainee import UNSEEN, TextTrainee
from recurra.training import checkpoint, processes, session
from recurra.training.checkpoint import Progress
from recurra.training.loop import Watcher
from recurra.training.precision import Precision
from recurra.training.progress import Silence

Source = str | PathLike[str] | Text | Sequence[str | PathLike[str]] | None


@final
@dataclass(kw_only=True, eq=False)
class TextModel(TextOptions, Model[TextData, CharacterNetwork]):
    """A text model: reads characters, bytes, subwords or words, says what comes next.

        model = TextModel(minutes=5).fit("corpus.txt", out="runs/mine")
        for piece in model.generate("Once "): print(piece, end="")

    Options are those of TextOptions. A fitted model stands on the folder of its run; without
    `out` that folder is a temporary one, and `save` copies it to a place of its own.

    Raises:
        OptionError: an option is out of its range.
    """

    task = "text"
    baselines = report.BASELINES
    several = True

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
            OptionError: an option is out of its range.
            DataError: the text cannot be used.
            MissingExtra: subwords are asked for and tokenizers is not installed.
            BundleError: `out` exists already, or cannot be written.
            TrainingError: the loss exploded; the best weights before that are kept.
        """
        clock = self._start()
        beside = None
        if out is not None:
            # The run's folder is not there yet, nor need the one around it be.
            beside = next(each for each in Path(out).absolute().parents if each.is_dir())
        how: dict[str, Any] = {"reset_at_documents": self.reset_at_documents, "beside": beside}
        if isinstance(source, TextSource | LongText):
            read = TextData.from_source(source, self.tokens, **how)
        else:
            listed = data.listed(source)
            if STANDARD_INPUT in listed and processes.count() > 1:
                raise OptionError(
                    f"standard input for {processes.count()} processes",
                    expected="a file, which all of them can read",
                    fix="keep it in a file first",
                )
            read = data.read(listed, self.tokens, **how)
        files, told = read.source.files, read.told()
        return self._begin(read, files, told, out, overwrite, watcher or Silence(), clock)

    def _precision(self, device: torch.device) -> Precision:
        return session.precision_of(self.precision, device)

    def _design(self, read: TextData, precision: Precision, device: torch.device) -> Design:
        found = recipe.design(self, read, precision, device)
        read.check_chunk(found.settings["chunk"])
        return found

    @classmethod
    def _built(cls, architecture: dict[str, Any]) -> CharacterNetwork:
        return CharacterNetwork(Architecture(**architecture))

    def _trainee(
        self, network: CharacterNetwork, read: TextData, settings: dict[str, Any]
    ) -> TextTrainee:
        return recipe.trainee(network, read, settings)

    def _prepare(self, run: Run, read: TextData, watcher: Watcher) -> None:
        run.write_json(VOCABULARY, read.vocabulary.to_json())
        stored.store_input(run, read)
        found = baselines.text_baselines(read.vocabulary, *read.known(), read.text(read.tested))
        report.write_baselines(run, found)
        watcher.says(
            "to beat: " + report.told_baselines(found, evaluate.beside(read.vocabulary.unit))
        )

    def _seconds_needed(self, network: CharacterNetwork, read: TextData) -> float:
        again = lines.read_again(read, finishing=self.finish > 0)
        return evaluate.seconds_needed(network, read, again) + traces.seconds_needed(network, read)

    def _judge(
        self,
        run: Run,
        network: CharacterNetwork,
        read: TextData,
        progress: Progress,
        epochs: float,
    ) -> None:
        released(read.ids)
        kept = checkpoint.carried(run).get(UNSEEN)
        unseen = None if kept is None else kept.numpy().astype(np.float64)
        spared = int(run.config()["training"].get("spared", 0))
        usual = None
        if unseen is not None or not progress.finishing:
            usual = lines.learn(network, read, unseen, spared)
        # Else begun by a version that did not keep what lines cost while they were new.
        if usual is not None:
            usual.write(run)
        report.write(run, network, read, progress, epochs, usual)

    @classmethod
    def _read_again(cls, run: Run, config: dict[str, Any]) -> TextData:
        return stored.read_again(
            run, config["data"], _tokens(run, config), reset_at_documents=_apart(run, config)
        )

    @staticmethod
    def _facts(read: TextData) -> dict[str, Any]:
        return read.facts()

    def _load_parts(self, run: Run, config: dict[str, Any], network: CharacterNetwork) -> None:
        with run.intact(CONFIG):
            kind, _ = grammar.parsed(_tokens(run, config))
        with run.intact(VOCABULARY):
            vocabulary = tokens.from_json(run.read_json(VOCABULARY))
        if len(vocabulary) != network.embedding.num_embeddings or vocabulary.unit != kind:
            silent = len(vocabulary.silent)
            raise BundleError(
                f"{run.path / VOCABULARY}: holds {len(vocabulary) - silent} {vocabulary.unit}",
                expected=f"{network.embedding.num_embeddings - silent} {kind}, as the weights have",
                fix="restore both from one copy of the run, or train again",
            )
        with run.intact(CONFIG):
            self._unknown_rate = float(config["data"]["unknown_rate"])
            if not 0.0 <= self._unknown_rate < 1.0:
                raise ValueError(f"unknown_rate {self._unknown_rate}")
        self._vocabulary = vocabulary

    # -- use --------------------------------------------------------------------------------

    @property
    def vocabulary(self) -> Tokens:
        """The characters, bytes, subwords or words that the fitted model knows."""
        assert self.network is not None
        return self._vocabulary

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
            temperature: 0 takes the likeliest token each time, 1 is the model's own choice.
            length: tokens; None for no end. A character that they leave unfinished is left out.
            stop: ends before any of these.
            seed: for the same text again; None draws one.

        Raises:
            OptionError: an option is out of its range.
            DataError: the prompt holds what is unknown, and `replace_unknown` is not set.
        """
        how = Sampling(temperature, top_k, top_p, repetition_penalty)
        rows = self._rows(prompt, how, 1, length, seed, replace_unknown)
        pieces = (row[0] for row in rows if row[0])
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
            DataError: the prompt holds what is unknown, and `replace_unknown` is not set.
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
            raise OptionError(f"length {length}", expected="1 or more tokens, or None for no end")
        rows = write(
            self.network,
            self.vocabulary,
            prompt,
            how,
            seed=secrets.randbelow(2**62) if seed is None else seed,
            count=count,
            replace_unknown=replace_unknown,
            apart=self.reset_at_documents,
        )
        return islice(rows, length)

    def nats(self, text: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        """What each token of `text` (N,) costs, in nats, given those before it."""
        if not text:
            raise DataError("the text is empty", expected="at least one character")
        # Where documents are kept apart, the first token follows a document's beginning.
        before = UNKNOWN if self.reset_at_documents else None
        ids = self.vocabulary.encode(text)
        return evaluate.score(self.network, ids, self._unknown_rate, before)[0]

    @property
    def usual(self) -> Usual:
        """What lines cost that the model was not trained on.

        Raises:
            BundleError: its training is not finished, or had no lines.
        """
        return Usual.read(self.run)

    def lines(self, source: str | PathLike[str]) -> Iterator[Line]:
        """Each line of a file, or of "-", standard input, with how surprising it is.

        The state is carried from line to line, as the model was trained; memory does not grow with
        the file. A line stands out above `usual.threshold(0.99)`.

        Raises:
            BundleError: the training is not finished, or had no lines.
            DataError: the file cannot be read.
        """
        return chain.from_iterable(self.line_groups(source))

    def line_groups(self, source: str | PathLike[str]) -> Iterator[list[Line]]:
        """The same, in groups of those that have come since the last."""
        reader = LineReader(self.network, self.vocabulary, self._unknown_rate, self.usual)
        return map(reader.read, raw_lines(source if isinstance(source, str) else Path(source)))

    def evaluate(self, source: Source) -> dict[str, Any]:
        """The report on other text: figures, and baselines where the training text is still there.

        Of a text of more than 50,000,000 characters the first 2,500,000 are scored.

        Raises:
            DataError: the text cannot be read.
        """
        given = _opened(source)
        ids, starts, text = data.encoded(self.vocabulary, given, reset=self.reset_at_documents)
        nats, streams = evaluate.score(self.network, ids, self._unknown_rate, starts=starts)
        try:
            train, select = stored.known_again(self.run, self.run.config()["data"])
            found = baselines.text_baselines(self.vocabulary, train, select, text)
        except DataError:
            found = ()
        ids = ids if starts is None else np.delete(ids, starts)
        cuts = data.cuts_in(given, range(len(text)), apart=self.reset_at_documents)
        figures, compared = evaluate.summary(nats, ids, text, self.vocabulary, streams, cuts)
        unit = evaluate.beside(self.vocabulary.unit)
        whole = len(text) == given.length
        part = "the whole text" if whole else f"the beginning of its {given.length:,} characters"
        return {
            "data": {"name": given.name, "part": part},
            "model": figures.to_json(),
            "baselines": report.plain(found),
            "verdict": evaluate.plain(evaluate.against(compared, found, unit)),
        }

    def dynamic(self, source: Source = None) -> dict[str, Any]:
        """Plain and dynamic evaluation side by side: see `recurra.tasks.text.dynamic`.

        Args:
            source: a text, or None for the run's own test part.

        Raises:
            DataError: the text cannot be read, or that of the training is gone: the rate is
                chosen on its selection part.
        """
        run, config = self.run, self.run.config()
        read = self._read_again(run, config)
        rate = dynamic.chosen(self.network, read, int(config["training"].get("spared", 0)))
        if source is None:
            name, part = read.source.name, "the test part"
            ids, starts = np.asarray(read.test), read.starts_in(read.parts.test)
            before: int | None = int(read.ids[read.parts.test.start - 1])
        else:
            given = _opened(source)
            name, part, before = given.name, "the text", None
            ids, starts, _ = data.encoded(self.vocabulary, given, reset=self.reset_at_documents)
        how = (self.network, ids, self._unknown_rate, before)
        plain, _ = evaluate.score(*how, starts=starts)
        found = dynamic.dynamic_nats(*how, rate, starts)
        return {
            "data": {"name": name, "part": part},
            "unit": self.vocabulary.unit,
            "tokens": len(found),
            "plain": float(plain.mean()),
            "dynamic": float(found.mean()),
            "rate": rate,
        }


def _opened(source: Source) -> Text:
    """A text as it is given, or that of files."""
    if isinstance(source, TextSource | LongText):
        return source
    return open_text(data.listed(source))


def _tokens(run: Run, config: dict[str, Any]) -> str:
    """What a run was told to read; runs of before there was a choice read characters."""
    with run.intact(CONFIG):
        return str(config["options"].get("tokens", "characters"))


def _apart(run: Run, config: dict[str, Any]) -> bool:
    """Whether a run was told to keep documents apart."""
    with run.intact(CONFIG):
        return bool(config["options"].get("reset_at_documents", False))
