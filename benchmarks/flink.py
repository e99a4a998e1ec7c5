"""Ingestion on a Flink cluster with one worker and with two, each beside the bare loop; `make flink-up` starts the cluster."""

import pathlib
from collections.abc import Iterator

from benchmarks import workers
from pipeline import configuration

_CONFIG = pathlib.Path(__file__).parents[1] / "configs" / "flink.yaml"


def measure(data: str, scratch: str, repeats: int) -> Iterator[str]:
    """Yields what `workers.measure` does, on the cluster of `configs/flink.yaml`."""
    from components.run_start import beam_check

    def on_flink(parallelism: int) -> configuration.Beam:
        return configuration.load(str(_CONFIG), [f"beam.options.parallelism={parallelism}"]).beam

    beam_check.check(configuration.load(str(_CONFIG)).beam_args())
    return workers.measure(data, scratch, repeats, on_flink)
