"""The report of a captions run: numbers for programs, sentences for people, the model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recurra.bundle import Run
from recurra.codecs.pictures import bounded
from recurra.judge.captions import NAMES, Counted, Metric
from recurra.tasks import card, stored_baselines
from recurra.tasks.captions import evaluate, render
from recurra.tasks.captions.baselines import Baseline
from recurra.tasks.captions.evaluate import Judged
from recurra.tasks.captions.splits import CaptionData, called

SCORED: Final = "traces/test.json"
PICTURES: Final = "traces/pictures.safetensors"

_SHOWN_AREA: Final = 256 * 256


def baselines_summary(metric: Metric, data: CaptionData, found: Sequence[Baseline]) -> str:
    """The baselines in one line."""
    true = data.of(data.test).references()
    figures = (
        f"{each.name} {render.figure(metric, Counted.of(each.predicted, true).figure(metric))}"
        for each in found
    )
    return f"{', '.join(figures)} {NAMES[metric]}"


def examined(
    judged: Judged, baselines: Sequence[Baseline] = (), *, name: str, part: str
) -> dict[str, Any]:
    """What a report says of any pictures.

    Args:
        judged: what the model says of them.
        baselines: what they say of the same.
        name: what the data are called.
        part: which part of them it is: "the test part".
    """
    about = {
        "name": name,
        "part": part,
        "pictures": len(judged.captioned),
        "texts": len(judged.captioned.texts),
        "learn": None,
        "select": None,
        "found": {},
    }
    return {"data": about} | evaluate.judge(judged, baselines)


def write(
    run: Run,
    data: CaptionData,
    judged: Judged,
    network: str,
    training: Mapping[str, Any],
) -> None:
    """Judge what a trained model says of the test part; write the report and the model card.

    Args:
        run: which has the configuration, and the baselines by `stored_baselines.write`.
        data: what it was trained on.
        judged: of the pictures `data.test`, in their order.
        network: the model in a few words.
        training: how the training went, of `training.session.facts`; `selected`, what chose the
            weights kept: {"metric": "cer", "score": ..., "nats_a_piece": teacher-forced}.
    """
    part = "the test part" + (f" ({called(data.test_files)})" if data.test_files else "")
    found = examined(judged, stored_baselines.read(run, Baseline), name=data.name, part=part)
    found["data"] |= {
        "learn": len(data.learn),
        "select": len(data.select),
        "found": dict(data.found),
    }
    found |= stored_baselines.left_out(run) | {"training": dict(training)}
    run.write_json(SCORED, scored(judged))
    write_pictures(run, judged)
    card.write(
        run,
        found,
        what="A picture in, a text out: convolutions and a recurrent model",
        network=network,
        trained_on=f"{len(data.learn):,} pictures; {len(data.select):,} more chose the weights",
        blocks=_card(found),
        commands=[
            f"caption {run.path.name} photo.png --show-attention",
            f"evaluate {run.path.name} other data",
        ],
        limits="It knows pictures like those that it was shown, and no others: of a photograph of "
        "something else it writes something fluent that is wrong. What its pictures have in common "
        "by chance, or by prejudice, it has learnt as well.",
    )


def _card(report: dict[str, Any]) -> list[str]:
    """What the model card says of a report."""
    wrong = [each for each in report["worst"] if each["said"] not in each["true"]]
    metric = report["metric"]
    examples = (
        (
            card.code(each["where"]),
            card.code(each["said"][:300]),
            card.code(each["true"][0][:300]),
            render.figure(metric, each["worth"]),
        )
        for each in wrong
    )
    return [
        *render.verdicts(report),
        f"On {report['data']['pictures']:,} pictures that it has never seen, written by itself:",
        card.comparison(report, render.columns(report)),
        "\n".join(f"- {name}: `{each}`" for name, each in report["signatures"].items()),
        render.forced(report),
        "What went worst:" if wrong else "",
        card.table(["picture", "said", "true", NAMES[metric]], examples) if wrong else "",
        report["training"]["sentence"],
        *render.trained(report["training"]),
    ]


def scored(judged: Judged) -> list[dict[str, Any]]:
    """Each picture, what was said, and what is true."""
    given = judged.captioned
    return [
        {"picture": name, "said": each.text, "true": true, "ended": bool(each.ended)}
        for name, each, true in zip(given.names, judged.said, given.references(), strict=True)
    ]


def write_pictures(run: Run, judged: Judged) -> None:
    """Keep a few pictures with where each piece looked, for the page."""
    arrays: dict[str, NDArray[Any]] = {}
    facts = []
    references = judged.captioned.references()
    for number, row in enumerate(evaluate.to_look_at(judged)):
        each = judged.said[row]
        arrays[f"{number}.picture"] = bounded(judged.captioned.pictures[row], _SHOWN_AREA)
        arrays[f"{number}.attention"] = np.asarray(each.attention, np.float32)
        facts.append(
            {
                "where": judged.captioned.names[row],
                "pieces": list(each.pieces),
                "said": each.text,
                "true": references[row],
            }
        )
    run.write_arrays(PICTURES, arrays, {"pictures": facts})


def pictures(run: Run) -> list[tuple[dict[str, Any], NDArray[np.uint8], NDArray[np.float32]]]:
    """What `write_pictures` kept: facts, a picture (H, W, C), attention (T, R, C) of each."""
    arrays, facts = run.read_arrays(PICTURES)
    with run.intact(PICTURES):
        return [
            (each, arrays[f"{k}.picture"], arrays[f"{k}.attention"])
            for k, each in enumerate(facts["pictures"])
        ]
