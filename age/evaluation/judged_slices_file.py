"""The file `slices.json` beside an evaluation: every slice with what the evidence says of it, and why the model is refused."""

import json
from collections.abc import Sequence

import pydantic

from age import storage
from schemas.verdict import Slice

SLICES_FILE = "slices.json"


class JudgedSlices(pydantic.BaseModel):
    """What the file holds.

    Attributes:
        slices: judged.
        reasons: why the model is refused for some of them, in sentences; empty where it is not.
    """

    slices: list[Slice]
    reasons: list[str]


def write(directory: str, slices: Sequence[Slice], reasons: Sequence[str]) -> None:
    """Writes judged slices beside an evaluation.

    Args:
        directory: of the evaluation.
        slices: from `evidence.judged`.
        reasons: from `evidence.refusals`.
    """
    content = {"slices": [entry.model_dump(exclude_unset=True) for entry in slices], "reasons": list(reasons)}
    storage.write_text(storage.join(directory, SLICES_FILE), json.dumps(content, indent=2, allow_nan=False) + "\n")


def read(directory: str) -> JudgedSlices | None:
    """Reads the judged slices beside an evaluation; None where it was not judged yet."""
    path = storage.join(directory, SLICES_FILE)
    return JudgedSlices.model_validate_json(storage.read_bytes(path)) if storage.exists(path) else None
