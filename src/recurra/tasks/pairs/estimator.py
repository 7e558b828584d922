"""PairModel: fit, translate, evaluate, save, load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, Self, final

import torch

from recurra.bundle import CONFIG, Run
from recurra.codecs import tokenizer
from recurra.errors import BundleError, DataError
from recurra.tasks.design import Design
from recurra.tasks.model import Model
from recurra.tasks.pairs import baselines, data, recipe, report
from recurra.tasks.pairs.evaluate import Forced, Judged
from recurra.tasks.pairs.model import Architecture, PairNetwork
from recurra.tasks.pairs.options import PairOptions
from recurra.tasks.pairs.parts import Pairs
from recurra.tasks.pairs.recipe import Limits, Prepared
from recurra.tasks.pairs.trainee import PairTrainee, forced
from recurra.tasks.pairs.translate import Translating, Translation, translate
from recurra.training import session
from recurra.training.checkpoint import Progress
from recurra.training.loop import Watcher
from recurra.training.precision import Precision
from recurra.training.progress import Silence

PIECES = "pieces.json"


@final
@dataclass(kw_only=True, eq=False)
class PairModel(PairOptions, Model[Prepared, PairNetwork]):
    """A translator from one sequence to another: sentences, spellings, dates, answers.

        model = PairModel(minutes=5).fit([("two dogs", "zwei Hunde"), ...])
        model.translate(["a dog"])

    Options are those of PairOptions. A fitted model stands on the folder of its run; without `out`
    that folder is a temporary one, and `save` copies it to a place of its own.

    Raises:
        OptionError: an option is out of its range.
    """

    task = "pairs"
    baselines = report.BASELINES

    # -- training ---------------------------------------------------------------------------

    def fit(
        self,
        X: Any = None,
        y: Any = None,
        *,
        out: str | PathLike[str] | None = None,
        overwrite: bool = False,
        watcher: Watcher | None = None,
    ) -> Self:
        """Train on pairs, or on files.

        Args:
            X: a list of (source, target); sources, with y; one table or several, or two parallel
                files; None for dates in English and Korean.
            y: the target of each source.
            out: the folder of the run.

        Raises:
            DataError: the data cannot be used.
            BundleError: `out` exists already, or cannot be written.
            TrainingError: the loss exploded; the best weights before that are kept.
        """
        clock = self._start()
        read = data.given(X, y, self)
        prepared = Prepared.of(read, self.tokens, self.shared)
        files = (*read.files, *read.test_files, *read.valid_files)
        return self._begin(
            prepared, files, read.told(), out, overwrite, watcher or Silence(), clock
        )

    def _precision(self, device: torch.device) -> Precision:
        return session.precision_of(self.precision, device)

    def _design(self, prepared: Prepared, precision: Precision, device: torch.device) -> Design:
        return recipe.design(self, prepared, precision, device)

    @classmethod
    def _built(cls, architecture: dict[str, Any]) -> PairNetwork:
        return PairNetwork(Architecture(**architecture))

    def _trainee(
        self, network: PairNetwork, prepared: Prepared, settings: dict[str, Any]
    ) -> PairTrainee:
        return recipe.trainee(network, prepared, settings)

    def _prepare(self, run: Run, prepared: Prepared, watcher: Watcher) -> None:
        sides = {"sources": prepared.sources, "targets": prepared.targets}
        if prepared.sources is prepared.targets:
            sides = {"shared": prepared.sources}
        run.write_json(PIECES, {name: pieces.to_json() for name, pieces in sides.items()})
        data.store_input(run, prepared.data)
        most = baselines.SECONDS
        limit = most if self.seconds is None else min(most, self.seconds / 5)
        found = baselines.pair_baselines(prepared.data, seconds=limit)
        report.write_baselines(run, found)
        watcher.says("to beat: " + report.told_baselines(prepared.data, found))

    def _seconds_needed(self, network: PairNetwork, prepared: Prepared) -> float:
        return recipe.seconds_to_judge(network, prepared)

    def _judge(
        self,
        run: Run,
        network: PairNetwork,
        prepared: Prepared,
        progress: Progress,
        epochs: float,
    ) -> None:
        read = prepared.data
        judged = self._judged(read.of(read.test))
        settings = run.config()["training"]
        training = {
            "padding": recipe.trainee(network, prepared, settings).padding(),
            "selected": self._selected(run, progress, settings["metric"]),
        }
        report.write(run, read, judged, network.told(), progress, epochs, training)

    @staticmethod
    def _selected(run: Run, progress: Progress, metric: str) -> dict[str, Any]:
        """What chose the weights that were kept, and the teacher-forced loss there."""
        line = next((x for x in run.history() if x["step"] == progress.best_step), {})
        return {
            "metric": metric,
            "score": line.get("score"),
            "nats_a_piece": line.get("select"),
        }

    @classmethod
    def _read_again(cls, run: Run, config: dict[str, Any]) -> Prepared:
        read = data.read_again(run, config["data"])
        options = config["options"]
        return Prepared.of(read, options["tokens"], options["shared"])

    @staticmethod
    def _facts(prepared: Prepared) -> dict[str, Any]:
        return prepared.data.facts()

    def _load_parts(self, run: Run, config: dict[str, Any], network: PairNetwork) -> None:
        with run.intact(PIECES):
            stored = run.read_json(PIECES)
            both = "shared" in stored
            sources = tokenizer.from_json(stored["shared" if both else "sources"], flowing=False)
            targets = sources if both else tokenizer.from_json(stored["targets"], flowing=False)
        a = network.architecture
        if (len(sources), len(targets)) != (a.sources, a.targets):
            raise BundleError(
                f"{run.path / PIECES}: {len(sources):,} and {len(targets):,} pieces",
                expected=f"{a.sources:,} and {a.targets:,}, as the weights have",
                fix="restore both from one copy of the run, or train again",
            )
        with run.intact(CONFIG):
            self._limits = Limits(**config["training"]["limits"])
        self._sources, self._targets = sources, targets

    # -- use --------------------------------------------------------------------------------

    def translate(self, texts: Sequence[str], **how: Any) -> list[str]:
        """The best translation of each text; options are those of `Translating`.

        Raises:
            DataError: these are no texts.
            OptionError: an option is out of its range.
        """
        return [found[0].text for found in self.translations(texts, **how)]

    def translations(self, texts: Sequence[str], **how: Any) -> list[list[Translation]]:
        """The best translations of each text, with what they score and where they looked.

        Raises:
            DataError: these are no texts.
            OptionError: an option is out of its range.
        """
        network = self.network
        if isinstance(texts, str) or not all(isinstance(each, str) for each in texts):
            raise DataError("no list of texts", expected='a list: ["a dog", ...]')
        asked = Translating(**how)
        return translate(
            network, self._sources, self._targets, list(texts), asked, limit=self._limits
        )

    def evaluate(self, X: Any, y: Any = None) -> dict[str, Any]:
        """The report on other data: files, pairs, or sources and their targets.

        Raises:
            DataError: the data cannot be used.
        """
        network = self.network
        pairs, name = data.pairs_to_judge(X, y, self)
        assert network is not None
        return report.examined(self._judged(pairs), name=name, part="all of it")

    def _judged(self, pairs: Pairs) -> Judged:
        """What the model says of pairs, by itself and with the truth fed."""
        how = Translating()
        said = [found[0] for found in self.translations(pairs.sources)]
        sides = recipe.encoded(self._sources, self._targets, pairs)
        nats = forced(self.network, sides, torch.arange(len(pairs)).numpy())
        characters = sum(map(len, pairs.targets))
        return Judged(
            pairs,
            said,
            Forced(nats.total, nats.count, characters),
            search={"beam": how.beam, "length_penalty": how.length_penalty},
            unknown=None if self._targets.unit == "subwords" else sides.unknown,
        )
