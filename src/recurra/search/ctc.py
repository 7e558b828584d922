"""Connectionist temporal classification: what frames say that each write a token or nothing.

Graves et al. 2006, "Connectionist temporal classification". A path names a token or the blank at
every frame; what it writes is the path without repeats, then without blanks. A text is as probable
as all paths that write it together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Frames = NDArray[np.float32]
Ids = NDArray[np.int64]

_LEAST: Final = math.log(1e-4)
"""A token less probable than this at a frame begins nothing there, but for the likeliest one."""

_TRIED: Final = 8
"""Tokens that are tried at a frame, at least."""

NEVER: Final = -math.inf


@final
@dataclass(frozen=True)
class Written:
    """A text and how probable it is: the sum, in nats, over the paths that were followed."""

    tokens: tuple[int, ...]
    log_probability: float


def frames_needed(tokens: Ids) -> int:
    """The fewest frames that can write tokens (L,): repeats need a blank between them."""
    return len(tokens) + int((tokens[1:] == tokens[:-1]).sum())


def log_likelihood(frames: Frames, tokens: Ids, blank: int) -> float:
    """The log-probability of tokens (L,), by log-probabilities of frames (T, V): all paths' sum.

    -inf where there are too few frames. Graves et al. 2006, equations 6 and 8.
    """
    states, skips = _states(tokens, blank)
    emitted = frames[:, states].astype(np.float64)
    alpha = np.full(len(states) + 2, NEVER)  # two more before the first, which nothing reaches
    alpha[2:4] = emitted[0, :2]
    for now in emitted[1:]:
        before = np.where(skips, alpha[:-2], NEVER)
        alpha[2:] = np.logaddexp(np.logaddexp(alpha[2:], alpha[1:-1]), before) + now
    return float(np.logaddexp(alpha[-1], alpha[-2])) if len(tokens) else float(alpha[-1])


def alignment(frames: Frames, tokens: Ids, blank: int) -> Ids:
    """The frame (L,) at which each of tokens (L,) is likeliest, on the likeliest path of them.

    Tokens that the frames (T, V) are too few for are laid on the last one.
    """
    states, skips = _states(tokens, blank)
    emitted = frames[:, states].astype(np.float64)
    best = np.full(len(states) + 2, NEVER)
    best[2:4] = emitted[0, :2]
    ways = np.zeros(emitted.shape, np.int64)
    for t in range(1, len(emitted)):
        options = np.stack([best[2:], best[1:-1], np.where(skips, best[:-2], NEVER)])
        ways[t] = options.argmax(0)
        best[2:] = options.max(0) + emitted[t]
    at = len(states) - 1 - int(len(states) > 1 and best[-2] > best[-1])
    found = np.full(len(tokens), len(frames) - 1, np.int64)
    most = np.full(len(tokens), NEVER)
    for t in range(len(emitted) - 1, -1, -1):
        token = at // 2
        if at % 2 and emitted[t, at] > most[token]:
            most[token], found[token] = emitted[t, at], t
        at -= int(ways[t, at])
        if at < 0:
            break
    return found


def _states(tokens: Ids, blank: int) -> tuple[Ids, NDArray[np.bool_]]:
    """Tokens with blanks around each (2L + 1,), and which of these may follow the last but one."""
    states = np.full(2 * len(tokens) + 1, blank, np.int64)
    states[1::2] = tokens
    skips = np.zeros(len(states), np.bool_)
    skips[3::2] = tokens[1:] != tokens[:-1]
    return states, skips


def ctc_beam(
    frames: Frames, width: int, n_best: int, *, blank: int, excluded: Sequence[int] = ()
) -> list[Written]:
    """The likeliest texts of frames (T, V), best first: prefix beam search.

    Prefixes that begin alike are one, whose paths' probabilities are summed (Graves and Jaitly
    2014; Hannun et al. 2014, arXiv:1408.2873, algorithm 1). A beam of one follows one prefix.

    Args:
        width: prefixes kept after each frame.
        excluded: tokens that are never written; the blank, which never is, may be among them.
    """
    # Of each prefix: nats of its paths that end in a blank, and of those that end in its last.
    beam: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, NEVER)}
    never = {blank, *excluded}
    if out := sorted(never - {blank}):
        frames = frames.copy()
        frames[:, out] = NEVER
    # Where nothing is learnt yet all tokens are likely: no more are tried than could be kept.
    most = min(frames.shape[1], max(_TRIED, 2 * width))
    tried = np.argpartition(-frames, most - 1, axis=1)[:, :most]
    candidates = np.zeros(frames.shape, np.bool_)
    np.put_along_axis(candidates, tried, True, axis=1)
    candidates &= frames >= _LEAST
    candidates[np.arange(len(frames)), frames.argmax(1)] = True
    for now, some in zip(frames, candidates, strict=True):
        tokens = [(v, float(now[v])) for v in np.flatnonzero(some).tolist() if v not in never]
        quiet = float(now[blank])
        totals = {prefix: _added(*ends) for prefix, ends in beam.items()}
        after = {
            prefix: (totals[prefix] + quiet, spoken + float(now[prefix[-1]]) if prefix else NEVER)
            for prefix, (_, spoken) in beam.items()
        }
        # What is said by none of these and less likely than all of them is not kept.
        least = min(_added(*ends) for ends in after.values()) if len(after) == width else NEVER
        for prefix, (silent, _) in beam.items():
            last = prefix[-1] if prefix else -1
            for token, log_p in tokens:
                # Said again right away it is the same token still: only after a blank another one.
                before = silent if token == last else totals[prefix]
                ends, longer = before + log_p, (*prefix, token)
                if before == NEVER or (ends < least and longer not in beam):
                    continue
                known = after.get(longer)
                after[longer] = (known[0], _added(known[1], ends)) if known else (NEVER, ends)
        if len(after) > width:
            scored = [(-_added(*both), prefix) for prefix, both in after.items()]
            scored.sort()
            after = {prefix: after[prefix] for _, prefix in scored[:width]}
        beam = after
    found = [Written(prefix, _added(*ends)) for prefix, ends in beam.items()]
    return sorted(found, key=lambda each: (-each.log_probability, each.tokens))[:n_best]


def _added(one: float, other: float) -> float:
    """The logarithm of the sum of two probabilities, of their logarithms."""
    high, low = (one, other) if one >= other else (other, one)
    return high if low == NEVER else high + math.log1p(math.exp(low - high))
