"""The Beam pipeline of FaceExampleGen: label rows in, examples by split and rejects out.

    blocks of the label file ─▶ rows ─▶ decode, measure and hash each image ─▶ group by hash ─▶ keep one row of each picture
        ─▶ tf.Example ─▶ TFRecord files of each split
                                     └─▶ find what belongs together, for the splits

Image bytes never pass through a shuffle: only rows do, with what was measured, so that memory does not grow with the size of
images. That costs a second read of each image (a few per cent of decoding it).
"""

import concurrent.futures
import csv
import dataclasses
import functools
import hashlib
import io
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import apache_beam as beam

from age import progress, spreadsheet_cells, storage
from age.dataset import (
    data_facts,
    example_writing,
    image_checks,
    image_folder,
    label_file,
    row_checks,
    split_groups,
    tally,
    tar_lookup,
    tar_shards,
)
from age.faces.face_reader import FaceReader
from schemas import features
from schemas.age_schema import Limits

if TYPE_CHECKING:
    import tensorflow as tf

REJECT_COLUMNS = ("line", "file_name", "real_age", "reason", "detail")
REJECTS_FILE = data_facts.REJECTS_FILE
COUNTS_FILE = data_facts.COUNTS_FILE
SUMMARY_FILE = data_facts.SUMMARY_FILE

_REMOTE_READS = 16
_HASH_DIGITS = 15


def assign_split(sha256: str, fractions: dict[str, float]) -> str:
    """Assigns a picture to a split by its content, so that no rerun and no other name ever moves it.

    Args:
        sha256: hexadecimal hash of the image's bytes, or of what it belongs to. Its first 60 bits, as a fraction of 2**60, are
            the picture's place in [0, 1).
        fractions: share of each split, in the order in which they divide [0, 1); their sum is 1.

    Returns:
        One of the keys of `fractions`.
    """
    place = int(sha256[:_HASH_DIGITS], 16) / 16**_HASH_DIGITS
    upper = 0.0
    for split, fraction in fractions.items():
        upper += fraction
        if place < upper:
            return split
    return next(split for split, fraction in reversed(fractions.items()) if fraction > 0)


def _split_of_key(fractions: dict[str, float], key: bytes) -> str:
    return assign_split(key.hex(), fractions)


def to_example(
    candidate: row_checks.Candidate, encoded: bytes, measured: image_checks.Measurements, attribute_names: list[str]
) -> bytes:
    """Returns the serialized tf.Example of a picture."""
    import tensorflow as tf

    def text(value: str) -> "tf.train.Feature":
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode("utf-8", "surrogateescape")]))

    def whole(value: int) -> "tf.train.Feature":
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    def real(value: float) -> "tf.train.Feature":
        return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))

    named = {
        features.IMAGE_ENCODED: tf.train.Feature(bytes_list=tf.train.BytesList(value=[encoded])),
        features.IMAGE_FILENAME: text(candidate.file_name),
        features.IMAGE_FORMAT: text(measured.format),
        features.IMAGE_HEIGHT: whole(measured.height),
        features.IMAGE_WIDTH: whole(measured.width),
        features.IMAGE_SHA256: text(candidate.sha256),
        features.IMAGE_BRIGHTNESS: real(measured.brightness),
        features.AGE: real(candidate.age),
    }
    named.update({name: text(value) for name, value in zip(attribute_names, candidate.attributes)})
    example = tf.train.Example(features=tf.train.Features(feature=named))
    serialized: bytes = example.SerializeToString(deterministic=True)
    return serialized


class _ReadBlock(beam.DoFn):
    """Reads a block of the label file; yields batches of rows that other workers can take."""

    def __init__(self, label_path: str, header: label_file.Header):
        self._label_path = label_path
        self._header = header

    def process(
        self, numbered: tuple[int, label_file.Block], scans: example_writing.Scans
    ) -> Iterator[list[label_file.LabelRow]]:
        number, block = numbered
        earlier = [scan for _, scan in sorted(scans)[:number]]
        rows = label_file.read_block(self._label_path, self._header, block, earlier)
        while batch := list(itertools.islice(rows, row_checks.ROWS_PER_BATCH)):
            progress.add(row_checks.MEASURING, total=len(batch), unit="rows")
            yield batch


