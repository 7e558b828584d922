from __future__ import annotations

from pathlib import Path

from recurra import LabelModel
from recurra.bundle import Run


def test_a_run_remembers_that_its_tables_have_no_names(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    rows = [
        f"{('good', 'bad')[n % 2]},{('a fine', 'an awful')[n % 2]} thing {n}" for n in range(60)
    ]
    path.write_text("\n".join(rows))
    LabelModel(steps=1, label="1", text="2").fit(path, out=tmp_path / "run")
    assert Run.open(tmp_path / "run").config()["options"]["header"] is False
    # Nothing in this table says it.
    other = tmp_path / "other.csv"
    other.write_text("good,fine\nbad,awful\n")
    assert LabelModel.load(tmp_path / "run").evaluate(other)["data"]["examples"] == 2
