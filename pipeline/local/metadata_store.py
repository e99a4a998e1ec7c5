"""Looks whether the metadata store of a workdir is one that the ML Metadata installed here can go on with."""

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
