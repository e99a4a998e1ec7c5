"""How long stages took, from a metadata store as TFX writes one."""

import pytest
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2

from components import stages

COMPLETE, CACHED, RUNNING, FAILED = (
    metadata_store_pb2.Execution.State.Value(name) for name in ("COMPLETE", "CACHED", "RUNNING", "FAILED")
)


@pytest.fixture
def store(tmp_path):
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(tmp_path / "metadata.sqlite")
    connection.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    return metadata_store.MetadataStore(connection)


def put_run(store, run_id, executions):
    context_type = store.put_context_type(metadata_store_pb2.ContextType(name="pipeline_run"))
    (context,) = store.put_contexts([metadata_store_pb2.Context(type_id=context_type, name=run_id)])
    for name, state in executions:
        kind = store.put_execution_type(metadata_store_pb2.ExecutionType(name=name))
        execution = metadata_store_pb2.Execution(type_id=kind, last_known_state=state)
        (number,) = store.put_executions([execution])
        store.put_attributions_and_associations([], [metadata_store_pb2.Association(context_id=context, execution_id=number)])


def test_finished_stages_of_the_run_come_in_order(store, tmp_path):
    put_run(store, "another", [("tfx.components.pusher.component.Pusher", COMPLETE)])
    put_run(
        store,
        "this",
        [
            ("components.face_example_gen.component.FaceExampleGen", CACHED),
            ("tfx.components.trainer.component.Trainer", COMPLETE),
            ("components.age_evaluator.component.AgeEvaluator", FAILED),
            ("components.blessing_report.component.BlessingReport", RUNNING),
        ],
    )

    found = stages.read(str(tmp_path / "metadata.sqlite"), "this")

    assert [(stage.name, stage.cached) for stage in found] == [("FaceExampleGen", True), ("Trainer", False)]
    assert all(0 <= stage.seconds < 5 for stage in found)
    assert stages.read(str(tmp_path / "metadata.sqlite"), "no such run") == []


@pytest.mark.parametrize("path", [None, "", "nowhere.sqlite", "no database.sqlite"])
def test_without_a_store_nothing_is_said(path, tmp_path):
    (tmp_path / "no database.sqlite").write_text("no database")

    assert stages.read(path and str(tmp_path / path), "this") == []
    assert not (tmp_path / "nowhere.sqlite").exists()
