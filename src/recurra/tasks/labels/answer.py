"""What a run answers with: its network, the best baseline, or the weighted mean of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.bundle import Run
from recurra.codecs.sequence_encoder import Kind
from recurra.errors import BundleError
from recurra.judge.answer import NETWORK, WEIGHTS, choose
from recurra.judge.probability_calibration import brier, probabilities, temperature
from recurra.runtime.label_baselines import (
    Baseline,
    Constant,
    LinearConvolutions,
    LinearTexts,
    Nearest,
    baseline_of,
)
from recurra.tasks.stored_baselines import holds

Floats = NDArray[np.float64]

ANSWER: Final = "answer.safetensors"

MEAN: Final = "mean of both"

_LEAST: Final = 1e-12  # so that every probability has a logarithm


@final
@dataclass(frozen=True, eq=False)
class Answer:
    """What is said of an example, made of the network's probabilities and a baseline's.

    Args:
        weight: what the network's weigh, from 0 to 1; the baseline's weigh the rest.
        baseline: None where the network answers alone.
        chosen: how it was chosen: the facts that `decide` found; empty where nothing was.
    """

    weight: float = 1.0
    baseline: Baseline | None = None
    chosen: Mapping[str, Any] = field(default_factory=dict)

    @property
    def asks_network(self) -> bool:
        """Whether the network has a say."""
        return self.weight > 0

    def probabilities(self, own: Floats | None, inputs: Sequence[Any]) -> Floats:
        """Of each class (B, K).

        Args:
            own: the network's probabilities (B, K), where it has a say.
            inputs: as they were given: texts, token lists, or arrays (T, C).
        """
        if self.baseline is None:
            assert own is not None
            return own
        other = self.baseline.probabilities(inputs)
        return other if own is None else self.weight * own + (1 - self.weight) * other


def logits(chances: Floats) -> NDArray[np.float32]:
    """Logits (B, K) whose softmax these probabilities are."""
    found: NDArray[np.float32] = np.log(np.maximum(chances, _LEAST)).astype(np.float32)
    return found


# -- choosing -----------------------------------------------------------------------------------


def decide(
    name: str,
    others: int,
    own: NDArray[np.float32],
    theirs: NDArray[np.float32],
    targets: NDArray[np.int64],
    tunes: NDArray[np.bool_],
    groups: NDArray[np.int64],
) -> dict[str, Any]:
    """Choose among a baseline, the network and their mean, the simplest first.

    By the Brier score of rows that nobody has learnt from; half of them has tuned the network (when
    it stopped), and tunes its temperature and the weight of the mean; the other half compares. Each
    row is answered by one member of the network alone, the one that did not learn from it: several
    together are better, so what is simpler is rather chosen too often.

    Args:
        name: of the baseline.
        others: how many baselines it was chosen from.
        own: the network's logits (N, K).
        theirs: the baseline's probabilities (N, K).
        targets: the classes, (N,).
        tunes: which rows tune, (N,).
        groups: which rows belong together, (N,).

    Returns:
        What `Answer.chosen` holds, "weight" among it.
    """
    chances = probabilities(own, temperature(own[tunes], targets[tunes]))
    means = {weight: weight * chances + (1 - weight) * theirs for weight in WEIGHTS}
    weight = min(WEIGHTS, key=lambda w: brier(means[w][tunes], targets[tunes]).sum())
    compares = ~tunes
    facts = {"baseline": name, "compared": others + 2, "examples": int(compares.sum())}
    if not compares.any():
        return facts | {"name": NETWORK, "weight": 1.0}
    candidates: dict[str, NDArray[Any]] = {name: theirs, NETWORK: chances, MEAN: means[weight]}
    costs = {key: brier(each, targets)[compares] for key, each in candidates.items()}
    choice = choose(costs, groups=groups[compares])
    of_network = {name: 0.0, NETWORK: 1.0, MEAN: weight}[choice.name]
    return facts | choice.to_json() | {"weight": of_network}


def sentence(chosen: Mapping[str, Any]) -> str:
    """What a run answers with and why, of the facts that `decide` found."""
    weight, other, name = chosen["weight"], chosen["baseline"], chosen["name"]
    what = f"the {name}"
    if name == MEAN:
        what = f"the mean of both ({weight:g} of the network, {1 - weight:g} of the {other})"
    if "best" not in chosen:
        return f"It answers with {what}: there are too few examples to compare it with the {other}."
    count = f"{chosen['examples']:,} examples" if chosen["examples"] > 1 else "one example"
    why = "was best"
    if chosen["best"] != name:
        why = f"is the simplest within one standard error of the best, the {chosen['best']}"
    return (
        f"It answers with {what}: of {chosen['compared']} that were compared, on {count} that none "
        f"of them had learnt from, it {why}."
    )


# -- kept in a run ------------------------------------------------------------------------------


def keep(run: Run, name: str, others: int, baseline: Baseline) -> None:
    """Keep the baseline that the network is going to be compared with.

    Args:
        name: of the baseline.
        others: how many it was chosen from.
    """
    arrays, own = baseline.to_arrays()
    run.write_arrays(ANSWER, arrays, {"candidate": [name, others], "baseline": own, "chosen": {}})


def candidate(run: Run) -> tuple[str, int] | None:
    """The name of the baseline that was kept, and from how many it was chosen."""
    if not run.has(ANSWER):
        return None
    _, facts = run.read_arrays(ANSWER)
    with run.intact(ANSWER):
        name, others = facts["candidate"]
        return str(name), int(others)


def settle(run: Run, chosen: Mapping[str, Any]) -> None:
    """Keep what was chosen, and of the baseline what is needed for that."""
    arrays, facts = run.read_arrays(ANSWER)
    if chosen["weight"] == 1.0:
        arrays, facts = {}, facts | {"baseline": None}
    run.write_arrays(ANSWER, arrays, facts | {"chosen": dict(chosen)})


def read(run: Run, kind: Kind, size: int, classes: int) -> Answer:
    """What a run answers with; the network alone where nothing is kept.

    Args:
        kind: what the model reads.
        size: channels, where these are numbers.
        classes: K.

    Raises:
        BundleError: what is kept is damaged, or does not fit.
    """
    if not holds(run, ANSWER):
        return Answer()
    arrays, facts = run.read_arrays(ANSWER)
    with run.intact(ANSWER):
        chosen, own = dict(facts["chosen"]), facts["baseline"]
        weight = float(chosen.get("weight", 1.0))
        if not 0 <= weight <= 1 or (own is None and weight < 1):
            raise BundleError(f"weight {weight}", expected="a share, of a baseline that is there")
        if own is None:
            return Answer(chosen=chosen)
        baseline = baseline_of(arrays, own, classes)
        channels = _channels(baseline)
        if channels is not None and channels != (size if kind == "numbers" else 0):
            raise BundleError(f"a baseline of {channels} channels", expected="what the model reads")
        return Answer(weight, baseline, chosen)


def _channels(baseline: Baseline) -> int | None:
    """The channels that it reads, 0 of texts; None where it reads nothing."""
    if isinstance(baseline, Constant):
        return None
    if isinstance(baseline, LinearConvolutions):
        return int(baseline.kernels.channels.shape[2])
    if isinstance(baseline, Nearest):
        return int(baseline.known[0].shape[1])
    assert isinstance(baseline, LinearTexts)
    return 0
