"""Says in sentences what TensorFlow Data Validation found."""

from typing import TYPE_CHECKING

from schemas import features

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2


def _domain(feature: "schema_pb2.Feature") -> str:
    """Returns what a feature's domain allows."""
    kind = feature.WhichOneof("domain_info")
    if kind in ("float_domain", "int_domain"):
        domain = getattr(feature, kind)
        unit = " years" if feature.name == features.AGE else ""
        return f"a number from {domain.min:g} to {domain.max:g}{unit}"
    if kind == "string_domain":
        return "one of " + ", ".join(repr(value) for value in feature.string_domain.value)
    if kind == "image_domain":
        return "the bytes of an image"
    return "a text" if feature.type == 1 else "a number"


def allowed(feature: "schema_pb2.Feature") -> str:
    """Returns what the schema allows for a feature, in words.

    Args:
        feature: a `Feature` of a tensorflow_metadata `Schema`.
    """
    return f"allowed is {_domain(feature)}, once in every example"


def in_words(anomalies: "anomalies_pb2.Anomalies", schema: "schema_pb2.Schema", split: str) -> list[str]:
    """Returns one sentence for each thing that TFDV found wrong with a split.

    Args:
        anomalies: an `Anomalies` proto.
        schema: the `Schema` it was validated against.
        split: name of the split, for the sentences.

    Returns:
        Sentences that name the feature, what was found and what is allowed.
    """
    by_name = {feature.name: feature for feature in schema.feature}
    sentences: list[str] = []
    for path, info in sorted(anomalies.anomaly_info.items()):
        name = ".".join(info.path.step) or path
        rule = f"; {allowed(by_name[name])}" if name in by_name else "; the schema has no such feature"
        found = [reason.description for reason in info.reason] or [info.description]
        sentences.extend(f"{name} ({split} split): {text.strip().rstrip('.')}{rule}." for text in found)
    if anomalies.HasField("dataset_anomaly_info"):
        for reason in anomalies.dataset_anomaly_info.reason:
            sentences.append(f"The {split} split as a whole: {reason.description.strip().rstrip('.')}.")
    if anomalies.data_missing:
        sentences.append(f"The {split} split holds no examples; every split needs some.")
    return sentences
