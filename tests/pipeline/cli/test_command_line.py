"""The command line as a person or a script meets it: sentences, exit statuses, and no waiting for `--help`."""

import pathlib
import subprocess
import sys
import time

import pytest

from pipeline.cli import cli

ROOT = pathlib.Path(__file__).parents[3]


@pytest.mark.parametrize(
    "command",
    [(), *((name,) for name in sorted(cli.commands))],
)
def test_help_answers_without_loading_libraries(command):
    started = time.monotonic()
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from pipeline.cli import cli; cli.main(sys.argv[1:], standalone_mode=False);"
            "sys.exit(any(name in sys.modules for name in ('tensorflow', 'tfx', 'apache_beam', 'keras')))",
            *command,
            "--help",
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )

    assert loaded.returncode == 0, loaded.stderr
    assert "Usage:" in loaded.stdout
    # A second on a quiet machine; a busy one gets some air.
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["run", "--data", "nowhere"], "there is no such directory"),
        (["run", "--config", "nowhere.yaml"], "there is no such configuration file"),
        (["run", "--set", "trainer.epocs=3"], "trainer.epocs: there is no such key. Expected one of"),
        (["run", "--set", "trainer.epochs=0"], "trainer.epochs is 0; input should be greater than or equal to 1"),
        (["run"], "data.dir is not set"),
        (
            ["run", "--data", ".", "--set", "pusher.model_server=./nowhere"],
            "nowhere, and there is no such program here that can be run. Expected the path of TensorFlow Serving's",
        ),
        (["run", "--nonsense"], "No such option"),
        (["compile", "-o", "age.yaml"], "kubeflow.image is not set"),
        (["compile"], "Missing option '-o'"),
        (["submit", "--host", "kubeflow"], "expected an address that begins with https://"),
        (["submit"], "Missing option '--host'"),
        (["frobnicate"], "No such command"),
        (["predict", "--model", ".", "face.jpg"], "no SavedModel there"),
        (["predict", "--workdir", "work", "face.jpg"], "no model is being served there"),
        (["import-utkface", "nowhere", "faces"], "nowhere"),
    ],
)
def test_bad_usage_and_bad_input_end_with_2_and_a_sentence(arguments, sentence, age_pipeline, tmp_path):
    result = age_pipeline(*arguments, cwd=tmp_path)

    assert result.returncode == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "labels, sentence",
    [
        (None, "there is no such file. Expected a CSV file"),
        (b"", "the file is empty"),
        (b"name,age\na.jpg,3\n", "no column 'file_name' and no column 'real_age'; the columns are 'name', 'age'"),
        ("file_name,real_age\n\xe9.jpg,3\n".encode("latin-1"), "is not UTF-8"),
    ],
)
def test_a_bad_label_file_ends_a_run_before_libraries_load(labels, sentence, age_pipeline, tmp_path):
    if labels is not None:
        (tmp_path / "labels.csv").write_bytes(labels)

    result = age_pipeline("run", "--data", tmp_path, "--workdir", tmp_path / "work")

    assert result.returncode == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
    assert "Loading TensorFlow" not in result.stdout
