"""Which hyperparameters are searched and how long: the `tuner` section of the configuration, in the keys of the `trainer` section."""

import json
from collections.abc import Mapping
from typing import Any, Literal

import pydantic

from age.model.settings import TrainerSettings
from schemas.bad_input import BadInput

_SECTION = "trainer."
_NOT_SEARCHED = ("hyperparameters", "weights")
"""Keys that name a file, which a run looks at before it begins."""


class Range(pydantic.BaseModel):
    """Numbers between two ends, both of them allowed.

    Attributes:
        min: the least.
        max: the largest.
        log: whether a factor counts as much anywhere in the range, as it does for learning rates.
    """

    model_config = pydantic.ConfigDict(extra="forbid", strict=True)

    min: float
    max: float
    log: bool = False

    @pydantic.model_validator(mode="after")
    def _some_numbers(self) -> "Range":
        if self.min >= self.max:
            raise ValueError(f"min ({self.min:g}) is not below max ({self.max:g})")
        if self.log and self.min <= 0:
            raise ValueError(f"min ({self.min:g}) is not above 0, where log begins")
        return self


class TunerSettings(pydantic.BaseModel):
    """A search for better hyperparameters.

    Attributes:
        space: what is searched: a key of the `trainer` section, written in full, and for it a list of values or a range of numbers,
            `{min: 1e-4, max: 1e-2, log: true}`.
        method: how the next values are chosen: `bayesian` (after some random ones, where a Gaussian process over the earlier trials
            expects most) or `random`.
        max_trials: how many trainings at most.
        max_minutes: how long at most, what an interrupted search took before among it; 0 for no limit.
        pruning: end a trial whose validation error is above the median of the earlier ones at the same epoch.
        seed: of the choice.
    """

    model_config = pydantic.ConfigDict(extra="forbid")

    space: dict[str, Any] = pydantic.Field({}, min_length=1, validate_default=True)
    method: Literal["bayesian", "random"] = "bayesian"
    max_trials: int = pydantic.Field(20, ge=1, le=10000)
    max_minutes: float = pydantic.Field(60.0, ge=0)
    pruning: bool = True
    seed: int = pydantic.Field(0, ge=0, lt=2**31)

    @pydantic.field_validator("space")
    @classmethod
    def _of_the_trainers_keys(cls, space: dict[str, Any]) -> dict[str, Any]:
        for key, choice in space.items():
            _check(key, choice)
        return space

    def choices(self) -> dict[str, Range | list[Any]]:
        """Returns the values or the range of each key."""
        return {
            key: Range.model_validate(choice)
            if not isinstance(choice, list)
            else [float(value) for value in choice]
            if _kind(key) is float
            else choice
            for key, choice in self.space.items()
        }


def _check(key: str, choice: Any) -> None:
    kind = _kind(key)
    if isinstance(choice, list):
        if not choice:
            raise ValueError(f"{key} has no values to choose from; expected a list such as [0.2, 0.4]")
        for value in choice:
            _try(key, value)
        return
    if kind not in (int, float):
        raise ValueError(f"{key} is {choice!r}; expected a list of values, because it is no number")
    try:
        found = Range.model_validate(choice)
    except pydantic.ValidationError as error:
        raise ValueError(
            f"{key} is {choice!r}; expected a list of values or a range such as {{min: 0.0001, max: 0.01, log: true}}: "
            + _said(error)
        ) from error
    for end in (found.min, found.max):
        _try(key, int(end) if kind is int and end == int(end) else end)


def _kind(key: str) -> Any:
    """Returns the type of one of the trainer's keys.

    Raises:
        ValueError: there is no such key, or it can't be searched.
    """
    model: Any = TrainerSettings
    path = ""
    parts = key.removeprefix(_SECTION).split(".") if key.startswith(_SECTION) else [key]
    for part in parts:
        fields = getattr(model, "model_fields", {})
        if not key.startswith(_SECTION) or part not in fields:
            known = ", ".join(f"{_SECTION}{path}{name}" for name in fields if path or name not in _NOT_SEARCHED)
            raise ValueError(f"{key}: there is no such key. Expected one of {known or _SECTION + path.rstrip('.')}")
        model, path = fields[part].annotation, f"{path}{part}."
    if parts[0] in _NOT_SEARCHED:
        raise ValueError(f"{key} names a file and can't be searched; search once for each")
    return model


def _try(key: str, value: Any) -> None:
    try:
        TrainerSettings.model_validate(_with(TrainerSettings(), {key: value}), strict=True)
    except pydantic.ValidationError as error:
        raise ValueError(f"{key}: {value!r} is not allowed: {_said(error)}") from error


def _said(error: pydantic.ValidationError) -> str:
    first = error.errors()[0]
    message = str(first["ctx"]["error"]) if first["type"] == "value_error" else first["msg"]
    return message[0].lower() + message[1:]


def is_whole(key: str) -> bool:
    """Returns whether the values of one of the trainer's keys are whole numbers."""
    return _kind(key) is int


def of(settings: TrainerSettings, key: str) -> Any:
    """Returns what settings say for one of their keys, written in full."""
    value: Any = settings.model_dump()
    for part in key.removeprefix(_SECTION).split("."):
        value = value[part]
    return value


def as_scalar(value: Any) -> str | int | float | bool:
    """Returns a value as KerasTuner keeps it, which knows no lists: those as JSON."""
    return value if isinstance(value, (str, int, float, bool)) else json.dumps(value)


def _as_value(kept: Any) -> Any:
    return json.loads(kept) if isinstance(kept, str) and kept.startswith(("[", "{")) else kept


def _with(settings: TrainerSettings, values: Mapping[str, Any]) -> dict[str, Any]:
    content = settings.model_dump()
    for key, value in values.items():
        *sections, name = key.removeprefix(_SECTION).split(".")
        section = content
        for part in sections:
            section = section[part]
        section[name] = _as_value(value)
    return content


def applied(settings: TrainerSettings, values: Mapping[str, Any]) -> TrainerSettings:
    """Returns settings in which some values are replaced.

    Args:
        settings: the `trainer` section.
        values: by their keys, written in full; lists as `as_scalar` writes them.

    Raises:
        BadInput: they don't go together, or there is no such key.
    """
    try:
        for key in values:
            _kind(key)
        return TrainerSettings.model_validate(_with(settings, values))
    except pydantic.ValidationError as error:
        raise BadInput(f"The hyperparameters {dict(values)} can't be trained with: {_said(error)}.") from error
    except ValueError as error:
        raise BadInput(f"The hyperparameters {dict(values)} are none of this version's: {error}.") from error


def read(path: str, text: str | bytes) -> dict[str, Any]:
    """Returns the values in a file of best hyperparameters, as a search leaves it (KerasTuner's form), by their keys.

    Args:
        path: what the file is called.
        text: its content.

    Raises:
        BadInput: it is none.
    """
    try:
        values = json.loads(text)["values"]
        if not all(isinstance(key, str) and key.startswith(_SECTION) for key in values):
            raise ValueError(f"it names {', '.join(map(str, values))}")
        return {key: _as_value(value) for key, value in values.items()}
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"trainer.hyperparameters: {path}: no hyperparameters of a search of this pipeline: {error}. Expected the file "
            "best_hyperparameters.txt that `age-pipeline tune` names."
        ) from error
