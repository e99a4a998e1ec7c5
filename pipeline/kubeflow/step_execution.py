"""Calls the executor of a step with what Kubeflow gives it, and returns what Kubeflow is told of its outputs.

TFX's own program for it, `kubeflow_v2_run_executor`, imports TFMA and Beam in every step, to see whether the step is one of
TFX's evaluations; what it consists of is called from here.
"""

import dataclasses
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfx.dsl.components.base.base_executor import BaseExecutor

_BEAM_EXECUTOR = "tfx.dsl.components.base.base_beam_executor"


@dataclasses.dataclass(frozen=True)
class Step:
    """What a container is started for.

    Attributes:
        executor_class: path of the executor's class, `<module>.<class>`.
        executor_input: Kubeflow's `ExecutorInput` as JSON.
        inputs_spec: the component's `ComponentInputsSpec` as JSON.
        beam_args: command line of the step's Beam pipelines.
    """

    executor_class: str
    executor_input: dict[str, Any]
    inputs_spec: dict[str, Any]
    beam_args: list[str]


def execute(step: Step) -> dict[str, Any]:
    """Executes a step whose artifacts lie on local paths.

    Returns:
        Kubeflow's `ExecutorOutput` as JSON, with the same paths.

    Raises:
        Exception: whatever the executor raises.
    """
    from absl import logging
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils as kubeflow_artifacts
    from tfx.orchestration.portable import outputs_utils
    from tfx.types import standard_artifacts
    from tfx.utils import import_utils

    given = json_format.ParseDict(step.executor_input, pipeline_spec_pb2.ExecutorInput(), ignore_unknown_fields=True)
    declared = json_format.ParseDict(step.inputs_spec, pipeline_spec_pb2.ComponentInputsSpec(), ignore_unknown_fields=True)
    # TFX numbers artifacts, and Kubeflow names them.
    names: dict[int, str] = {}
    inputs = kubeflow_artifacts.parse_raw_artifact_dict(given.inputs.artifacts, names)
    outputs = kubeflow_artifacts.parse_raw_artifact_dict(given.outputs.artifacts, names)
    parameters = kubeflow_artifacts.parse_execution_properties(
        given.inputs.parameter_values, given.inputs.parameters, declared
    )
    # TFX's own launcher makes the directories that executors write into; Kubeflow's makes only those above them.
    outputs_utils.make_output_dirs(outputs)

    logging.set_verbosity(logging.INFO)
    logging.info("%s: inputs %s, outputs %s, parameters %s", step.executor_class, inputs, outputs, parameters)
    kind = import_utils.import_class_by_path(step.executor_class)
    _executor(kind, os.path.dirname(given.outputs.output_file), step.beam_args).Do(inputs, outputs, parameters)

    outputs_utils.tag_output_artifacts_with_version(outputs)
    for (artifact,) in outputs.values():
        if isinstance(artifact, standard_artifacts.ModelBlessing):
            kubeflow_artifacts.refactor_model_blessing(artifact, names)
    output = pipeline_spec_pb2.ExecutorOutput()
    for name, artifacts in kubeflow_artifacts.translate_executor_output(outputs, names).items():
        output.artifacts[name].CopyFrom(artifacts)
    for name in given.outputs.parameters:
        (value,) = outputs[name]
        json_format.ParseDict(value.read(), output.parameter_values[name])
    return json_format.MessageToDict(output)


def _executor(kind: "type[BaseExecutor]", task_dir: str, beam_args: list[str]) -> "BaseExecutor":
    """Returns the executor of a step, whose temporary files lie below its task's directory."""
    # A class that derives from TFX's Beam executor has imported it.
    beam_executor = sys.modules.get(_BEAM_EXECUTOR)
    uses_beam = beam_executor is not None and issubclass(kind, beam_executor.BaseBeamExecutor)
    context = {"tmp_dir": os.path.join(task_dir, ".temp"), "unique_id": os.path.basename(task_dir)}
    return kind(kind.Context(**{"beam_pipeline_args" if uses_beam else "extra_flags": beam_args}, **context))
