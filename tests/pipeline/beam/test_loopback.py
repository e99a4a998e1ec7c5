"""The servers of a DirectRunner with several workers, while they work."""

import pathlib
import subprocess
import sys
import time

import pytest

from tests import listening

ROOT = pathlib.Path(__file__).parents[3]
PIPELINE = """
import sys
import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from pipeline.beam import loopback

arguments = sys.argv[3:]
if sys.argv[2] == "told":
    loopback.listen_there_only(arguments)


def work(element, marker=sys.argv[1]):
    # Workers do not have what this program has imported.
    import pathlib, time

    pathlib.Path(marker).touch()
    for _ in range(200):
        if pathlib.Path(marker + ".seen").exists():
            break
        time.sleep(0.1)
    return element


with beam.Pipeline(options=PipelineOptions(arguments)) as pipeline:
    pipeline | beam.Create([1, 2, 3]) | beam.Reshuffle() | beam.Map(work)
"""
SEVERAL = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]


@pytest.fixture
def listened_on(tmp_path):
    """Runs a pipeline; returns where it and its workers listen while these work."""

    def run(told: str, *arguments: str):
        marker = tmp_path / f"working-{told}"
        with subprocess.Popen([sys.executable, "-c", PIPELINE, str(marker), told, *arguments], cwd=ROOT) as process:
            try:
                deadline = time.monotonic() + 180
                while not marker.exists():
                    assert process.poll() is None and time.monotonic() < deadline, "the workers do not work"
                    time.sleep(0.1)
                found = listening.addresses(listening.descendants(process.pid))
                marker.with_name(f"{marker.name}.seen").touch()
                assert process.wait(120) == 0
            finally:
                process.kill()
        return found

    return run


def test_nobody_reaches_them_from_another_machine(listened_on):
    found = listened_on("told", *SEVERAL)

    assert len(found) >= 4 and listening.beyond_loopback(found) == set()


def test_beam_alone_would_listen_everywhere(listened_on):
    """When this fails, Beam listens on the loopback interface itself, and the module can go."""
    assert listening.beyond_loopback(listened_on("untold", *SEVERAL))


def test_a_pipeline_in_one_process_listens_nowhere(listened_on):
    assert listened_on("told") == set()
