# Arrays are checked, and a call returns whether they fit. Addresses (0: not given), tensors and
# sizes are not; what those of Problem, Tensors and Gradients are is said in scan.h.

from collections.abc import Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

_Array = NDArray[Any]
_Rows = NDArray[np.int64]

class Problem:
    def __init__(
        self,
        *,
        wide: bool,
        reverse: bool,
        bfloat: bool,
        time_first: bool,
        cell: int,
        threads: int,
        batch: int,
        steps: int,
        features: int,
        hidden: int,
        lengths: Tensor | None = None,
        resets: Tensor | None = None,
    ) -> None: ...

class Tensors:
    def __init__(
        self,
        *,
        x: Tensor | None = None,
        w_ih: Tensor | None = None,
        w_hh: Tensor | None = None,
        b_ih: Tensor | None = None,
        b_hh: Tensor | None = None,
        h0: Tensor | None = None,
        c0: Tensor | None = None,
        out: Tensor | None = None,
        cells: Tensor | None = None,
        saved: Tensor | None = None,
        hn: Tensor | None = None,
        cn: Tensor | None = None,
    ) -> None: ...

class Gradients:
    def __init__(
        self,
        *,
        dout: Tensor | None = None,
        dcells: Tensor | None = None,
        dhn: Tensor | None = None,
        dcn: Tensor | None = None,
        grads: Tensor | None = None,
        dx: Tensor | None = None,
        dw_ih: Tensor | None = None,
        dw_hh: Tensor | None = None,
        db_ih: Tensor | None = None,
        db_hh: Tensor | None = None,
        dh0: Tensor | None = None,
        dc0: Tensor | None = None,
    ) -> None: ...

class Prepared:
    @overload
    def __init__(
        self,
        wide: bool,
        cell: int,
        features: int,
        hidden: int,
        w_ih: int,
        w_hh: int,
        b_ih: int,
        b_hh: int,
        /,
    ) -> None: ...
    @overload
    def __init__(
        self,
        cell: int,
        w_ih: _Array,
        w_hh: _Array,
        b_ih: _Array | None,
        b_hh: _Array | None,
        kept: int,
        /,
    ) -> None: ...
    def same(self, w_ih: int, w_hh: int, b_ih: int, b_hh: int, /) -> bool: ...
    def project(self, table: _Array, out: _Array, threads: int, /) -> bool: ...
    def step(
        self,
        x: _Array | None,
        projected: _Array | None,
        x_rows: _Rows | None,
        h: _Array,
        c: _Array | None,
        out: _Array,
        cn: _Array | None,
        threads: int,
        /,
    ) -> bool: ...
    def advance(
        self,
        x: _Array | None,
        projected: _Array | None,
        x_rows: _Rows | None,
        h: _Array,
        c: _Array | None,
        rows: _Rows | None,
        threads: int,
        /,
    ) -> bool: ...
    def run(
        self,
        x: _Array | None,
        projected: _Array | None,
        x_rows: _Rows | None,
        h0: _Array | None,
        c0: _Array | None,
        lengths: _Rows | None,
        ragged: bool,
        reverse: bool,
        resets: NDArray[np.bool_] | None,
        out: _Array,
        cells: _Array | None,
        hn: _Array,
        cn: _Array | None,
        threads: int,
        /,
    ) -> None: ...

class Linear:
    def __init__(self, weight: _Array, bias: _Array | None, kept: int, /) -> None: ...
    def product(self, x: _Array, rows: _Rows | None, out: _Array, threads: int, /) -> bool: ...
    def top(
        self,
        x: _Array,
        rows: _Rows | None,
        excluded: _Rows,
        values: _Array,
        ids: _Rows,
        log_sum_exp: _Array,
        threads: int,
        /,
    ) -> bool: ...
    def log_likelihood(
        self, x: _Array, rows: _Rows | None, targets: _Rows, out: _Array, threads: int, /
    ) -> bool: ...

class Stack:
    def __init__(
        self,
        layers: list[Prepared],
        head: Linear,
        x: int,
        projected: int,
        h: list[int],
        c: list[int],
        logits: int,
        /,
    ) -> None: ...
    def write(
        self, uniform: _Array, excluded: _Rows, divisor: float, tokens: _Rows, threads: int, /
    ) -> bool: ...

def attend(
    query: _Array | None,
    keys: _Array | None,
    scores: _Array | None,
    values: _Array,
    lengths: _Rows,
    owners: _Rows | None,
    scale: float,
    context: _Array,
    weights: _Array,
    threads: int,
    /,
) -> bool: ...

calls: object

def forward(problem: Problem, tensors: Tensors, prepared: Prepared | None, /) -> None: ...
def backward(problem: Problem, tensors: Tensors, gradients: Gradients, /) -> None: ...
def layers(
    wide: bool,
    cell: int,
    directions: int,
    levels: Sequence[Prepared | tuple[Tensor | None, ...]],
    batch: int,
    steps: int,
    features: int,
    hidden: int,
    x: Tensor,
    h: Tensor | None,
    c: Tensor | None,
    out: Tensor,
    hn: Tensor,
    cn: Tensor | None,
    threads: int,
    /,
) -> None: ...
def fold(
    values: int,
    stride: int,
    ids: int,
    lengths: int,
    rows: int,
    width: int,
    out: int,
    greatest: bool,
    threads: int,
    /,
) -> None: ...
def curve(wide: bool, which: int, x: int, y: int, n: int, /) -> None: ...
def isa() -> str: ...
def bfloat() -> bool: ...
def isas() -> list[str]: ...
def use_isa(name: str, /) -> bool: ...
