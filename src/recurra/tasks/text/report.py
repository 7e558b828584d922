"""The report of a text run: numbers for programs, sentences for people, the model card."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recurra.bundle import Run
from recurra.console.text import percent
from recurra.runtime.text import TextNetwork
from recurra.tasks import card, stored_baselines, summary
from recurra.tasks.text import anomaly, evaluate, render, traces
from recurra.tasks.text.baselines import Baseline
from recurra.tasks.text.data import TextData, cuts_in

SCORED: Final = "traces/test.safetensors"


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
    result = {
        "data": {"name": read.source.name, "part": "the test part", "note": read.note},
        "model": figures.to_json(),
        "baselines": plain(found),
        "verdict": evaluate.against(compared, found, unit),
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
