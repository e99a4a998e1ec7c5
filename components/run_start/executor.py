"""The work of RunStart."""

import json

from absl import logging
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from age import provenance, storage
from age.evaluation.settings import EvaluatorSettings
from age.model.settings import TrainerSettings
from age.serving import model_server
from components import run_parameters
from components.run_start import beam_check
from schemas.bad_input import BadInput


def _with_parameters(configuration: dict, exec_properties: dict) -> dict:
    """Returns the configuration of this run: what was compiled, under the run's parameters."""
    data_dir, serving_dir = exec_properties["data_dir"], exec_properties["serving_dir"]
    run_parameters.require_text(data_dir=data_dir, serving_dir=serving_dir)
    trainer = run_parameters.with_parameters(
        TrainerSettings,
        configuration["trainer"],
        epochs=exec_properties["epochs"],
        learning_rate=exec_properties["learning_rate"],
    )
    evaluator = run_parameters.with_parameters(
        EvaluatorSettings, configuration["evaluator"], max_mae=exec_properties["max_mae"]
    )
    if not storage.is_directory(data_dir):
        raise BadInput(
            f"The pipeline parameter data_dir is {data_dir}, and there is no such directory in the step's container. Expected "
            "a directory with labels.csv and images: check the volume that should hold it (kubeflow.volumes)."
        )
    return {
        **configuration,
        "trainer": trainer.model_dump(),
        "evaluator": evaluator.model_dump(),
        "data": {**configuration["data"], "dir": data_dir},
        "serving": {**configuration["serving"], "dir": serving_dir},
    }


def _require_backbone(settings: TrainerSettings) -> None:
    """Builds the backbones that the Trainer will build after the ingestion: what it would refuse is refused now.

    ImageNet weights are downloaded, or found where Keras keeps them: on Kubeflow that is on the volume, where the Trainer finds
    them too.

    Raises:
        BadInput: weights that are not there or don't fit, or an unknown layer.
        ServiceUnavailable: ImageNet weights that can't be downloaded.
    """
    from age.model import backbone

    for cut in dict.fromkeys(stage.freeze_through for each in settings.networks() for stage in each.in_stages()):
        backbone.build(settings.backbone, settings.image_size, settings.weights, settings.weights_partial, cut)


class Executor(base_executor.BaseExecutor):
    """Looks at the cluster that Beam shall run on and at the weights, and fingerprints the data."""

    def Do(self, input_dict, output_dict, exec_properties):
        """Writes one value to each output.

        Raises:
            BadInput: a parameter is out of range, or the data directory, the label file, the weights, the cluster that Beam
                shall run on or the canary's server can't be used.
        """
        settings = json.loads(exec_properties["settings"])
        configuration = _with_parameters(settings["configuration"], exec_properties)
        beam_check.check(settings["beam_args"])
        if server := configuration["pusher"]["model_server"]:
            model_server.require(server)
        _require_backbone(TrainerSettings.model_validate(configuration["trainer"]))
        inputs = provenance.resolve(
            configuration,
            schema_text=settings["schema_text"],
            remembered_digests=exec_properties["fingerprint_memory"] or None,
        )
        for name, value in inputs.as_values().items():
            artifact_utils.get_single_instance(output_dict[name]).value = value
        logging.info("%d rows, data fingerprint %s.", inputs.rows, inputs.data_fingerprint)
