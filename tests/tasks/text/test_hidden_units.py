"""Which units of a state are shown, and what they are said to go with."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from recurra.data.files import TextSource
from recurra.networks.text import TextNetwork
from recurra.runtime.text import Architecture
from recurra.tasks.text import hidden_units
from recurra.tasks.text.data import TextData
from small import small_text


def test_units_are_those_that_go_with_what_is_seen() -> None:
    # A beginning unlike the rest: what chooses there would choose otherwise in the passage.
    text = "A Strange end: x-y.\n" * 40 + small_text(70)
    read = TextData.from_source(TextSource(text, "some text"))
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = TextNetwork(Architecture(len(read.vocabulary), "lstm", 6, 12, 2, 0.4))
        for weight in network.parameters():
            torch.nn.init.normal_(weight, std=0.6)
    network.eval()
    passage = range(read.parts.test.start + 20, read.parts.test.start + 120)
    ids, none = read.ids[: passage.stop], np.zeros(0, np.int64)
    pieces = read.vocabulary.shown(ids)
    values, summary = hidden_units.telling(network.in_use(), ids, pieces, none, passage.start)
    assert values.shape == (100, hidden_units.UNITS)
    with torch.no_grad():
        embedded = network.embedding(torch.from_numpy(ids[None].astype(np.int64)))
        states = network.recurrent.trace(embedded).states.hidden[0]
    seen = hidden_units.visible(pieces)
    assert len({(each["layer"], each["unit"]) for each in summary}) == hidden_units.UNITS
    assert sum(each["goes_with"] is not None for each in summary) > 0
    for column, each in zip(values.T, summary, strict=True):
        mine = states[passage.start :, each["layer"] - 1, each["unit"] - 1].numpy()
        np.testing.assert_allclose(column, mine, atol=1e-5)
        if each["goes_with"]:
            r = np.corrcoef(mine, seen[each["goes_with"]][passage.start :])[0, 1]
            assert each["r"] == pytest.approx(r, abs=1e-5)
    # They were chosen on the text before the passage, each among those that are left.
    before, taken = states[: passage.start].flatten(1).numpy(), list[int]()
    for each in summary:
        if each["goes_with"]:
            feature = seen[each["goes_with"]][: passage.start]
            size = np.abs([np.corrcoef(unit, feature)[0, 1] for unit in before.T])
            size[taken] = 0
            taken.append((each["layer"] - 1) * 12 + each["unit"] - 1)
            assert int(size.argmax()) == taken[-1]


def test_what_a_reader_sees() -> None:
    seen = hidden_units.visible([*list("Ab c\nD."), " word", "s"])
    assert seen["the place in the line"].tolist() == [1, 2, 3, 4, 0, 1, 2, 7, 8]
    assert seen["the line ending next"].tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0]
    assert seen["the place in the word"].tolist() == [1, 2, 0, 1, 0, 1, 0, 5, 6]
    assert seen["capital letters"].tolist() == [1, 0, 0, 0, 0, 1, 0, 0, 0]
    assert seen["marks and digits"].tolist() == [0, 0, 0, 0, 0, 0, 1, 0, 0]


def test_a_constant_goes_with_nothing() -> None:
    values = np.stack([np.ones(5), np.arange(5)], 1).astype(np.float32)
    assert hidden_units.correlations(values, np.arange(5.0)).tolist() == pytest.approx([0.0, 1.0])
    assert hidden_units.correlations(values, np.ones(5)).tolist() == [0.0, 0.0]
