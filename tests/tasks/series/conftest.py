"""statsforecast takes seconds to import: tests that are not about it do without."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from recurra.tasks.series.baselines import classical


@pytest.fixture(autouse=True, scope="module")
def nothing_of_statsforecast(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if "classical" not in request.module.__name__:
            patch.setattr(classical, "installed", lambda: False)
        yield