class _CheckRows(beam.DoFn):
    """Checks the fields of rows; yields the usable ones of a batch, rejects and a tally of the batch."""

    def __init__(self, limits: Limits):
        self._limits = limits

    def _age(self, row: row_checks.Reject) -> float | None:
        """Returns the age of a rejected row, which may say one all the same."""
        age = None if row.reason == "malformed_row" else label_file.parse_age(row.real_age)
        return age if age is not None and self._limits.min_age <= age <= self._limits.max_age else None

    def process(self, rows: list[label_file.LabelRow]) -> Iterator[list[row_checks.Candidate] | beam.pvalue.TaggedOutput]:
        counted: tally.Tally = {}
        tally.add_rows(counted, len(rows))
        usable = []
        for row in rows:
            checked = row_checks.check_row(row, self._limits)
            if isinstance(checked, row_checks.Reject):
                tally.add_reject(counted, checked.reason)
                age = self._age(checked)
                yield beam.pvalue.TaggedOutput(row_checks.REJECTED, checked)
            else:
                usable.append(checked)
                age = checked.age
            if age is not None:
                tally.add_age(counted, tally.LABELS, age)
        yield beam.pvalue.TaggedOutput(row_checks.TALLY, counted)
        progress.add(row_checks.MEASURING, done=len(rows) - len(usable), unit="rows")
        if usable:
            yield usable


_From = TypeVar("_From")
_To = TypeVar("_To")
_Measured = tuple[Any, ...]
"""The fields of `Measurements`: Beam's coder of tuples takes less space than that of a class."""
_Hashed = tuple[bytes, row_checks.Candidate, _Measured]
"""SHA-256 of an image, 32 bytes, the row that names it, and what was measured; empty where a face is cut out first."""


class _ImagesFn(beam.DoFn):
    """Works on a batch of images, in threads where they come from afar.

    Threads hide the time that a remote file takes to come. On local files they lose: decoding one face takes less time than
    handing Python's lock over (measured: one thread 210 microseconds a face, two threads 280).
    """

    def __init__(self, images: image_folder.Images):
        self._images = images

    def setup(self) -> None:
        self._pool = concurrent.futures.ThreadPoolExecutor(_REMOTE_READS) if self._images.is_remote else None

    def teardown(self) -> None:
        if self._pool:
            self._pool.shutdown()

    def _map(self, function: Callable[[_From], _To], elements: Iterable[_From]) -> Iterator[_To]:
        return self._pool.map(function, elements) if self._pool else map(function, elements)


class _MeasureImages(_ImagesFn):
    """Reads the images of rows; yields `(group, _Hashed)`, rejects, a tally of the batch and what was seen.

    The hash is beside the row until rows are grouped: a runner that groups in memory holds several copies of each.
    """

    def __init__(
        self,
        images: image_folder.Images,
        rows_per_group: int,
        grouping: split_groups.Grouping,
        limits: Limits,
        cuts_faces_out: bool,
    ):
        super().__init__(images)
        self._rows_per_group = rows_per_group
        self._grouping = grouping
        self._limits = limits
        self._cuts_faces_out = cuts_faces_out

    def _measure(self, encoded: bytes) -> tuple[_Measured, bytes]:
        """Returns what is kept of an image, and its perceptual hash; empty where there is none, or none is wanted.

        Raises:
            UnusableImage: it can't be learnt from.
        """
        with_looks = self._grouping.near_duplicates
        if not self._cuts_faces_out:
            measured = image_checks.measure(encoded, self._limits, with_looks)
            return measured._replace(looks=b""), measured.looks
        try:
            return (), image_checks.measure(encoded, self._limits, True).looks if with_looks else b""
        except image_checks.UnusableImage:
            # Its face may be usable all the same.
            return (), b""

    def _look_at(self, row: row_checks.Candidate) -> tuple[_Hashed, bytes] | row_checks.Reject:
        try:
            encoded = self._images.read(row.file_name, row.place)
            measured, looks = self._measure(encoded)
        except FileNotFoundError:
            folders = ", ".join(folder or "." for folder in image_folder.IMAGE_FOLDERS)
            return row_checks.reject(row, "missing_file", f"no such file in {folders} of the data directory")
        except image_checks.UnusableImage as error:
            return row_checks.reject(row, error.reason, str(error))
        except (OSError, ValueError) as error:
            return row_checks.reject(
                row, "unreadable_file", f"the file can't be read: {getattr(error, 'strerror', None) or error}"
            )
        return (hashlib.sha256(encoded).digest(), row, measured), looks

    def process(
        self, rows: list[row_checks.Candidate], scans: example_writing.Scans
    ) -> Iterator[tuple[int, _Hashed] | beam.pvalue.TaggedOutput]:
        counted: tally.Tally = {}
        seen: list[split_groups.Fields] = []
        groups, hashed = example_writing.groups(scans, self._rows_per_group), 0
        for outcome in self._map(self._look_at, rows):
            if isinstance(outcome, row_checks.Reject):
                tally.add_reject(counted, outcome.reason)
                yield beam.pvalue.TaggedOutput(row_checks.REJECTED, outcome)
            else:
                hashed += 1
                found, looks = outcome
                sha256, row, _ = found
                if self._grouping.is_any:
                    seen.append(split_groups.seen(row, sha256, looks))
                yield example_writing.group_of(sha256, groups), found
        if counted:
            yield beam.pvalue.TaggedOutput(row_checks.TALLY, counted)
        if seen:
            yield beam.pvalue.TaggedOutput(split_groups.SEEN, seen)
        progress.add(row_checks.MEASURING, done=len(rows), unit="rows")
        progress.add(row_checks.WRITING, total=hashed, unit="images")


