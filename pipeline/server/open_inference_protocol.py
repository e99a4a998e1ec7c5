"""The Open Inference Protocol (version 2) with its extension for binary tensors, as KServe and Triton speak it.

https://github.com/kserve/open-inference-protocol, and Triton's `docs/protocol/extension_binary_data.md`. In JSON, bytes are in
base64, because JSON holds no bytes.
"""

import dataclasses
import json
import struct
from collections.abc import Sequence
from typing import Any

from age.serving import Prediction
from pipeline.server import photographs_in_json
from pipeline.server.refusal import Refusal

HEADER_LENGTH = "Inference-Header-Content-Length"
INPUT = "image_bytes"
ERROR = "error"
"""The output that says why there is no age; empty where there is one."""

WARNING = "warning"
"""The output that says why the age may be far off, where the server looks for faces; empty for nothing."""


@dataclasses.dataclass(frozen=True)
class Asked:
    """What a request asks.

    Attributes:
        photographs: their bytes.
        shape: of the input, and so of the outputs: `[n]` or `[n, 1]`.
        id: that the answer repeats.
        outputs: the wanted ones by name, and whether each is to be binary; None for all.
        binary: whether outputs are binary where they don't say themselves.
    """

    photographs: list[bytes]
    shape: list[int]
    id: str | None
    outputs: dict[str, bool | None] | None
    binary: bool


def read(body: bytes, header_length: str | None) -> Asked:
    """Returns what a body asks.

    Args:
        body: JSON, and the binary tensors after it.
        header_length: the header that says where JSON ends; None where there is no more than it.

    Raises:
        Refusal: it is not such a request.
    """
    length = len(body)
    if header_length is not None:
        if not (header_length.isascii() and header_length.isdigit() and int(header_length) <= length):
            raise Refusal(400, f"{HEADER_LENGTH} does not fit the body, which has {length} bytes.")
        length = int(header_length)
    content = photographs_in_json.read_object(body[:length])
    parameters = _parameters(content, "the request")
    inputs = content.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise Refusal(400, f"Expected one input, {INPUT!r}.")
    (given,) = inputs
    if given.get("name") != INPUT or given.get("datatype") != "BYTES":
        raise Refusal(400, f"Expected an input with the name {INPUT!r} and the datatype 'BYTES'.")
    photographs = _photographs(given, body[length:])
    identity = content.get("id")
    if identity is not None and not isinstance(identity, str):
        raise Refusal(400, "'id' is no text.")
    return Asked(
        photographs,
        _shape(given.get("shape"), len(photographs)),
        identity,
        _wanted(content.get("outputs")),
        parameters.get("binary_data_output") is True,
    )


def _parameters(holder: dict[str, Any], whose: str) -> dict[str, Any]:
    found = holder.get("parameters")
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise Refusal(400, f"The parameters of {whose} are no object.")
    return found


def _photographs(given: dict[str, Any], after_json: bytes) -> list[bytes]:
    size = _parameters(given, "the input").get("binary_data_size")
    if size is not None:
        if type(size) is not int or size != len(after_json):
            raise Refusal(400, f"'binary_data_size' does not fit the {len(after_json)} bytes after the JSON.")
        return _elements(after_json)
    data = given.get("data")
    if not isinstance(data, list):
        raise Refusal(400, "'data' is no list. Expected an entry for each photograph.")
    flat = [entry[0] if isinstance(entry, list) and len(entry) == 1 else entry for entry in data]
    return [photographs_in_json.decoded(entry, f"data[{place}]") for place, entry in enumerate(flat)]


def _elements(tensor: bytes) -> list[bytes]:
    """Takes a binary tensor of bytes apart: each has its length before it, 4 bytes, little-endian."""
    elements, at = [], 0
    while at < len(tensor):
        if at + 4 > len(tensor):
            raise Refusal(400, "The binary tensor ends within a length.")
        (size,) = struct.unpack_from("<I", tensor, at)
        if at + 4 + size > len(tensor):
            raise Refusal(400, "The binary tensor ends within an element.")
        elements.append(tensor[at + 4 : at + 4 + size])
        at += 4 + size
    return elements


