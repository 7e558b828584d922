"""TextModel: fit, generate, evaluate, save, load."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, final

import numpy as np

from recurra.bundle import CONFIG, VOCABULARY, Run
from recurra.codecs import grammar, tokenizer
from recurra.codecs.tokenizer import UNKNOWN, Tokenizer
from recurra.errors import BundleError, DataError, OptionError, check_count
from recurra.runtime.text import Architecture, TextNetwork
from recurra.search.sampling import Sampling
from recurra.tasks.model import Model
from recurra.tasks.text.generate import write
from recurra.tasks.text.options import Sample, TextOptions
from recurra.tasks.text.stopping import stop_at
from recurra.tasks.text.task import TEXT

# What some uses need is imported in them: a first character should not wait for all of them.
if TYPE_CHECKING:
    from recurra.runtime.pool import Pool
    from recurra.runtime.state import Array
    from recurra.runtime.streams import Stream, StreamState
    from recurra.runtime.text import Ids
    from recurra.tasks.text.anomaly import Line, LineStatistics
    from recurra.tasks.text.inputs import InMemory, Source
    from recurra.tasks.text.stream import TextStep
    from recurra.training.callbacks import Callback


@final
class TextModel(Model[TextOptions, TextNetwork]):
    """A text model: reads characters, bytes, subwords or words, says what comes next.

        model = TextModel(minutes=5).fit("corpus.txt", out="runs/mine")
        for piece in model.generate("Once "):
            print(piece, end="")

    Options are those of TextOptions. A fitted model stands on the folder of its run; without
    `out` that folder is a temporary one, and `save` copies it to a place of its own.

    Raises:
        OptionError: an option is out of its range.
    """

    task = TEXT
    _architecture, _runtime = Architecture, TextNetwork

    # -- training ---------------------------------------------------------------------------

    def fit(
        self,
        source: Source | Sample = Sample.SAMPLE,
        *,
        text: InMemory = None,
        out: str | PathLike[str] | None = None,
        overwrite: bool = False,
        callbacks: Sequence[Callback] | Callback = (),
        progress: bool | None = None,
    ) -> Self:
        """Train on the text of files, or on one in memory.

            TextModel(minutes=5).fit("corpus.txt")
            TextModel(minutes=5).fit(text=documents)  # a text, or a list of them

        Ctrl-C ends it early, keeps what was learnt, and raises KeyboardInterrupt; `resume` goes on.

        Args:
            source: a file, a folder, "-" for standard input, or several of them; without any, and
                without a text, the language reference that Python carries.
            text: a text itself, or a list of documents.

        Raises:
            OptionError: an option is out of its range.
            DataError: the text cannot be used, or a source is neither a file nor a folder.
            MissingExtra: torch is not installed, or tokenizers where subwords are asked for.
            BundleError: `out` exists already, or cannot be written.
            TrainingError: the loss exploded; the best weights before that are kept.
        """
        return self._fit({"source": source, "text": text}, out, overwrite, callbacks, progress)

    def load_parts(self, run: Run) -> None:
        """Read the vocabulary, and how likely the unknown is; see `Model.load_parts`."""
        with run.intact(CONFIG):
            inference = run.config()["inference"]
            kind, _ = grammar.parsed(str(inference["tokens"]))
            symbols = int(inference["architecture"]["symbols"])
            self._unknown_rate = float(inference["unknown_rate"])
            self._apart = bool(inference["apart"])
            # Runs of earlier versions have a line end alone.
            self._opening = str(inference.get("opening", "\n"))
            if not 0.0 <= self._unknown_rate < 1.0:
                raise ValueError(f"unknown_rate {self._unknown_rate}")
        with run.intact(VOCABULARY):
            vocabulary = tokenizer.from_json(run.read_json(VOCABULARY))
        if len(vocabulary) != symbols or vocabulary.unit != kind:
            silent = len(vocabulary.silent)
            raise BundleError(
                f"{run.path / VOCABULARY}: holds {len(vocabulary) - silent} {vocabulary.unit}",
                expected=f"{symbols - silent} {kind}, as the weights have",
                fix="restore both from one copy of the run, or train again",
            )
        self._vocabulary = vocabulary

    # -- use --------------------------------------------------------------------------------

    @property
    def vocabulary(self) -> Tokenizer:
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
        stop: str | Sequence[str] = (),
        seed: int | None = None,
        replace_unknown: bool = False,
    ) -> Iterator[str]:
        """Yield text that follows the prompt, piece by piece, as it is written.

        Without one it begins as after a line end, or at a document's beginning where documents are
        kept apart.

        Args:
            temperature: 0 takes the likeliest token each time, 1 is the model's own choice.
            length: tokens; None for no end. A character that they leave unfinished is left out.
            stop: a string before which it ends, or several.
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
        stop: str | Sequence[str] = (),
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
        if length is not None:
            check_count("length", length, "tokens, or none for no end", most=10**9)
        rows = write(
            self.network,
            self.vocabulary,
            prompt,
            how,
            seed=secrets.randbelow(2**62) if seed is None else seed,
            count=count,
            replace_unknown=replace_unknown,
            apart=self._apart,
            opening=self._opening,
        )
        return islice(rows, length)

    def token_nll(self, text: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        """What each token of `text` (N,) costs, in nats, given those before it."""
        from recurra.tasks.text import evaluate

        if not text:
            raise DataError("the text is empty", expected="at least one character")
        # Where documents are kept apart, the first token follows a document's beginning.
        before = UNKNOWN if self._apart else None
        ids = self.vocabulary.encode(text)
        return evaluate.score(self.network, ids, self._unknown_rate, before)[0]

    def stream(self, state: StreamState | None = None) -> Stream[str, TextStep]:
        """A live stream of text: what each token costs, what may come next.

            stream = model.stream()
            step = stream.push("To be")
            step.token_nll, step.log_probabilities

        It begins as after a line end, or where documents are kept apart, at the beginning of one.

        Args:
            state: where to go on, of a stream of this model.

        Raises:
            BundleError: a state of another model.
        """
        from recurra.runtime.streams import Stream
        from recurra.tasks.text.stream import TextStreamed

        first = UNKNOWN if self._apart else next(iter(self.vocabulary.encode("\n").tolist()), None)
        streamed = TextStreamed(self.network, self.vocabulary, self._unknown_rate, first)
        return Stream(streamed, self.run.name, state)

    def pool(self) -> Pool[Ids, Array]:
        """Room for many streams, stepped together: ids (B,) in, scores (B, V) out.

            pool = model.pool()
            rows = pool.open(1000)
            scores = pool.push(rows[:500], ids)

        Ids are those of `vocabulary.encode`; what `softmax` makes of scores are the probabilities
        of the tokens to come, but for the unknown one.
        """
        from recurra.runtime.pool import Pool
        from recurra.tasks.text.stream import TextPooled

        return Pool(TextPooled(self.network), self.run.name)

    @property
    def line_statistics(self) -> LineStatistics:
        """What lines cost that the model was not trained on.

        Raises:
            BundleError: its training is not finished, or had no lines.
        """
        from recurra.tasks.text.anomaly import LineStatistics

        return LineStatistics.read(self.run)

    def lines(self, source: str | PathLike[str]) -> Iterator[Line]:
        """Each line of a file, or of "-", standard input, with how surprising it is.

        The state is carried from line to line, as the model was trained; memory does not grow with
        the file. A line stands out above `line_statistics.threshold(0.99)`.

        Raises:
            BundleError: the training is not finished, or had no lines.
            DataError: the file cannot be read.
        """
        return chain.from_iterable(self.line_groups(source))

    def line_groups(self, source: str | PathLike[str]) -> Iterator[list[Line]]:
        """The same, in groups of those that have come since the last."""
        from recurra.data.line_reader import raw_lines
        from recurra.tasks.text.anomaly import LineReader

        reader = LineReader(self.network, self.vocabulary, self._unknown_rate, self.line_statistics)
        return map(reader.read, raw_lines(source if isinstance(source, str) else Path(source)))

    def evaluate(
        self, source: Source | Sample = Sample.SAMPLE, *, text: InMemory = None
    ) -> dict[str, Any]:
        """The report on other text: figures, and baselines where the training text is still there.

        Of a text of more than 50,000,000 characters the first 2,500,000 are scored.

        Args:
            source: files, as `fit` takes them.
            text: a text itself, or a list of documents.

        Raises:
            DataError: no text is given, or it cannot be read.
        """
        from recurra.tasks.text import inputs, report

        return report.of_other(self, inputs.wanted(source, text), self._unknown_rate, self._apart)

    def dynamic(
        self, source: Source | Sample = Sample.SAMPLE, *, text: InMemory = None
    ) -> dict[str, Any]:
        """Plain and dynamic evaluation side by side: see `recurra.tasks.text.dynamic`.

        Args:
            source: files, as `fit` takes them; without any, and without a text, the run's own
                test part.
            text: a text itself, or a list of documents.

        Raises:
            DataError: the text cannot be read, or that of the training is gone: the rate is
                chosen on its selection part.
        """
        from recurra.tasks.text import inputs

        network, own = self._trained(), source is Sample.SAMPLE and text is None
        given = None if own else inputs.wanted(source, text)
        found: dict[str, Any] = self.task.part("trainer").dynamic_evaluation(self, network, given)
        return found
