"""What lab translate says of its result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recurra.labs.context import LabContext
from recurra.labs.four_sentences import (
    EARLY,
    ENGLISH,
    EVERY,
    FED,
    HIDDEN,
    KOREAN,
    PAIRS,
    RATE,
    STEPS,
)
from recurra.show.picture import BLUE, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from recurra.labs.translate import Translate

WAYS = ("the truth", "half and half", "its own words")


def begin(context: LabContext) -> None:
    """Say what is learnt, from what."""
    context.say(
        f"{len(PAIRS)} pairs, {len(ENGLISH.words)} English and {len(KOREAN.words)} Korean words, "
        f"GRUs of {HIDDEN} units. One sentence a step, {STEPS:,} steps of SGD {RATE}; the decoder "
        "is fed the true words."
    )


def tell(context: LabContext, r: Translate) -> None:
    """Print the losses, the translations, what each way of feeding gives, and the answer."""
    context.table(
        ("steps", "mean loss a word"),
        [
            (f"{EVERY * k + 1:,} to {EVERY * (k + 1):,}", f"{loss:.4f}")
            for k, loss in enumerate(r.alone.losses)
        ],
    )
    context.table(
        ("English", "said", ""),
        [
            (source, said, "right" if said == target else f"wrong: {target}")
            for (source, target), said in zip(PAIRS, r.alone.said, strict=True)
        ],
    )
    right = sum(said == target for (_, target), said in zip(PAIRS, r.batched.said, strict=True))
    context.say(
        f"All {len(PAIRS)} at a time, Adam: a loss of {r.batched.loss:.4f} after "
        f"{r.batched.batches} batches, {r.batched.seconds:.2f} s against {r.alone.seconds:.1f} s; "
        f"{right} of {len(PAIRS)} right."
    )
    context.section(f"what the decoder is fed to learn, over {FED} batches")
    context.table(
        ("to learn", "truth", "itself", "all right", "after an error", "seconds"),
        [
            (
                way,
                f"{100 * each.forced[EARLY - 1]:.0f} %",
                f"{100 * each.free[EARLY - 1]:.0f} %",
                f"{each.exact:.0f}",
                f"{100 * each.recovered:.0f} %",
                f"{each.seconds:.2f}",
            )
            for way, each in zip(WAYS, r.fed.values(), strict=True)
        ],
    )
    context.say(
        f"Truth, itself: words right after {EARLY} batches, when fed the true words, and when fed "
        "its own, as in use (means over first weights, the rest medians). All right: batches until "
        "all four were. After an error: words right behind one wrong word that was put in."
    )
    truth, half, own = r.fed.values()
    context.answer(
        "What breaks without teacher forcing, and with it alone?",
        "Without it, the beginning. A decoder that is fed its own words reads nonsense while it "
        f"knows nothing: all four are right after {own.exact:.0f} batches, after {truth.exact:.0f} "
        "where it was fed the truth. And each word has to wait for the one before, so that no call "
        f"can take a whole sentence: {own.seconds / truth.seconds:.1f} times as long for as many "
        "batches.\n"
        f"With it alone, two things. The figure: after {EARLY} batches "
        f"{100 * truth.forced[EARLY - 1]:.0f} % of the words are right while the true ones are "
        f"fed, {100 * truth.free[EARLY - 1]:.0f} % when it has to go on from its own. And what "
        "comes after an error, which it has never seen: "
        f"{100 * truth.recovered:.0f} % of the words behind a wrong one are right, "
        f"{100 * half.recovered:.0f} % where half the words fed were its own, "
        f"{100 * own.recovered:.0f} % where all were.",
    )

    def draw(axes: Axes) -> None:
        for way, each, colour in zip(WAYS, r.fed.values(), (BLUE, "black", ORANGE), strict=True):
            counts = range(1, len(each.free) + 1)
            axes.plot(counts, [100 * x for x in each.free], color=colour, label=f"fed {way}")
            axes.plot(counts, [100 * x for x in each.forced], color=colour, linestyle=":")
        axes.set(xlabel="batches", ylabel="words right, %", xlim=(1, len(truth.free)))
        axes.set_title("lines: fed its own words; dots: fed the truth")
        axes.legend(frameon=False, fontsize=8)

    context.picture("translate", draw)
