"""Several processes that train one network, each on its share of every batch's rows.

`torchrun --nproc-per-node 2 -m recurra train text FILE` starts them, and says in the environment
which one each of them is. Each holds all weights and takes every step. The gradients are summed
over the processes before it, so that all of them change their weights alike, as one process with
the whole batch would, to rounding. The first writes the run, judges, and speaks; what it measures
or decides the others are told. With one process nothing here does anything, and no torch is loaded
before there are several.
"""

from __future__ import annotations

import atexit
import contextlib
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

from recurra.errors import OptionError, TrainingError

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from recurra.judge.loss import LossSum

T = TypeVar("T")

_TOLD: Final = ("RANK", "MASTER_ADDR", "MASTER_PORT")
"""What whoever starts several processes puts into their environment, beside how many they are."""

_PATIENCE: Final = timedelta(days=1)
"""How long a process waits. Baselines and reports take their time, and a dead one is noticed at
once: its connections close."""

_MEETING: Final = timedelta(minutes=5)
"""How long a process looks for the place where all of them meet."""

_LAST_WORDS: Final = timedelta(seconds=10)
"""How long a process that fails waits until the one that failed first has said why."""


def count() -> int:
    """How many processes train together."""
    size = os.environ.get("WORLD_SIZE")
    if size is None or not all(name in os.environ for name in _TOLD):
        return 1
    return int(size)


def rank() -> int:
    """Which of them this one is, from 0."""
    return int(os.environ["RANK"]) if count() > 1 else 0


def is_first() -> bool:
    """Whether this process writes the run, judges, and speaks."""
    return rank() == 0


def check(task: str, several: bool) -> None:
    """Refuse several processes where a task trains in one alone.

    Raises:
        OptionError: there are several.
    """
    if count() > 1 and not several:
        raise OptionError(
            f"{count()} processes for task {task}",
            expected="one: text alone trains in several",
            fix="start it without torchrun",
        )


# -- shares ------------------------------------------------------------------------------------


