"""What a run holds to forecast with beside its network: form, tails, scales, intervals, answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.bundle import CONFIG, REPORT, Run
from recurra.runtime.series import SeriesNetwork
from recurra.tasks.series.answer import ANSWER, Answer
from recurra.tasks.series.baselines.past import Past
from recurra.tasks.series.context import check_begun, joined, read_context, read_reports
from recurra.tasks.series.forecast import quantiles, still
from recurra.tasks.series.forecasts import Origins
from recurra.tasks.series.intervals import Widths, apply
from recurra.tasks.series.panel import Counts, Panel
from recurra.tasks.series.reading.form import Form, more
from recurra.tasks.series.scale import Scale
from recurra.tasks.series.suits import check_panel
from recurra.tasks.series.windows import Reader
from recurra.tasks.stored_baselines import holds

SCALE: Final = "scaler.json"
WIDTHS: Final = "intervals.json"


@final
@dataclass(frozen=True, eq=False)
class Parts:
    """What is used with a network.

    Args:
        form: of the data.
        context: the last steps of each series, where forecasts go on from.
        reports: (S,) the ordinal from which on each series reports.
        scale: of each series.
        widths: by how much the network's intervals are moved.
        answer: what the run answers with; None is its network.
    """

    form: Form
    context: Panel
    reports: Counts
    scale: Scale
    widths: Widths
    answer: Answer | None

    @classmethod
    def of(cls, run: Run) -> Parts:
        """Those of a run.

        Raises:
            BundleError: something is missing or damaged, or does not fit.
        """
        with run.intact(CONFIG):
            inference = run.config()["inference"]
            form = Form.from_json(inference["form"])
            horizon = int(inference["architecture"]["horizon"])
        context = read_context(run, form)
        with run.intact(SCALE):
            scale = Scale.from_json(run.read_json(SCALE))
            if len(scale.centre) != len(context):
                raise ValueError(f"scales of other than {len(context):,} series")
        widths, answer = Widths.none(horizon), None
        # Without a report its training is not finished, and has not written them yet.
        if run.has(WIDTHS) or run.has(REPORT):
            with run.intact(WIDTHS):
                widths = Widths.from_json(run.read_json(WIDTHS))
                if widths.low.shape[1] != horizon:
                    raise ValueError(f"widths of other than {horizon:,} steps")
        if holds(run, ANSWER):
            answer = Answer.read(run, horizon=horizon, series=len(context))
        return cls(form, context, read_reports(run, context), scale, widths, answer)

    def panel(self, X: Any, network: SeriesNetwork) -> Panel:
        """What forecasts go on from: newer data behind the context, of the series in them."""
        if X is None:
            return self.context
        newer = more(X, self.form)
        check_begun(self.context, newer, self.form)
        check_panel(newer, self.scale, network.architecture.family)
        return joined(self.context, newer).chosen(newer.ids)

    def scale_of(self, panel: Panel, ends: Counts, network: SeriesNetwork) -> Scale:
        """The scale of a panel.

        Series that training had keep theirs; that of others follows from steps before `ends` (S,).
        """
        counts = network.architecture.family == "counts"
        return self.scale.extended(self.context.ids, panel, ends, counts=counts)

    def said(
        self, network: SeriesNetwork, reader: Reader, windows: Origins, past: Asked | None
    ) -> tuple[NDArray[np.float32], Widths]:
        """Quantiles (W, H, Q) of windows, scaled, and the widths that are still to be applied.

        Args:
            reader: of windows of the network.
            past: the same windows as the answer reads them; None: the network answers.
        """
        widths, answer = self.widths.first(reader.horizon), self.answer
        if past is None or answer is None or not answer.parts:
            return quantiles(network, reader, windows), widths
        mine = None
        if answer.weight:
            mine = apply(quantiles(network, reader, windows), widths)
        number = {each: at for at, each in enumerate(self.context.ids)}
        known = np.array([number.get(each, -1) for each in past[0].panel.ids], np.int64)
        found = answer.said(*past, known, mine)
        found[still(reader, windows)] = 0.0
        return found, answer.widths


Asked = tuple[Past, Origins]
"""Windows of a panel, and all that is known of it before them."""
