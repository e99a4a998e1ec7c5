"""The container's entrypoint: URIs in, local paths to the executor, URIs out."""

import json

import pytest

from pipeline.kubeflow import entrypoint
from schemas.bad_input import BadInput


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
    (examples,), (model,) = (given[side]["artifacts"][key]["artifacts"] for side, key in (("inputs", "examples"), ("outputs", "model")))
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
    assert entrypoint.main(arguments) == entrypoint.EXIT_BAD_INPUT
    said = capsys.readouterr().err
    assert said.startswith("Error: ") and "executor input" in said and "Traceback" not in said


def test_the_sentence_behind_an_error_is_found():
    try:
        try:
            raise BadInput("the sentence")
        except BadInput as error:
            raise RuntimeError("wrapped by a library") from error
    except RuntimeError as wrapped:
        assert str(entrypoint._bad_input(wrapped)) == "the sentence"


def test_a_missing_input_ends_the_step_in_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(entrypoint.MOUNT_ROOT_VARIABLE, str(tmp_path))
    assert entrypoint.main([entrypoint.INVOCATION_FLAG, json.dumps(_executor_input())]) == entrypoint.EXIT_BAD_INPUT
    assert capsys.readouterr().err.startswith("Error: The input examples should be at")