_Picture = tuple[list[row_checks.Candidate], _Measured]
"""The rows of a picture in the label file's order, and what was measured of it."""


def _pictures(hashed: Iterable[_Hashed]) -> Iterator[_Picture]:
    """Yields pictures in the order of their hashes."""
    in_order = sorted(hashed, key=lambda one: (one[0], one[1].line))
    for digest, of_picture in itertools.groupby(in_order, key=lambda one: one[0]):
        same = list(of_picture)
        yield [dataclasses.replace(row, sha256=digest.hex()) for _, row, _ in same], same[0][2]


def _conflict(rows: list[row_checks.Candidate]) -> str | None:
    """Says how the ages of one picture's rows differ, or returns None where they agree."""
    if len({row.age for row in rows}) == 1:
        return None
    where = "; ".join(f"line {row.line} ({row.file_name}): {row.age:g}" for row in rows[:10])
    more = f" and {len(rows) - 10} more" if len(rows) > 10 else ""
    return f"the same picture has different ages: {where}{more}"


@dataclasses.dataclass(frozen=True)
class _Used:
    """The first row of a picture, and the serialized tf.Example that it became."""

    row: row_checks.Candidate
    split: str
    measured: image_checks.Measurements
    example: bytes


@dataclasses.dataclass(frozen=True)
class _Duplicate:
    """A further row of a picture, of the same age under another name."""

    row: row_checks.Candidate


_Outcome = _Used | _Duplicate | row_checks.Reject


def _further_rows(rows: list[row_checks.Candidate]) -> Iterator[_Outcome]:
    """Yields what becomes of all rows of a picture but the first: a duplicate, or a reject when it repeats a file name."""
    first_line_of = {rows[0].file_name: rows[0].line}
    for row in rows[1:]:
        if row.file_name in first_line_of:
            repeated = f"the row repeats line {first_line_of[row.file_name]}"
            yield row_checks.reject(row, "duplicate_row", repeated)
        else:
            first_line_of[row.file_name] = row.line
            yield _Duplicate(row)


