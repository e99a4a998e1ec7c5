"""A whole run of a model that answers with intervals."""

import json
import pathlib

import jsonschema
import pandas as pd
import pytest

from schemas.__main__ import SCHEMA_FILE
from tests.end_to_end.conftest import run_pipeline, write_shades


def test_intervals_are_measured_shown_and_asked_for(tmp_path):
    run = run_pipeline(
        write_shades(tmp_path / "data", count=260),
        tmp_path / "run",
        "trainer.loss=label_distribution",
        "trainer.epochs=3",
        "trainer.interval_coverage=0.8",
        "evaluator.max_mae=60",
        "evaluator.min_coverage=0.9999",
    )

    verdict = run.verdict
    table = pd.read_csv(verdict["paths"]["predictions"])
    held = (table["age_low"] <= table["real_age"]) & (table["real_age"] <= table["age_high"])
    widths = table["age_high"] - table["age_low"]
    jsonschema.validate(verdict, json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))
    assert list(table.columns) == ["file_name", "sha256", "real_age", "predicted_age", "age_low", "age_high", "gender"]
    assert verdict["intervals"]["promised"] == 0.8
    assert verdict["intervals"]["whole"] == {
        "coverage": pytest.approx(held.mean()),
        "mean_width": pytest.approx(widths.mean()),
        "example_count": len(table),
    }
    by_slice = {(one["feature"], one["value"]): one for one in verdict["intervals"]["slices"]}
    for gender in ("female", "male"):
        chosen = table["gender"] == gender
        assert by_slice["gender", gender]["coverage"] == pytest.approx(held[chosen].mean())
        assert by_slice["gender", gender]["mean_width"] == pytest.approx(widths[chosen].mean())
    assert held.mean() < 0.9999 and not verdict["blessed"] and run.versions() == []
    (reason,) = verdict["reasons"]
    assert reason.startswith(f"The intervals hold {100 * held.mean():.1f} % of the real ages of {len(table)} test photographs")
    assert "How sure is it?" in pathlib.Path(verdict["paths"]["report"]).read_text(encoding="utf-8")
    assert not list((run.workdir / "checkpoints").iterdir())
