"""The work of AgeEvaluator."""

import contextlib
import json
import os

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2
from tfx.components.evaluator import constants
from tfx.components.evaluator import executor as tfx_evaluator
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import path_utils, proto_utils

from age import storage
from age.dataset import beam_leftovers
from age.evaluation import (
    evaluation_config,
    extractors,
    judgement,
    measured_photographs,
    predictions_file,
    predictions_writer,
    robustness,
)
from age.evaluation.full_precision import full_precision
from age.evaluation.judgement import BEST, CHAMPION
from age.evaluation.settings import EvaluatorSettings
from age.serving import canary, model_digest, model_outputs, training_images
from components import run_parameters, statistics
from schemas import features
from schemas.bad_input import BadInput

if not hasattr(tfma, "EvalConfig"):
    # TFX's Evaluator looks for it there. TFMA 0.52 has it elsewhere, which TFX 1.21 makes good in the `__init__` of
    # `tfx.components`; that one does not run here (components/deferred_init.py).
    tfma.EvalConfig = config_pb2.EvalConfig


@contextlib.contextmanager
def _copied(serving_dir: str, version: int, digest: str, directory: str):
    """Yields a served version as a `Model`, or None for version 0; workers find its files in `directory` meanwhile.

    Raises:
        BadInput: the version is not in the serving directory any more, or another model.
    """
    if not version:
        yield None
        return
    source = os.path.join(serving_dir, str(version))
    model = standard_artifacts.Model()
    model.uri = directory
    files = path_utils.serving_model_dir(model.uri)
    if model_digest.is_model(source):
        storage.link_or_copy_tree(source, files)
    if not model_digest.is_model(files) or model_digest.content_digest(files) != digest:
        raise BadInput(f"{source}: this version was being served a moment ago and is gone now. Start the run again.")
    try:
        yield model
    finally:
        storage.remove_tree(model.uri)


def _withdraw(blessing) -> None:
    """Takes back the blessing of TFX's Evaluator, which knows nothing of what else is judged."""
    blessed = os.path.join(blessing.uri, constants.BLESSED_FILE_NAME)
    if storage.exists(blessed):
        storage.remove_file(blessed)
        storage.write_text(os.path.join(blessing.uri, constants.NOT_BLESSED_FILE_NAME), "")
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY, constants.NOT_BLESSED_VALUE)


def _forget_the_copy(blessing) -> None:
    """Drops what TFX's Evaluator noted of the champion's files, which were there for the evaluation alone.

    Which model it was, is among the parameters of the execution.
    """
    for name in ("baseline_model", "baseline_model_id"):
        blessing.mlmd_artifact.custom_properties.pop(name, None)


class Executor(tfx_evaluator.Executor):
    """TFX's Evaluator under a configuration made from plain parameters and the data's own columns."""

    def Do(self, input_dict, output_dict, exec_properties):
        """Evaluates the candidate (and those that it is compared with, when there are any) on the test split; keeps what they
        predicted.

        Raises:
            BadInput: a threshold is out of range, or the champion is not being served any more.
        """
        settings = run_parameters.with_parameters(
            EvaluatorSettings,
            {**json.loads(exec_properties["slicing"]), **json.loads(exec_properties["robustness"])},
            **{name: exec_properties[name] for name in ("max_mae", "min_examples", "max_regression")},
        )
        examples = artifact_utils.get_single_instance(input_dict["examples"])
        attributes = json.loads(examples.get_string_custom_property(features.ATTRIBUTES_PROPERTY))
        by_split = statistics.by_split(input_dict["statistics"])
        config = evaluation_config.make(settings, attributes, by_split[features.TEST])
        evaluation = artifact_utils.get_single_uri(output_dict["evaluation"])
        candidate = path_utils.serving_model_dir(artifact_utils.get_single_uri(input_dict["model"]))
        with_intervals = set(predictions_file.INTERVAL_COLUMNS) <= model_outputs.names(candidate, evaluation_config.SIGNATURE)
        pictures = sum(dataset.num_examples for split in by_split.values() for dataset in split.datasets)
        serving_dir = exec_properties["serving_dir"]
        versions = {name: exec_properties[f"{name}_version"] for name in (CHAMPION, BEST)}
        with full_precision(), contextlib.ExitStack() as copies:
            models = {
                name: copies.enter_context(
                    _copied(serving_dir, version, exec_properties[f"{name}_digest"], os.path.join(evaluation, name))
                )
                for name, version in versions.items()
            }
            files = {name: path_utils.serving_model_dir(model.uri) for name, model in models.items() if model}
            rivals = {name: judgement.Rival(versions[name], training_images.read(path)) for name, path in files.items()}
            copies.enter_context(
                predictions_writer.writing_predictions(
                    evaluation,
                    attributes,
                    pictures,
                    with_champion=CHAMPION in rivals,
                    best_model=files.get(BEST),
                    with_intervals=with_intervals,
                )
            )
            super().Do(
                {**input_dict, "baseline_model": [models[CHAMPION]] if CHAMPION in rivals else []},
                output_dict,
                {
                    **exec_properties,
                    "eval_config": proto_utils.proto_to_json(config),
                    "example_splits": json.dumps([features.TEST]),
                    "module_path": extractors.__name__,
                },
            )
        beam_leftovers.remove(evaluation)
        measured_photographs.keep(examples.uri, evaluation, canary.PHOTOGRAPHS)
        with full_precision():
            measured = robustness.measure(candidate, examples.uri, evaluation, settings)
        robustness.write(evaluation, measured, robustness.refusals(measured, settings))
        judged = judgement.judge(evaluation, attributes, evaluation_config.attributes_sliced_by(config), settings, rivals)
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        if judged.refused:
            _withdraw(blessing)
        _forget_the_copy(blessing)
        metrics = artifact_utils.get_single_instance(output_dict["metrics"])
        for name, value in judged.measured.by_name().items():
            metrics.set_float_custom_property(name, value)
