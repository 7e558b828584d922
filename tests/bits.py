"""Comparing to the last bit, where the kernels promise it."""

from __future__ import annotations

from typing import Any

import numpy as np

from recurra import native


def check_same(found: Any, expected: Any) -> None:
    """Equal to the last bit, or without kernels, which alone promise that, within rounding."""
    if native.compiled:
        np.testing.assert_array_equal(found, expected)
    else:
        np.testing.assert_allclose(found, expected, atol=1e-5, rtol=1e-5)
