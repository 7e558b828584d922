"""Answers of chosen skill to labels, and baselines of such."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.judge.probability_calibration import probabilities
from recurra.tasks.labels.baselines import Baseline
from recurra.tasks.labels.data import LabelData
from recurra.tasks.labels.targets import Targets


def truth_of(data: LabelData, rows: Any = None) -> Targets:
    """What is true of the test part, or of other rows."""
    return Targets.of(data.examples, data.test if rows is None else rows, data.classes)


def in_sentences(truth: Targets) -> list[NDArray[np.int64]]:
    """The true tags, an array for each sentence."""
    assert truth.lengths is not None
    return np.split(truth.targets, np.cumsum(truth.lengths)[:-1])


def logits(truth: Targets, skill: float, seed: int) -> NDArray[np.float32]:
    """Noise, and the true class ahead by `skill`."""
    found = np.random.default_rng(seed).normal(size=(len(truth.targets), len(truth.classes)))
    found[np.arange(len(found)), truth.targets] += skill
    return found.astype(np.float32)


def baseline(data: LabelData, skill: float, seed: int, name: str = "guess") -> Baseline:
    """One that answers the test part and fold 0 so well."""
    chooses = data.learn[data.folds == 0]
    chances = [
        probabilities(logits(truth_of(data, rows), skill, seed + number)).astype(np.float32)
        for number, rows in enumerate((data.test, chooses))
    ]
    return Baseline(name, "a note", chances[0].argmax(1), *chances)
