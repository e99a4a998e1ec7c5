"""The container's entrypoint: URIs in, local paths to the executor, URIs out."""

import json

import pytest

from pipeline.kubeflow import entrypoint
from schemas import exit_status
from schemas.bad_input import BadInput
from schemas.failures import NotBlessed, ServiceUnavailable, TrainingDiverged


@pytest.mark.parametrize(
    "uri, path",
    [
        ("minio://bucket/a/b", "/minio/bucket/a/b"),
        ("s3://bucket/a", "/s3/bucket/a"),
        ("gs://bucket/a", "/gcs/bucket/a"),
        ("/mnt/a", "/mnt/a"),
    ],
)
def test_local_path(uri, path):
    assert entrypoint.local_path(uri) == path


def test_a_storage_without_local_paths_is_refused():
    with pytest.raises(BadInput, match="azblob://c/a is in a storage"):
        entrypoint.local_path("azblob://c/a")


def _executor_input(**artifact):
    return {
        "inputs": {"artifacts": {"examples": {"artifacts": [{"uri": "s3://bucket/in", **artifact}]}}},
        "outputs": {"artifacts": {"model": {"artifacts": [{"uri": "s3://bucket/out"}]}}, "outputFile": "output.json"},
    }


def test_uris_come_back(tmp_path):
    (tmp_path / "s3" / "bucket" / "in").mkdir(parents=True)
    given = _executor_input()
    uris = entrypoint.with_local_paths(given, str(tmp_path))
    (examples,), (model,) = (
        given[side]["artifacts"][key]["artifacts"] for side, key in (("inputs", "examples"), ("outputs", "model"))
    )
    assert examples["uri"] == str(tmp_path / "s3/bucket/in") and model["uri"] == str(tmp_path / "s3/bucket/out")

    page = tmp_path / "s3/bucket/out/page.html"
    page.parent.mkdir(parents=True)
    page.write_text("x")
    written = {"artifacts": {"model": {"artifacts": [{"uri": str(page), "metadata": {"pushed": 1}}]}}}
    entrypoint.with_uris(written, uris)
    assert written["artifacts"]["model"]["artifacts"] == [{"uri": "s3://bucket/out/page.html", "metadata": {"pushed": 1}}]


