"""Writes examples to TFRecord files of bounded size, the same ones whatever the runner's bundles and workers are.

Beam's own WriteToTFRecord makes one file of each bundle, and shuffles the records where a number of files is asked for.
Here rows are grouped by where their picture's hash lies; each group becomes a file of each split that it has examples of.
What is written has a name of its own in a temporary directory until all is there: of an attempt that failed or was
overtaken nothing remains.
"""

import uuid
from collections.abc import Iterable
from typing import IO

import apache_beam as beam
from apache_beam.io import filebasedsink
from apache_beam.io.tfrecordio import _TFRecordUtil

from age import storage
from age.dataset import label_file

ROWS_PER_GROUP = 1024
_LARGEST_FILE = 256 << 20
_PREFIX = "data_tfrecord"

Scans = Iterable[tuple[int, label_file.BlockScan]]
"""The scans of a label file's blocks, each with its block's number."""


def groups(scans: Scans, rows_per_group: int) -> int:
    """Returns how many groups, and so about how many files over all splits, the rows of a label file are written in.

    Args:
        scans: the scans of its blocks, numbered.
        rows_per_group: how many rows a group has, about.
    """
    return 1 + sum(scan.lines for _, scan in scans) // rows_per_group


def group_of(digest: bytes, number: int) -> int:
    """Returns which of that many groups a picture is in by its SHA-256: equal shares of all hashes, in their order."""
    return int.from_bytes(digest[:8], "big") * number >> 64


class _Sink(filebasedsink.FileBasedSink):
    """A directory of TFRecord files, by Beam's contract for sinks whose bundles may fail and be repeated."""

    def __init__(self, directory: str):
        prefix = storage.join(directory, _PREFIX)
        super().__init__(  # type: ignore[no-untyped-call]  # mypy excludes Beam's functions, but not by way of super()
            prefix, coder=beam.coders.BytesCoder(), max_bytes_per_shard=_LARGEST_FILE
        )

    def write_encoded_record(self, file_handle: IO[bytes], value: bytes) -> None:
        _TFRecordUtil.write_record(file_handle, value)


class ExampleFiles:
    """The files of all splits while they are written.

    Args:
        split_dirs: output directory of each split.
    """

    def __init__(self, split_dirs: dict[str, str]):
        self._sinks = {split: _Sink(directory) for split, directory in split_dirs.items()}
        self._temporary = {split: sink.initialize_write() for split, sink in self._sinks.items()}

    def write(self, group: int, examples: Iterable[tuple[str, bytes]]) -> list[tuple[str, str]]:
        """Writes one group.

        Args:
            group: its number.
            examples: a split and a serialized tf.Example each, in the order in which they shall stand.

        Returns:
            A split and a temporary file each.
        """
        written: list[tuple[str, str]] = []
        writers: dict[str, filebasedsink.FileBasedSinkWriter] = {}
        for split, example in examples:
            if split not in writers:
                # Files are numbered in the order of their temporary names.
                name = f"{group:08d}-{len(written):04d}-{uuid.uuid4().hex}"
                writers[split] = self._sinks[split].open_writer(self._temporary[split], name)
            writers[split].write(example)
            if writers[split].at_capacity():
                written.append((split, writers.pop(split).close()))
        return written + [(split, writer.close()) for split, writer in writers.items()]

    def publish(self, split: str, files: Iterable[str]) -> None:
        """Gives the files of a split their final names; one without examples gets an empty file, which its readers need.

        Empty names in `files` are passed over.
        """
        sink, temporary = self._sinks[split], self._temporary[split]
        files = [file for file in files if file] or [sink.open_writer(temporary, uuid.uuid4().hex).close()]
        # When this is repeated, what has its final name is passed over. `pre_finalize` would delete it.
        for _ in sink.finalize_write(temporary, files, None):
            pass
