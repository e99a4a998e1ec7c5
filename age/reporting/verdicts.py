"""Puts the verdict of a run together from what its steps left."""

import datetime
import importlib.metadata
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from age import storage
from age.dataset import data_facts
from age.evaluation import evidence, prediction_errors, predictions_file
from schemas import features
from schemas.run_description import RunDescription
from schemas.verdict import EXPLORE, SCHEMA_VERSION, Champion, Paths, Stage, Training, Verdict

if TYPE_CHECKING:
    from age.evaluation.evaluation_result import EvaluationResult

_LIBRARIES = (
    "age-pipeline",
    "tfx",
    "tensorflow",
    "keras",
    "tensorflow-data-validation",
    "tensorflow-model-analysis",
    "apache-beam",
)


def _library_versions() -> dict[str, str]:
    versions = {}
    for library in _LIBRARIES:
        try:
            versions[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _verdict(run: RunDescription, **found: Any) -> Verdict:
    """Returns a verdict; what was not found is there as null or empty."""
    return Verdict(
        **{
            "schema_version": SCHEMA_VERSION,
            "kind": run.kind,
            "stopped_by": None,
            "thresholds": run.thresholds,
            "metrics": None,
            "constant_baseline": None,
            "champion": None,
            "slices": [],
            "groups": [],
            "weakest_slices": [],
            "model_version": None,
            "data_fingerprint": run.data_fingerprint,
            "training": None,
            "configuration": run.configuration,
            "versions": _library_versions(),
            "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            **found,
        }
    )


def of_data(
    run: RunDescription,
    run_id: str,
    rejects: str,
    examples: str | None,
    report: str,
    stages: list[Stage],
    stopped_by: str | None = None,
    reasons: Sequence[str] = (),
    anomalies: Iterable[str] = (),
) -> Verdict:
    """Returns the verdict of a look at the data, or of a run that ended before there was a model.

    Args:
        run: what was known of it before.
        run_id: its name.
        rejects: directory of what FaceExampleGen rejected.
        examples: directory of what it wrote, where that is known.
        report: path of the report for people.
        stages: the steps that had finished.
        stopped_by: the component that ended the run, or would.
        reasons: why, in sentences.
        anomalies: what was found against the schema, in sentences.
    """
    return _verdict(
        run,
        run_id=run_id,
        blessed=None if run.kind == EXPLORE else False,
        stopped_by=stopped_by,
        reasons=list(reasons),
        data=data_facts.read(rejects, run.data_dir, anomalies),
        stages=stages,
        paths=Paths(
            metadata=run.metadata_path,
            rejects=storage.join(rejects, data_facts.REJECTS_FILE),
            examples=examples,
            report=report,
        ),
    )


def _champion(version: int, result: "EvaluationResult") -> Champion | None:
    if not version:
        return None
    difference = {"difference": result.difference} if result.difference else {}
    return Champion(version=version, metrics=result.champion_metrics, **difference)


def of_model(
    run: RunDescription,
    run_id: str,
    result: "EvaluationResult",
    rejects: str,
    examples: str,
    attributes: Sequence[str],
    evaluation: str,
    history: str,
    report: str,
    stages: list[Stage],
    champion_version: int,
    pushed_version: str | None,
    pushed_model: str | None,
    refusal: str = "",
) -> Verdict:
    """Returns the verdict of a run that made a model.

    Args:
        run: what was known of it before.
        run_id: its name.
        result: what TFMA measured.
        rejects: directory of what FaceExampleGen rejected.
        examples: directory of what it wrote.
        attributes: the attribute columns of the data, in their order.
        evaluation: directory of the evaluation, with the predictions.
        history: path of what the Trainer recorded.
        report: path of the report for people.
        stages: the steps that had finished.
        champion_version: the version that the candidate was compared with; 0 for none.
        pushed_version: the version that was pushed; None for none.
        pushed_model: its directory.
        refusal: why a model that met every threshold was not pushed and may not serve; empty where it was.
    """
    data = data_facts.read(rejects, run.data_dir)
    predictions_path = storage.join(evaluation, predictions_file.PREDICTIONS_FILE)
    predictions = predictions_file.read(predictions_path, attributes)
    errors = predictions.predicted_age - predictions.real_age
    metrics = result.metrics.model_copy(update={"mae_interval": prediction_errors.mae_interval(errors)})
    return _verdict(
        run,
        run_id=run_id,
        blessed=result.validation_ok and not refusal,
        reasons=[*result.reasons, *([refusal] if refusal else [])],
        metrics=metrics,
        constant_baseline=prediction_errors.constant_baseline(predictions, data.ages[features.TRAIN].median),
        champion=_champion(champion_version, result),
        slices=result.slices,
        groups=evidence.groups(result.slices),
        weakest_slices=prediction_errors.weakest_slices(result.slices, metrics.mae),
        model_version=pushed_version,
        data=data,
        stages=stages,
        training=Training.model_validate(json.loads(storage.read_bytes(history))),
        paths=Paths(
            metadata=run.metadata_path,
            model=pushed_model,
            rejects=storage.join(rejects, data_facts.REJECTS_FILE),
            examples=examples,
            evaluation=evaluation,
            predictions=predictions_path,
            report=report,
        ),
    )