class _WriteExamples(_ImagesFn):
    """Decides what becomes of pictures and the rows that name them, and writes them; faces are cut out here.

    A picture that can't be used is rejected with every row that names it: nothing of it is kept that another row could be
    a duplicate of. Where the ages of its rows differ nobody knows which is right, and every row is rejected. Otherwise the
    first row becomes the example. Takes a group of rows, all that name its pictures, and which keys of splits hang together;
    yields the files that the group became, each with its split, rejects and a tally of the group.
    """

    def __init__(
        self,
        images: image_folder.Images,
        files: example_writing.ExampleFiles,
        limits: Limits,
        fractions: dict[str, float],
        attribute_names: list[str],
        reader: FaceReader | None,
    ):
        super().__init__(images)
        self._reader = reader
        self._files = files
        self._limits = limits
        self._fractions = fractions
        self._attribute_names = attribute_names

    def _examples_of(self, joined: split_groups.Keys, picture: _Picture) -> list[_Outcome]:
        rows, fields = picture

        def reject_all(reason: str, detail: str) -> list[_Outcome]:
            return [row_checks.reject(row, reason, detail) for row in rows]

        first = rows[0]
        try:
            encoded = self._images.read(first.file_name, first.place)
            if hashlib.sha256(encoded).hexdigest() != first.sha256:
                return reject_all("changed_while_reading", f"{first.file_name} changed while it was ingested")
            if self._reader is None:
                measured = image_checks.Measurements(*fields)
            else:
                encoded = self._reader.main_face(encoded).encoded
                measured = image_checks.measure(encoded, self._limits)
        except image_checks.UnusableImage as error:
            return reject_all(error.reason, str(error))
        except OSError as error:
            return reject_all("unreadable_file", f"{first.file_name} can't be read: {error.strerror or error}")
        conflict = _conflict(rows)
        if conflict:
            return reject_all("conflicting_ages", conflict)
        key = split_groups.key_of(first, bytes.fromhex(first.sha256))
        split = assign_split(joined.get(key, key).hex(), self._fractions)
        if self._reader is not None:
            # Splits go by the photograph; whoever keeps what was computed of an image goes by the image.
            first = dataclasses.replace(first, sha256=hashlib.sha256(encoded).hexdigest())
        example = to_example(first, encoded, measured, self._attribute_names)
        return [_Used(first, split, measured, example), *_further_rows(rows)]

    def _examples(
        self,
        hashed: Iterable[_Hashed],
        joined: split_groups.Keys,
        counted: tally.Tally,
        rejected: list[row_checks.Reject],
    ) -> Iterator[tuple[str, bytes]]:
        pictures = _pictures(hashed)
        while batch := list(itertools.islice(pictures, row_checks.ROWS_PER_BATCH)):
            for outcomes in self._map(functools.partial(self._examples_of, joined), batch):
                for outcome in outcomes:
                    if isinstance(outcome, _Duplicate):
                        tally.add_duplicate(counted)
                    elif isinstance(outcome, row_checks.Reject):
                        tally.add_reject(counted, outcome.reason)
                        rejected.append(outcome)
                    else:
                        attributes = zip(self._attribute_names, outcome.row.attributes)
                        tally.add_example(counted, outcome.split, outcome.row.age, outcome.measured, attributes)
                        yield outcome.split, outcome.example
            progress.add(row_checks.WRITING, done=sum(len(rows) for rows, _ in batch), unit="images")

    def process(
        self, group: tuple[int, Iterable[_Hashed]], joined: split_groups.Keys
    ) -> Iterator[tuple[str, str] | beam.pvalue.TaggedOutput]:
        number, hashed = group
        counted: tally.Tally = {}
        rejected: list[row_checks.Reject] = []
        yield from self._files.write(number, self._examples(hashed, joined, counted, rejected))
        for reject in rejected:
            yield beam.pvalue.TaggedOutput(row_checks.REJECTED, reject)
        yield beam.pvalue.TaggedOutput(row_checks.TALLY, counted)


def _csv_line(reject: row_checks.Reject) -> str:
    line = io.StringIO()
    # With its usual line end, because the writer quotes what holds a character of the line end and nothing else.
    csv.writer(line).writerow(map(spreadsheet_cells.harmless, map(str, dataclasses.astuple(reject))))
    return line.getvalue()[: -len("\r\n")].encode("utf-8", "replace").decode("utf-8")


def _read_rows(
    pipeline: beam.pipeline.Pipeline, label_path: str, group_column: str | None
) -> tuple[beam.pvalue.PCollection[list[label_file.LabelRow]], example_writing.Scans | beam.pvalue.AsList]:
    """Returns batches of rows, and scans of the label file's blocks to be given to DoFns."""
    header = label_file.read_header(label_path, group_column)
    numbered = list(enumerate(label_file.blocks(label_path)))
    scans: example_writing.Scans | beam.pvalue.AsList
    if len(numbered) == 1:
        scans = [(0, label_file.scan_block(label_path, header, numbered[0][1]))]
    else:
        scans = beam.pvalue.AsList(
            pipeline
            | "BlocksToScan" >> beam.Create(numbered)
            | "ScanBlocks" >> beam.MapTuple(lambda number, block: (number, label_file.scan_block(label_path, header, block)))
        )
    batches = (
        pipeline
        | "Blocks" >> beam.Create(numbered, reshuffle=len(numbered) > 1)
        | "ReadRows" >> beam.ParDo(_ReadBlock(label_path, header), scans).with_output_types(list[label_file.LabelRow])
        | "SpreadRows" >> beam.Reshuffle()
    )
    return batches, scans


def _write_rejects(rejects: list[beam.pvalue.PCollection[row_checks.Reject]], directory: str) -> None:
    _ = (
        rejects
        | "AllRejects" >> beam.Flatten()
        | "RejectLines" >> beam.Map(_csv_line)
        | "WriteRejects"
        >> beam.io.WriteToText(storage.join(directory, REJECTS_FILE), shard_name_template="", header=",".join(REJECT_COLUMNS))
    )


