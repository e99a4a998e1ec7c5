"""The metadata store of a workdir: whether the ML Metadata installed here can go on with it, and what steps left."""

import os

from schemas.bad_input import BadInput


def check(path: str) -> None:
    """Opens the store, where there is one.

    Args:
        path: the SQLite file of ML Metadata.

    Raises:
        BadInput: it has another schema version, as that of another version of ML Metadata, or is no such store.
    """
    if not os.path.exists(path):
        return
    from ml_metadata import errors, metadata_store
    from ml_metadata.proto import metadata_store_pb2

    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = path
    try:
        metadata_store.MetadataStore(connection)
    except (errors.StatusError, RuntimeError) as error:
        reason = str(error).split(". ")[0].split(" query:")[0].rstrip(".")
        raise BadInput(
            f"{path}: the metadata store can't be opened here: {reason}. Use the stack that made it (docs/stacks.md) or"
            " another workdir, or delete it together with pipeline_root; the next run then computes everything again."
        ) from error


def outputs(path: str, run_id: str, step: str) -> dict[str, str]:
    """Returns where a step of a run left what it made, or found it in the cache: path by the output's name.

    Args:
        path: the SQLite file of ML Metadata.
        run_id: the run's name.
        step: the step's, such as `Tuner`.
    """
    from ml_metadata import metadata_store
    from ml_metadata.proto import metadata_store_pb2

    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = path
    store = metadata_store.MetadataStore(connection)
    run = store.get_context_by_type_and_name("pipeline_run", run_id)
    (execution,) = [one for one in store.get_executions_by_context(run.id) if one.type.rpartition(".")[-1] == step]
    event = metadata_store_pb2.Event
    events = [
        one
        for one in store.get_events_by_execution_ids([execution.id])
        if one.type in (event.OUTPUT, event.DECLARED_OUTPUT, event.INTERNAL_OUTPUT)
    ]
    paths = {one.id: one.uri for one in store.get_artifacts_by_id([one.artifact_id for one in events])}
    return {one.path.steps[0].key: paths[one.artifact_id] for one in events}
