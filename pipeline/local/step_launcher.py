"""Launches the steps of a compiled pipeline one after the other, as TFX's LocalDagRunner does, and tells how each one went.

LocalDagRunner tells its log alone, in English. What became of a step is read from ML Metadata here.
"""

from collections.abc import Callable

from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import launcher
from tfx.proto.orchestration import pipeline_pb2
from tfx.utils import telemetry_utils

_State = metadata_store_pb2.Execution.State


def launch(pipeline: pipeline_pb2.Pipeline, began: Callable[[str], None], ended: Callable[[bool], None]) -> None:
    """Launches the steps in the order in which they stand, which is one that their inputs allow.

    Args:
        pipeline: what TFX's compiler made, runtime parameters substituted.
        began: is told the name of each step before it is launched.
        ended: is told after a step whether what it made came from the cache.

    Raises:
        Exception: whatever a step failed with; later steps are not launched.
    """
    deployment = runner_utils.extract_local_deployment_config(pipeline)
    config = deployment.metadata_connection_config
    connection = metadata.Metadata(getattr(config, config.WhichOneof("connection_config")))
    with connection, telemetry_utils.scoped_labels({telemetry_utils.LABEL_TFX_RUNNER: "local"}):
        for node in pipeline.nodes:
            name = node.pipeline_node.node_info.id
            began(name)
            execution = launcher.Launcher(
                pipeline_node=node.pipeline_node,
                mlmd_connection=connection,
                pipeline_info=pipeline.pipeline_info,
                pipeline_runtime_spec=pipeline.runtime_spec,
                executor_spec=runner_utils.extract_executor_spec(deployment, name),
                custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, name),
            ).launch()
            ended(_is_cached(connection, name, execution.execution_id))


def _is_cached(connection: metadata.Metadata, name: str, execution_id: int | None) -> bool:
    """Returns whether a step's execution came from the cache.

    Raises:
        RuntimeError: it is not done. The launcher raises nothing when a step's inputs can't be found.
    """
    executions = connection.store.get_executions_by_id([execution_id]) if execution_id else []
    state = executions[0].last_known_state if executions else _State.UNKNOWN
    if state not in (_State.COMPLETE, _State.CACHED):
        raise RuntimeError(f"{name} was not run: ML Metadata knows it as {_State.Name(state)}.")
    return state == _State.CACHED
