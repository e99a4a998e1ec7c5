"""Checks values that people change from run to run: parameters of a Kubeflow pipeline, which nothing else has checked."""

from typing import Any, TypeVar

import pydantic

from schemas.bad_input import BadInput

Settings = TypeVar("Settings", bound=pydantic.BaseModel)


def with_parameters(kind: type[Settings], settings: dict, **parameters: Any) -> Settings:
    """Returns settings with some values replaced by the run's parameters.

    Args:
        kind: the section's model, such as `TrainerSettings`.
        settings: its content.
        **parameters: what replaces values in it.

    Raises:
        BadInput: a value is not allowed; the sentence names it and what is.
    """
    try:
        return kind.model_validate({**settings, **parameters})
    except pydantic.ValidationError as error:
        raise BadInput("\n".join(_sentence(found) for found in error.errors())) from error


def require_text(**parameters: str) -> None:
    """Refuses parameters that are empty.

    Raises:
        BadInput: names the first of them.
    """
    for name, value in parameters.items():
        if not value.strip():
            raise BadInput(f"The pipeline parameter {name} is empty; expected a path. Start the run again with one.")


def _sentence(error: dict) -> str:
    name = ".".join(str(part) for part in error["loc"])
    message = str(error["ctx"]["error"]) if error["type"] == "value_error" else error["msg"]
    return f"The pipeline parameter {name} is {error['input']!r}; {message[0].lower()}{message[1:]}. Start the run again with another."
