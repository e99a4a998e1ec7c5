"""Small models in the form of SavedModels, to be published."""

import hashlib
import pathlib

import pytest

from age.serving.serving_directory import ServingDirectory


def write_model(directory: pathlib.Path, content: str) -> str:
    """Writes files as a SavedModel has them; `saved_model.pb` tells what the others must be."""
    (directory / "variables").mkdir(parents=True)
    weights = hashlib.sha256(content.encode()).digest() * 4096
    (directory / "variables" / "variables.data-00000-of-00001").write_bytes(weights)
    (directory / "saved_model.pb").write_text(f"{content} {hashlib.sha256(weights).hexdigest()}")
    (directory / "assets.extra").mkdir()
    (directory / "assets.extra" / "provenance.json").write_text("{}\n")
    return str(directory)


def is_whole(directory: pathlib.Path) -> bool:
    """Whether a version has all that its `saved_model.pb` tells of."""
    expected = (directory / "saved_model.pb").read_text().split()[1]
    weights = (directory / "variables" / "variables.data-00000-of-00001").read_bytes()
    return hashlib.sha256(weights).hexdigest() == expected and (directory / "assets.extra" / "provenance.json").is_file()


@pytest.fixture
def model(tmp_path):
    """Makes models: the same name gives the same content."""
    made: dict[str, str] = {}

    def make(content: str) -> str:
        if content not in made:
            made[content] = write_model(tmp_path / "models" / content, content)
        return made[content]

    return make


@pytest.fixture
def directory(tmp_path) -> ServingDirectory:
    return ServingDirectory(str(tmp_path / "serving" / "age"))
