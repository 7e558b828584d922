"""The report of a text run: numbers for programs, sentences for people, the model card."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recurra.bundle import CARD, REPORT, Run
from recurra.runtime.text import TextNetwork
from recurra.tasks import stored_baselines
from recurra.tasks.text import anomaly, evaluate, render, traces
from recurra.tasks.text.anomaly import LineStatistics
from recurra.tasks.text.baselines import Baseline
from recurra.tasks.text.data import TextData, cuts_in

SCORED: Final = "traces/test.safetensors"


def write(
    run: Run,
    network: TextNetwork,
    read: TextData,
    training: dict[str, Any],
    line_statistics: LineStatistics | None,
    gradient: Callable[[traces.Places], NDArray[np.float32]],
) -> None:
    """Score a trained network on the test part, and write the report and the model card.

    Args:
        training: how the training went, of `training.session.facts`.
        gradient: see `traces.record`.
        line_statistics: what lines cost; None for a text without.
    """
    found, config = stored_baselines.read(run, Baseline), run.config()
    before = int(read.ids[read.parts.test.start - 1])
    starts = read.starts_in(read.parts.test)
    nats, streams = evaluate.score(network, read.test, read.unknown_rate, before, starts)
    ids = read.test if starts is None else np.delete(read.test, starts)
    run.write_arrays(SCORED, {"nats": nats.astype(np.float32)})
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
        "verdict": evaluate.plain(evaluate.against(compared, found, unit)),
        "lines": line_statistics
        and anomaly.realised(line_statistics, nats, anomaly.ends_of(read.vocabulary, ids)),
        "free_running": evaluate.free_running(network, read),
        "training": training,
    }
    run.write_text(CARD, card(run.path.name, result, config))
    run.write_json(REPORT, result)


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


def card(name: str, report: dict[str, Any], config: dict[str, Any]) -> str:
    """The model card, Markdown."""
    a, data, model = config["inference"]["architecture"], config["data"], report["model"]
    nats, bits, others = render.own(model)
    rows = [("this model", nats, bits)]
    rows += [(b["name"], b["nats"], b["bits"]) for b in report["baselines"]]
    table = "\n".join(f"| {n} | {nats:.4f} | {bits:.4f} |" for n, nats, bits in rows)
    free = "\n".join(
        f"| {r['temperature']:g} | "
        f"{'-' if r['known_words'] is None else format(100 * r['known_words'], '.1f') + ' %'} | "
        f"{r['longest_copy']} characters |"
        for r in report["free_running"]
    )
    several = a["members"]
    networks = f"the mean of {several}, " if several > 1 else ""
    text = f"""# {name}

A text model that reads {model["unit"]}, made by recurra {config["recurra"]}: {networks}\
{a["layers"]} x {a["cell"].upper()} of {a["hidden"]} units, trained on {data["name"]} \
({data["train"]:,} of its {data["characters"]:,} characters; the \
{data["select"]:,} after them chose the weights).

{report["verdict"]["sentence"]}

On the last {model["characters"]:,} characters, which it has never seen, given the true text \
before each of its {model["unit"]}:

| | {evaluate.beside(model["unit"])} | bits |
|---|---|---|
{table}

{f"This model: {others}" if others else ""}

Left to write by itself:

| temperature | words that occur in the training text | longest passage copied from it |
|---|---|---|
{free}

{report["training"]["sentence"]}

{report["data"]["note"]}

    recurra generate {name} --prompt "..."
    recurra evaluate {name} other.txt
    recurra show {name}

It repeats what its training text says, true or not, kind or not.
"""
    wrapped = (textwrap.fill(line, 99) if line[:1].isalpha() else line for line in text.split("\n"))
    return "\n".join(wrapped)
