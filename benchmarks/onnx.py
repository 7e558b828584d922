"""ONNX Runtime as a peer: one recurrent node with a torch module's weights, I/O bound."""

from __future__ import annotations

import importlib
import importlib.util
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Array = NDArray[Any]

ORDER: Final = {"RNN": (0,), "GRU": (1, 0, 2), "LSTM": (0, 3, 1, 2)}
"""ONNX's gates (z, r, n and i, o, f, g) among torch's (r, z, n and i, f, g, o)."""


def version() -> str | None:
    """Return the version of ONNX Runtime; None where it, or onnx, is not installed."""
    if not all(importlib.util.find_spec(name) for name in ("onnx", "onnxruntime")):
        return None
    found: str = importlib.import_module("onnxruntime").__version__
    return found


@final
@dataclass(frozen=True, eq=False)
class Session:
    """Runs one input from a first state of zeros at each call; what came out stays in place."""

    made: Any
    binding: Any

    def __call__(self) -> None:
        """Run."""
        self.made.run_with_iobinding(self.binding)

    def results(self) -> list[Array]:
        """Return output (B, T, H) and last states (B, H) of the last run."""
        output, *last = self.binding.copy_outputs_to_cpu()
        return [output[:, 0].transpose(1, 0, 2), *(state[0] for state in last)]


def session(cell: str, module: nn.RNNBase, x: Tensor, *, int8: bool = False) -> Session | None:
    """Return what runs a module of one layer on x (B, T, F); None without the runtime.

    With `int8` its weights are, by ONNX Runtime's dynamic quantization.

    As many threads as torch has; they do not spin, since others are measured in the same process.
    """
    if version() is None:
        return None
    runtime: Any = importlib.import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    content = _model(cell, module)
    made = runtime.InferenceSession(
        _rounded(content) if int8 else content, options, providers=["CPUExecutionProvider"]
    )
    # Time comes first: ONNX Runtime's CPU kernels take no other layout.
    given = np.ascontiguousarray(x.detach().transpose(0, 1).numpy())
    zero = np.zeros((1, x.shape[0], module.hidden_size), np.float32)
    binding = made.io_binding()
    binding.bind_cpu_input("X", given)
    binding.bind_cpu_input("H", zero)
    names = ["Y", "Y_h"]
    if cell == "LSTM":
        binding.bind_cpu_input("C", zero)
        names.append("Y_c")
    for name in names:
        binding.bind_output(name, "cpu")
    return Session(made, binding)


def _rounded(content: bytes) -> bytes:
    """The model with weights in int8."""
    quantization: Any = importlib.import_module("onnxruntime.quantization")
    with tempfile.TemporaryDirectory() as folder:
        plain, rounded = Path(folder) / "plain.onnx", Path(folder) / "rounded.onnx"
        plain.write_bytes(content)
        quantization.quantize_dynamic(plain, rounded)
        return rounded.read_bytes()


def _model(cell: str, module: nn.RNNBase) -> bytes:
    onnx: Any = importlib.import_module("onnx")
    helper, single = onnx.helper, onnx.TensorProto.FLOAT
    hidden, features = module.hidden_size, module.input_size
    weights = {
        "W": _ordered(cell, module, "weight_ih_l0")[None],
        "R": _ordered(cell, module, "weight_hh_l0")[None],
        "B": np.concatenate([_ordered(cell, module, f"bias_{of}_l0") for of in ("ih", "hh")])[None],
    }
    state = ["H", "C"] if cell == "LSTM" else ["H"]
    outputs = ["Y", "Y_h", "Y_c"] if cell == "LSTM" else ["Y", "Y_h"]
    settings = {"linear_before_reset": 1} if cell == "GRU" else {}
    node = helper.make_node(
        cell, ["X", "W", "R", "B", "", *state], outputs, hidden_size=hidden, **settings
    )
    sizes = {"X": ["T", "B", features], "Y": ["T", 1, "B", hidden]}

    def value(name: str) -> Any:
        return helper.make_tensor_value_info(name, single, sizes.get(name, [1, "B", hidden]))

    graph = helper.make_graph(
        [node],
        "layer",
        [value(name) for name in ("X", *state)],
        [value(name) for name in outputs],
        [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9  # what opset 17 came with, and every runtime of the last years reads
    onnx.checker.check_model(model)
    serialised: bytes = model.SerializeToString()
    return serialised


def _ordered(cell: str, module: nn.RNNBase, name: str) -> Array:
    gates = module.get_parameter(name).detach().chunk(len(ORDER[cell]))
    return np.concatenate([gates[k].numpy() for k in ORDER[cell]])
