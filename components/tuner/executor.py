"""The work of Tuner."""

import json

from tfx.components.tuner import executor as tfx_tuner
from tfx.proto import trainer_pb2
from tfx.types import artifact_utils
from tfx.utils import json_utils, proto_utils

from age.model import trial_record
from age.model.search_space import TunerSettings
from age.model.settings import TrainerSettings
from age.reporting import trials
from components import run_parameters
from schemas import features

TUNING = "age.model.tuning"


class Executor(tfx_tuner.Executor):
    """TFX's Tuner under a configuration made from plain parameters."""

    def Do(self, input_dict, output_dict, exec_properties):
        """Searches on `train` and `validation`, and writes down the best values and all trials.

        Raises:
            BadInput: a parameter is out of range; and what the search raises.
        """
        from age.model.tuning import TunerInputs

        settings = run_parameters.with_parameters(
            TrainerSettings,
            json.loads(exec_properties["settings"]),
            epochs=exec_properties["epochs"],
            learning_rate=exec_properties["learning_rate"],
        )
        inputs = TunerInputs(
            settings=settings,
            tuner=TunerSettings.model_validate_json(exec_properties["tuner"]),
            feature_cache_dir=exec_properties["feature_cache_dir"],
            search_dir=exec_properties["search_dir"],
            weights_digest=exec_properties["weights_digest"] or None,
        )
        search = tfx_tuner.search(
            input_dict,
            {
                "tuner_fn": f"{TUNING}.tuner_fn",
                "train_args": proto_utils.proto_to_json(trainer_pb2.TrainArgs(splits=[features.TRAIN])),
                "eval_args": proto_utils.proto_to_json(trainer_pb2.EvalArgs(splits=[features.VALIDATION])),
                "custom_config": json_utils.dumps(inputs.model_dump()),
            },
            self._get_tmp_dir(),
        )
        tfx_tuner.write_best_hyperparameters(search, output_dict)
        results = artifact_utils.get_single_uri(output_dict["tuner_results"])
        trial_record.write(search.found(), results)
        trials.write(search.found(), results)
