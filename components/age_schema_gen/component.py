"""AgeSchemaGen, as a function: TFX makes declaration and executor of it."""

import os

from google.protobuf import text_format
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from age import storage
from age.dataset import data_facts
from components.artifacts import Rejects
from schemas import age_schema


@component
def AgeSchemaGen(
    rejects: InputArtifact[Rejects],
    schema_text: Parameter[str],
    code: Parameter[str],
    schema: OutputArtifact[standard_artifacts.Schema],
):
    """Publishes the age schema with an entry for every attribute column of the examples, as `schema.pbtxt`.

        schema_gen = AgeSchemaGen(
            rejects=example_gen.outputs["rejects"], schema_text=DEFAULT_SCHEMA.read_text(), code=code_digest.of(__name__)
        )

    It asks for the rejects because the counts beside them name the columns: asking for the examples would, on Kubeflow, copy
    all of them to where the step runs.

    The text itself is the parameter, not its path: an edited schema is a new one for the cache, and no file has to exist
    where the step runs.

    Args:
        rejects: what FaceExampleGen rejected and counted.
        schema_text: the curated schema in protobuf text form.
        code: digest of this code, for the cache.
        schema: the output.
    """
    attributes = data_facts.read_attribute_names(rejects.uri)
    whole = age_schema.with_attributes(age_schema.parse(schema_text, "the age schema"), attributes)
    storage.write_text(os.path.join(schema.uri, "schema.pbtxt"), text_format.MessageToString(whole))
