# Addresses (0: not given) and sizes; see scan.h. Nothing is checked, but for a stream's arrays.

from typing import Any

from numpy.typing import NDArray

class Prepared:
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
    def same(self, w_ih: int, w_hh: int, b_ih: int, b_hh: int, /) -> bool: ...
    def step(
        self,
        x: NDArray[Any],
        h: NDArray[Any],
        c: NDArray[Any] | None,
        out: NDArray[Any],
        cn: NDArray[Any] | None,
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
