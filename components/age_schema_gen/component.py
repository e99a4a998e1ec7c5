"""The declaration of AgeSchemaGen."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from components.age_schema_gen import executor
from components.artifacts import Rejects


class AgeSchemaGenSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of AgeSchemaGen."""

    PARAMETERS = {"schema_text": component_spec.ExecutionParameter(type=str)}
    INPUTS = {"rejects": component_spec.ChannelParameter(type=Rejects)}
    OUTPUTS = {"schema": component_spec.ChannelParameter(type=standard_artifacts.Schema)}


class AgeSchemaGen(base_component.BaseComponent):
    """Publishes the age schema with an entry for every attribute column of the examples.

        schema_gen = AgeSchemaGen(example_gen.outputs["rejects"], DEFAULT_SCHEMA.read_text())

    It asks for the rejects because the counts beside them name the columns: asking for the examples would, on Kubeflow, copy
    all of them to where the step runs.

    The text itself is the parameter, not its path: an edited schema is a new one for the cache, and no file has to exist
    where the step runs.

    Outputs:
        schema: `Schema`.

    Args:
        rejects: what FaceExampleGen rejected and counted.
        schema_text: the curated schema in protobuf text form.
    """

    SPEC_CLASS = AgeSchemaGenSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(self, rejects: channel.BaseChannel, schema_text: str):
        super().__init__(
            AgeSchemaGenSpec(rejects=rejects, schema_text=schema_text, schema=channel.Channel(type=standard_artifacts.Schema))
        )
