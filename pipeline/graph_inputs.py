"""What the graph is told about a run: values that are known before it, or placeholders for what its first step finds."""

import dataclasses
from typing import TYPE_CHECKING, TypeAlias

from age import provenance
from pipeline.configuration import Configuration
from schemas.verdict import RUN, Kind

if TYPE_CHECKING:
    from tfx.dsl.placeholder.placeholder import Placeholder
    from tfx.orchestration.data_types import RuntimeParameter

    Text: TypeAlias = str | RuntimeParameter | Placeholder
    Whole: TypeAlias = int | RuntimeParameter | Placeholder
    Number: TypeAlias = float | RuntimeParameter | Placeholder


@dataclasses.dataclass(frozen=True)
class RunParameters:
    """What people change from run to run: values of the configuration, or Kubeflow's pipeline parameters.

    Attributes:
        data_dir: `data.dir`.
        serving_dir: `serving.dir`.
        epochs: `trainer.epochs`.
        learning_rate: `trainer.learning_rate`.
        max_mae: `evaluator.max_mae`, years.
    """

    data_dir: "Text"
    serving_dir: "Text"
    epochs: "Whole"
    learning_rate: "Number"
    max_mae: "Number"

    @classmethod
    def of(cls, configuration: Configuration) -> "RunParameters":
        """Returns the values that a configuration gives; its `data.dir` is set."""
        return cls(
            data_dir=configuration.data.dir or "",
            serving_dir=configuration.serving_dir,
            epochs=configuration.trainer.epochs,
            learning_rate=configuration.trainer.learning_rate,
            max_mae=configuration.evaluator.max_mae,
        )


@dataclasses.dataclass(frozen=True)
class GraphInputs:
    """What the graph is told about a run.

    Attributes:
        run_id: the run's name.
        schema_text: the curated age schema.
        data_fingerprint: SHA-256 over labels and images.
        weights_digest: SHA-256 of the weights file, empty when there is none; nothing trains in a look at the data.
        face_detector_digest: SHA-256 of the face detector's file, empty when there is none.
        recipe: hash over everything that the trained model depends on.
        run_description: a `RunDescription` as JSON, for the report.
        parameters: what people change from run to run.
        kind: `RUN`, or `EXPLORE` for a look at the data alone.
        steps_know_run_id: whether the runner tells the run's name to the steps.
    """

    run_id: str
    schema_text: str
    data_fingerprint: "Text"
    weights_digest: "Text"
    face_detector_digest: "Text"
    recipe: "Text"
    run_description: "Text"
    parameters: RunParameters
    kind: Kind = RUN
    steps_know_run_id: bool = True


def resolve(configuration: Configuration, run_id: str, kind: Kind = RUN) -> GraphInputs:
    """Returns what the graph of a local run is told, without TensorFlow or TFX: what is wrong with the input is said at once.

    Args:
        configuration: what the run shall do; `data.dir` is set.
        run_id: the run's name.
        kind: `RUN` or `EXPLORE`.

    Raises:
        BadInput: the label file, the weights file or the schema can't be used.
    """
    schema_text = configuration.schema_text()
    inputs = provenance.resolve(
        configuration.described(),
        schema_text=schema_text,
        remembered_digests=configuration.remembered_digests,
        kind=kind,
        metadata_path=configuration.metadata_path,
    )
    return GraphInputs(
        run_id=run_id,
        schema_text=schema_text,
        parameters=RunParameters.of(configuration),
        kind=kind,
        **inputs.as_values(),
    )