def _shape(shape: Any, count: int) -> list[int]:
    if not isinstance(shape, list) or shape not in ([count], [count, 1]) or not count:
        raise Refusal(
            400, f"'shape' does not fit the {count} photographs that were sent. Expected [n] or [n, 1], n at least 1."
        )
    return [int(side) for side in shape]


def _wanted(outputs: Any) -> dict[str, bool | None] | None:
    if not outputs:
        return None
    if not isinstance(outputs, list) or not all(isinstance(one, dict) and isinstance(one.get("name"), str) for one in outputs):
        raise Refusal(400, "'outputs' is no list of objects with names.")
    wanted: dict[str, bool | None] = {}
    for one in outputs:
        binary = _parameters(one, "an output").get("binary_data")
        wanted[one["name"]] = binary if isinstance(binary, bool) else None
    return wanted


def _texts(warns: bool) -> tuple[str, ...]:
    return (WARNING, ERROR) if warns else (ERROR,)


def check_outputs(asked: Asked, outputs: Sequence[str], warns: bool = False) -> None:
    """Makes sure that the model gives what is wanted of it.

    Args:
        asked: what is wanted.
        outputs: what the model gives.
        warns: whether the server looks for faces.

    Raises:
        Refusal: it does not.
    """
    known = [*outputs, *_texts(warns)]
    if asked.outputs is not None and not set(asked.outputs) <= set(known):
        raise Refusal(400, f"There is no such output. Expected some of {', '.join(known)}.")


def answer(
    asked: Asked, predictions: Sequence[Prediction], outputs: Sequence[str], model: str, version: int, warns: bool = False
) -> tuple[bytes, int | None]:
    """Returns the answer's body, and the length of the JSON in it where binary tensors follow."""
    tensors, binary = [], b""
    for name in [*outputs, *_texts(warns)]:
        if asked.outputs is not None and name not in asked.outputs:
            continue
        as_binary = asked.outputs.get(name) if asked.outputs is not None else None
        tensor: dict[str, Any] = {
            "name": name,
            "datatype": "BYTES" if name in _texts(warns) else "FP32",
            "shape": asked.shape,
        }
        values = [getattr(one, name) for one in predictions]
        if asked.binary if as_binary is None else as_binary:
            raw = _binary(values)
            tensor["parameters"] = {"binary_data_size": len(raw)}
            binary += raw
        else:
            tensor["data"] = values
        tensors.append(tensor)
    content = {"model_name": model, "model_version": str(version), "outputs": tensors}
    if asked.id is not None:
        content["id"] = asked.id
    text = json.dumps(content, allow_nan=False).encode("utf-8")
    return text + binary, len(text) if binary else None


def _binary(values: Sequence[Any]) -> bytes:
    if values and isinstance(values[0], str):
        encoded = [value.encode("utf-8") for value in values]
        return b"".join(struct.pack("<I", len(one)) + one for one in encoded)
    return struct.pack(f"<{len(values)}f", *(float("nan") if value is None else value for value in values))


def server_metadata(name: str, version: str) -> dict[str, Any]:
    """Returns what the server is."""
    return {"name": name, "version": version, "extensions": ["binary_tensor_data"]}


def model_metadata(model: str, outputs: Sequence[str], version: int, warns: bool = False) -> dict[str, Any]:
    """Returns what the model takes and gives."""
    return {
        "name": model,
        "versions": [str(version)],
        "platform": "tensorflow_savedmodel",
        "inputs": [{"name": INPUT, "datatype": "BYTES", "shape": [-1]}],
        "outputs": [
            *({"name": name, "datatype": "FP32", "shape": [-1]} for name in outputs),
            *({"name": name, "datatype": "BYTES", "shape": [-1]} for name in _texts(warns)),
        ],
    }
