"""What docs/using.md shows is run as it stands."""

import pathlib
import re

import pytest

from age.serving.serving_directory import ServingDirectory
from tests import brightness_model
from tests.brightness_model import age_of, grey

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


def test_the_library_answers(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)

    exec(compile(examples("python")[0], "using.md", "exec"), {})

    answered, refused, version = capsys.readouterr().out.splitlines()
    assert answered == f"anna.jpg {age_of(102):.1f} years"
    assert refused.startswith("notes.txt neither JPEG nor PNG") and re.fullmatch(r"version \d{10}", version)
