"""The second extension, which is optional: autograd's node in C++ (node.cc), built on request.

It needs torch's headers, and must fit the torch that runs: wheels are built without one. So it is
compiled on the user's machine (`recurra doctor --build`), kept in the user's cache folder under a
name that says for which torch, Python, kernels and source, and used from the next start on. Without
it all is the same, to the last bit, but for a training step of small layers, which takes longer.
RECURRA_NODE=off does without it.
"""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import torch

from recurra.errors import OptionError
from recurra.native.binding import absent as no_kernels
from recurra.native.binding import kernels

_HERE: Final = Path(__file__).parent
_SOURCES: Final = (
    _HERE / "node.cc", _HERE.parent / "native" / "scan.h", _HERE.parent / "native" / "problem.h"
)  # fmt: skip
_LIBRARIES: Final = ("torch_python", "torch_cpu", "torch", "c10")
_BUILD: Final = "recurra doctor --build"


def folder() -> Path:
    """Where built extensions are kept: RECURRA_CACHE, or the system's folder for what is cached."""
    own = os.environ.get("RECURRA_CACHE")
    if own:
        return Path(own)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "recurra"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "recurra"


def place() -> Path:
    """The file that fits this torch, this Python, and these sources, there or not."""
    facts = [
        torch.__version__, str(torch.version.git_version), str(torch._C._GLIBCXX_USE_CXX11_ABI),
        str(sysconfig.get_config_var("SOABI")), sysconfig.get_platform(),
    ]  # fmt: skip
    digest = hashlib.sha256("\n".join(facts).encode())
    for source in _SOURCES:
        digest.update(source.read_bytes())
    return folder() / f"node-torch{torch.__version__}-{digest.hexdigest()[:16]}.so"


def load(again: Callable[..., Any], onednn_from: int) -> tuple[Any, str]:
    """Return the extension, or None and why there is none.

    Args:
        again: gradients that can be differentiated once more.
        onednn_from: units from which on whole sequences of an LSTM are not the kernels'.
    """
    if no_kernels:
        return None, no_kernels
    if os.environ.get("RECURRA_NODE") == "off":
        return None, "RECURRA_NODE=off asks for none"
    try:
        path = place()
        if not path.is_file():
            return None, f"not built; {_BUILD}"
        if why := _unsafe(path):
            return None, why
        module = _imported(path)
        module.begin(kernels.calls, again, onednn_from)
    except (OSError, ImportError, RuntimeError) as error:
        return None, f"does not load: {error}"
    return module, ""


def build() -> Path:
    """Compile the extension for this torch and keep it; about half a minute. Return its file.

    Raises:
        OptionError: there are no kernels, no compiler, or no headers, or it does not compile.
    """
    if no_kernels:
        raise OptionError(f"--build: {no_kernels}", expected="native kernels")
    names = (os.environ.get("CXX", ""), "c++", "g++", "clang++")
    compiler = next((found for name in names if name and (found := shutil.which(name))), None)
    if compiler is None:
        raise OptionError("--build: no C++ compiler found", expected="c++, g++ or clang++, or CXX")
    python, tree = Path(sysconfig.get_path("include")), Path(torch.__file__).parent
    if not (python / "Python.h").is_file():
        raise OptionError(
            f"--build: no {python / 'Python.h'}",
            expected="Python's headers",
            fix="install them: python3-dev or the like",
        )
    path = place()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as room:
        made = Path(room) / path.name
        undefined = ["-undefined", "dynamic_lookup"] if sys.platform == "darwin" else []
        done = subprocess.run(
            [
                compiler, "-shared", "-fPIC", "-O2", "-std=c++20", "-fvisibility=hidden", "-w",
                f"-D_GLIBCXX_USE_CXX11_ABI={int(torch._C._GLIBCXX_USE_CXX11_ABI)}",
                *(f"-I{each}" for each in (
                    tree / "include", tree / "include/torch/csrc/api/include", python,
                )),
                str(_SOURCES[0]), "-o", str(made), f"-L{tree / 'lib'}",
                *(f"-l{name}" for name in _LIBRARIES), *undefined,
            ],
            capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if "error" in line] or ["no message"]
            raise OptionError(
                f"--build: {compiler} could not compile {_SOURCES[0].name}: {lines[0]}",
                expected="a compiler of C++20 that knows this torch's headers",
            )
        made.chmod(0o700)
        made.replace(path)
    for other in path.parent.glob(f"node-torch{torch.__version__}-*.so"):
        if other != path:
            other.unlink(missing_ok=True)
    return path


def _imported(path: Path) -> ModuleType:
    loader = importlib.machinery.ExtensionFileLoader("_node", str(path))
    spec = importlib.util.spec_from_loader("_node", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def _unsafe(path: Path) -> str:
    """Return why a file is not to be loaded: others could have written it. Else an empty string."""
    if sys.platform == "win32":
        return ""  # no owners and no such bits there: a user's folder is theirs alone
    for each in (path, path.parent):
        facts = each.stat()
        if facts.st_uid != os.getuid() or facts.st_mode & 0o022:
            return f"others may write to {each}"
    return ""
