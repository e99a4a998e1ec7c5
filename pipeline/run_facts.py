"""What a run knows of itself before it starts: fingerprints, digests, and which model it has to stand up to."""

import dataclasses
import os
from typing import Any

from age import provenance, storage
from age.serving import serving_directory
from pipeline.configuration import Configuration, splits_in_order
from schemas import age_schema, verdict
from schemas.bad_input import BadInput


@dataclasses.dataclass(frozen=True)
class RunFacts:
    """What a run knows of itself before it starts.

    Attributes:
        run_id: the run's name.
        data_fingerprint: SHA-256 over labels and images.
        schema_text: the curated age schema.
        weights_digest: SHA-256 of the weights file, empty when there is none; nothing trains in a look at the data.
        recipe: hash over everything that the trained model depends on.
        champion_version: version of the model being served that the candidate is compared with, or 0.
        for_the_report: what the report repeats, as JSON; None when the graph can put it together from the rest.
        kind: `verdict.RUN`, or `verdict.EXPLORE` for a look at the data alone.

    Where a run finds these out in a step of its own (on Kubeflow), each but `schema_text` stands for what that step will
    find.
    """

    run_id: str
    data_fingerprint: str
    schema_text: str
    weights_digest: str
    recipe: str
    champion_version: int
    for_the_report: Any | None = None
    kind: str = verdict.RUN


def schema_text(schema_file: str | None) -> str:
    """Returns the curated age schema.

    Raises:
        BadInput: it can't be read or is none.
    """
    path = schema_file or str(age_schema.DEFAULT_SCHEMA)
    try:
        text = storage.read_bytes(path).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"data.schema_file: {path}: the schema can't be read: {error}.") from error
    age_schema.parse(text, path)
    return text


def gather(configuration: Configuration, run_id: str, kind: str = verdict.RUN) -> RunFacts:
    """Finds out what the graph needs to know, without TensorFlow or TFX: what is wrong with the input is said at once.

    Args:
        configuration: what the run shall do; `data.dir` is set.
        run_id: the run's name.
        kind: `verdict.RUN` or `verdict.EXPLORE`.

    Raises:
        BadInput: the label file, the weights file or the schema can't be used.
    """
    data = configuration.data
    schema = schema_text(data.schema_file)
    found = provenance.find_out(
        data.dir,
        os.path.join(configuration.workdir, "image_digests.bin"),
        splits_in_order(data.splits),
        schema,
        configuration.trainer,
        training=kind == verdict.RUN,
    )
    champion = serving_directory.champion(configuration.serving_dir, found.digest)
    return RunFacts(
        run_id=run_id,
        kind=kind,
        data_fingerprint=found.data_fingerprint,
        schema_text=schema,
        weights_digest=found.weights_digest,
        recipe=found.digest,
        champion_version=champion.version if champion else 0,
    )
