"""PairModel: fit, translate, evaluate, save, load."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Final, Self, final

from recurra.bundle import CONFIG, Run
from recurra.codecs import tokenizer
from recurra.codecs.tokenizer import END, Tokenizer
from recurra.errors import BundleError, DataError, OptionError
from recurra.judge.translation import score
from recurra.runtime.pairs import Architecture, PairNetwork
from recurra.runtime.streams import Stream, StreamState
from recurra.search.decoding import SearchOptions
from recurra.tasks.model import Model
from recurra.tasks.pairs import data, evaluate, report
from recurra.tasks.pairs.copying import Span
from recurra.tasks.pairs.evaluate import Judged
from recurra.tasks.pairs.known import Lexicon, PairScore, Read
from recurra.tasks.pairs.options import PairOptions
from recurra.tasks.pairs.splits import Pairs
from recurra.tasks.pairs.stream import PairStep, PairStreamed
from recurra.tasks.pairs.task import PAIRS
from recurra.tasks.pairs.translate import Limits, Translation, translate

if TYPE_CHECKING:
    from recurra.training.callbacks import Callback

PIECES = "pieces.json"

_NAMED: Final = 60
"""Characters of a source that its streams' states are known by; of a longer one a digest too."""


@final
class PairModel(Model[PairOptions, PairNetwork]):
    """A translator from one sequence to another: sentences, spellings, dates, answers.

        model = PairModel(minutes=5).fit(pairs)  # [("two dogs", "zwei Hunde"), ...]
        model.translate(["a dog"])

    Options are those of PairOptions. A fitted model stands on the folder of its run; without `out`
    that folder is a temporary one, and `save` copies it to a place of its own.

    Raises:
        OptionError: an option is out of its range.
    """

    task = PAIRS
    _architecture, _runtime = Architecture, PairNetwork

    # -- training ---------------------------------------------------------------------------

    def fit(
        self,
        X: Any = None,
        y: Any = None,
        *,
        out: str | PathLike[str] | None = None,
        overwrite: bool = False,
        callbacks: Sequence[Callback] | Callback = (),
        progress: bool | None = None,
    ) -> Self:
        """Train on pairs, or on files.

        Args:
            X: a list of (source, target); sources, with y; rows or a frame with a column for each;
                one table or several, or two parallel files; None for dates in English and Korean.
            y: the target of each source.
            out: the folder of the run.

        Raises:
            DataError: the data cannot be used.
            BundleError: `out` exists already, or cannot be written.
            MissingExtra: torch is not installed, or tokenizers where subwords are asked for.
            TrainingError: the loss exploded; the best weights before that are kept.
        """
        return self._fit({"X": X, "y": y}, out, overwrite, callbacks, progress)

    def load_parts(self, run: Run) -> None:
        """Read the pieces of both sides and the limits of lengths; see `Model.load_parts`."""
        with run.intact(CONFIG):
            inference = run.config()["inference"]
            limits = Limits(*(float(inference["limits"][each]) for each in ("slope", "extra")))
            kind = str(inference["tokens"])
            sizes = tuple(int(inference["architecture"][side]) for side in ("sources", "targets"))
        with run.intact(PIECES):
            stored = run.read_json(PIECES)
            both = "shared" in stored
            sources = tokenizer.from_json(stored["shared" if both else "sources"], flowing=False)
            targets = sources if both else tokenizer.from_json(stored["targets"], flowing=False)
        held = (len(sources), len(targets))
        if held != sizes or {sources.unit, targets.unit} != {kind}:
            raise BundleError(
                f"{run.path / PIECES}: {held[0]:,} and {held[1]:,} pieces",
                expected=f"{sizes[0]:,} and {sizes[1]:,}, {kind}, as the weights have",
                fix="restore both from one copy of the run, or train again",
            )
        self._sources, self._targets, self._limits = sources, targets, limits
        self._lexicon = Lexicon.from_json(sources, stored.get("known"))

    # -- use --------------------------------------------------------------------------------

    def translate(self, texts: Sequence[str], **how: Any) -> list[str]:
        """The best translation of each text; options are those of `SearchOptions`.

        One text is taken for a list of one, here and below.

        Raises:
            DataError: these are no texts.
            OptionError: an option is out of its range.
        """
        if how.get("n_best", 1) != 1:
            raise OptionError(
                f"translate with n_best={how['n_best']}",
                expected="one translation of each text",
                fix="model.translations(texts, n_best=...) gives several, with their scores",
            )
        return [found[0].text for found in self.translations(texts, **how)]

    def translations(
        self, texts: Sequence[str], *, replace_unknown: bool = False, **how: Any
    ) -> list[list[Translation]]:
        """The best translations of each text, with what they score and where they looked.

        Args:
            replace_unknown: whether words that training had not are put into the translation, as
                they stand, where it looked at them. Models of words and of characters do so anyway.

        Raises:
            DataError: these are no texts.
            OptionError: an option is out of its range.
        """
        network, asked = self.network, SearchOptions.of(how)
        subwords = self._targets.unit == self._sources.unit == "subwords"
        return translate(
            network,
            self._sources,
            self._targets,
            [each.text for each in self.read(texts)],
            asked,
            limit=self._limits,
            copying=self._words if replace_unknown and subwords else None,
        )

    def _words(self, text: str) -> list[Span]:
        return list(self._lexicon.spans(text))

    def read(self, texts: Sequence[str]) -> list[Read]:
        """How texts are read, and what of each training had: its unknown words, the share known.

        A word that is known in another case alone is read in that case.

        Raises:
            DataError: these are no texts.
        """
        assert self.network is not None
        texts = [texts] if isinstance(texts, str) else texts
        if not all(isinstance(each, str) for each in texts):
            raise DataError("no list of texts", expected='a list: ["a dog", ...]')
        return [self._lexicon.read(each) for each in texts]

    def score_pairs(self, sources: Sequence[str], targets: Sequence[str]) -> list[PairScore]:
        """How likely each target is as the translation of its source.

            [pair] = model.score_pairs(["two dogs"], ["zwei Hunde"])
            pair.score, pair.known

        Raises:
            DataError: not as many of each, no texts, or a source without pieces.
        """
        network = self.network
        if isinstance(sources, str) and isinstance(targets, str):
            sources, targets = [sources], [targets]
        if len(sources) != len(targets) or not all(isinstance(each, str) for each in targets):
            raise DataError(
                f"{len(sources):,} sources and {len(targets):,} targets",
                expected="texts, a target for each source",
            )
        read = self.read(sources)
        ids = self._sources.encode_batch([each.text for each in read])
        empty = next((row for row, each in enumerate(ids) if not len(each)), None)
        if empty is not None:
            raise DataError(f"source {empty + 1}: {sources[empty]!r}", expected="a text")
        logs = network.log_likelihood(ids, evaluate.target_ids(self._targets, targets))
        return [
            PairScore(float(each.sum()), len(each), of.known, of.unknown)
            for each, of in zip(logs, read, strict=True)
        ]

    @property
    def vocabulary(self) -> Tokenizer:
        """The pieces that translations are written in."""
        assert self.network is not None
        return self._targets

    @property
    def end(self) -> int:
        """The id of the piece that ends a translation."""
        return END

    def stream(self, source: str, state: StreamState | None = None) -> Stream[int | str, PairStep]:
        """A live stream of the decoder: a source read once, a translation written piece by piece.

            stream, written = model.stream("two dogs"), []
            while (piece := stream.predict().log_probabilities.argmax()) != model.end:
                stream.push(piece)
                written.append(piece)
            model.vocabulary.decode(written)

        Pieces are ids of `vocabulary`, or texts, which are cut as a translation that they begin.
        Memory does not grow with the steps.

        Args:
            source: what is translated.
            state: where to go on, of a stream of this source and this model.

        Raises:
            DataError: a source without pieces.
            BundleError: a state of another model or another source.
        """
        network = self.network
        ids: Any = ()
        if isinstance(source, str):
            ids = self._sources.encode_batch([self._lexicon.read(source).text])[0]
        if not len(ids):
            raise DataError(f"a source of {source!r}", expected="a text that holds something")
        name = source
        if len(name) > _NAMED:
            name = f"{name[:_NAMED]}... ({hashlib.sha256(name.encode()).hexdigest()[:16]})"
        decoder = network.decoder(network.encode([ids]))
        return Stream(PairStreamed(decoder, self._targets), f"{self.run.name}/{name}", state)

    def evaluate(self, X: Any, y: Any = None, **how: Any) -> dict[str, Any]:
        """The report on other data: files, pairs, or sources and their targets.

        Args:
            how: options of `SearchOptions`, by which translations are looked for.

        Raises:
            DataError: the data cannot be used.
            OptionError: an option is out of its range.
        """
        found = data.pairs_to_judge(X, y, self.options)
        judged = self.judged(found.pairs, SearchOptions.of(how))
        counts = {key: count for key, count in found.counts.items() if count}
        return report.examined(judged, name=found.name, part="all of it", found=counts)

    def score(self, X: Any, y: Any = None) -> float:
        """What the translations are worth by the metric that chose the weights, larger is better.

        BLEU and chrF from 0 to 100, as sacrebleu counts them; exact matches in points of a hundred.

        Args:
            X, y: as `evaluate`: sources and their targets.

        Raises:
            DataError: the data cannot be used.
            MissingExtra: sacrebleu is not installed.
        """
        metric = self.run.config()["training"]["metric"]
        pairs = data.pairs_to_judge(X, y, self.options).pairs
        return score(metric, self.translate(pairs.sources), pairs.targets)

    def judged(self, pairs: Pairs, how: SearchOptions | None = None) -> Judged:
        """What the model says of pairs, by itself and with the truth fed."""
        how = how or SearchOptions()
        said = [found[0] for found in self.translations(pairs.sources, **vars(how))]
        search = how.reported()
        return evaluate.asked(self.network, self._sources, self._targets, pairs, said, search)
