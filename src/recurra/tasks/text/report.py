"""The report of a text run: numbers for programs, sentences for people, the model card."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from recurra.bundle import Run
from recurra.console.text import percent
from recurra.errors import DataError
from recurra.runtime.text import TextNetwork
from recurra.tasks import card, stored_baselines, summary
from recurra.tasks.stored_baselines import LeftOut
from recurra.tasks.text import anomaly, baselines, evaluate, render, stored, traces
from recurra.tasks.text.baselines import Baseline
from recurra.tasks.text.data import TextData, cuts_in, encoded, known

if TYPE_CHECKING:
    from recurra.data.long_text import Text
    from recurra.tasks.text.estimator import TextModel

SCORED: Final = "traces/test.safetensors"

MOSTLY: Final = 0.5
"""The share of a text that stands in the training text above which its figures claim nothing."""


def write(
    run: Run,
    network: TextNetwork,
    read: TextData,
    training: dict[str, Any],
    gradient: Callable[[traces.Places], NDArray[np.float32]],
) -> None:
    """Score a trained network on the test part, and write the report and the model card.

    Args:
        training: how the training went, of `training.session.facts`.
        gradient: see `traces.record`.
    """
    found = stored_baselines.read(run, Baseline)
    before = int(read.ids[read.parts.test.start - 1])
    starts = read.starts_in(read.parts.test)
    nats, streams = evaluate.score(network, read.test, read.unknown_rate, before, starts)
    ids = read.test if starts is None else np.delete(read.test, starts)
    run.write_arrays(SCORED, {"nats": nats.astype(np.float32)})
    line_statistics = anomaly.learn(read, nats)
    if line_statistics is not None:
        line_statistics.write(run)
    tested, unit = read.text(read.tested), evaluate.beside(read.vocabulary.unit)
    figures, compared = evaluate.summary(
        nats,
        ids,
        tested,
        read.vocabulary,
        streams,
        cuts_in(read.source, read.tested, apart=read.apart),
    )
    traces.record(run, network, read, nats, gradient)
    before_test = read.source.blocks(range(read.split.test.start))
    result = {
        "data": {"name": read.source.name, "part": "the test part", "note": read.note},
        "model": figures.to_json(),
        "baselines": plain(found),
        **stored_baselines.left_out(run),
        "verdict": evaluate.against(compared, found, unit),
        "copied": evaluate.copied(tested, before_test, compared, found),
        "lines": line_statistics and anomaly.realised(line_statistics),
        "free_running": evaluate.free_running(network, read),
        "training": training,
    }
    data = run.config()["data"]
    card.write(
        run,
        result,
        what=f"A text model that reads {figures.unit}",
        network=_network(run.config()["inference"]["architecture"]),
        trained_on=f"{data['train']:,} of its {data['characters']:,} characters; the "
        f"{data['select']:,} after them chose the weights",
        blocks=_card(result),
        commands=[
            f'generate {run.path.name} --prompt "..."',
            f"evaluate {run.path.name} other.txt",
            f"show {run.path.name}",
        ],
        limits="It repeats what its training text says, true or not, kind or not.",
    )


def of_other(model: TextModel, given: Text, unknown_rate: float, apart: bool) -> dict[str, Any]:
    """The report on a text of its own: see `TextModel.evaluate`."""
    run, vocabulary = model.run, model.vocabulary
    ids, starts, text = encoded(vocabulary, given, reset=apart)
    nats, streams = evaluate.score(model.network, ids, unknown_rate, starts=starts)
    ids = ids if starts is None else np.delete(ids, starts)
    cuts = cuts_in(given, range(len(text)), apart=apart)
    figures, compared = evaluate.summary(nats, ids, text, vocabulary, streams, cuts)
    found: tuple[Baseline, ...] = ()
    without: tuple[LeftOut, ...] = ()
    copied, notes = None, []
    try:
        source, split = stored.text_again(run)
        train, select = known(source, split)
        kept: tuple[Baseline, ...] = ()

        if run.has(stored_baselines.BASELINES):
            kept = stored_baselines.read(run, Baseline)
            without = stored_baselines.read_left_out(run)
        left_out = [each.name for each in without]
        found = baselines.text_baselines(vocabulary, train, select, text, kept, left_out)
        copied = evaluate.copied(text, source.blocks(range(split.test.start)), compared, found)
        if kept and len(train) + len(select) > baselines.XZ_AGAIN:
            notes.append("The compressor xz, which reads the whole training text, is left out")
    except DataError:
        notes.append(
            "The text that it was trained on is not there any more: no baselines, and whether this "
            "text is part of it is not known"
        )
    verdict = evaluate.against(compared, found, evaluate.beside(vocabulary.unit))
    if copied and copied["share"] >= MOSTLY:
        verdict = None
        notes.append(
            "Most of this text is in the text that the model was trained on: how well that was "
            "learnt by heart says nothing of new text"
        )
    whole = len(text) == given.length
    part = "the whole text" if whole else f"the beginning of its {given.length:,} characters"
    return {
        "data": {"name": given.name, "part": part, "note": ". ".join(notes)},
        "model": figures.to_json(),
        "baselines": plain(found),
        "left_out": [asdict(each) for each in without],
        "verdict": verdict,
        "copied": copied,
    }


def _network(sizes: dict[str, Any]) -> str:
    """The model in a few words."""
    several = f"the mean of {sizes['members']}, " if sizes["members"] > 1 else ""
    return f"{several}{sizes['layers']} x {sizes['cell'].upper()} of {sizes['hidden']} units"


def _card(report: dict[str, Any]) -> list[str]:
    """What the model card says of a report."""
    model = report["model"]
    free = (
        (
            f"{each['temperature']:g}",
            percent(each["known_words"]),
            f"{each['longest_copy']} characters",
        )
        for each in report["free_running"]
    )
    heads = ["words that occur in the training text", "longest passage copied from it"]
    return [
        *summary.verdicts(report),
        f"On the last {model['characters']:,} characters, which it has never seen, given the true "
        f"text before each of its {model['unit']}:",
        card.comparison(report, render.columns(report)),
        render.others(model),
        render.copied_summary(report),
        "Left to write by itself:",
        card.table(["temperature", *heads], free),
        report["training"]["sentence"],
        report["data"]["note"],
    ]


def plain(found: Sequence[Baseline]) -> list[dict[str, Any]]:
    """The baselines as plain values."""
    return [
        {
            "name": b.name,
            "nats": b.nats,
            "bits": b.nats / math.log(2),
            "note": b.note,
        }
        for b in found
    ]
