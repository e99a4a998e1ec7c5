"""Puts the verdict of a run together from what its steps left."""

import datetime
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from age import environment, storage
from age.dataset import data_facts
from age.evaluation import evidence, prediction_errors, predictions_file
from age.evaluation.settings import EvaluatorSettings
from schemas import features
from schemas.run_description import RunDescription
from schemas.verdict import (
    AWAITING_APPROVAL,
    EVALUATE,
    EXPLORE,
    PENDING,
    PUSHED,
    SCHEMA_VERSION,
    Approval,
    Canary,
    Champion,
    Paths,
    Slice,
    Stage,
    Training,
    Verdict,
)

if TYPE_CHECKING:
    from age.evaluation.evaluation_result import EvaluationResult


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def _verdict(run: RunDescription, **found: Any) -> Verdict:
    """Returns a verdict; what was not found is there as null or empty."""
    here = environment.of_this_process()
    return Verdict(
        **{
            "schema_version": SCHEMA_VERSION,
            "kind": run.kind,
            "stopped_by": None,
            "thresholds": run.thresholds,
            "metrics": None,
            "constant_baseline": None,
            "intervals": None,
            "robustness": None,
            "champion": None,
            "best_version": None,
            "canary": None,
            "slices": [],
            "groups": [],
            "weakest_slices": [],
            "model_version": None,
            "push": None,
            "approval": None,
            "data_fingerprint": run.data_fingerprint,
            "training": None,
            "configuration": run.configuration,
            "versions": here.versions,
            "environment": here,
            "created": _now(),
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
    compared: dict[str, Any] = (
        {"difference": result.difference, "learnt_from": result.learnt_from} if result.difference else {}
    )
    return Champion(version=version, metrics=result.champion_metrics, **compared)


def _measured(
    result: "EvaluationResult", slices: list[Slice], errors: npt.NDArray[np.float64], promised_coverage: float | None
) -> dict[str, Any]:
    """Returns what a verdict says of a model's answers.

    Args:
        result: what TFMA measured.
        slices: of it, as they were judged.
        errors: of all photographs, float64[n], years.
        promised_coverage: share of real ages that its intervals are made to hold; None where it gives none, or nobody knows.
    """
    metrics = result.metrics.model_copy(update={"mae_interval": prediction_errors.mae_interval(errors)})
    intervals = result.intervals.model_copy(update={"promised": promised_coverage}) if result.intervals else None
    return {
        "metrics": metrics,
        "intervals": intervals,
        "robustness": result.robustness,
        "slices": slices,
        "groups": evidence.groups(slices),
        "weakest_slices": prediction_errors.weakest_slices(slices, metrics.mae),
    }


def _paths(rejects: str, examples: str, evaluation: str, report: str, **further: str | None) -> Paths:
    return Paths(
        rejects=storage.join(rejects, data_facts.REJECTS_FILE),
        examples=examples,
        evaluation=evaluation,
        predictions=storage.join(evaluation, predictions_file.PREDICTIONS_FILE),
        report=report,
        **further,
    )


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
    canary: Canary | None,
    champion_version: int,
) -> Verdict:
    """Returns the verdict of a run that made a model, before that is pushed.

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
        canary: what the canary found; None where no model was blessed.
        champion_version: the version that the candidate was compared with; 0 for none.
    """
    data = data_facts.read(rejects, run.data_dir)
    paths = _paths(rejects, examples, evaluation, report, metadata=run.metadata_path, model=None)
    predictions = predictions_file.read(str(paths.predictions), attributes)
    promised = ((run.configuration or {}).get("trainer") or {}).get("interval_coverage")
    blessed = result.validation_ok and (canary is None or canary.passed)
    return _verdict(
        run,
        run_id=run_id,
        blessed=blessed,
        reasons=[*result.reasons, *(canary.reasons if canary else [])],
        constant_baseline=prediction_errors.constant_baseline(predictions, data.ages[features.TRAIN].median),
        champion=_champion(champion_version, result),
        best_version=result.best_version,
        canary=canary,
        push=PENDING if blessed else None,
        data=data,
        stages=stages,
        training=Training.model_validate(json.loads(storage.read_bytes(history))),
        paths=paths,
        **_measured(result, result.slices, predictions.predicted_age - predictions.real_age, promised),
    )


def with_paths(verdict: Verdict, **paths: str | None) -> Verdict:
    """Returns the verdict with some of its paths replaced."""
    return verdict.model_copy(update={"paths": verdict.paths.model_copy(update=paths)})


def refused(verdict: Verdict, reason: str) -> Verdict:
    """Returns the verdict on a model that met every threshold and may not serve all the same.

    Args:
        verdict: from `of_model`.
        reason: why, in a sentence.
    """
    return verdict.model_copy(
        update={"blessed": False, "push": None, "reasons": [*verdict.reasons, reason], "created": _now()}
    )


def awaiting_approval(verdict: Verdict) -> Verdict:
    """Returns the verdict on a model that a person has yet to approve."""
    return verdict.model_copy(update={"push": AWAITING_APPROVAL, "created": _now()})


def approved(verdict: Verdict, by: str, reason: str) -> Verdict:
    """Returns the verdict on a model that a person has approved just now."""
    return verdict.model_copy(update={"approval": Approval(by=by, reason=reason, when=_now())})


def pushed(verdict: Verdict, version: str, model: str) -> Verdict:
    """Returns the verdict on a model that is in the serving directory.

    Args:
        verdict: from `of_model`.
        version: its number there.
        model: its directory.
    """
    served = with_paths(verdict, model=model)
    return served.model_copy(update={"push": PUSHED, "model_version": version, "created": _now()})


def of_evaluation(
    run: RunDescription,
    run_id: str,
    result: "EvaluationResult",
    rejects: str,
    examples: str,
    attributes: Sequence[str],
    evaluation: str,
    report: str,
    settings: EvaluatorSettings,
    model_version: int,
    model: str,
    promised_coverage: float | None = None,
    reasons: Sequence[str] = (),
) -> Verdict:
    """Returns what was found of a model on other data than its own; nothing is decided.

    Args:
        run: what was known of it before.
        run_id: what the evaluation is called.
        result: what TFMA measured.
        rejects: directory of the rows that could not be used.
        examples: directory of the examples.
        attributes: the attribute columns of the data, in their order.
        evaluation: directory of the evaluation, with the predictions.
        report: path of the report for people.
        settings: by which slices are judged, as the gate judges them.
        model_version: of the model; 0 where it has none.
        model: its directory.
        promised_coverage: share of real ages that its intervals are made to hold; None where it gives none, or nobody knows.
        reasons: what must be known before the numbers are believed, in sentences.
    """
    paths = _paths(rejects, examples, evaluation, report, model=model)
    errors = prediction_errors.SliceErrors(predictions_file.read(str(paths.predictions), attributes))
    slices = evidence.judged(result.slices, errors, settings)
    return _verdict(
        run,
        kind=EVALUATE,
        run_id=run_id,
        blessed=None,
        reasons=list(reasons),
        model_version=str(model_version) if model_version else None,
        data=data_facts.read(rejects, run.data_dir),
        stages=[],
        paths=paths,
        **_measured(result, slices, errors.errors, promised_coverage),
    )
