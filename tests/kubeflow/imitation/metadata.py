"""What ML Metadata makes of an artifact: `backend/src/v2/metadata/client.go` and `converter.go`."""

import dataclasses
import json
from typing import Any

import yaml

from tests.kubeflow.imitation.releases import Release


class PublishingFailed(Exception):
    """The launcher could not record what a step wrote: the step fails, although its command did not."""


@dataclasses.dataclass(frozen=True)
class Recorded:
    """An artifact in ML Metadata.

    Attributes:
        number: its id, by which the cache knows it.
        uri: where it is.
        kind: name of its type. The schema of the type is not kept.
        properties: its metadata, as ML Metadata can hold them.
    """

    number: int
    uri: str
    kind: str
    properties: dict[str, Any]

    def as_input(self) -> dict[str, Any]:
        """Returns what the driver gives the steps that take it (`ToRuntimeArtifact`): the schema comes back empty."""
        return {
            "name": str(self.number),
            "uri": self.uri,
            "type": {"instanceSchema": ""},
            "metadata": {name: _plain_number(value) for name, value in self.properties.items()},
        }


def session_information(release: Release) -> str:
    """Returns how the object store is reached, as the driver writes it beside each artifact."""
    parameters = {
        "accessKeyKey": "accesskey",
        "disableSSL": "true",
        "endpoint": "127.0.0.1:19000",
        "forcePathStyle": "true",
        "fromEnv": "false",
        **({"maxRetries": "5"} if release.session_retries else {}),
        "region": "us-east-1",
        "secretKeyKey": "secretkey",
        "secretName": "mlpipeline-minio-artifact",
    }
    return json.dumps({"Provider": "minio", "Params": parameters}, separators=(",", ":"))


class MetadataStore:
    """Numbers artifacts and converts their metadata.

    Args:
        release: of the backend.
    """

    def __init__(self, release: Release):
        self._session = session_information(release)
        self._next = 1

    def record(self, output: str, artifact: dict[str, Any]) -> Recorded:
        """Records an output (`RecordArtifact`).

        Args:
            output: its name in the component.
            artifact: the runtime artifact, with what its step wrote.

        Raises:
            PublishingFailed: a value that ML Metadata has no kind for.
        """
        properties = {name: _property(name, value) for name, value in artifact.get("metadata", {}).items()}
        properties.setdefault("display_name", output)
        properties.setdefault("store_session_info", self._session)
        number, self._next = self._next, self._next + 1
        return Recorded(number, artifact["uri"], _title(artifact["type"]), properties)


def _title(kind: dict[str, str]) -> str:
    return kind.get("schemaTitle") or yaml.safe_load(kind["instanceSchema"])["title"]


def _property(name: str, value: Any) -> Any:
    """`StructValueToMLMDValue`: numbers are doubles, truth is an integer, lists and structs are wrapped."""
    if value is None:
        raise PublishingFailed(f"unknown/unsupported value type of {name}: null")
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, list):
        return {"list": value}
    if isinstance(value, dict):
        return {"struct": value}
    return value


def _plain_number(value: Any) -> Any:
    """A double as Go's JSON writes it: without a fraction where there is none."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
