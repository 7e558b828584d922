"""CaptionModel: fit, caption, evaluate, save, load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Final, Self, final

from recurra.bundle import CONFIG, Run
from recurra.codecs import pictures, tokenizer
from recurra.codecs.pictures import PictureForm, Pixels
from recurra.codecs.tokenizer import Tokenizer
from recurra.errors import BundleError, DataError, OptionError
from recurra.judge.captions import NAMES, Metric, score
from recurra.runtime.captions import Architecture, CaptionNetwork
from recurra.search.decoding import SearchOptions
from recurra.tasks.captions import data, evaluate, report
from recurra.tasks.captions.caption import LONGEST, Caption, caption
from recurra.tasks.captions.evaluate import Judged
from recurra.tasks.captions.options import CaptionOptions
from recurra.tasks.captions.splits import Captioned
from recurra.tasks.captions.task import CAPTIONS
from recurra.tasks.model import Model

if TYPE_CHECKING:
    from recurra.training.callbacks import Callback

PIECES: Final = "pieces.json"


@final
class CaptionModel(Model[CaptionOptions, CaptionNetwork]):
    """A model that says what pictures show: strips read, scenes described.

        model = CaptionModel(minutes=5).fit(images, texts)  # ["1.png", ...], ["12.5", ...]
        model.caption(["new.png"])

    Options are those of CaptionOptions. A fitted model stands on the folder of its run; without
    `out` that folder is a temporary one, and `save` copies it to a place of its own.

    Raises:
        OptionError: an option is out of its range.
    """

    task = CAPTIONS
    _architecture, _runtime = Architecture, CaptionNetwork

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
        """Train on pictures and texts, or on files.

        Args:
            X: pictures with y: paths, Pillow's, arrays (H, W), (H, W, 3) or (N, ...); without it a
                table, a folder, or None for drawn pictures.
            y: the text of each picture, or a list of texts.
            out: the folder of the run.

        Raises:
            DataError: the data cannot be used.
            BundleError: `out` exists already, or cannot be written.
            MissingExtra: torch or Pillow is not installed.
            TrainingError: the loss exploded; the best weights before that are kept.
        """
        return self._fit({"X": X, "y": y}, out, overwrite, callbacks, progress)

    def load_parts(self, run: Run) -> None:
        """Read the form of pictures and the pieces of captions; see `Model.load_parts`."""
        with run.intact(CONFIG):
            inference = run.config()["inference"]
            self.form = PictureForm.from_json(inference["architecture"]["form"])
            self.longest = int(inference["longest"])
            self._metric: Metric = inference["metric"]
            if not 1 <= self.longest <= LONGEST or self._metric not in NAMES:
                raise ValueError(f"captions of {self.longest} pieces by {self._metric}")
            size, kind = int(inference["architecture"]["targets"]), str(inference["tokens"])
        with run.intact(PIECES):
            self._targets = tokenizer.from_json(run.read_json(PIECES)["targets"], flowing=False)
        if (len(self._targets), self._targets.unit) != (size, kind):
            raise BundleError(
                f"{run.path / PIECES}: {len(self._targets):,} {self._targets.unit}",
                expected=f"{size:,} {kind}, as the weights have",
                fix="restore both from one copy of the run, or train again",
            )

    # -- use --------------------------------------------------------------------------------

    def caption(self, images: Any, **how: Any) -> list[str]:
        """The best caption of each picture; options are those of `SearchOptions`.

        Args:
            images: paths, Pillow's pictures, arrays; or one array (N, H, W) or (N, H, W, C); one
                path is taken for a list of one.

        Raises:
            DataError: one is no picture.
            OptionError: an option is out of its range.
        """
        if how.get("n_best", 1) != 1:
            raise OptionError(
                f"caption with n_best={how['n_best']}",
                expected="one caption of each picture",
                fix="model.captions(images, n_best=...) gives several, with their scores",
            )
        return [found[0].text for found in self.captions(images, **how)]

    def captions(self, images: Any, **how: Any) -> list[list[Caption]]:
        """The best captions of each picture, with what they score and where they looked.

        Raises:
            DataError: one is no picture.
            OptionError: an option is out of its range.
        """
        if isinstance(images, str | PathLike):
            images = [images]
        if not hasattr(images, "__len__"):
            raise DataError("no list of pictures", expected='a list: ["photo.png", ...]')
        network, asked = self.network, SearchOptions.of(how)
        # Scaled one by one: what is decoded can be a thousand times as large.
        scaled = [
            self.form.scaled(pictures.from_value(each, f"picture {number}")[0])
            for number, each in enumerate(images, 1)
        ]
        return self._captions(network, scaled, asked)

    def _captions(
        self, network: CaptionNetwork, scaled: Sequence[Pixels], how: SearchOptions
    ) -> list[list[Caption]]:
        return caption(network, self.form, self._targets, scaled, how, longest=self.longest)

    @property
    def vocabulary(self) -> Tokenizer:
        """The pieces that captions are written in."""
        assert self.network is not None
        return self._targets

    def evaluate(self, X: Any, y: Any = None, **how: Any) -> dict[str, Any]:
        """The report on other data: files, or pictures and their texts.

        Args:
            how: options of `SearchOptions`, by which captions are looked for.

        Raises:
            DataError: the data cannot be used.
            OptionError: an option is out of its range.
        """
        captioned, name = data.to_judge(X, y, self.options)
        judged = self.judged(captioned, SearchOptions.of(how))
        return report.examined(judged, name=name, part="all of it")

    def score(self, X: Any, y: Any = None) -> float:
        """What the captions of pictures are worth by the metric that chose the weights.

        Larger is better: BLEU, chrF and CIDEr-D as they are, exact matches in points of a hundred,
        of error rates what they leave of a hundred points.

        Args:
            X, y: as `evaluate`.

        Raises:
            DataError: the data cannot be used.
        """
        metric = self.run.config()["training"]["metric"]
        captioned, _ = data.to_judge(X, y, self.options)
        scaled = [self.form.scaled(each) for each in captioned.pictures]
        said = [found[0].text for found in self._captions(self.network, scaled, SearchOptions())]
        return score(metric, said, captioned.references())

    def judged(self, captioned: Captioned, how: SearchOptions | None = None) -> Judged:
        """What the model says of pictures, by itself and with the truth fed."""
        network, how = self.network, how or SearchOptions()
        scaled = [self.form.scaled(each) for each in captioned.pictures]
        said = [found[0] for found in self._captions(network, scaled, how)]
        search: Mapping[str, Any] = how.reported()
        return evaluate.asked(
            network, self.form, self._targets, captioned, scaled, said, search, self._metric
        )
