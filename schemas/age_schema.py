"""Reads the age schema (`age.pbtxt` or one of the user's own) and answers questions about it."""

import dataclasses
import pathlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from schemas import features
from schemas.bad_input import BadInput

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

DEFAULT_SCHEMA = pathlib.Path(__file__).with_name("age.pbtxt")


_BOUNDED = {
    features.AGE: "float_domain",
    features.IMAGE_HEIGHT: "int_domain",
    features.IMAGE_WIDTH: "int_domain",
}


@dataclasses.dataclass(frozen=True)
class Limits:
    """What ingestion accepts, as the schema's domains say: ages in years, image sides in pixels, bounds included."""

    min_age: float
    max_age: float
    min_side: int
    max_side: int


def parse(text: str, source: str) -> "schema_pb2.Schema":
    """Parses a schema in protobuf text form.

    Args:
        text: content of a `.pbtxt` file.
        source: its path, for messages.

    Returns:
        A `tensorflow_metadata` `Schema` proto.

    Raises:
        BadInput: when the text is no schema, or lacks a feature of the pipeline or a bound that ingestion checks.
    """
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    try:
        schema = text_format.Parse(text, schema_pb2.Schema())
    except text_format.ParseError as error:
        raise BadInput(
            f"{source}: not a TensorFlow Metadata schema in text form: {str(error).rstrip('.')}. "
            "Start from a copy of schemas/age.pbtxt."
        ) from error
    by_name = {feature.name: feature for feature in schema.feature}
    missing = [name for name in features.EXAMPLE_FEATURES if name not in by_name]
    if missing:
        raise BadInput(
            f"{source}: the schema says nothing about {', '.join(missing)}, which every example has. "
            "Start from a copy of schemas/age.pbtxt."
        )
    for name, domain in _BOUNDED.items():
        # An unset bound reads as 0 in a protocol buffer: ingestion would reject every row.
        bounds = getattr(by_name[name], domain)
        if not (bounds.HasField("min") and bounds.HasField("max")):
            raise BadInput(
                f"{source}: {name} has no {domain} with both min and max, by which ingestion accepts or rejects a row. "
                f"Expected something like '{domain} {{ min: 16 max: 116 }}'; start from a copy of schemas/age.pbtxt."
            )
    return schema


def limits(schema: "schema_pb2.Schema") -> Limits:
    """Returns the bounds that the schema sets for ages and image sides."""
    by_name = {feature.name: feature for feature in schema.feature}
    age = by_name[features.AGE].float_domain
    height, width = by_name[features.IMAGE_HEIGHT].int_domain, by_name[features.IMAGE_WIDTH].int_domain
    return Limits(
        min_age=age.min,
        max_age=age.max,
        min_side=max(1, min(height.min, width.min)),
        max_side=max(height.max, width.max),
    )


def with_attributes(schema: "schema_pb2.Schema", attributes: Iterable[str]) -> "schema_pb2.Schema":
    """Returns a copy of `schema` in which every attribute column has an entry.

    A column that the schema does not name becomes a string that is present once in every example (empty where the
    label file has a blank).
    """
    from tensorflow_metadata.proto.v0 import schema_pb2

    extended = schema_pb2.Schema()
    extended.CopyFrom(schema)
    named = {feature.name for feature in schema.feature}
    for attribute in attributes:
        if attribute not in named:
            feature = extended.feature.add(name=attribute, type=schema_pb2.BYTES)
            feature.presence.min_fraction = 1.0
            feature.presence.min_count = 1
            feature.shape.dim.add(size=1)
    return extended
