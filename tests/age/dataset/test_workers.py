"""How many workers ingest, and how often they fail, makes no difference to what is written."""

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from age.dataset import example_writing, ingestion, label_file, row_checks
from age.dataset.split_groups import Grouping
from tests.age.dataset import every_fault

GROUPING = Grouping("città", near_duplicates=True, mirrored=True)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    directory = tmp_path_factory.mktemp("workers") / "data"
    (directory / "images").mkdir(parents=True)
    return every_fault.write_data_set(directory, every_fault.FILES, every_fault.ROWS)


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of a few rows, so that the small set has many."""
    monkeypatch.setattr(label_file.blocks, "__defaults__", (700,))


def written(output):
    """Every file of examples, and everything else that does not depend on an order."""
    found = every_fault.read_back({split: output / split for split in every_fault.FRACTIONS}, output / "rejects")
    files = {path.relative_to(output): path.read_bytes() for path in output.glob("*/data_tfrecord*")}
    assert len(files) == sum(1 for path in output.glob("*/*") if path.parent.name != "rejects"), "nothing else is left"
    return files, sorted(map(repr, found.rejects)), found.counts, found.summary


def ingest(data, output, options=(), runner=None):
    split_dirs = {split: output / split for split in every_fault.FRACTIONS}
    for directory in (*split_dirs.values(), output / "rejects"):
        directory.mkdir(parents=True)
    attributes = list(label_file.read_header(f"{data}/labels.csv", GROUPING.column).attributes)
    with beam.Pipeline(runner, options=PipelineOptions(list(options))) as pipeline:
        ingestion.ingest(
            pipeline,
            str(data),
            {split: str(directory) for split, directory in split_dirs.items()},
            str(output / "rejects"),
            every_fault.FRACTIONS,
            every_fault.LIMITS,
            attributes,
            rows_per_group=10,
            grouping=GROUPING,
        )
    return written(output)


def test_two_processes_write_what_one_thread_writes(data, tmp_path, small_blocks):
    several = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]
    assert len(label_file.blocks(f"{data}/labels.csv")) > 3

    one = ingest(data, tmp_path / "one", every_fault.BEAM_ARGS)
    two = ingest(data, tmp_path / "two", several)

    assert two == one
    assert len(one[0]) > 6, "there are several files of a split"


def test_a_bundle_that_fails_half_way_leaves_nothing_behind(data, tmp_path, small_blocks, monkeypatch):
    """On the runner of Beam that repeats a bundle: the first attempts end after some pictures of a file were written."""
    expected = ingest(data, tmp_path / "expected", every_fault.BEAM_ARGS)
    to_example, calls = ingestion.to_example, []

    def write_or_fail(*arguments):
        calls.append(arguments)
        if len(calls) in (5, 20):
            raise RuntimeError("the worker was lost")
        return to_example(*arguments)

    monkeypatch.setattr(ingestion, "to_example", write_or_fail)
    monkeypatch.setattr(row_checks, "ROWS_PER_BATCH", 2)
    found = ingest(data, tmp_path / "found", runner="BundleBasedDirectRunner")

    assert found == expected
    assert len(calls) > len(every_fault.expected(every_fault.USED))


def test_publishing_again_loses_nothing(tmp_path):
    files = example_writing.ExampleFiles({"train": str(tmp_path)})
    parts = [path for number in (1, 0) for _, path in files.write(number, [("train", b"%d" % number)])]

    files.publish("train", parts)
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    files.publish("train", parts)

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first
    assert sorted(first) == ["data_tfrecord-00000-of-00002", "data_tfrecord-00001-of-00002"]
    assert b"0" in first["data_tfrecord-00000-of-00002"]


def test_a_large_group_becomes_several_files(tmp_path, monkeypatch):
    monkeypatch.setattr(example_writing, "_LARGEST_FILE", 1000)
    files = example_writing.ExampleFiles({"train": str(tmp_path), "test": str(tmp_path / "test")})
    parts = files.write(0, [("train", b"x" * 400), ("test", b"y")] * 7)
    assert [split for split, _ in parts].count("train") == 3
    assert [split for split, _ in parts].count("test") == 1
