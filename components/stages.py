"""Reads from the metadata store how long each stage of a run took."""

import os

from schemas.verdict import Stage

_RUN_CONTEXT = "pipeline_run"


def read(metadata_path: str, run_id: str) -> list[Stage]:
    """Returns the finished stages of a run, in the order in which they began.

    Args:
        metadata_path: the SQLite file of ML Metadata.
        run_id: the run's name.

    Returns:
        The stages. The one that asks is itself not finished, and therefore not among them. Nothing where there is no such
        file, as on a runner whose store is elsewhere.
    """
    if not metadata_path or not os.path.isfile(metadata_path):
        return []
    from ml_metadata import errors, metadata_store
    from ml_metadata.proto import metadata_store_pb2

    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = metadata_path
    connection.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READONLY
    try:
        store = metadata_store.MetadataStore(connection)
        run = store.get_context_by_type_and_name(_RUN_CONTEXT, run_id)
        executions = store.get_executions_by_context(run.id) if run else []
    except (errors.StatusError, RuntimeError):  # RuntimeError: the file can't be opened, or is none of SQLite's
        return []
    state = metadata_store_pb2.Execution.State
    return [
        Stage(
            name=execution.type.rpartition(".")[-1],
            seconds=(execution.last_update_time_since_epoch - execution.create_time_since_epoch) / 1000,
            cached=execution.last_known_state == state.CACHED,
        )
        for execution in sorted(executions, key=lambda one: (one.create_time_since_epoch, one.id))
        if execution.last_known_state in (state.COMPLETE, state.CACHED)
    ]
