"""The work of AgeSchemaGen."""

import json
import os

from google.protobuf import text_format
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from age import storage
from schemas import age_schema, features


class Executor(base_executor.BaseExecutor):
    """Writes `schema.pbtxt`."""

    def Do(self, input_dict, output_dict, exec_properties):
        """Adds the attribute columns of `examples` to the curated schema and writes the result."""
        examples = artifact_utils.get_single_instance(input_dict["examples"])
        attributes = json.loads(examples.get_string_custom_property(features.ATTRIBUTES_PROPERTY))
        schema = age_schema.parse(exec_properties["schema_text"], "the age schema")
        storage.write_text(
            os.path.join(artifact_utils.get_single_uri(output_dict["schema"]), "schema.pbtxt"),
            text_format.MessageToString(age_schema.with_attributes(schema, attributes)),
        )