def _write_totals(tallies: list[beam.pvalue.PCollection[tally.Tally]], directory: str) -> None:
    total = tallies | "AllTallies" >> beam.Flatten() | "SumTallies" >> beam.CombineGlobally(tally.Total())
    for label, to_json, file_name in (
        ("Counts", tally.counts_json, COUNTS_FILE),
        ("Summary", tally.summary_json, SUMMARY_FILE),
    ):
        _ = (
            total
            | f"{label}AsJson" >> beam.Map(to_json)
            | f"Write{label}"
            >> beam.io.WriteToText(storage.join(directory, file_name), shard_name_template="", append_trailing_newlines=True)
        )


def ingest(
    pipeline: beam.pipeline.Pipeline,
    data_dir: str,
    split_dirs: dict[str, str],
    rejects_dir: str,
    fractions: dict[str, float],
    limits: Limits,
    attribute_names: list[str],
    rows_per_group: int = example_writing.ROWS_PER_GROUP,
    reader: FaceReader | None = None,
    grouping: split_groups.Grouping = split_groups.NO_GROUPING,
) -> None:
    """Adds ingestion to a Beam pipeline.

    Args:
        pipeline: the Beam pipeline.
        data_dir: directory with `labels.csv` and the images.
        split_dirs: output directory of each split; TFRecord files of serialized tf.Examples are written there.
        rejects_dir: output directory of `rejects.csv`, `counts.json`, `summary.json` and, where near-duplicates are looked for,
            `near_duplicates.csv`.
        fractions: share of each split.
        limits: ages and image sides that are accepted.
        attribute_names: attribute columns, in the label file's order, without the group column.
        rows_per_group: how many rows are written at once by one worker, to one file of each split that they fall in.
        reader: cuts the main face out of each photograph, which becomes the example's image; None to take photographs as they are.
        grouping: what is kept in one split beside copies of a picture.
    """
    label_path = storage.join(data_dir, features.LABEL_FILE)
    shards = tar_shards.find(data_dir)
    batches, scans = _read_rows(pipeline, label_path, grouping.column)
    checked = batches | "CheckRows" >> (
        beam.ParDo(_CheckRows(limits))
        .with_output_types(list[row_checks.Candidate])
        .with_outputs(row_checks.REJECTED, row_checks.TALLY, main="usable")
    )
    images: image_folder.Images
    if shards:
        images = in_shards = tar_shards.TarShards(data_dir, shards)
        located = tar_lookup.locate(pipeline, in_shards, checked.usable)
        with_images, steps = located.located, [checked, located]
    else:
        images = image_folder.ImageFolder(data_dir)
        with_images, steps = checked.usable, [checked]
    hashed = with_images | "MeasureImages" >> (
        beam.ParDo(_MeasureImages(images, rows_per_group, grouping, limits, reader is not None), scans)
        .with_output_types(tuple[int, _Hashed])
        .with_outputs(row_checks.REJECTED, row_checks.TALLY, split_groups.SEEN, main="hashed")
    )
    joined: split_groups.Keys | beam.pvalue.AsSingleton = {}
    tallies: list[beam.pvalue.PCollection[tally.Tally]] = []
    if grouping.is_any:
        split_of = functools.partial(_split_of_key, fractions)
        joined, tallies = split_groups.join(hashed[split_groups.SEEN], scans, grouping, fractions, split_of, rejects_dir)
    files = example_writing.ExampleFiles(split_dirs)
    written = (
        hashed.hashed
        | "GroupPictures" >> beam.GroupByKey()
        | "WriteExamples"
        >> beam.ParDo(_WriteExamples(images, files, limits, fractions, attribute_names, reader), joined)
        .with_output_types(tuple[str, str])
        .with_outputs(row_checks.REJECTED, row_checks.TALLY, main="files")
    )
    # A split without examples has no files to be told of.
    splits = pipeline | "Splits" >> beam.Create([(split, "") for split in split_dirs], reshuffle=False)
    _ = (
        (written.files, splits)
        | "AllFiles" >> beam.Flatten()
        | "FilesOfSplit" >> beam.GroupByKey()
        | "Publish" >> beam.MapTuple(files.publish)
    )

    steps += [hashed, written]
    _write_rejects([step[row_checks.REJECTED] for step in steps], rejects_dir)
    _write_totals([*(step[row_checks.TALLY] for step in steps), *tallies], rejects_dir)
