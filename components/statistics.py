"""Reads what StatisticsGen computed."""

import os

from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.types import artifact_utils

from age import storage

_FILE = "FeatureStats.pb"
"""As in `tfx.components.statistics_gen.stats_artifact_utils`, which needs all of TFDV."""


def by_split(artifacts) -> dict[str, statistics_pb2.DatasetFeatureStatisticsList]:
    """Returns the statistics of each split of an `ExampleStatistics` artifact."""
    splits = artifact_utils.decode_split_names(artifact_utils.get_single_instance(artifacts).split_names)
    files = {split: os.path.join(artifact_utils.get_split_uri(artifacts, split), _FILE) for split in splits}
    return {
        split: statistics_pb2.DatasetFeatureStatisticsList.FromString(storage.read_bytes(file))
        for split, file in files.items()
    }
