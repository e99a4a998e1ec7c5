"""Reads JSON and base64 of strangers."""

import base64
import binascii
import json
from typing import Any

from pipeline.server.refusal import Refusal


def read_object(body: bytes) -> dict[str, Any]:
    """Returns the JSON object that a body holds.

    Raises:
        Refusal: it holds none.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"The body is not JSON: {str(error)[:200]}.") from None
    if not isinstance(content, dict):
        raise Refusal(400, f"The body is JSON, and {_kind(content)}. Expected an object.")
    return content


def decoded(text: object, where: str) -> bytes:
    """Returns the bytes that a text in base64 stands for.

    Args:
        text: what was found.
        where: it was found, for the message.

    Raises:
        Refusal: it is no such text.
    """
    if not isinstance(text, str):
        raise Refusal(400, f"{where} is {_kind(text)}. Expected a photograph's bytes in base64.")
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise Refusal(400, f"{where} is not base64.") from None


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "a truth value", type(None): "null"}
    return kinds.get(type(value), "a number")
