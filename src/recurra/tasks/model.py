"""What every task's model is: loaded, used and saved without torch; trained by its trainer."""

from __future__ import annotations

import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from inspect import isfunction, signature
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

from recurra.bundle import CHECKPOINT, CONFIG, REPORT, WEIGHTS, Arrays, Run
from recurra.errors import BundleError, NotFittedError, OptionError, not_fitted
from recurra.names import guessed, meant
from recurra.native.fit import check_kept
from recurra.runtime.sizes import sizes_of
from recurra.runtime.threads import available
from recurra.runtime.weights import fingerprint, kept_in
from recurra.tasks.task import QUANTIZED, Task, check_float, check_torch
from recurra.training.budget import TrainingOptions, described

if TYPE_CHECKING:
    from recurra.runtime.certificate import Certificate
    from recurra.training.callbacks import Callback

Options = TypeVar("Options", bound=TrainingOptions)
Net = TypeVar("Net")


class Model(ABC, Generic[Options, Net]):
    """A model of one task, standing on the folder of its run; final classes add `fit` and the verb.

    `Net` is the network in use, of `recurra.runtime`.

    Args:
        options: of the task; others by name: `TextModel(minutes=5)`.

    Raises:
        OptionError: no such option, or a value out of its range.
    """

    task: ClassVar[Task]
    _architecture: ClassVar[type[Any]]
    _runtime: ClassVar[Callable[..., Any]]

    _run: Run | None = None
    _network: Net | None = None
    _weights: str = "float32"
    _fingerprint: int | None = None

    def __init_subclass__(cls) -> None:
        # What help and editors show of the constructor.
        kind = cls.task.options_class
        cls.__signature__ = signature(kind)  # type: ignore[attr-defined]
        cls.__doc__ = f"{cls.__doc__}\n    Options:\n{described(kind)}"
        for name, method in vars(cls).copy().items():
            if isfunction(method) and not name.startswith("_"):
                setattr(cls, name, guessed(method))

    def __init__(self, options: Options | None = None, /, **given: Any) -> None:
        kind: Any = self.task.options_class
        if options is not None and not isinstance(options, kind):
            raise OptionError(
                f"{type(self).__name__}({options!r})",
                expected=f"options by name: {type(self).__name__}(minutes=5)",
            )
        given = self._by_name(given)
        self.options: Options = kind(**given) if options is None else replace(options, **given)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            # scikit-learn, and its users, look for options on the estimator.
            if name in {each.name for each in fields(self.task.options_class)}:
                return getattr(self.options, name)
            if self._run is None and isinstance(getattr(type(self), name, None), property):
                raise self._unfitted()  # which is an AttributeError as well
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __repr__(self) -> str:
        changed = [
            f"{each.name}={value!r}"
            for each in fields(self.options)
            if (value := getattr(self.options, each.name)) != each.default
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    def _repr_html_(self) -> str:
        """What a notebook shows: the options, and of a trained model its report."""
        from html import escape

        shown = [f"<code>{escape(repr(self))}</code>"]
        if self._run is not None and self._run.has(REPORT):
            shown.append(f"<pre>{escape(self.task.summary(self.report))}</pre>")
        return "\n".join(shown)

    @classmethod
    def built(cls, run: Run, file: str, arrays: Arrays, weights: str = "float32") -> Net:
        """The network in use, of a run's configuration and the weights in one of its files.

        Raises:
            BundleError: sizes that make no sense, or that the weights do not have.
        """
        with run.intact(CONFIG):
            sizes = sizes_of(cls._architecture, run.config()["inference"]["architecture"])
        try:
            found: Net = cls._runtime(sizes, arrays, weights=weights, threads=available())
        except BundleError as error:
            raise BundleError(
                f"{run.path / file}: does not fit {CONFIG} ({error.got})",
                expected=error.expected,
                fix="restore both from one copy of the run, or train again",
            ) from error
        except (TypeError, KeyError, ValueError, AttributeError):
            with run.intact(CONFIG):  # sizes that make no sense
                raise
        return found

    @abstractmethod
    def load_parts(self, run: Run) -> None:
        """Read what a run holds to be used with the network, and check that it fits.

        Raises:
            BundleError: something is missing or damaged, or does not fit.
        """

    def _training(self) -> Any:
        """How models of this task are trained: a `recurra.tasks.training.Training`.

        Raises:
            MissingExtra: what training needs is not installed.
        """
        self.task.check_training()
        return self.task.part("trainer").TRAINING

    def _trained(self) -> Any:
        """The network that was trained, in torch, in evaluation mode.

        Raises:
            MissingExtra: torch is not installed.
            BundleError: the run holds other weights by now.
        """
        check_float(self.run, self._weights)
        check_torch("this needs")
        return self.task.part("trainer").TRAINING.load(self.run, self._fingerprint)

    def _fit(
        self,
        given: Mapping[str, Any],
        out: str | PathLike[str] | None,
        overwrite: bool,
        callbacks: Sequence[Callback] | Callback,
        progress: bool | None,
    ) -> Self:
        training, callback = self._training(), self._listener(callbacks, progress)
        from recurra.tasks import trainer

        trainer.fit(self, training, given, out=out, overwrite=overwrite, callback=callback)
        return self

    def _listener(
        self, callbacks: Sequence[Callback] | Callback, progress: bool | None
    ) -> Callback:
        """Who is told of a training: see `recurra.training.progress.listener`."""
        from recurra.training.progress import listener

        return listener(callbacks, progress, *self.task.progress(self.options))

    @classmethod
    @guessed
    def resume(
        cls,
        path: str | PathLike[str],
        *,
        callbacks: Sequence[Callback] | Callback = (),
        progress: bool | None = None,
    ) -> Self:
        """Go on with an interrupted training to its end, as if it had never stopped.

        Args:
            callbacks, progress: as of `fit`.

        Raises:
            BundleError: no run, a finished one, or one without a checkpoint.
            DataError: the data have changed since.
            MissingExtra: what training needs is not installed.
        """
        run = cls._opened(path)
        check_float(run, "int8" if run.has(QUANTIZED) else "float32")
        if run.has(REPORT) and not run.has(CHECKPOINT):
            import shutil

            shutil.rmtree((run.path / CHECKPOINT).parent, ignore_errors=True)  # left by a kill
            raise BundleError(
                f"{run.path}: this training is finished; there is nothing to resume",
                fix=f"read its report: recurra evaluate {run.path}",
            )
        with run.intact(CONFIG):
            model = cls(**run.config()["options"])
        training = model._training()
        from recurra.tasks import trainer

        trainer.resume(model, training, run, model._listener(callbacks, progress))
        return model

    @classmethod
    @guessed
    def load(cls, path: str | PathLike[str], *, weights: str = "float32") -> Self:
        """The model of a run.

        Args:
            path: the folder of the run.
            weights: what the layers keep their weights in: "bfloat16" takes half of the memory, and
                half of the time where reading them is what takes it; "int8" a quarter, rounded more
                coarsely: see `recurra.quantize`. A run that was quantized is int8 as it is.

        Raises:
            BundleError: no run of this task, or a damaged one.
            OptionError: no such weights.
        """
        check_kept(weights)
        run = cls._opened(path)
        with run.intact(CONFIG):
            model = cls(**run.config()["options"])
        model.stand_on(run, weights)
        return model

    @classmethod
    def _opened(cls, path: str | PathLike[str]) -> Run:
        """A run of this task.

        Raises:
            BundleError: there is none; of another task's the command for it is named.
        """
        from recurra.tasks import task_of

        found = task_of(path)
        if found is not cls.task:
            raise BundleError(
                f"{path}: a run of task {found.name!r}",
                expected=f"a run of task {cls.task.name!r}",
                fix=f"recurra {found.verb} {path}; in Python recurra.load",
            )
        return Run(path)

    @classmethod
    def from_pretrained(cls, path: str | PathLike[str], *, weights: str = "float32") -> Self:
        """The same as `load`, by the name that it has elsewhere."""
        return cls.load(path, weights=weights)

    def stand_on(self, run: Run, weights: str = "float32") -> None:
        """Take the weights of a finished or interrupted run, and all that is used with them.

        Raises:
            BundleError: something is missing or damaged, or does not fit.
        """
        arrays, _ = run.read_arrays(WEIGHTS)
        weights = kept_in(arrays, weights)
        self._network = self.built(run, WEIGHTS, arrays, weights)
        self._run, self._weights, self._fingerprint = run, weights, fingerprint(arrays)
        self.load_parts(run)

    @guessed
    def save(self, path: str | PathLike[str], *, overwrite: bool = False) -> None:
        """Copy the run to a folder of its own.

        Raises:
            BundleError: something is there already, or it cannot be written.
        """
        target = Run.create(path, overwrite=overwrite, reading=[self.run.path / CONFIG])
        self.run.copy_to(target)

    def save_pretrained(self, path: str | PathLike[str], *, overwrite: bool = False) -> None:
        """The same as `save`, by the name that it has elsewhere."""
        self.save(path, overwrite=overwrite)

    def to(self, device: Any) -> Self:
        """Train on a device from now on: "cuda", "cpu" or torch's own; the model itself.

        A fitted model is used on the processor, wherever it was trained.

        Raises:
            OptionError: no name of a device.
        """
        return self.set_params(device=str(device))

    def plot(self) -> Any:
        """The losses of its training, as a figure of matplotlib.

        Raises:
            BundleError: nothing is recorded yet.
            MissingExtra: matplotlib is not installed.
        """
        from recurra.tasks.show import losses

        return losses(self.run)

    @property
    def run(self) -> Run:
        """The folder that the model stands on."""
        if self._run is None:
            raise self._unfitted()
        return self._run

    @property
    def network(self) -> Net:
        """The fitted network, in use."""
        if self._network is None:
            raise self._unfitted()
        return self._network

    @property
    def report(self) -> dict[str, Any]:
        """The report of the training: figures, baselines, verdict."""
        found: dict[str, Any] = self.run.read_json(REPORT)
        return found

    @property
    def history(self) -> list[dict[str, Any]]:
        """The report points of the training: of each `step`, `train`, `select`, `seconds`, ..."""
        return self.run.history()

    def certify(self, data: Any = None) -> Certificate:
        """Compare the ways of using this model with each other, and with torch; keep what is found.

        Args:
            data: what the run was begun with, if it is at hand; else it is read again.

        Raises:
            BundleError: the run cannot be written.
        """
        from recurra.runtime.certificate import CERTIFICATE, Certificate

        module = self.task.part("certify")
        found = Certificate.of(module.comparisons(self, data))
        self.run.write_json(CERTIFICATE, found.to_json())
        return found

    def __reduce_ex__(self, protocol: Any) -> Any:
        """A copy, through pickle, joblib or `copy`: of the options, and of the run's files."""
        del protocol
        files = None if self._run is None else self._run.files()
        return _copied, (type(self), self.get_params(), files, self._weights)

    def temporary_folder(self) -> Path:
        """A folder that is gone when the model is."""
        import shutil
        import tempfile

        path = Path(tempfile.mkdtemp(prefix="recurra-"))
        weakref.finalize(self, shutil.rmtree, path, ignore_errors=True)
        return path

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002
        """The options, by name; `deep` changes nothing, as no option is an estimator."""
        return {each.name: getattr(self.options, each.name) for each in fields(self.options)}

    def set_params(self, **params: Any) -> Self:
        """Change options.

        Raises:
            OptionError: no such option, or a value out of its range.
        """
        self.options = replace(self.options, **self._by_name(params))
        return self

    @classmethod
    def _by_name(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """Options by their own names."""
        return meant(given, [each.name for each in fields(cls.task.options_class)], "option")

    def __sklearn_is_fitted__(self) -> bool:
        return self._network is not None

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import Tags, TargetTags

        return Tags(estimator_type=None, target_tags=TargetTags(required=False))

    def _unfitted(self) -> NotFittedError:
        return not_fitted(type(self).__name__)


M = TypeVar("M", bound=Model[Any, Any])


def _copied(
    kind: type[M], options: dict[str, Any], files: Mapping[str, bytes] | None, weights: str
) -> M:
    """A model as `__reduce_ex__` took it apart, on a run of its own."""
    model = kind(**options)
    if files is not None:
        run = Run.create(model.temporary_folder())
        for name, content in files.items():
            run.write_bytes(name, content)
        model.stand_on(run, weights)
    return model
