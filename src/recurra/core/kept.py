"""What is known of weights from one call to the next: that they fit, and packed for streams."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, final

import torch
from torch import Tensor

from recurra.core.cells import Weights
from recurra.native.binding import GATES, kernels

if TYPE_CHECKING:
    from recurra.native._native import Prepared

PLAIN = (Tensor, torch.nn.Parameter)
"""Whose numbers lie where they say."""


@final
class Kept:
    """Weights as they were: nothing of this holds once `marks` are others.

    Args:
        number: the cell's.
        weights: a layer's in one direction.
        marks: what `known` tells them by.
    """

    def __init__(self, number: int, weights: Weights, marks: list[int]) -> None:
        self.owner = weakref.ref(weights.hidden, partial(_forget, id(weights.hidden)))
        self.marks = marks
        self.number = number
        # The same numbers again, so that no other tensor comes to lie where they do.
        w_ih, w_hh, *biases = weights
        shifts = [None if bias is None else bias.detach() for bias in biases]
        self._held = Weights(w_ih.detach(), w_hh.detach(), *shifts)
        self.fits = fit(number, weights)
        self.handle: Prepared | None = None

    def packed(self, *, trusted: bool) -> Prepared:
        """Return them packed for one step after another, anew where they have changed.

        Packing takes longer than a step. Versions tell of all writes that autograd knows; of those
        that pass it by (through `parameter.data`, or shared memory) the numbers tell, see scan.h.

        Args:
            trusted: not to look at all numbers, which takes as long as a step.
        """
        places = [0 if weight is None else weight.data_ptr() for weight in self._held]
        if self.handle is None or not (trusted or self.handle.same(*places)):
            w_ih, w_hh = self._held[:2]
            wide, sizes = w_hh.dtype == torch.float64, (w_ih.shape[1], w_hh.shape[1])
            self.handle = kernels.Prepared(wide, self.number, *sizes, *places)
        return self.handle


_kept: dict[int, Kept] = {}
"""By id of the hidden weights; an entry goes when they do."""


def known(number: int, weights: Weights) -> Kept | None:
    """Return what is kept of weights, anew where they are others; None where they tell no version.

    Args:
        number: the cell's.
        weights: on a CPU.
    """
    marks = [number]
    for weight in weights:
        if weight is not None:
            if weight.is_inference():
                return None
            marks += (weight.data_ptr(), weight._version)
    found = _kept.get(id(weights.hidden))
    if found is None or found.owner() is not weights.hidden or found.marks != marks:
        found = _kept[id(weights.hidden)] = Kept(number, weights, marks)
    return found


def forget(weights: Iterable[Tensor | None]) -> None:
    """Keep nothing of weights any more."""
    for weight in weights:
        _forget(id(weight))


def _forget(key: int, _: object = None) -> None:
    _kept.pop(key, None)


def fit(number: int, weights: Weights) -> bool:
    """Return whether the kernels can read them where they lie."""
    w_ih, w_hh, b_ih, b_hh = weights
    dtype = w_hh.dtype
    if w_ih.dim() != 2 or w_hh.dim() != 2 or (b_ih is None) != (b_hh is None):
        return False
    rows = GATES[number] * w_hh.shape[1]
    wanted = (rows, w_ih.shape[1]), (rows, w_hh.shape[1]), (rows,), (rows,)
    for weight, shape in zip(weights, wanted, strict=True):
        if weight is None:
            continue
        if type(weight) not in PLAIN or weight.layout != torch.strided or not weight.is_cpu:
            return False
        if weight.dtype != dtype or weight.shape != shape or not weight.is_contiguous():
            return False
        if weight.is_neg():
            return False
    return dtype in (torch.float32, torch.float64)
