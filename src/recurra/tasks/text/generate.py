"""Writing with a text model: tokens as they are chosen, for as long as one likes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from recurra.codecs.tokenizer import UNKNOWN, Tokenizer, Writer
from recurra.errors import DataError, check_count
from recurra.runtime.text import TextNetwork
from recurra.search.sampling import Sampling, generators, sample, written

_CHUNK = 1024
"""Tokens of a prompt read at a time."""


def write(
    network: TextNetwork,
    vocabulary: Tokenizer,
    prompt: str,
    sampling: Sampling,
    *,
    seed: int = 0,
    count: int = 1,
    replace_unknown: bool = False,
    apart: bool = False,
    opening: str = "\n",
) -> Iterator[tuple[str, ...]]:
    """Text that follows the prompt, a token of each of `count` continuations at a time, no end.

    A token that leaves a character unfinished, as bytes and subwords can, comes out as "", and the
    character with the token that ends it; what can be no character comes out as U+FFFD.

    Row by row the same for the same seed, whatever `count` is. Without a prompt it goes on after
    the `opening`, which ends a line and is not told; a model that keeps documents `apart` begins
    one.

    Raises:
        OptionError: `count` is below 1.
        DataError: the prompt holds what the model does not know, and
            `replace_unknown` is not set.
    """
    check_count("count", count, "continuations", most=10_000)
    unknown = vocabulary.unknown(prompt)
    if unknown and vocabulary.unit == "words" and not vocabulary.unknown(" " + prompt):
        # A word that the model knows with the blank before it, as it stands inside of lines.
        prompt, unknown = " " + prompt, {}
    if unknown and not replace_unknown:
        named = ", ".join(_named(each) for each in list(unknown)[:5])
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        raise DataError(
            f"the prompt holds {vocabulary.unit} that the model does not know: {named}{more}",
            expected=f"{vocabulary.unit} of the text it was trained on",
            fix="leave them out, or add --replace-unknown to have them read as the unknown one",
        )
    return _written(network, vocabulary, prompt, sampling, seed, count, apart, opening)


def _named(unknown: str) -> str:
    return repr(unknown) + (f" (U+{ord(unknown):04X})" if len(unknown) == 1 else "")


def _written(
    network: TextNetwork,
    vocabulary: Tokenizer,
    prompt: str,
    sampling: Sampling,
    seed: int,
    count: int,
    apart: bool,
    opening: str,
) -> Iterator[tuple[str, ...]]:
    ids = vocabulary.encode(prompt).astype(np.int64)
    if apart:
        ids = np.concatenate([[UNKNOWN], ids])
    elif not prompt:
        ids = vocabulary.encode(opening).astype(np.int64)
    state = network.begin()
    for start in range(0, len(ids) - 1, _CHUNK):
        chunk = ids[None, start : min(start + _CHUNK, len(ids) - 1)]
        _, state = network.read(chunk, state)
    logits, state = network.step(ids[-1:] if len(ids) else np.zeros(1, np.int64), state)
    rows = np.zeros(count, np.int64)
    seen = ids[apart:] if prompt else ids[:0]
    recent = seen[None, -max(1, sampling.remembers) :][rows]
    writers = [Writer(vocabulary) for _ in range(count)]
    chance = generators(seed, count)
    stack = network.stack(logits, state) if count == 1 and sampling.plain else None
    if stack is not None:
        stream = written(stack, sampling.temperature, vocabulary.silent, chance[0], network.threads)
    else:
        stream = sample(
            network,
            logits[rows],
            state.select(rows),
            sampling.sampler(vocabulary.silent),
            chance,
            recent=recent,
            remember=sampling.remembers,
        )
    for tokens in stream:
        chosen = zip(writers, tokens.tolist(), strict=True)
        yield tuple(writer.write(token) for writer, token in chosen)