def test_an_artifact_may_say_where_it_is(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    given = _executor_input(customPath=str(elsewhere))
    uris = entrypoint.with_local_paths(given, str(tmp_path))
    assert uris[str(elsewhere)] == "s3://bucket/in"


def test_metadata_name_uris_and_nothing_is_null(tmp_path):
    """A blessing says which model it is about, to people and steps that never see the container's paths; ML Metadata's
    client in the launcher refuses null."""
    model = str(tmp_path / "minio/bucket/model")
    written = {
        "artifacts": {
            "blessing": {
                "artifacts": [
                    {
                        "uri": str(tmp_path / "minio/bucket/blessing"),
                        "metadata": {
                            "current_model": model,
                            "files": [f"{model}/saved_model.pb"],
                            "note": None,
                            "blessed": 1.0,
                        },
                    }
                ]
            }
        }
    }
    entrypoint.with_uris(
        written, {model: "minio://bucket/model", str(tmp_path / "minio/bucket/blessing"): "minio://bucket/blessing"}
    )
    (blessing,) = written["artifacts"]["blessing"]["artifacts"]
    assert blessing["uri"] == "minio://bucket/blessing"
    assert blessing["metadata"] == {
        "current_model": "minio://bucket/model",
        "files": ["minio://bucket/model/saved_model.pb"],
        "blessed": 1.0,
        entrypoint.EMPTY_PROPERTY: 1,
    }


@pytest.mark.parametrize("empty_type", [{"instanceSchema": ""}, {"schemaTitle": ""}, {}])
def test_an_input_without_a_type_has_the_one_that_its_component_declares(empty_type):
    given = _executor_input(type=empty_type)
    declared = {"instanceSchema": "title: tfx.Examples\ntype: object\n"}
    entrypoint.with_input_types(given, {"artifacts": {"examples": {"artifactType": declared}}})
    assert given["inputs"]["artifacts"]["examples"]["artifacts"][0]["type"] == declared


def test_an_input_with_a_type_keeps_it():
    own = {"schemaTitle": "tfx.Examples"}
    given = _executor_input(type=own)
    entrypoint.with_input_types(given, {})
    assert given["inputs"]["artifacts"]["examples"]["artifacts"][0]["type"] == own


def test_an_input_whose_type_nobody_knows_is_named():
    with pytest.raises(BadInput, match="The input examples came without a type"):
        entrypoint.with_input_types(_executor_input(type={"instanceSchema": ""}), {"artifacts": {}})


def test_outputs_of_kubeflow_are_left_alone():
    """`executor-logs` is there unless an installation switches log publishing off."""
    given = _executor_input()
    outputs = given["outputs"]["artifacts"]
    outputs["model"]["artifacts"][0]["type"] = {"instanceSchema": "title: tfx.Model\ntype: object\n"}
    outputs["page"] = {
        "artifacts": [{"uri": "s3://bucket/page", "type": {"instanceSchema": "title: system.HTML\ntype: object\n"}}]
    }
    outputs["executor-logs"] = {"artifacts": [{"uri": "s3://bucket/logs", "type": {"schemaTitle": "system.Artifact"}}]}
    outputs["what-comes-next"] = {"artifacts": [{"uri": "s3://bucket/next", "type": {"instanceSchema": "title: system.Next"}}]}
    entrypoint.without_outputs_of_kubeflow(given, {"tfx.Model", "system.HTML", "system.Metrics"})
    assert set(outputs) == {"model", "page"}


@pytest.mark.parametrize(
    "back, written",
    [
        ({"struct": {"train": 1}}, {"train": 1}),
        ({"list": ["train"]}, ["train"]),
        ({"struct": "not ours"}, {"struct": "not ours"}),
        ({"struct": {}, "list": []}, {"struct": {}, "list": []}),
        (1.0, 1.0),
        ("text", "text"),
    ],
)
def test_metadata_are_read_as_they_were_written(back, written, tmp_path):
    (tmp_path / "s3/bucket/in").mkdir(parents=True)
    given = _executor_input(metadata={"blessed": back})
    entrypoint.with_local_paths(given, str(tmp_path))
    assert given["inputs"]["artifacts"]["examples"]["artifacts"][0]["metadata"] == {"blessed": written}


def test_a_missing_input_is_named(tmp_path):
    with pytest.raises(BadInput, match="The input examples should be at .*/s3/bucket/in, a copy of s3://bucket/in"):
        entrypoint.with_local_paths(_executor_input(), str(tmp_path))


def test_an_output_left_empty_is_told_to_the_next_step(tmp_path):
    """Object stores keep no empty directories: nothing is downloaded where the champion's model would be."""
    written = {"artifacts": {"model": {"artifacts": [{"uri": str(tmp_path / "nothing")}]}}}
    entrypoint.with_uris(written, {str(tmp_path / "nothing"): "s3://bucket/in"})
    entrypoint.with_local_paths(_executor_input(**written["artifacts"]["model"]["artifacts"][0]), str(tmp_path))


@pytest.mark.parametrize("arguments", [[], [entrypoint.INVOCATION_FLAG], [entrypoint.INVOCATION_FLAG, "{}"]])
def test_arguments_that_no_launcher_gives(arguments, capsys):
    assert entrypoint.main(arguments) == exit_status.BAD_INPUT
    said = capsys.readouterr().err
    assert said.startswith("Error: ") and "executor input" in said and "Traceback" not in said


@pytest.mark.parametrize(
    "error, mark", [(BadInput("no rows"), "Refused: no rows"), (OSError("disk"), "Failed: OSError: disk")]
)
def test_a_step_leaves_its_message_in_its_pod(tmp_path, monkeypatch, error, mark):
    """The launcher ends with 1 whatever it was."""
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "termination-log").touch()
    monkeypatch.setenv(entrypoint.MOUNT_ROOT_VARIABLE, str(tmp_path))

    def fail(*arguments):
        raise error

    monkeypatch.setattr(entrypoint, "_execute", fail)
    entrypoint.main([entrypoint.INVOCATION_FLAG, json.dumps(_executor_input())])
    assert (tmp_path / "dev" / "termination-log").read_text() == mark


def test_a_long_message_is_cut_to_what_kubernetes_keeps(tmp_path, monkeypatch):
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "termination-log").touch()
    monkeypatch.setenv(entrypoint.MOUNT_ROOT_VARIABLE, str(tmp_path))
    entrypoint._leave_message("é" * 5000)
    assert len((tmp_path / "dev" / "termination-log").read_bytes()) == 3000


def test_the_run_is_read_from_where_outputs_lie():
    given = _executor_input()
    given["outputs"]["artifacts"]["model"]["artifacts"][0]["uri"] = "s3://bucket/age/run-1/Trainer/uuid/model"
    assert entrypoint.run_of(given) == "run-1"
    # BlessingGate has no outputs where logs are not published.
    assert entrypoint.run_of({"inputs": given["outputs"], "outputs": {}}) == "run-1"


@pytest.mark.parametrize("kind, status", [(BadInput, 2), (NotBlessed, 3), (TrainingDiverged, 1), (ServiceUnavailable, 1)])
def test_the_sentence_behind_an_error_is_found_and_its_exit_status(kind, status):
    try:
        try:
            raise kind("the sentence")
        except kind as error:
            raise RuntimeError("wrapped by a library") from error
    except RuntimeError as wrapped:
        found = entrypoint._failure(wrapped)
    assert str(found) == "the sentence" and found.exit_status == status


def test_a_missing_input_ends_the_step_in_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(entrypoint.MOUNT_ROOT_VARIABLE, str(tmp_path))
    assert entrypoint.main([entrypoint.INVOCATION_FLAG, json.dumps(_executor_input())]) == exit_status.BAD_INPUT
    assert capsys.readouterr().err.startswith("Error: The input examples should be at")
