"""CTC: against every path there is, and what a beam finds."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch.nn import functional as F

from recurra.search import ctc
from recurra.search.ctc import alignment, ctc_beam, frames_needed, log_likelihood

BLANK = 1


def frames(seed: int, steps: int, tokens: int, sharp: float = 1.0) -> NDArray[np.float32]:
    scores = sharp * np.random.default_rng(seed).standard_normal((steps, tokens))
    found: NDArray[np.float32] = (scores - np.log(np.exp(scores).sum(-1, keepdims=True))).astype(
        np.float32
    )
    return found


def written(path: tuple[int, ...]) -> tuple[int, ...]:
    """What a path writes: without repeats, then without blanks."""
    apart = [token for k, token in enumerate(path) if k == 0 or token != path[k - 1]]
    return tuple(token for token in apart if token != BLANK)


def all_texts(rows: NDArray[np.float32]) -> dict[tuple[int, ...], float]:
    """The probability of every text, path by path."""
    found: dict[tuple[int, ...], float] = {}
    for path in product(range(rows.shape[1]), repeat=len(rows)):
        p = float(np.exp(rows[np.arange(len(rows)), list(path)].astype(np.float64).sum()))
        found[written(path)] = found.get(written(path), 0.0) + p
    return found


@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(2, 4))
def test_a_text_is_as_likely_as_its_paths_together(seed: int, steps: int, tokens: int) -> None:
    rows = frames(seed, steps, tokens)
    every = all_texts(rows)
    assert sum(every.values()) == pytest.approx(1.0)
    for text, p in every.items():
        found = log_likelihood(rows, np.array(text, np.int64), BLANK)
        assert np.exp(found) == pytest.approx(p, rel=1e-5)


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(0, 6))
def test_it_is_torchs(seed: int, steps: int, length: int) -> None:
    rows = frames(seed, steps, 5)
    text = np.random.default_rng(seed).choice([0, 2, 3, 4], length).astype(np.int64)
    theirs = -F.ctc_loss(
        torch.from_numpy(rows)[:, None].double(),
        torch.from_numpy(text)[None],
        torch.tensor([steps]),
        torch.tensor([length]),
        blank=BLANK,
        reduction="sum",
    ).item()
    ours = log_likelihood(rows, text, BLANK)
    if frames_needed(text) > steps:
        assert ours == theirs == -np.inf
    else:
        assert ours == pytest.approx(theirs, rel=1e-5, abs=1e-6)


@given(st.integers(0, 10_000), st.integers(1, 5))
def test_a_beam_wide_enough_finds_the_likeliest_texts(seed: int, steps: int) -> None:
    rows = frames(seed, steps, 3)
    every = sorted(all_texts(rows).items(), key=lambda each: -each[1])[:4]
    found = ctc_beam(rows, 500, 4, blank=BLANK)
    for ours, (_, p) in zip(found, every, strict=False):
        assert np.exp(ours.log_probability) == pytest.approx(p, rel=1e-4)
        # Equals may come in any order.
        assert np.exp(log_likelihood(rows, np.array(ours.tokens, np.int64), BLANK)) == (
            pytest.approx(p, rel=1e-4)
        )


@given(st.integers(0, 10_000), st.integers(1, 30))
def test_of_frames_that_are_sure_any_beam_reads_the_best_path(seed: int, steps: int) -> None:
    rows = frames(seed, steps, 6, sharp=40.0)
    best = written(tuple(rows.argmax(1).tolist()))
    for width in (1, 5):
        if np.sort(np.exp(rows), 1)[:, -2].max() < 1e-6:
            assert ctc_beam(rows, width, 1, blank=BLANK)[0].tokens == best


def test_what_is_excluded_is_never_written() -> None:
    rows = frames(3, 20, 6)
    for each in ctc_beam(rows, 8, 8, blank=BLANK, excluded=(0, 4)):
        assert not {0, 4, BLANK} & set(each.tokens)


def test_of_a_large_vocabulary_few_tokens_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = 0
    added = ctc._added

    def counted(one: float, other: float) -> float:
        nonlocal tried
        tried += 1
        return added(one, other)

    monkeypatch.setattr(ctc, "_added", counted)
    ctc_beam(frames(2, 60, 600, sharp=0.01), 5, 1, blank=BLANK)
    assert tried <= 60 * 5 * (10 + 15)


def test_the_blank_may_be_named_among_what_is_never_written() -> None:
    rows = frames(4, 20, 6)
    assert ctc_beam(rows, 4, 4, blank=BLANK, excluded=(BLANK, 0)) == ctc_beam(
        rows, 4, 4, blank=BLANK, excluded=(0,)
    )


def test_texts_come_once_and_the_likeliest_first() -> None:
    found = ctc_beam(frames(5, 12, 5), 10, 10, blank=BLANK)
    assert len({each.tokens for each in found}) == 10
    worth = [each.log_probability for each in found]
    assert worth == sorted(worth, reverse=True)


def in_plain_words(rows: NDArray[np.float32], width: int) -> dict[tuple[int, ...], float]:
    """Prefix beam search, all that may be said tried: probabilities, the likeliest first."""
    beam: dict[tuple[int, ...], NDArray[np.float64]] = {(): np.array([1.0, 0.0])}
    for now in np.exp(rows.astype(np.float64)):
        after: dict[tuple[int, ...], NDArray[np.float64]] = {}
        for prefix, (silent, spoken) in beam.items():
            for token, p in enumerate(now.tolist()):
                again = bool(prefix) and token == prefix[-1]
                if token == BLANK or again:
                    ends = [(silent + spoken) * p, 0.0] if token == BLANK else [0.0, spoken * p]
                    after[prefix] = after.get(prefix, np.zeros(2)) + np.array(ends)
                if token != BLANK:
                    longer = (*prefix, token)
                    said = (silent if again else silent + spoken) * p
                    after[longer] = after.get(longer, np.zeros(2)) + np.array([0.0, said])
        order = sorted(after, key=lambda prefix: -after[prefix].sum())
        beam = {prefix: after[prefix] for prefix in order[:width]}
    return {prefix: float(ends.sum()) for prefix, ends in beam.items()}


@given(st.integers(0, 10_000), st.integers(1, 25), st.integers(2, 5), st.floats(0.2, 1.0))
def test_what_is_left_out_early_would_not_have_been_kept(
    seed: int, steps: int, width: int, sharp: float
) -> None:
    rows = frames(seed, steps, 6, sharp)
    found = ctc_beam(rows, width, width, blank=BLANK)
    plain = in_plain_words(rows, width)
    assert [each.tokens for each in found] == list(plain)
    probabilities = [np.exp(each.log_probability) for each in found]
    assert probabilities == pytest.approx(list(plain.values()), rel=1e-6)


def test_tokens_are_laid_where_they_are_likeliest() -> None:
    sure = np.full((9, 4), -20.0, np.float32)
    path = [1, 2, 2, 1, 2, 3, 3, 1, 1]
    sure[np.arange(9), path] = 0.0
    sure[2, 2] = -0.5  # the first frame of the first token is the likelier one
    sure[5, 3] = -0.5  # and the second of the third
    assert alignment(sure, np.array([2, 2, 3]), BLANK).tolist() == [1, 4, 6]


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(6, 20))
def test_an_alignment_is_in_order(seed: int, length: int, steps: int) -> None:
    text = np.random.default_rng(seed).choice([2, 3, 4], length).astype(np.int64)
    found = alignment(frames(seed, steps + length, 5), text, BLANK)
    assert (np.diff(found) >= 1).all()
    assert found.shape == (length,)


def test_repeats_need_a_frame_between() -> None:
    assert frames_needed(np.array([2, 2, 3, 3, 3])) == 8
    assert frames_needed(np.zeros(0, np.int64)) == 0
