"""The README says what is true of the configuration and the command line."""

import pathlib
import typing

import pydantic
import pytest

from pipeline.cli import cli
from pipeline.configuration import Configuration

README = (pathlib.Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def keys(model, prefix=""):
    """Yields every key of the configuration with its default as the README writes it."""
    for name, field in model.model_fields.items():
        kinds = [field.annotation, *getattr(field.annotation, "__args__", ())]
        section = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel)), None)
        if section and typing.get_origin(field.annotation) not in (list, dict):
            yield from keys(section, f"{prefix}{name}.")
        elif field.default is None:
            yield f"{prefix}{name}", ""
        else:
            default = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
            yield f"{prefix}{name}", f"`{default}`"


@pytest.mark.parametrize("key, default", list(keys(Configuration)))
def test_configuration_table_has_every_key_with_its_default(key, default):
    assert f"| `{key}` | {default} |" in README


def test_every_command_that_the_readme_uses_exists():
    used = {line.split("age-pipeline ")[1].split()[0] for line in README.splitlines() if "bin/age-pipeline " in line}

    assert used and used <= set(cli.commands)
