"""What Canary found, as it is handed on in its `InfraBlessing`: `canary.json`."""

import os

from age import storage
from schemas.verdict import Canary

CANARY_FILE = "canary.json"


def write(directory: str, result: Canary) -> None:
    """Writes what Canary found into the artifact's directory."""
    storage.write_text(os.path.join(directory, CANARY_FILE), result.model_dump_json(indent=2) + "\n")


def read(directory: str) -> Canary | None:
    """Returns what Canary found; None where it looked at nothing, because no model was blessed."""
    path = os.path.join(directory, CANARY_FILE)
    return Canary.model_validate_json(storage.read_bytes(path)) if storage.exists(path) else None
