"""Joins the rows of a label file with the members of tar shards, by name; image bytes take no part in it."""

import dataclasses
import posixpath
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.transforms import window
from apache_beam.utils.windowed_value import WindowedValue

from age import progress
from age.dataset import image_folder, row_checks, tally
from age.dataset.tar_shards import Member, TarShards, members
from schemas.bad_input import BadInput

_Fields = tuple[Any, ...]
"""The fields of a `Member`: Beam's coder of tuples takes less space than that of a class."""


class _IndexShard(beam.DoFn):
    """Reads a shard; yields its members by name."""

    def __init__(self, shards: TarShards):
        self._shards = shards

    def process(self, shard: int) -> Iterator[tuple[str, _Fields]]:
        path = self._shards.path(shard)
        try:
            for name, member in members(path, shard):
                yield name, tuple(member)
        except OSError as error:
            raise BadInput(f"{path}: the tar shard can't be read: {error.strerror or error}.") from error


class _LocateImages(beam.DoFn):
    """Gives rows the place of their image, or rejects them; yields batches of rows again."""

    def __init__(self, shards: TarShards):
        self._shards = shards

    def start_bundle(self) -> None:
        self._counted: tally.Tally = {}
        self._located: list[row_checks.Candidate] = []

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
        self, named: tuple[str, tuple[Iterable[row_checks.Candidate], Iterable[_Fields]]]
    ) -> Iterator[list[row_checks.Candidate] | beam.pvalue.TaggedOutput]:
        _, (named_so, found) = named
        rows = list(named_so)
        if not rows:
            return
        member, reason, detail = self._member(found)
        if member is None:
            progress.add(row_checks.MEASURING, done=len(rows), unit="rows")
            for row in rows:
                tally.add_reject(self._counted, reason)
                yield beam.pvalue.TaggedOutput(row_checks.REJECTED, row_checks.reject(row, reason, detail))
            return
        place = (member.shard, member.offset, member.size)
        self._located.extend(dataclasses.replace(row, place=place) for row in rows)
        if len(self._located) >= row_checks.ROWS_PER_BATCH:
            yield self._located
            self._located = []

    def finish_bundle(self) -> Iterator[WindowedValue | beam.pvalue.TaggedOutput]:
        if self._located:
            yield window.GlobalWindows.windowed_value(self._located)
        if self._counted:
            counted = window.GlobalWindows.windowed_value(self._counted)
            yield beam.pvalue.TaggedOutput(row_checks.TALLY, counted)


def locate(
    pipeline: beam.pipeline.Pipeline,
    shards: TarShards,
    usable: beam.pvalue.PCollection[list[row_checks.Candidate]],
) -> beam.pvalue.DoOutputsTuple:
    """Finds the images of batches of rows.

    Args:
        pipeline: the Beam pipeline.
        shards: where they are.
        usable: batches of `Candidate`.

    Returns:
        Batches of `Candidate` with places, `located`, with rejects and tallies as further outputs.
    """
    rows = usable | "RowsByName" >> beam.FlatMap(_by_name).with_output_types(tuple[str, row_checks.Candidate])
    found = (
        pipeline
        | "Shards" >> beam.Create(range(len(shards.names)))
        | "IndexShards" >> beam.ParDo(_IndexShard(shards)).with_output_types(tuple[str, _Fields])
    )
    located: beam.pvalue.DoOutputsTuple = (
        (rows, found)
        | "JoinByName" >> beam.CoGroupByKey()
        | "LocateImages"
        >> beam.ParDo(_LocateImages(shards))
        .with_output_types(list[row_checks.Candidate])
        .with_outputs(row_checks.REJECTED, row_checks.TALLY, main="located")
    )
    return located


def _by_name(rows: list[row_checks.Candidate]) -> Iterator[tuple[str, row_checks.Candidate]]:
    for row in rows:
        yield posixpath.normpath(row.file_name), row
