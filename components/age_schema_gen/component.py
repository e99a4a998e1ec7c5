"""The declaration of AgeSchemaGen."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from components.age_schema_gen import executor


class AgeSchemaGenSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of AgeSchemaGen."""

    PARAMETERS = {"schema_text": component_spec.ExecutionParameter(type=str)}
    INPUTS = {"examples": component_spec.ChannelParameter(type=standard_artifacts.Examples)}
    OUTPUTS = {"schema": component_spec.ChannelParameter(type=standard_artifacts.Schema)}


class AgeSchemaGen(base_component.BaseComponent):
    """Publishes the age schema with an entry for every attribute column of the examples.

        schema_gen = AgeSchemaGen(example_gen.outputs["examples"], DEFAULT_SCHEMA.read_text())

    The text itself is the parameter, not its path: an edited schema is a new one for the cache, and no file has to exist
    where the step runs.

    Outputs:
        schema: `Schema`.

    Args:
        examples: what FaceExampleGen wrote.
        schema_text: the curated schema in protobuf text form.
    """

    SPEC_CLASS = AgeSchemaGenSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(self, examples: channel.BaseChannel, schema_text: str):
        super().__init__(
            AgeSchemaGenSpec(
                examples=examples, schema_text=schema_text, schema=channel.Channel(type=standard_artifacts.Schema)
            )
        )
