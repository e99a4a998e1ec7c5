"""Joins the rows of a label file with the members of tar shards, by name; image bytes take no part in it."""

import dataclasses
import functools
import posixpath
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.transforms import window

from age import progress
from age.dataset import example_writing, image_folder, perceptual_hash, row_checks, split_groups, tally
from age.dataset.tar_shards import Looks, Member, TarShards, members
from schemas.age_schema import Limits
from schemas.bad_input import BadInput

_Fields = tuple[Any, ...]
"""The fields of a `Member`: Beam's coder of tuples takes less space than that of a class."""


class _IndexShard(beam.DoFn):
    """Reads a shard; yields its members by name."""

    def __init__(self, shards: TarShards, looks_of: Looks | None):
        self._shards = shards
        self._looks_of = looks_of

    def process(self, shard: int) -> Iterator[tuple[str, _Fields]]:
        path = self._shards.path(shard)
        try:
            for name, member in members(path, shard, self._looks_of):
                yield name, tuple(member)
        except OSError as error:
            raise BadInput(f"{path}: the tar shard can't be read: {error.strerror or error}.") from error


class _LocateImages(beam.DoFn):
    """Gives rows the place and hash of their image, or rejects them; yields what `HashImages` yields for loose files."""

    def __init__(self, shards: TarShards, rows_per_group: int, tell_seen: bool):
        self._shards = shards
        self._rows_per_group = rows_per_group
        self._tell_seen = tell_seen

    def start_bundle(self) -> None:
        self._counted: tally.Tally = {}
        self._seen: list[split_groups.Fields] = []

    def _member(self, indexed: Iterable[_Fields]) -> tuple[Member | None, str, str]:
        """Returns the member that a name stands for, or None with a reject's reason and detail."""
        found = [Member(*fields) for fields in indexed]
        if not found:
            folders = ", ".join(folder or "." for folder in image_folder.IMAGE_FOLDERS)
            return None, "missing_file", f"no such member in {folders} of {len(self._shards.names)} tar shards"
        first = min(found, key=lambda one: (one.rank, one.shard, one.offset))
        same_name = [one for one in found if one.rank == first.rank]
        if len({(one.digest, one.problem) for one in same_name}) > 1:
            where = ", ".join(sorted({self._shards.names[one.shard] for one in same_name})[:10])
            return None, "ambiguous_file", f"{len(same_name)} members of that name that differ, in {where}"
        if first.problem:
            return None, "unreadable_file", f"the file can't be read: {first.problem}"
        return first, "", ""

    def process(
        self,
        named: tuple[str, tuple[Iterable[row_checks.Candidate], Iterable[_Fields]]],
        scans: example_writing.Scans,
    ) -> Iterator[tuple[int, tuple[bytes, row_checks.Candidate]] | beam.pvalue.TaggedOutput]:
        _, (named_so, found) = named
        rows = list(named_so)
        if not rows:
            return
        member, reason, detail = self._member(found)
        groups = example_writing.groups(scans, self._rows_per_group)
        progress.add(row_checks.HASHING, done=len(rows), unit="rows")
        progress.add(row_checks.DECODING, total=len(rows) if member else 0, unit="images")
        for row in rows:
            if member is None:
                tally.add_reject(self._counted, reason)
                yield beam.pvalue.TaggedOutput(row_checks.REJECTED, row_checks.reject(row, reason, detail))
            else:
                located = dataclasses.replace(row, place=(member.shard, member.offset, member.size))
                if self._tell_seen:
                    self._seen.append(split_groups.seen(row, member.digest, member.looks))
                yield example_writing.group_of(member.digest, groups), (member.digest, located)

    def finish_bundle(self) -> Iterator[beam.pvalue.TaggedOutput]:
        if self._counted:
            counted = window.GlobalWindows.windowed_value(self._counted)
            yield beam.pvalue.TaggedOutput(row_checks.TALLY, counted)
        if self._seen:
            yield beam.pvalue.TaggedOutput(split_groups.SEEN, window.GlobalWindows.windowed_value(self._seen))


def locate(
    pipeline: beam.pipeline.Pipeline,
    shards: TarShards,
    usable: beam.pvalue.PCollection[list[row_checks.Candidate]],
    scans: example_writing.Scans | beam.pvalue.AsList,
    rows_per_group: int,
    grouping: split_groups.Grouping,
    limits: Limits,
) -> beam.pvalue.DoOutputsTuple:
    """Finds the images of batches of rows.

    Args:
        pipeline: the Beam pipeline.
        shards: where they are.
        usable: batches of `Candidate`.
        scans: scans of the label file's blocks.
        rows_per_group: as `ingestion.ingest` takes it.
        grouping: likewise.
        limits: likewise.

    Returns:
        `(group, (SHA-256 as 32 bytes, Candidate))`, with rejects, tallies and rows that were seen as further outputs.
    """
    looks_of = functools.partial(perceptual_hash.of, limits=limits) if grouping.near_duplicates else None
    rows = usable | "RowsByName" >> beam.FlatMap(_by_name).with_output_types(tuple[str, row_checks.Candidate])
    found = (
        pipeline
        | "Shards" >> beam.Create(range(len(shards.names)))
        | "IndexShards" >> beam.ParDo(_IndexShard(shards, looks_of)).with_output_types(tuple[str, _Fields])
    )
    located: beam.pvalue.DoOutputsTuple = (
        (rows, found)
        | "JoinByName" >> beam.CoGroupByKey()
        | "LocateImages"
        >> beam.ParDo(_LocateImages(shards, rows_per_group, grouping.is_any), scans)
        .with_output_types(tuple[int, tuple[bytes, row_checks.Candidate]])
        .with_outputs(row_checks.REJECTED, row_checks.TALLY, split_groups.SEEN, main="hashed")
    )
    return located


def _by_name(rows: list[row_checks.Candidate]) -> Iterator[tuple[str, row_checks.Candidate]]:
    for row in rows:
        yield posixpath.normpath(row.file_name), row
