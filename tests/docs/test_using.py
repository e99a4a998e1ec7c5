"""What docs/using.md shows is run as it stands, against a server of this machine."""

import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from age.serving.serving_directory import ServingDirectory
from tests import brightness_model
from tests.age.faces.composed_photographs import Placed, photograph
from tests.brightness_model import age_of, grey
from tests.pipeline.server.conftest import running

DOCUMENT = (pathlib.Path(__file__).parents[2] / "docs" / "using.md").read_text(encoding="utf-8")


def examples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> pathlib.Path:
    """A folder with a photograph, and the workdir of a run that was blessed."""
    folder = tmp_path_factory.mktemp("using")
    (folder / "anna.jpg").write_bytes(grey(102, side=64, kind="JPEG"))
    (folder / "notes.txt").write_text("no image")
    model = brightness_model.write_model(folder / "exported")
    ServingDirectory(str(folder / "runs" / "faces" / "serving" / "age")).publish(model)
    return folder


@pytest.fixture(scope="module")
def server(folder):
    with running("--workdir", str(folder / "runs" / "faces")) as server:
        server.wait_until_it_serves(ServingDirectory(str(folder / "runs/faces/serving/age")).versions()[0].version)
        yield server


def test_the_library_answers(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)

    exec(compile(examples("python")[0], "using.md", "exec"), {})

    answered, refused, version = capsys.readouterr().out.splitlines()
    assert answered == f"anna.jpg {age_of(102):.1f} years"
    assert refused.startswith("notes.txt neither JPEG nor PNG") and re.fullmatch(r"version \d{10}", version)


def test_the_library_finds_faces(folder, monkeypatch, capsys, face_detector_file, shared_data):
    monkeypatch.chdir(folder)
    (folder / "face_detection_yunet.onnx").write_bytes(face_detector_file.read_bytes())
    crop = min((shared_data / "utkface_small" / "final_files").iterdir())
    photograph(600, 400, [(crop, Placed((300, 200), 1.2))]).save(folder / "family.jpg")

    exec(compile(examples("python")[1], "using.md", "exec"), {})

    assert re.fullmatch(r"\([\d., -]+\) \d+\.\d+ ", capsys.readouterr().out.strip("\n"))


@pytest.mark.parametrize("language", ["bash", "javascript", "python"])
def test_the_server_answers(language, folder, server):
    example = examples(language)[-1].replace("127.0.0.1:8501", f"127.0.0.1:{server.port}")
    if language == "javascript":
        (folder / "example.mjs").write_text(example)
        driver = pytest.importorskip("playwright._impl._driver", reason="there is no Node here")
        node = driver.compute_driver_executable()
        command = [node[0] if isinstance(node, tuple) else node, "example.mjs"]
    elif language == "bash":
        if shutil.which("curl") is None:
            pytest.skip("there is no curl here")
        command = ["bash", "-euc", example]
    else:
        pytest.importorskip("tritonclient.http", reason="Triton's client is not installed")
        command = [sys.executable, "-c", example]

    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    numbers = [float(number) for number in re.findall(r"\d+\.\d+", done.stdout)]
    assert numbers == pytest.approx([40], abs=1e-3)
