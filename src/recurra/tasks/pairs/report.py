"""The report of a pairs run: numbers for programs, sentences for people, the model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from recurra.bundle import Run
from recurra.judge.translation import NAMES, Counted, deciding
from recurra.tasks import card, stored_baselines
from recurra.tasks.pairs import evaluate, render
from recurra.tasks.pairs.baselines import Baseline
from recurra.tasks.pairs.evaluate import Judged
from recurra.tasks.pairs.splits import called

if TYPE_CHECKING:
    from recurra.tasks.pairs.data import PairData

SCORED: Final = "traces/test.json"
ATTENTION: Final = "traces/attention.safetensors"


def baselines_summary(data: PairData, found: Sequence[Baseline]) -> str:
    """The baselines in one line."""
    true = data.of(data.test).targets
    metric = deciding(true)
    figures = (
        f"{each.name} {Counted.of(each.predicted, true).scores().of(metric):.1f}" for each in found
    )
    return f"{', '.join(figures)} {NAMES[metric]}"


def result(data: PairData, judged: Judged, baselines: Sequence[Baseline]) -> dict[str, Any]:
    """What the report says of the model on the test part, all but how it was trained.

    Args:
        data: what it was trained on.
        judged: of the rows `data.test`, in their order.
        baselines: of the same rows.
    """
    part = "the test part" + (f" ({called(data.test_files)})" if data.test_files else "")
    found = examined(judged, baselines, name=data.name, part=part)
    found["data"] |= {
        "learn": len(data.learn),
        "select": len(data.select),
        "found": dict(data.found),
    }
    return found


def examined(
    judged: Judged,
    baselines: Sequence[Baseline] = (),
    *,
    name: str,
    part: str,
    found: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """What a report says of any pairs.

    Args:
        judged: what the model says of them.
        baselines: what they say of the same.
        name: what the data are called.
        part: which part of them it is: "the test part".
        found: what was found in them; see `recurra.tasks.pairs.splits.notes`.
    """
    about = {
        "name": name,
        "part": part,
        "pairs": len(judged.pairs),
        "learn": None,
        "select": None,
        "found": dict(found or {}),
    }
    return {"data": about} | evaluate.judge(judged, baselines)


def write(
    run: Run,
    data: PairData,
    judged: Judged,
    network: str,
    training: Mapping[str, Any],
) -> None:
    """Judge what a trained model says of the test part; write the report and the model card.

    Args:
        run: which has the configuration, and the baselines by `stored_baselines.write`.
        data: what it was trained on.
        judged: of the rows `data.test`, in their order.
        network: the model in a few words.
        training: how the training went, of `training.session.facts`; `padding`, the share of the
            steps of training batches that was padding; `selected`, what chose the weights kept:
            {"metric": "bleu", "score": of the selection part, free-running, "nats_a_piece":
            teacher-forced}; None where nothing chose.
    """
    found = result(data, judged, stored_baselines.read(run, Baseline))
    found |= stored_baselines.left_out(run) | {"training": dict(training)}
    run.write_json(SCORED, scored(judged))
    write_attention(run, judged)
    card.write(
        run,
        found,
        what="A sequence in, another out: a recurrent model with an encoder and a decoder",
        network=network,
        trained_on=f"{len(data.learn):,} pairs; {len(data.select):,} more chose the weights",
        blocks=_card(found),
        commands=[
            f'translate {run.path.name} "..." --beam 5 --show-attention',
            f"evaluate {run.path.name} other data",
        ],
        limits="It knows what its pairs showed it and no more: of other names, numbers and "
        "subjects it may write something fluent that is wrong. What its pairs have in common by "
        "chance, or by prejudice, it has learnt as well.",
    )


def _card(report: dict[str, Any]) -> list[str]:
    """What the model card says of a report."""
    wrong = [each for each in report["worst"] if each["chrf"] < 100]
    examples = (
        (
            *(card.code(each[text][:300]) for text in ("source", "said", "true")),
            f"{each['chrf']:.1f}",
        )
        for each in wrong
    )
    return [
        *render.verdicts(report),
        f"On {report['data']['pairs']:,} pairs that it has never seen, written by itself "
        f"({render.search(report['search'])}):",
        card.comparison(report, render.columns(report)),
        f"{report['cut'][0].upper()}{report['cut'][1:]}; cased. As sacrebleu signs it:",
        "\n".join(
            f"- {NAMES[metric]}: `{report['signatures'][metric]}`"
            for metric in render.METRICS[report["metric"]]
            if metric in report["signatures"]
        ),
        render.writing(report),
        render.forced(report) if report["forced"] else "",
        "What went worst:" if wrong else "",
        card.table(["source", "said", "true", "chrF"], examples) if wrong else "",
        report["training"]["sentence"],
        *render.trained(report["training"]),
    ]


def scored(judged: Judged) -> list[dict[str, Any]]:
    """Each source, what was said, and what is true."""
    pairs = judged.pairs
    return [
        {"source": source, "said": each.text, "true": true, "ended": bool(each.ended)}
        for source, each, true in zip(pairs.sources, judged.said, pairs.targets, strict=True)
    ]


def write_attention(run: Run, judged: Judged) -> None:
    """Keep where attention lay in a few sentences, for pictures."""
    rows = evaluate.to_look_at(judged)
    if not rows:
        return
    arrays: dict[str, NDArray[Any]] = {}
    facts = []
    for number, row in enumerate(rows):
        each = judged.said[row]
        arrays[str(number)] = np.asarray(each.attention, np.float32)
        facts.append(
            {
                "where": judged.pairs.where[row],
                "source": list(each.source),
                "pieces": list(each.pieces),
                "said": each.text,
                "true": judged.pairs.targets[row],
            }
        )
    run.write_arrays(ATTENTION, arrays, {"sentences": facts})
