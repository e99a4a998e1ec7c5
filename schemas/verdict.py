"""The verdict of a run as data: what `blessing.json` holds.

A verdict is a dictionary with these keys:

    run_id            str
    kind              "run", or "explore" for a look at the data alone
    blessed           bool: may this model serve? None for "explore"
    stopped_by        None, or the component that ended the run early ("DataGate")
    reasons           list of sentences: why the model was not blessed, or the run stopped; empty when blessed;
                      for "explore": why the data gate would stop a run
    thresholds        max_mae, max_regression (years), min_examples, slice_ceilings ({"feature=value": years})
    metrics           mae, rmse, bias (years), within_5_years (0-1), example_count, on the test split, and mae_interval
                      (low, high, confidence, resamples, method) or None; None when stopped
    mean_age_mae      float: MAE on the test split of answering with the mean age of the training split, years, or None
    champion          None, or {"version": int, "metrics": as above}
    slices            list of {"feature", "value", "small", and the metrics}; mae_interval where it is not small
    weakest_slices    list of sentences: slices, not small, whose MAE is clearly above the whole, worst first
    model_version     str: the version pushed to the serving directory, or None
    data_fingerprint  str: SHA-256 over labels and images
    data              directory, rows, used, rejected, duplicates, splits, rejects (number by reason), and what the data
                      are like: ages, sizes, brightness, attributes, reject_examples, anomalies (see `data_facts`)
    paths             model, model_card, report, metadata, rejects, examples, predictions, evaluation: what there is
    stages            list of {"name", "seconds", "cached"}, in order: the steps that had finished (see `stages`)
    training          None, or what the Trainer recorded: best_epoch, epochs_run, validation MAE by epoch, cache use
    configuration     the run's configuration in full
    versions          library versions
    created           ISO 8601 time, UTC
"""

import datetime
import importlib.metadata
import json
from typing import Any

BLESSING_FILE = "blessing.json"
REPORTS_DIR = "reports"
"""The folder of a workdir in which every run leaves one of its name."""

RUN, EXPLORE = "run", "explore"

_LIBRARIES = (
    "age-pipeline",
    "tfx",
    "tensorflow",
    "keras",
    "tensorflow-data-validation",
    "tensorflow-model-analysis",
    "apache-beam",
)


def _versions() -> dict[str, str]:
    versions = {}
    for library in _LIBRARIES:
        try:
            versions[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def make(
    run_id: str,
    blessed: bool | None,
    reasons: list[str],
    data: dict[str, Any],
    run_facts: dict[str, Any],
    stopped_by: str | None = None,
    metrics: dict[str, Any] | None = None,
    mean_age_mae: float | None = None,
    champion: dict[str, Any] | None = None,
    slices: list[dict[str, Any]] | None = None,
    weakest_slices: list[str] | None = None,
    model_version: str | None = None,
    training: dict[str, Any] | None = None,
    paths: dict[str, str | None] | None = None,
    stages: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Returns a verdict.

    Args:
        run_id: the run's name.
        blessed: may the model serve? None where there is none.
        reasons: why not.
        data: from `data_facts.read`.
        run_facts: `kind`, `thresholds`, `data_fingerprint`, `data_dir`, `configuration` and `metadata_path`, as the graph
            gives them.
        stopped_by: the component that ended the run early.
        metrics: on the whole test split.
        mean_age_mae: of answering with the mean age, years.
        champion: version and metrics of the model compared with.
        slices: metrics by slice.
        weakest_slices: in words.
        model_version: the version that was pushed.
        training: the Trainer's record.
        paths: where things are.
        stages: the steps that had finished, in order.
    """
    return {
        "run_id": run_id,
        "kind": run_facts.get("kind", RUN),
        "blessed": blessed,
        "stopped_by": stopped_by,
        "reasons": reasons,
        "thresholds": run_facts.get("thresholds"),
        "metrics": metrics,
        "mean_age_mae": mean_age_mae,
        "champion": champion,
        "slices": slices or [],
        "weakest_slices": weakest_slices or [],
        "model_version": model_version,
        "data_fingerprint": run_facts.get("data_fingerprint"),
        "data": data,
        "paths": {"metadata": run_facts.get("metadata_path"), **(paths or {})},
        "stages": stages or [],
        "training": training,
        "configuration": run_facts.get("configuration"),
        "versions": _versions(),
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }


def stopped_by_data_gate(
    run_id: str,
    reasons: list[str],
    data: dict[str, Any],
    run_facts: dict[str, Any],
    paths: dict[str, str],
    stages: list[dict[str, Any]],
) -> dict[str, Any]:
    """Returns the verdict of a run that the data gate ended, or of a look at data with which it would."""
    return make(
        run_id=run_id,
        blessed=None if run_facts.get("kind") == EXPLORE else False,
        reasons=reasons,
        data=data,
        run_facts=run_facts,
        stopped_by="DataGate",
        paths=paths,
        stages=stages,
    )


def to_json(verdict: dict[str, Any]) -> str:
    """Returns the content of `blessing.json`; numbers that are not finite become null, which JSON can say."""
    return json.dumps(_finite(verdict), indent=2, allow_nan=False) + "\n"


def _finite(value):
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not (float("-inf") < value < float("inf")):
        return None
    return value
