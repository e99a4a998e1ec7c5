"""The work of Trainer."""

import json

from tfx.components.trainer import executor as tfx_trainer
from tfx.proto import trainer_pb2
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import io_utils, json_utils, proto_utils

from age import storage
from age.faces.framing import FRAMING
from age.model import search_space, trial_record
from age.model.settings import TrainerInputs, TrainerSettings
from components import run_parameters
from schemas import features

TRAINING = "age.model.training"
RUN_FUNCTION = f"{TRAINING}.run_fn"


def provenance(examples: standard_artifacts.Examples, settings: TrainerSettings, exec_properties) -> dict[str, object]:
    """Returns what a model says of itself: what it was made from, and how faces lie in what it learnt from, where that is known."""
    framing = examples.get_string_custom_property(FRAMING)
    return {
        "recipe": exec_properties["recipe"],
        "data_fingerprint": exec_properties["data_fingerprint"],
        "weights_digest": exec_properties["weights_digest"] or None,
        "trainer": settings.model_dump(),
        **({FRAMING: json.loads(framing)} if framing else {}),
    }


class Executor(tfx_trainer.GenericExecutor):
    """TFX's Trainer under a configuration made from plain parameters."""

    def Do(self, input_dict, output_dict, exec_properties):
        """Trains on `train`, with `validation` for early stopping, and exports the model.

        Raises:
            BadInput: a parameter is out of range; and what `run_fn` raises.
        """
        settings = run_parameters.with_parameters(
            TrainerSettings,
            json.loads(exec_properties["settings"]),
            epochs=exec_properties["epochs"],
            learning_rate=exec_properties["learning_rate"],
        )
        examples = artifact_utils.get_single_instance(input_dict["examples"])
        search = None
        if input_dict.get("hyperparameters"):
            best = io_utils.get_only_uri_in_dir(artifact_utils.get_single_uri(input_dict["hyperparameters"]))
            settings = search_space.applied(settings, search_space.read(best, storage.read_bytes(best)))
            search = trial_record.read(artifact_utils.get_single_uri(input_dict["tuner_results"]))
        inputs = TrainerInputs(
            settings=settings,
            feature_cache_dir=exec_properties["feature_cache_dir"],
            checkpoint_dir=exec_properties["checkpoint_dir"],
            weights_digest=exec_properties["weights_digest"] or None,
            provenance=provenance(examples, settings, exec_properties),
            search=search,
        )
        super().Do(
            input_dict,
            output_dict,
            {
                "run_fn": RUN_FUNCTION,
                "train_args": proto_utils.proto_to_json(trainer_pb2.TrainArgs(splits=[features.TRAIN])),
                "eval_args": proto_utils.proto_to_json(trainer_pb2.EvalArgs(splits=[features.VALIDATION])),
                "custom_config": json_utils.dumps(inputs.model_dump()),
            },
        )
