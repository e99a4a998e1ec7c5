"""Reads what StatisticsGen computed."""

from typing import Any

from tfx.components.statistics_gen import stats_artifact_utils
from tfx.types import artifact_utils


def by_split(artifacts) -> dict[str, Any]:
    """Returns the `DatasetFeatureStatisticsList` proto of each split of an `ExampleStatistics` artifact."""
    artifact = artifact_utils.get_single_instance(artifacts)
    return {
        split: stats_artifact_utils.load_statistics(artifact, split).proto()
        for split in artifact_utils.decode_split_names(artifact.split_names)
    }
