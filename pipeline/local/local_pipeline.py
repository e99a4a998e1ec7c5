"""The graph as TFX's own pipeline, for a run on one machine."""

import os

from tfx.orchestration import metadata, pipeline

from pipeline import graph
from pipeline.configuration import Configuration
from pipeline.graph_inputs import GraphInputs

_NAME = "age"


def build(configuration: Configuration, inputs: GraphInputs, search_alone: bool = False) -> pipeline.Pipeline:
    """Returns the pipeline for a run on one machine, or for what comes before and with a search."""
    return pipeline.Pipeline(
        pipeline_name=_NAME,
        pipeline_root=os.path.join(configuration.workdir, "pipeline_root"),
        components=graph.components(configuration, inputs, search_alone),
        metadata_connection_config=metadata.sqlite_metadata_connection_config(configuration.metadata_path),
        beam_pipeline_args=configuration.beam_args(),
        enable_cache=True,
    )