def share(rows: int) -> slice:
    """The rows of a batch that are this process's; shares differ by one row at most.

    Raises:
        OptionError: there are fewer rows than processes.
    """
    if rows < count():
        raise OptionError(
            f"{count()} processes for batches of {rows}",
            expected="at least a row of the batch for each process",
            fix="start fewer processes, or choose a larger --batch",
        )
    return slice(rank() * rows // count(), (rank() + 1) * rows // count())


def own(device: torch.device) -> torch.device:
    """This process's device of a type: of GPUs one for each process of a machine.

    Raises:
        OptionError: there are fewer GPUs than processes.
    """
    if count() > 1 and device.type == "cuda":
        import torch

        gpus = torch.cuda.device_count()
        # Where a process sees one GPU alone, as SLURM starts them, that is its own.
        here = 0 if gpus == 1 else int(os.environ.get("LOCAL_RANK", rank()))
        if here >= gpus or _shared(here):
            raise OptionError(
                f"more processes than GPUs, of which this one sees {gpus}",
                expected="a GPU for each process",
                fix="start fewer processes, or add --device cpu",
            )
        torch.cuda.set_device(here)
    return device


@cache
def _shared(gpu: int) -> bool:
    """Whether another process has this GPU too."""
    import torch

    found: list[Any] = [None] * count()
    own = str(torch.cuda.get_device_properties(gpu).uuid)
    with _joined() as dist:
        dist.all_gather_object(found, own)
    return found.count(own) > 1


# -- what all of them do at the same place ------------------------------------------------------


def first(work: Callable[[], T]) -> T:
    """What `work` gives in the first process, in all of them; the others wait meanwhile."""
    if count() == 1:
        return work()
    box = [work() if is_first() else None]
    with _joined() as dist:
        dist.broadcast_object_list(box, src=0)
    found: Any = box[0]
    return found  # type: ignore[no-any-return]


def anywhere(flag: bool) -> bool:
    """Whether it is so in any process."""
    if count() == 1:
        return flag
    import torch

    flags = torch.tensor([float(flag)])
    with _joined() as dist:
        dist.all_reduce(flags)
    return bool(flags.item())


def summed(network: nn.Module, own: LossSum) -> LossSum:
    """Make every gradient that of the mean loss over the rows of all processes.

    Args:
        network: each process has the gradients of the mean loss over its own rows.
        own: that loss.

    Returns:
        The loss over all rows.
    """
    if count() == 1:
        return own
    import torch

    from recurra.judge.loss import LossSum

    weights = [each for each in network.parameters() if each.requires_grad]
    grads = [torch.zeros_like(w) if w.grad is None else w.grad for w in weights]
    # One call for all of them: what a call costs is mostly the waiting.
    flat = torch.cat([grad.flatten() for grad in grads]).mul_(own.count)
    flat = torch.cat([flat, flat.new_tensor([own.total, own.count])])
    with _joined() as dist:
        dist.all_reduce(flat)
    total, number = flat[-2:].tolist()
    flat /= max(1.0, number)
    pieces = torch.split(flat[:-2], [weight.numel() for weight in weights])
    for weight, grad in zip(weights, pieces, strict=True):
        weight.grad = grad.view_as(weight)
    return LossSum(total, int(number))


def gathered(rows: Tensor) -> Tensor:
    """The rows (B, ...) of all processes, from the shares (b, ...) of each."""
    if count() == 1:
        return rows
    import torch

    shares: list[Any] = [None] * count()
    with _joined() as dist:
        dist.all_gather_object(shares, rows.cpu())
    return torch.cat(shares)


def agree(what: str, find: Callable[[], object]) -> None:
    """Check that all processes find the same.

    Args:
        what: names it.

    Raises:
        TrainingError: they do not.
    """
    if count() == 1:
        return
    found: list[Any] = [None] * count()
    with _joined() as dist:
        dist.all_gather_object(found, find())
    odd = [str(number) for number, each in enumerate(found) if each != found[0]]
    if odd:
        raise TrainingError(
            f"the processes of this training disagree about {what}: {', '.join(odd)} of "
            f"0 to {count() - 1} differ from the first",
            expected="the same in all of them",
            fix="run all of them on the same data, versions and kind of processor",
        )


def digest(network: nn.Module) -> str:
    """A digest of all weights."""
    import hashlib

    found = hashlib.blake2b()
    for weight in network.state_dict().values():
        found.update(weight.cpu().numpy().tobytes())
    return found.hexdigest()


# -- what is said -------------------------------------------------------------------------------


@contextlib.contextmanager
def one_voice() -> Iterator[None]:
    """Print what the first process prints, and nothing of the others."""
    with contextlib.ExitStack() as silenced:
        if not is_first():
            nothing = silenced.enter_context(open(os.devnull, "w", encoding="utf-8"))
            silenced.enter_context(contextlib.redirect_stdout(nothing))
            silenced.enter_context(contextlib.redirect_stderr(nothing))
        yield


def once(say: Callable[[], object]) -> None:
    """Say what ended a process, unless another one has ended before it: that one has said why."""
    if count() == 1:
        say()
        return
    try:
        earliest = _store().add("recurra/ended", 1) == 1
    except RuntimeError:
        earliest = True  # as far as anyone can tell: who started them has gone
    if earliest:
        say()
    with contextlib.suppress(RuntimeError):
        if earliest:
            _store().set("recurra/said", "")
        else:
            # torchrun ends all processes when one has ended: not before it was heard.
            _store().wait(["recurra/said"], _LAST_WORDS)


# -- the group ----------------------------------------------------------------------------------


@contextlib.contextmanager
def _joined() -> Iterator[Any]:
    """torch.distributed, with all processes joined.

    Raises:
        TrainingError: another process has ended, or cannot be reached.
    """
    try:
        yield _group()
    except RuntimeError as error:
        raise TrainingError(
            f"the processes of this training have lost each other ({str(error).splitlines()[0]})",
            expected=f"{count()} processes from the beginning to the end",
            fix="see what the others said; `recurra resume` goes on where a run was begun",
        ) from error


@cache
def _group() -> Any:
    import torch
    import torch.distributed as dist

    if not dist.is_initialized():
        gpus = torch.cuda.is_available() and dist.is_nccl_available()
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if gpus else "gloo",
            store=_store(),
            rank=rank(),
            world_size=count(),
            timeout=_PATIENCE,
        )
        # Its threads would else be there when the process ends, and abort it.
        atexit.register(dist.destroy_process_group)
    return dist


@cache
def _store() -> Any:
    """Where the processes find each other."""
    import torch.distributed as dist
    from torch.distributed.rendezvous import rendezvous

    if not dist.is_available():
        raise OptionError(
            f"{count()} processes, and a torch without torch.distributed",
            expected="one process",
            fix="start it without torchrun, or install another build of torch",
        )
    store, _, _ = next(rendezvous("env://", rank(), count(), timeout=_MEETING))
    return store
