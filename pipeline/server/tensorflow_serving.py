"""TensorFlow Serving's REST form: https://www.tensorflow.org/tfx/serving/api_rest (version 1)."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from age.serving import Prediction
from age.serving.version_being_served import VersionBeingServed
from pipeline.server import photographs_in_json
from pipeline.server.faces import Answered
from pipeline.server.refusal import Refusal

SIGNATURE = "serving_default"
INPUT = "image_bytes"


@dataclasses.dataclass(frozen=True)
class Asked:
    """What a request asks: the photographs' bytes, and in which of the two forms."""

    photographs: list[bytes]
    in_rows: bool


def read(body: bytes) -> Asked:
    """Returns what a body asks.

    Raises:
        Refusal: it is not such a request.
    """
    content = photographs_in_json.read_object(body)
    if content.get("signature_name") not in (None, "", SIGNATURE):
        raise Refusal(400, f"There is no such signature here. Expected {SIGNATURE!r}, or none named.")
    forms = [name for name in ("instances", "inputs") if name in content]
    if len(forms) != 1:
        raise Refusal(400, "Expected either 'instances', a list with an entry for each photograph, or 'inputs'.")
    given = content[forms[0]]
    if forms[0] == "inputs" and isinstance(given, dict) and INPUT in given:
        given = given[INPUT]
    if not isinstance(given, list) or not given:
        raise Refusal(400, f"{forms[0]!r} is no list with something in it. Expected an entry for each photograph.")
    photographs = [_photograph(entry, f"{forms[0]}[{place}]") for place, entry in enumerate(given)]
    return Asked(photographs, in_rows=forms[0] == "instances")


def _photograph(entry: Any, where: str) -> bytes:
    if isinstance(entry, dict) and set(entry) == {INPUT}:
        entry = entry[INPUT]
    if not isinstance(entry, dict) or set(entry) != {"b64"}:
        raise Refusal(400, f'{where} is no photograph. Expected {{"{INPUT}": {{"b64": "…"}}}} or {{"b64": "…"}}.')
    return photographs_in_json.decoded(entry["b64"], where)


def answer(asked: Asked, answered: Sequence[Answered], outputs: Sequence[str], version: int) -> dict[str, Any]:
    """Returns the answer. What could not be read is null, and `errors`, which TensorFlow Serving does not have, says why.

    Nor has it `warnings`, why an age may be far off, and `faces`, those of each photograph with their boxes (left, top, width,
    height in pixels of the upright photograph) and ages.
    """
    predictions = [one.prediction for one in answered]
    columns = {name: [getattr(one, name) for one in predictions] for name in outputs}
    (first, *further) = outputs
    found: dict[str, Any] = {"model_version": str(version)}
    if asked.in_rows:
        rows = [dict(zip(outputs, row)) for row in zip(*columns.values())]
        found["predictions"] = rows if further else columns[first]
    else:
        found["outputs"] = columns if further else columns[first]
    if any(one.error for one in predictions):
        found["errors"] = [one.error or None for one in predictions]
    if any(one.warning for one in predictions):
        found["warnings"] = [one.warning or None for one in predictions]
    if any(one.faces is not None for one in answered):
        found["faces"] = [[_face(face, outputs) for face in one.faces or ()] for one in answered]
    return found


def _face(prediction: Prediction, outputs: Sequence[str]) -> dict[str, Any]:
    assert prediction.face is not None
    return {
        "box": [round(side) for side in prediction.face.box],
        "score": round(prediction.face.score, 3),
        **{name: getattr(prediction, name) for name in outputs},
        **({"warning": prediction.warning} if prediction.warning else {}),
    }


def status(served: VersionBeingServed, version: int | None = None) -> dict[str, Any]:
    """Returns the states of the versions, or of one; a list without an entry for a version that is not there."""
    states = []
    if served.loading:
        states.append(_state(served.loading, "LOADING", "OK", ""))
    if served.current is not None:
        states.append(_state(served.current.version, "AVAILABLE", "OK", ""))
    states += [_state(one.version, "END", "INTERNAL", "this version can't be loaded") for one in served.refused.values()]
    chosen = [one for one in states if version is None or one["version"] == str(version)]
    return {"model_version_status": chosen}


def _state(version: int, state: str, code: str, message: str) -> dict[str, Any]:
    return {"version": str(version), "state": state, "status": {"error_code": code, "error_message": message}}


def metadata(model: str, outputs: Sequence[str], version: int) -> dict[str, Any]:
    """Returns what the model takes and gives."""

    def tensor(name: str, kind: str) -> dict[str, Any]:
        shape = {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}
        return {"dtype": kind, "tensor_shape": shape, "name": name}

    signature = {
        "inputs": {INPUT: tensor(f"{SIGNATURE}_{INPUT}:0", "DT_STRING")},
        "outputs": {name: tensor(f"StatefulPartitionedCall:{place}", "DT_FLOAT") for place, name in enumerate(outputs)},
        "method_name": "tensorflow/serving/predict",
    }
    return {
        "model_spec": {"name": model, "signature_name": "", "version": str(version)},
        "metadata": {"signature_def": {"signature_def": {SIGNATURE: signature}}},
    }
