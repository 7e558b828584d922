"""The report for people, in 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from recurra.tasks.text import evaluate
from recurra.tasks.text.baselines import Baseline


def baselines_summary(found: Sequence[Baseline], unit: str) -> str:
    """The baselines in one line; `unit` is what they are in."""
    return ", ".join(f"{b.name} {b.nats:.3f}" for b in found) + f" {unit}"


def own(model: dict[str, Any]) -> tuple[float, float, str]:
    """The model's nats and bits in the baselines' unit, and a sentence on its others."""
    if model["unit"] == "characters":
        return model["nats"], model["bits"], f"{model['bits_a_byte']:.4f} bits a byte of UTF-8."
    if model["unit"] == "bytes":
        return model["nats"], model["bits"], ""
    one, each = model["unit"].removesuffix("s"), model["bytes"] / model["tokens"]
    own = f"{model['nats']:.4f} nats a {one}, of {each:.2f} bytes on average"
    spelt = "; unknown words are spelt out, at 8 bits a byte" if one == "word" else ""
    return model["nats_a_byte"], model["bits_a_byte"], f"{own}{spelt}."


def summary(report: dict[str, Any]) -> str:
    """The report for a terminal of 80 columns."""
    model, rows = report["model"], []
    title = f"{report['data']['name']}: {report['data']['part']}"
    unit = model["unit"]
    count = f"{model['characters']:,} characters"
    if unit != "characters":
        count += f" in {model['tokens']:,} {unit}"
    if model["unknown"]:
        count += f", {model['unknown']:,} of them unknown to the model"
    rows += [f"{title}, {count}", ""]
    names = ["this model"] + [b["name"] for b in report["baselines"]]
    width = max(map(len, names)) + 2
    nats, bits, others = own(model)
    per = evaluate.beside(unit).removeprefix("nats ")
    rows.append(f"{'':{width}}{'nats':>8}{'bits':>8}  {per}")
    rows.append(f"{names[0]:{width}}{nats:>8.4f}{bits:>8.4f}")
    for baseline in report["baselines"]:
        rows.append(f"{baseline['name']:{width}}{baseline['nats']:>8.4f}{baseline['bits']:>8.4f}")
    if others:
        rows += ["", f"This model: {others}"]
    if report.get("verdict"):
        rows += ["", f"Verdict: {report['verdict']['sentence']}"]
    if report.get("lines"):
        rows += ["", lines_summary(report["lines"])]
    free = report.get("free_running")
    if free:
        rows += ["", "Left to write by itself (a different matter: no true text is given to it):"]
        rows.append(f"{'temperature':>13}{'known words':>13}{'longest copy':>14}{'new pairs':>11}")
        for row in free:
            known = "-" if row["known_words"] is None else f"{100 * row['known_words']:.1f} %"
            rows.append(
                f"{row['temperature']:>13g}{known:>13}"
                f"{row['longest_copy']:>9,} char{100 * row['distinct_pairs']:>9.1f} %"
            )
        rows += [
            "  known words: share of its words that occur in the training text;",
            "  longest copy: longest passage that stands there too;",
            "  new pairs: word pairs not written before.",
        ]
    if report["data"].get("note"):
        rows += ["", report["data"]["note"] + "."]
    training = report.get("training")
    if training:
        rows += ["", training["sentence"]]
    return "\n".join(textwrap.fill(line, 79) if len(line) > 79 else line for line in rows)


def dynamic_summary(found: dict[str, Any]) -> str:
    """Plain and dynamic evaluation for a terminal of 80 columns."""
    unit = found["unit"].removesuffix("s")
    title = f"{found['data']['name']}: {found['data']['part']}"
    return f"""{title}, {found["tokens"]:,} {found["unit"]}

as trained  {found["plain"]:.4f} nats a {unit}
dynamic     {found["dynamic"]:.4f} nats a {unit}

Dynamic: the weights go on learning from what has been scored, at a rate of
{found["rate"]:g}, chosen on text that they were not trained on. The model stays as it is."""


def lines_summary(found: dict[str, Any]) -> str:
    """How many lines stand out, in a sentence."""
    rate = 1000 * found["marked"] / max(1, found["lines"])
    return (
        f"Lines: of 1,000 usual ones at most {found['expected']:.3g} score above "
        f"{found['threshold']:.2f}, as {found['learnt_from']:,} lines of the selection part tell; "
        f"here {rate:.3g} of 1,000 did ({found['marked']:,} of {found['lines']:,})."
    )
