"""The work of AgeEvaluator."""

import json
import os

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2
from tfx.components.evaluator import executor as tfx_evaluator
from tfx.types import artifact_utils
from tfx.utils import path_utils, proto_utils

from age import storage
from age.dataset import beam_leftovers
from age.evaluation import evaluation_config, evaluation_result, extractors, predictions_writer
from age.evaluation.settings import EvaluatorSettings
from components import run_parameters, statistics
from schemas import features

if not hasattr(tfma, "EvalConfig"):
    # TFX's Evaluator looks for it there. TFMA 0.52 has it elsewhere, which TFX 1.21 makes good in the `__init__` of
    # `tfx.components`; that one does not run here (components/deferred_init.py).
    tfma.EvalConfig = config_pb2.EvalConfig


def _holds_model(artifact) -> bool:
    return storage.exists(os.path.join(path_utils.serving_model_dir(artifact.uri), "saved_model.pb"))


def _keep_the_cache_key_of_both_stacks(blessing) -> None:
    """Drops the models' ids, which the metadata store knows anyway, beside the properties with their URIs.

    TFX's cache hashes the artifacts that a step is given as protobuf serializes them. Of two keys of which one begins
    with the other (`current_model`, `current_model_id`), protobuf 3.20 writes the longer one last and protobuf 6 first:
    on the other stack, Pusher would not find its earlier work and push the same model again.
    """
    for name in ("current_model_id", "baseline_model_id"):
        blessing.mlmd_artifact.custom_properties.pop(name, None)


class Executor(tfx_evaluator.Executor):
    """TFX's Evaluator under a configuration made from plain parameters and the data's own columns."""

    def Do(self, input_dict, output_dict, exec_properties):
        """Evaluates the candidate (and the baseline, when there is one) on the test split; keeps what it predicted.

        Raises:
            BadInput: a threshold is out of range.
        """
        settings = run_parameters.with_parameters(
            EvaluatorSettings,
            json.loads(exec_properties["slicing"]),
            **{name: exec_properties[name] for name in ("max_mae", "min_examples", "max_regression")},
        )
        examples = artifact_utils.get_single_instance(input_dict["examples"])
        attributes = json.loads(examples.get_string_custom_property(features.ATTRIBUTES_PROPERTY))
        by_split = statistics.by_split(input_dict["statistics"])
        config = evaluation_config.make(settings, attributes, by_split[features.TEST])
        inputs = {key: value for key, value in input_dict.items() if key != "baseline_model"}
        baseline = input_dict.get("baseline_model")
        if baseline and _holds_model(baseline[0]):
            inputs["baseline_model"] = baseline
        evaluation = artifact_utils.get_single_uri(output_dict["evaluation"])
        pictures = sum(dataset.num_examples for split in by_split.values() for dataset in split.datasets)
        with predictions_writer.writing_predictions(evaluation, attributes, pictures):
            super().Do(
                inputs,
                output_dict,
                {
                    **exec_properties,
                    "eval_config": proto_utils.proto_to_json(config),
                    "example_splits": json.dumps([features.TEST]),
                    "module_path": extractors.__name__,
                },
            )
        beam_leftovers.remove(evaluation)
        _keep_the_cache_key_of_both_stacks(artifact_utils.get_single_instance(output_dict["blessing"]))
        metrics = artifact_utils.get_single_instance(output_dict["metrics"])
        for name, value in evaluation_result.read(evaluation).by_name().items():
            metrics.set_float_custom_property(name, value)
