"""The schema of a run has the curated file's features and one for each attribute column that the rejects name."""

import json

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.types import standard_artifacts
from tfx.utils import import_utils

from age.dataset import data_facts
from components.artifacts import Rejects
from schemas import age_schema

EXECUTOR = "components.age_schema_gen.component.AgeSchemaGen_Executor"


def test_attribute_columns_join_the_curated_features(tmp_path):
    rejects, schema = Rejects(), standard_artifacts.Schema()
    rejects.uri, schema.uri = str(tmp_path / "rejects"), str(tmp_path / "schema")
    for artifact in (rejects, schema):
        (tmp_path / artifact.uri).mkdir()
    (tmp_path / "rejects" / data_facts.SUMMARY_FILE).write_text(json.dumps({"attributes": {"gender": {}, "camera": {}}}))
    curated = age_schema.DEFAULT_SCHEMA.read_text()

    import_utils.import_class_by_path(EXECUTOR)().Do(
        {"rejects": [rejects]}, {"schema": [schema]}, {"schema_text": curated, "code": "digest"}
    )

    written = text_format.Parse((tmp_path / "schema" / "schema.pbtxt").read_text(), schema_pb2.Schema())
    expected = {feature.name for feature in age_schema.parse(curated, "curated").feature} | {"gender", "camera"}
    assert {feature.name for feature in written.feature} == expected
