"""Writing with a text model: characters as they are chosen, for as long as one likes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from recurra.data.vocabulary import UNKNOWN, Vocabulary
from recurra.errors import DataError, OptionError
from recurra.search.choice import Sampling
from recurra.search.stream import generators, sample
from recurra.tasks.text.model import CharacterNetwork

_CHUNK = 1024
"""Characters of a prompt read at a time."""


def write(
    network: CharacterNetwork,
    vocabulary: Vocabulary,
    prompt: str,
    sampling: Sampling,
    *,
    seed: int = 0,
    count: int = 1,
    replace_unknown: bool = False,
) -> Iterator[tuple[str, ...]]:
    """Characters that follow the prompt, one of each of `count` continuations at a time, no end.

    Row by row the same for the same seed, whatever `count` is. Without a prompt it begins as after
    a line end, where the model knows one.

    Raises:
        OptionError: `count` is below 1.
        DataError: the prompt holds a character that the model does not know, and
            `replace_unknown` is not set.
    """
    if count < 1:
        raise OptionError(f"count = {count}", expected="1 or more continuations")
    unknown = vocabulary.unknown(prompt)
    if unknown and not replace_unknown:
        named = ", ".join(f"{c!r} (U+{ord(c):04X})" for c in list(unknown)[:5])
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        raise DataError(
            f"the prompt holds characters that the model does not know: {named}{more}",
            expected="characters of the text it was trained on",
            fix="leave them out, or add --replace-unknown to have them read as the unknown one",
        )
    return _written(network, vocabulary, prompt, sampling, seed, count)


def _written(
    network: CharacterNetwork,
    vocabulary: Vocabulary,
    prompt: str,
    sampling: Sampling,
    seed: int,
    count: int,
) -> Iterator[tuple[str, ...]]:
    device = network.embedding.weight.device
    network.eval()
    if prompt:
        ids = vocabulary.encode(prompt).astype(np.int64)
    else:
        newline = int(vocabulary.encode("\n")[0])
        ids = np.array([newline], np.int64)
    state = None
    with torch.no_grad():
        for start in range(0, len(ids), _CHUNK):
            chunk = torch.from_numpy(ids[None, start : start + _CHUNK]).to(device)
            logits, state = network(chunk, state)
    assert state is not None
    rows = torch.zeros(count, dtype=torch.long)
    recent = torch.from_numpy(ids[None, -max(1, sampling.remembers) :])[rows]
    symbols = ("\ufffd", *vocabulary.symbols)
    stream = sample(
        network,
        logits[rows, -1],
        state.select(rows),
        sampling.choose((UNKNOWN,)),
        generators(seed, count),
        recent=recent if prompt else recent[:, :0],
        remember=sampling.remembers,
    )
    for tokens in stream:
        yield tuple(symbols[token] for token in tokens.tolist())
