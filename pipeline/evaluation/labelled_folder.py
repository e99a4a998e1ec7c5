"""Measures a model on any folder with labels: rows are checked and errors counted as a run's test split has it."""

import collections
import json
import os
import shutil
from typing import Any

import tensorflow_model_analysis as tfma
from apache_beam.options.pipeline_options import PipelineOptions
from tensorflow_metadata.proto.v0 import statistics_pb2

from age import progress, storage
from age.dataset import beam_leftovers, data_facts, example_folder, fingerprint, label_file
from age.evaluation import (
    evaluation_config,
    evaluation_result,
    extractors,
    interval_coverage,
    predictions_file,
    predictions_writer,
)
from age.evaluation.settings import EvaluatorSettings
from age.faces.detection import FaceDetector
from age.faces.face_reader import FaceReader
from age.faces.framing import UTKFACE
from age.reporting import page, verdicts
from age.serving import model_outputs
from age.serving.face_predictor import framing_of
from age.serving.serving_directory import EXTRA_ASSETS, PROVENANCE_FILE, ServedModel
from schemas import features
from schemas.age_schema import Limits
from schemas.bad_input import BadInput
from schemas.run_description import RunDescription
from schemas.verdict import EVALUATE, EVALUATION_FILE, Verdict

_EXAMPLES = "examples"
_EVALUATION = "evaluation"


def evaluate(
    data_dir: str,
    served: ServedModel,
    settings: EvaluatorSettings,
    limits: Limits,
    directory: str,
    configuration: dict[str, Any],
    detector: FaceDetector | None = None,
) -> Verdict:
    """Measures a model on a folder with `labels.csv`, and writes `report.html`, `evaluation.json`, `predictions.csv`.

    Args:
        data_dir: the folder.
        served: the model.
        settings: the slices; the limits of the gate are not applied.
        limits: ages and image sides that are accepted.
        directory: where everything goes; made.
        configuration: as the report has it; `report.faces` says whether it may show photographs.
        detector: finds the main face of each photograph, which is cut out as the model learnt to see faces; None to take
            photographs as they are.

    Raises:
        BadInput: the label file can't be used, or no row of it.
    """
    header = label_file.read_header(storage.join(data_dir, features.LABEL_FILE))
    found = fingerprint.data_fingerprint(data_dir, None)
    attributes = list(header.attributes)
    examples, evaluation = os.path.join(directory, _EXAMPLES), os.path.join(directory, _EVALUATION)
    storage.make_directory(directory)
    reader = FaceReader(detector, framing_of(served.path) or UTKFACE) if detector else None
    example_folder.ingest_folder(data_dir, examples, {features.TEST: 1.0}, limits, reader)
    rejects = os.path.join(examples, example_folder.REJECTS_FOLDER)
    counts = data_facts.read_counts(rejects)
    if not counts.used:
        raise BadInput(
            f"{data_dir}: none of the {counts.rows} rows can be used; {os.path.join(rejects, data_facts.REJECTS_FILE)} says why."
        )
    config = evaluation_config.make(settings, attributes, _different_values(data_dir, attributes))
    _measure(served, config, examples, counts.used, attributes, evaluation)
    provenance = _provenance(served)
    verdict = verdicts.of_evaluation(
        RunDescription(kind=EVALUATE, data_fingerprint=found.content, data_dir=data_dir, configuration=configuration),
        os.path.basename(directory),
        evaluation_result.read(evaluation),
        rejects,
        examples,
        attributes,
        evaluation,
        os.path.join(directory, page.REPORT_FILE),
        settings,
        served.version,
        served.path,
        _promised(provenance),
        _warnings(provenance, found.content),
    )
    page.write(verdict, directory)
    # The photographs are where they were, and what the page shows of them is in the page.
    shutil.rmtree(os.path.join(examples, f"Split-{features.TEST}"))
    verdict = verdict.model_copy(update={"paths": verdict.paths.model_copy(update={"examples": None})})
    storage.write_text(os.path.join(directory, EVALUATION_FILE), verdict.to_json())
    return verdict


def _measure(
    served: ServedModel,
    config: tfma.EvalConfig,
    examples: str,
    count: int,
    attributes: list[str],
    evaluation: str,
) -> None:
    """Asks a model about the examples, and writes what it said and what it comes to, as a run's evaluation has it.

    Args:
        served: the model.
        config: the slices.
        examples: directory of the examples by split.
        count: how many examples there are.
        attributes: attribute columns of the data.
        evaluation: directory where everything goes.
    """
    model = tfma.default_eval_shared_model(eval_saved_model_path=served.path, eval_config=config)
    with_intervals = set(predictions_file.INTERVAL_COLUMNS) <= model_outputs.names(served.path, evaluation_config.SIGNATURE)
    progress.report("Measuring the model")
    with predictions_writer.writing_predictions(evaluation, attributes, count, with_intervals=with_intervals):
        tfma.run_model_analysis(
            eval_shared_model=model,
            eval_config=config,
            data_location=os.path.join(examples, f"Split-{features.TEST}", "*"),
            output_path=evaluation,
            extractors=extractors.custom_extractors(model, config, None),
            # An empty list stands for no options; none for those of this process's command line.
            pipeline_options=PipelineOptions([]),
        )
    beam_leftovers.remove(evaluation)
    predictions = predictions_file.read(storage.join(evaluation, predictions_file.PREDICTIONS_FILE), attributes)
    intervals = interval_coverage.measure(predictions, evaluation_config.attributes_sliced_by(config))
    interval_coverage.write(evaluation, intervals, [])


def _different_values(data_dir: str, attributes: list[str]) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Returns how many different values each attribute has, in the form in which a run knows it."""
    values: dict[str, set[str]] = collections.defaultdict(set)
    for row in label_file.read_rows(storage.join(data_dir, features.LABEL_FILE)):
        for name, value in zip(attributes, row.attributes):
            values[name].add(value)
    statistics = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = statistics.datasets.add()
    for name in attributes:
        feature = dataset.features.add()
        feature.path.step.append(name)
        feature.string_stats.unique = len(values[name])
    return statistics


def _provenance(served: ServedModel) -> dict[str, Any]:
    """Returns what the model was made from; nothing where it does not tell."""
    try:
        provenance = json.loads(storage.read_bytes(storage.join(served.path, EXTRA_ASSETS, PROVENANCE_FILE)))
    except (OSError, ValueError):
        return {}
    return provenance if isinstance(provenance, dict) else {}


def _promised(provenance: dict[str, Any]) -> float | None:
    """Returns the share of real ages that the model's intervals are made to hold; None where nobody knows."""
    trainer = provenance.get("trainer")
    promised = trainer.get("interval_coverage") if isinstance(trainer, dict) else None
    return promised if isinstance(promised, float) else None


def _warnings(provenance: dict[str, Any], data_fingerprint: str) -> list[str]:
    if provenance.get("data_fingerprint") != data_fingerprint:
        return []
    return [
        "The model was trained on these very data: most of the photographs were learnt from, so that others will come out worse."
    ]
