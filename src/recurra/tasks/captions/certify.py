"""The comparisons of a captions model's certificate, on pictures of its own test part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.pictures import PictureForm, Pixels
from recurra.codecs.tokenizer import BEGIN, END, Tokenizer
from recurra.errors import InputError
from recurra.runtime.captions import CaptionNetwork
from recurra.runtime.certificate import BY_TORCH, Check, close, equal, not_shown
from recurra.runtime.decoder import Ids
from recurra.runtime.state import Array
from recurra.search.decoding import SearchOptions
from recurra.tasks.captions import data
from recurra.tasks.captions.caption import Caption, caption
from recurra.tasks.captions.estimator import CaptionModel
from recurra.tasks.comparison import Change, by_torch, change, tolerance

PICTURES: Final = 16
"""Pictures that are read each way."""

ROUNDED: Final = 64
"""Pictures on which rounded weights are compared with what they were."""

_WAYS: Final = "strangers, steps, captions, torch"

Trained = Callable[[Array, NDArray[np.int64], Sequence[Ids]], list[NDArray[np.float64]]]
"""What captions (T,) of pictures cost by torch, (1,) each."""


def comparisons(model: CaptionModel, dataset: Any) -> list[Check]:
    """The comparisons of a model, on the test part of what it was trained on.

    Args:
        dataset: the `config.EncodedDataset` of its training, if it is at hand.
    """
    run = model.run
    try:
        read = data.INPUT.read_again(run, run.config()["data"]) if dataset is None else dataset.data
    except InputError as error:
        return [not_shown(_WAYS, error.got)]
    captioned = read.of(read.test[:PICTURES])
    references = captioned.references()
    return compare(
        model.network,
        model.form,
        model.vocabulary,
        [model.form.scaled(each) for each in captioned.pictures],
        [each[0] for each in references],
        model.longest,
        by_torch(model, "token_nll"),
        allowed=tolerance(model),
    )


def changed(before: CaptionModel, after: CaptionModel) -> Change:
    """What captions of the test part cost, and what is said of its pictures."""
    read = data.INPUT.read_again(before.run, before.run.config()["data"])
    captioned = read.of(read.test[:ROUNDED])
    pictures = [before.form.scaled(each) for each in captioned.pictures]
    texts = [each[0] for each in captioned.references()]
    rows = before.vocabulary.encode_batch(texts)
    ids = [np.concatenate([[BEGIN], row, [END]]) for row in rows]
    x, sizes = before.form.numbers(pictures, before.network.multiple)
    both, every = (before.network, after.network), np.arange(len(ids))
    costs = [[-each for each in one.log_likelihood(x, sizes, every, ids)] for one in both]
    how = SearchOptions(beam=3)
    said = [
        [
            found[0].text
            for found in caption(
                one, before.form, before.vocabulary, pictures, how, longest=before.longest
            )
        ]
        for one in both
    ]
    return change("nats", f"{len(ids):,} pictures of the test part", costs, said)


def compare(
    network: CaptionNetwork,
    form: PictureForm,
    targets: Tokenizer,
    pictures: Sequence[Pixels],
    texts: Sequence[str],
    longest: int,
    trained: Trained | str,
    *,
    allowed: float,
) -> list[Check]:
    """Read and caption n pictures in every way that there is, and by torch.

    Args:
        pictures: as `form` scales them.
        texts: a true caption of each.
        longest: the most pieces of a caption.
        trained: the network in torch, or why there is none.
        allowed: how far what torch's captions cost a piece may be away.
    """
    note = f"{len(pictures):,} pictures of the test part"
    ids = [np.concatenate([[BEGIN], row, [END]]) for row in targets.encode_batch(texts)]
    # Strangers of another size, so that there is padding on all sides.
    strange = [np.ascontiguousarray(np.rot90(each)[::1, ::-1]) for each in pictures[:3]]
    strange = [form.scaled(each) for each in strange]
    x, sizes = form.numbers(pictures, network.multiple)
    every = np.arange(len(pictures))
    whole = network.log_likelihood(x, sizes, every, ids)
    beside, their_sizes = form.numbers([*strange, *pictures], network.multiple)
    among = network.log_likelihood(beside, their_sizes, every + len(strange), ids)
    apart = [form.numbers([each], network.multiple) for each in pictures]
    first = np.zeros(1, np.int64)
    alone = [
        network.log_likelihood(*each, first, [row]) for each, row in zip(apart, ids, strict=True)
    ]
    how = SearchOptions(beam=3)

    def written(some: Sequence[Pixels]) -> list[Caption]:
        return [one for one, *_ in caption(network, form, targets, some, how, longest=longest)]

    one_by_one = [one for each in pictures for one in written([each])]
    found = [
        equal("alone = together", [each for one in alone for each in one], whole, note),
        equal("among strangers = together", among, whole, note),
        equal(
            "captions among strangers = alone",
            _arrays(written([*strange, *pictures])[len(strange) :]),
            _arrays(one_by_one),
            note,
        ),
    ]
    if network.architecture.reading != "ctc":
        steps = [_stepped(network, *each, row) for each, row in zip(apart, ids, strict=True)]
        found.append(equal("step by step = whole", steps, whole, note))
    if isinstance(trained, str):
        return [*found, not_shown(BY_TORCH, trained)]
    theirs = trained(x, sizes, ids)
    pieces = [len(row) - 1 for row in ids]
    ours = [np.array([-each.sum() / n]) for each, n in zip(whole, pieces, strict=True)]
    theirs = [each / n for each, n in zip(theirs, pieces, strict=True)]
    real = [row for row, each in enumerate(ours) if np.isfinite(each).all()]
    return [
        *found,
        close(BY_TORCH, [theirs[row] for row in real], [ours[row] for row in real], note, allowed),
    ]


def _arrays(found: Sequence[Caption]) -> list[Array]:
    """What captions score and where they looked, and their texts as code points."""
    arrays: list[Array] = []
    for each in found:
        arrays += [
            np.array([each.score, each.log_probability], np.float64),
            np.array(list(map(ord, each.text)), np.int64),
            each.attention,
        ]
    return arrays


def _stepped(
    network: CaptionNetwork, x: Array, sizes: NDArray[np.int64], target: Ids
) -> NDArray[np.float64]:
    """What each piece of a caption but the first is worth, one step after the other."""
    decoder = network.decoder(network.encode(x, sizes))
    state, found = decoder.begin(), []
    for token in target[:-1].tolist():
        outputs, state = decoder.step(np.array([token]), state)
        found.append(outputs)
    return network.ensemble.head.log_likelihood(np.concatenate(found), target[1:])
