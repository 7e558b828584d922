"""Layers in graphs of torch.compile: in one piece, with the kernels in it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import laws
import recurra.nn
from recurra.native import absent

pytestmark = [
    pytest.mark.skipif(bool(absent), reason=absent),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning"),
]
LAYERS: dict[str, tuple[str, dict[str, Any]]] = {
    "RNN": ("RNN", {"nonlinearity": "relu"}),
    "GRU": ("GRU", {"bidirectional": True}),
    "LSTM": ("LSTM", {"bias": False}),
}


@pytest.mark.parametrize("name", LAYERS)
def test_one_graph_with_the_kernels_in_it(name: str) -> None:
    kind, options = LAYERS[name]
    layer = getattr(recurra.nn, kind)(3, 4, 2, dtype=torch.float64, **options)
    x = torch.randn(2, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x.requires_grad_()
    state = layer.zero_state(2).map(lambda leaf: (leaf + 0.1).requires_grad_())
    targets: list[str] = []

    def backend(graph: Any, _: Any) -> Any:
        targets.extend(str(node.target) for node in graph.graph.nodes)
        return graph

    def outcome(run: Any) -> list[Tensor]:
        output, last = run(x, state)
        results = [output, *last.leaves()]
        return results + laws.pull(results, [x, *state.leaves(), *layer.parameters()])

    with laws.path(""):
        expected = outcome(layer)
        for how in (backend, "aot_eager"):
            torch.compiler.reset()
            compiled: Any = torch.compile
            run = compiled(layer, fullgraph=True, backend=how)
            for mine, other in zip(outcome(run), expected, strict=True):
                torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-9)
            with torch.no_grad():
                torch.testing.assert_close(run(x, state)[0], expected[0])
    torch.compiler.reset()
    assert sum("recurra.walk" in target for target in targets) >= 2


def test_the_operator_is_what_torch_asks_of_one() -> None:
    from recurra.core import operators

    x, w, u, b = (torch.randn(*shape) for shape in ((2, 3, 4), (20, 4), (20, 5), (20,)))
    given = (x, w, u, b, b.clone(), torch.randn(2, 5), torch.randn(2, 5), 3, False, True)
    for each in given[:7]:
        each.requires_grad_()
    torch.library.opcheck(operators.walk, given, rtol=1e-4, atol=1e-4)
