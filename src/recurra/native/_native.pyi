# Arrays are checked, and a call returns whether they fit. Addresses (0: not given) and sizes are
# not; see scan.h.

from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[Any]
_Rows = NDArray[np.int64]

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
        narrow: bool,
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
    def __init__(self, weight: _Array, bias: _Array | None, narrow: bool, /) -> None: ...
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
def forward(
    wide: bool,
    cell: int,
    kind: int,
    batch: int,
    steps: int,
    features: int,
    hidden: int,
    lengths: int,
    resets: int,
    reverse: bool,
    threads: int,
    prepared: Prepared | None,
    x: int,
    projected: int,
    w_ih: int,
    w_hh: int,
    b_ih: int,
    b_hh: int,
    h0: int,
    c0: int,
    out: int,
    out_stride: int,
    cells: int,
    saved: int,
    hn: int,
    cn: int,
    /,
) -> None: ...
def backward(
    wide: bool,
    cell: int,
    kind: int,
    batch: int,
    steps: int,
    features: int,
    hidden: int,
    lengths: int,
    resets: int,
    reverse: bool,
    threads: int,
    x: int,
    w_ih: int,
    w_hh: int,
    h0: int,
    c0: int,
    out: int,
    out_stride: int,
    cells: int,
    saved: int,
    dout: int,
    dcells: int,
    dhn: int,
    dcn: int,
    grads: int,
    dx: int,
    dw_ih: int,
    dw_hh: int,
    db_ih: int,
    db_hh: int,
    dh0: int,
    dc0: int,
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
def isas() -> list[str]: ...
def use_isa(name: str, /) -> bool: ...
