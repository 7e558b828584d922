from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator
from functools import partial

import pytest
import torch

from recurra.core.dropout import dropout
from recurra.training.loop import seeded
from recurra.training.together import together

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_they_run_at_the_same_time_on_threads_of_their_own() -> None:
    torch.set_num_threads(5)
    met = threading.Barrier(2, timeout=60)

    def work() -> tuple[int, int]:
        met.wait()
        return threading.get_ident(), torch.get_num_threads()

    (one, here), (other, there) = together([work, work], CPU)
    assert len({one, other, threading.get_ident()}) == 3
    assert here == there == 2
    assert torch.get_num_threads() == 5


def test_threads_that_come_later_have_as_many_as_before() -> None:
    torch.set_num_threads(3)
    together([int, int], CPU)
    seen: list[int] = []
    later = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    later.start()
    later.join()
    assert seen == [3]


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("available", [1, 2])
def test_what_each_gives_is_in_their_order(count: int, available: int) -> None:
    torch.set_num_threads(available)
    assert together([partial(pow, n, 2) for n in range(count)], CPU) == [0, 1, 4, 9, 16][:count]


def test_one_thread_or_another_device_runs_them_here() -> None:
    here = threading.get_ident()
    for available, device in ((1, CPU), (2, torch.device("meta"))):
        torch.set_num_threads(available)
        assert together([threading.get_ident] * 2, device) == [here] * 2


def test_products_run_in_the_precision_of_the_caller() -> None:
    torch.set_num_threads(2)
    x = torch.ones(4, 4)

    def kinds() -> list[torch.dtype]:
        return [found.dtype for found in together([lambda: x @ x] * 2, CPU)]

    with torch.autocast("cpu", torch.bfloat16):
        assert kinds() == [torch.bfloat16] * 2
    assert kinds() == [torch.float32] * 2


def test_a_failure_is_raised_and_the_next_call_works() -> None:
    torch.set_num_threads(2)
    works: list[partial[int]] = [partial(int), partial(int, "as asked")]
    with pytest.raises(ValueError, match="as asked"):
        together(works, CPU)
    assert together([int, int], CPU) == [0, 0]


def test_what_each_drops_follows_from_torch_s_seed_and_from_none_of_the_others() -> None:
    x = torch.ones(40, 40)

    def dropped(seed: int, beside: torch.Tensor = x) -> list[torch.Tensor]:
        works = [partial(dropout, each, 0.5) for each in (beside, x, x)]
        with seeded(seed, 0):
            return together(works, CPU, drops=True)

    first = dropped(1)
    assert not torch.equal(first[1], first[2])
    assert not torch.equal(first[1], dropped(2)[1])
    for available in (1, 2, 3):
        torch.set_num_threads(available)
        torch.testing.assert_close(dropped(1), first, rtol=0, atol=0)
        longer = dropped(1, torch.ones(70, 40))
        torch.testing.assert_close(longer[1:], first[1:], rtol=0, atol=0)


def _in_a_child() -> None:
    assert together([int, int], CPU) == [0, 0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_has_threads_of_its_own() -> None:
    torch.set_num_threads(2)
    together([int, int], CPU)
    child = multiprocessing.get_context("fork").Process(target=_in_a_child)
    child.start()
    child.join(60)
    child.kill()  # waits for threads that it does not have, if anything is wrong
    assert child.exitcode == 0
