"""The work of AgeSchemaGen."""

import os

from google.protobuf import text_format
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from age import storage
from age.dataset import data_facts
from schemas import age_schema


class Executor(base_executor.BaseExecutor):
    """Writes `schema.pbtxt`."""

    def Do(self, input_dict, output_dict, exec_properties):
        """Adds the attribute columns of the examples to the curated schema and writes the result."""
        attributes = data_facts.read_attribute_names(artifact_utils.get_single_uri(input_dict["rejects"]))
        schema = age_schema.parse(exec_properties["schema_text"], "the age schema")
        storage.write_text(
            os.path.join(artifact_utils.get_single_uri(output_dict["schema"]), "schema.pbtxt"),
            text_format.MessageToString(age_schema.with_attributes(schema, attributes)),
        )
