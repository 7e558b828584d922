"""scikit-learn's own checks of an estimator, where they make sense for sequences."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from recurra import LabelModel

estimator_checks = pytest.importorskip("sklearn.utils.estimator_checks")

OTHERWISE = {
    "check_estimators_unfitted": "an OptionError, a ValueError like scikit-learn's NotFittedError",
    "check_do_not_raise_errors_in_init_or_set_params": "options are checked where they are set",
    "check_n_features_in_after_fitting": "sequences have no fixed number of features",
    "check_n_features_in": "sequences have no fixed number of features",
    "check_complex_data": "refused in other words",
    "check_estimators_empty_data_messages": "refused in other words",
    "check_fit2d_1sample": "refused in other words",
    "check_fit2d_predict1d": "refused in other words",
    "check_requires_y_none": "without y, X names files",
    "check_classifier_data_not_an_array": "only what NumPy can read is taken",
    "check_supervised_y_2d": "labels of one column are taken without a warning",
    "check_classifiers_train": "wants to be right after the few steps of a test",
}
"""Checks that do not hold, and what holds instead."""

MODEL = LabelModel(steps=3, hidden=4, batch=16, ensemble=1, threads=1)


def checks() -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        every = list(estimator_checks.estimator_checks_generator(MODEL, legacy=True, mark=None))
    named = [(getattr(check, "func", check).__name__, model, check) for model, check in every]
    return [
        pytest.param(model, check, id=f"{name}-{k}")
        for k, (name, model, check) in enumerate(named)
        if name not in OTHERWISE
    ]


@pytest.mark.parametrize(("model", "check"), checks())
def test_scikit_learns_check(model: LabelModel, check: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            check(model)
        except estimator_checks.SkipTest as reason:
            pytest.skip(str(reason))
