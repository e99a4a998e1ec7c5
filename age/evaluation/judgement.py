"""Judges a candidate beyond TFMA's own thresholds: by its intervals, against versions being served, and slice by slice."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from age import storage
from age.evaluation import (
    comparison_file,
    evaluation_result,
    evidence,
    interval_coverage,
    judged_slices_file,
    paired_comparison,
    prediction_errors,
    predictions_file,
    robustness,
)
from age.evaluation.evaluation_result import EvaluationResult
from age.evaluation.settings import EvaluatorSettings

CHAMPION, BEST = "champion", "best"

_STANDING = {CHAMPION: "which is being served", BEST: "the best one that is still in the serving directory"}


@dataclasses.dataclass(frozen=True)
class Rival:
    """A served version that answered for the same photographs.

    Attributes:
        version: its number.
        learnt_from: which photographs it was trained on, from `age.serving.training_images`; None where it does not tell.
    """

    version: int
    learnt_from: npt.NDArray[np.uint64] | None


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What was found.

    Attributes:
        refused: whether the candidate may not serve for it.
        measured: what TFMA measured.
    """

    refused: bool
    measured: EvaluationResult


def judge(
    evaluation: str,
    attributes: Sequence[str],
    sliced_by: list[str],
    settings: EvaluatorSettings,
    rivals: Mapping[str, Rival],
) -> Judgement:
    """Judges a candidate, and writes what was found and why beside the evaluation.

    Args:
        evaluation: directory of the evaluation, with what all of them predicted, and how robust the candidate is, where that was
            measured.
        attributes: the attribute columns of the data, in their order.
        sliced_by: those that are sliced by.
        settings: thresholds.
        rivals: the versions that it was compared with, under `CHAMPION` and `BEST`.
    """
    predictions = predictions_file.read(storage.join(evaluation, predictions_file.PREDICTIONS_FILE), attributes)
    intervals = interval_coverage.measure(predictions, sliced_by)
    too_few_held = interval_coverage.refusals(intervals, settings)
    interval_coverage.write(evaluation, intervals, too_few_held)
    worse = _compare(evaluation, predictions, sliced_by, settings, rivals)
    measured = evaluation_result.read(evaluation)
    slices = evidence.judged(measured.slices, prediction_errors.SliceErrors(predictions), settings)
    refusals = evidence.refusals(slices, settings)
    judged_slices_file.write(evaluation, slices, refusals)
    too_frail = robustness.read(evaluation).reasons
    return Judgement(refused=bool(refusals or too_few_held or worse or too_frail), measured=measured)


def _compare(
    evaluation: str,
    predictions: predictions_file.PredictionColumns,
    sliced_by: list[str],
    settings: EvaluatorSettings,
    rivals: Mapping[str, Rival],
) -> bool:
    """Writes how the candidate compares with the champion and, where there is one, the best version.

    Returns:
        Whether it is refused.

    Raises:
        ValueError: a version that it should be compared with is not among those that answered.
    """
    margin, reasons = settings.max_regression, []
    answers = {CHAMPION: predictions.champion_age, BEST: predictions.best_version_age}
    compared, best = {}, None
    for name, rival in rivals.items():
        ages = answers[name]
        left_out = paired_comparison.learnt_from(predictions, rival.learnt_from)
        count = None if left_out is None else int(left_out.sum())
        comparison = paired_comparison.of_predictions(
            predictions, sliced_by, margin, settings.min_slice_examples, ages, left_out
        )
        if ages is None or comparison is None:
            raise ValueError(f"{evaluation}: version {rival.version} was not asked for its answers.")
        reasons += paired_comparison.sentences(comparison, margin, rival.version, _STANDING[name])
        compared[name] = comparison, count
        if name == BEST:
            best = comparison_file.best_version(rival.version, ages, predictions.real_age, comparison, count)
    if CHAMPION not in compared:
        return False
    comparison_file.write(evaluation, compared[CHAMPION][0], reasons, compared[CHAMPION][1], best)
    return any(comparison.refused for comparison, _ in compared.values())
