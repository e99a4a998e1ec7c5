"""The Beam pipeline of FaceExampleGen: label rows in, examples by split and rejects out.

    rows ─▶ hash each image ─▶ group by hash ─▶ decode, measure ─▶ keep one row of each picture ─▶ tf.Example ─▶ split

Image bytes never pass through a shuffle: only rows do, so that memory does not grow with the number of images. That
costs a second read of each image (a few per cent of decoding it).
"""

import concurrent.futures
import csv
import dataclasses
import hashlib
import io
from typing import Dict, Iterable, List, Optional, Tuple

import apache_beam as beam

from components import data_facts, progress, storage
from components.face_example_gen import image_checks, image_folder, label_file, tally
from schemas import features
from schemas.age_schema import Limits

REJECT_COLUMNS = ("line", "file_name", "real_age", "reason", "detail")
REJECTS_FILE = data_facts.REJECTS_FILE
COUNTS_FILE = data_facts.COUNTS_FILE
SUMMARY_FILE = data_facts.SUMMARY_FILE

_ROWS_PER_BATCH = 64
_REMOTE_READS = 16
_REJECTED = "rejected"
_DUPLICATE = "duplicate"
_TALLY = "tally"
_HASH_DIGITS = 15
_DETAIL_LENGTH = 1000

_HASHING = "Reading and hashing the images"
_DECODING = "Decoding, measuring and writing the images"


@dataclasses.dataclass(frozen=True)
class Reject:
    """A row that can't be used, and why; the fields are the columns of `rejects.csv`."""

    line: int
    file_name: str
    real_age: str
    reason: str
    detail: str


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A row whose fields are usable; its image has not been decoded yet."""

    line: int
    file_name: str
    age_text: str
    age: float
    attributes: Tuple[str, ...]
    sha256: str = ""


class _FieldsCoder(beam.coders.Coder):
    """Writes a record as its fields alone; Beam's own coder adds a description of the class to each (four times the size)."""

    record: type

    def encode(self, value):
        return _FIELDS.encode(tuple(getattr(value, field.name) for field in dataclasses.fields(value)))

    def decode(self, encoded):
        return self.record(*_FIELDS.decode(encoded))

    def is_deterministic(self):
        return False


class _RowCoder(_FieldsCoder):
    record = label_file.LabelRow


class _CandidateCoder(_FieldsCoder):
    record = Candidate


_FIELDS = beam.coders.FastPrimitivesCoder()
beam.coders.registry.register_coder(label_file.LabelRow, _RowCoder)
beam.coders.registry.register_coder(Candidate, _CandidateCoder)


def _reject(row, reason: str, detail: str) -> Reject:
    return Reject(line=row.line, file_name=row.file_name, real_age=row.age_text, reason=reason, detail=detail[:_DETAIL_LENGTH])


def check_row(row: label_file.LabelRow, limits: Limits):
    """Returns the row as a `Candidate`, or a `Reject` that says what is wrong with its fields."""
    if row.problem:
        return _reject(row, "malformed_row", row.problem)
    unsafe = image_folder.unsafe_reason(row.file_name)
    if unsafe:
        return _reject(row, "unsafe_file_name", unsafe)
    age = label_file.parse_age(row.age_text)
    if age is None:
        return _reject(row, "age_not_a_number", f"real_age is {row.age_text!r}; expected a number of years")
    if not limits.min_age <= age <= limits.max_age:
        return _reject(
            row, "age_out_of_range", f"real_age is {age:g}; expected {limits.min_age:g} to {limits.max_age:g} years"
        )
    return Candidate(row.line, row.file_name, row.age_text, age, row.attributes)


def assign_split(sha256: str, fractions: Dict[str, float]) -> str:
    """Assigns a picture to a split by its content, so that no rerun and no other name ever moves it.

    Args:
        sha256: hexadecimal hash of the image's bytes. Its first 60 bits, as a fraction of 2**60, are the picture's
            place in [0, 1).
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


def to_example(candidate: Candidate, encoded: bytes, measured, attribute_names: List[str]) -> bytes:
    """Returns the serialized tf.Example of a picture."""
    import tensorflow as tf

    def text(value):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode("utf-8", "surrogateescape")]))

    def whole(value):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    def real(value):
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
    return tf.train.Example(features=tf.train.Features(feature=named)).SerializeToString(deterministic=True)


class _ReadRows(beam.DoFn):
    """Reads the label file; yields batches of rows that other workers can take."""

    def process(self, label_path: str):
        batch = []
        for row in label_file.read_rows(label_path):
            batch.append(row)
            if len(batch) == _ROWS_PER_BATCH:
                progress.add(_HASHING, total=len(batch), unit="rows")
                yield batch
                batch = []
        if batch:
            progress.add(_HASHING, total=len(batch), unit="rows")
            yield batch


class _ImagesFn(beam.DoFn):
    """Works on a batch of images, in threads where they come from afar.

    Threads hide the time that a remote file takes to come. On local files they lose: decoding one face takes less time than
    handing Python's lock over (measured: one thread 210 microseconds a face, two threads 280).
    """

    def __init__(self, data_dir: str):
        self._data_dir = data_dir

    def setup(self):
        self._pool = (
            concurrent.futures.ThreadPoolExecutor(_REMOTE_READS) if storage.is_remote(self._data_dir) else None
        )

    def teardown(self):
        if self._pool:
            self._pool.shutdown()

    def _map(self, function, elements):
        return self._pool.map(function, elements) if self._pool else map(function, elements)


class _HashImages(_ImagesFn):
    """Hashes the images of usable rows; yields `(SHA-256 as 32 bytes, Candidate)`, rejects and a tally of the batch.

    The hash is in the key alone until rows are grouped: a runner that groups in memory holds several copies of each pair.
    """

    def __init__(self, data_dir: str, limits: Limits):
        super().__init__(data_dir)
        self._limits = limits

    def _hash(self, row):
        checked = check_row(row, self._limits)
        if isinstance(checked, Reject):
            return checked
        try:
            encoded = image_folder.read_image(self._data_dir, checked.file_name)
        except FileNotFoundError:
            folders = ", ".join(folder or "." for folder in image_folder.IMAGE_FOLDERS)
            return _reject(row, "missing_file", f"no such file in {folders} of the data directory")
        except (OSError, ValueError) as error:
            return _reject(row, "unreadable_file", f"the file can't be read: {getattr(error, 'strerror', None) or error}")
        return hashlib.sha256(encoded).digest(), checked

    def _age(self, row) -> Optional[float]:
        """Returns the age of a rejected row, which may say one all the same."""
        age = None if row.reason == "malformed_row" else label_file.parse_age(row.real_age)
        return age if age is not None and self._limits.min_age <= age <= self._limits.max_age else None

    def process(self, rows):
        counted: tally.Tally = {}
        tally.add_rows(counted, len(rows))
        hashed = 0
        for outcome in self._map(self._hash, rows):
            if isinstance(outcome, Reject):
                tally.add_reject(counted, outcome.reason)
                age = self._age(outcome)
                yield beam.pvalue.TaggedOutput(_REJECTED, outcome)
            else:
                hashed += 1
                age = outcome[1].age
                yield outcome
            if age is not None:
                tally.add_age(counted, tally.LABELS, age)
        yield beam.pvalue.TaggedOutput(_TALLY, counted)
        progress.add(_HASHING, done=len(rows), unit="rows")
        progress.add(_DECODING, total=hashed, unit="images")


def _in_order(picture: Tuple[bytes, Iterable[Candidate]]) -> List[Candidate]:
    """Returns the rows that name one picture in the label file's order, with its hash."""
    digest, rows = picture
    return sorted((dataclasses.replace(row, sha256=digest.hex()) for row in rows), key=lambda row: row.line)


def _conflict(rows: List[Candidate]) -> Optional[str]:
    """Says how the ages of one picture's rows differ, or returns None where they agree."""
    if len({row.age for row in rows}) == 1:
        return None
    where = "; ".join(f"line {row.line} ({row.file_name}): {row.age:g}" for row in rows[:10])
    more = f" and {len(rows) - 10} more" if len(rows) > 10 else ""
    return f"the same picture has different ages: {where}{more}"


def _further_rows(rows: List[Candidate]) -> Iterable[Tuple[str, object]]:
    """Yields what becomes of all rows of a picture but the first: a duplicate, or a reject when it repeats a file name."""
    first_line_of = {rows[0].file_name: rows[0].line}
    for row in rows[1:]:
        if row.file_name in first_line_of:
            yield _REJECTED, _reject(row, "duplicate_row", f"the row repeats line {first_line_of[row.file_name]}")
        else:
            first_line_of[row.file_name] = row.line
            yield _DUPLICATE, row


class _MakeExamples(_ImagesFn):
    """Decodes and measures pictures and decides what becomes of the rows that name them.

    A picture that can't be used is rejected with every row that names it: nothing of it is kept that another row could be
    a duplicate of. Where the ages of its rows differ nobody knows which is right, and every row is rejected. Otherwise the
    first row becomes the example. Yields serialized examples, one output for each split, rejects and a tally of the batch.
    """

    def __init__(self, data_dir: str, limits: Limits, fractions: Dict[str, float], attribute_names: List[str]):
        super().__init__(data_dir)
        self._limits = limits
        self._fractions = fractions
        self._attribute_names = attribute_names

    def _make(self, rows: List[Candidate]) -> List[Tuple[str, object]]:
        def reject_all(reason, detail):
            return [(_REJECTED, _reject(row, reason, detail)) for row in rows]

        first = rows[0]
        try:
            encoded = image_folder.read_image(self._data_dir, first.file_name)
            if hashlib.sha256(encoded).hexdigest() != first.sha256:
                return reject_all("changed_while_reading", f"{first.file_name} changed while it was ingested")
            measured = image_checks.measure(encoded, self._limits)
        except image_checks.UnusableImage as error:
            return reject_all(error.reason, str(error))
        except OSError as error:
            return reject_all("unreadable_file", f"{first.file_name} can't be read: {error.strerror or error}")
        conflict = _conflict(rows)
        if conflict:
            return reject_all("conflicting_ages", conflict)
        split = assign_split(first.sha256, self._fractions)
        example = to_example(first, encoded, measured, self._attribute_names)
        return [(split, (first, measured, example)), *_further_rows(rows)]

    def process(self, pictures):
        counted: tally.Tally = {}
        for outcomes in self._map(self._make, pictures):
            for output, outcome in outcomes:
                if output == _DUPLICATE:
                    tally.add_duplicate(counted)
                elif output == _REJECTED:
                    tally.add_reject(counted, outcome.reason)
                    yield beam.pvalue.TaggedOutput(_REJECTED, outcome)
                else:
                    row, measured, example = outcome
                    tally.add_example(counted, output, row.age, measured, zip(self._attribute_names, row.attributes))
                    yield beam.pvalue.TaggedOutput(output, example)
        yield beam.pvalue.TaggedOutput(_TALLY, counted)
        progress.add(_DECODING, done=sum(map(len, pictures)), unit="images")


def _csv_line(reject: Reject) -> str:
    line = io.StringIO()
    # With its usual line end, because the writer quotes what holds a character of the line end and nothing else.
    csv.writer(line).writerow(dataclasses.astuple(reject))
    return line.getvalue()[: -len("\r\n")].encode("utf-8", "replace").decode("utf-8")


def ingest(
    pipeline,
    data_dir: str,
    split_dirs: Dict[str, str],
    rejects_dir: str,
    fractions: Dict[str, float],
    limits: Limits,
    attribute_names: List[str],
) -> None:
    """Adds ingestion to a Beam pipeline.

    Args:
        pipeline: the Beam pipeline.
        data_dir: directory with `labels.csv` and the images.
        split_dirs: output directory of each split; TFRecord files of serialized tf.Examples are written there.
        rejects_dir: output directory of `rejects.csv`, `counts.json` and `summary.json`.
        fractions: share of each split.
        limits: ages and image sides that are accepted.
        attribute_names: attribute columns, in the label file's order.
    """
    label_path = storage.join(data_dir, features.LABEL_FILE)
    batches = (
        pipeline
        | "LabelFile" >> beam.Create([label_path], reshuffle=False)
        | "ReadRows" >> beam.ParDo(_ReadRows()).with_output_types(List[label_file.LabelRow])
        | "SpreadRows" >> beam.Reshuffle()
    )
    hashed = batches | "HashImages" >> (
        beam.ParDo(_HashImages(data_dir, limits))
        .with_output_types(Tuple[bytes, Candidate])
        .with_outputs(_REJECTED, _TALLY, main="hashed")
    )
    examples = (
        hashed.hashed
        | "GroupByPicture" >> beam.GroupByKey()
        | "RowsInOrder" >> beam.Map(_in_order)
        | "BatchPictures" >> beam.BatchElements(min_batch_size=_ROWS_PER_BATCH, max_batch_size=_ROWS_PER_BATCH)
        | "MakeExamples"
        >> beam.ParDo(_MakeExamples(data_dir, limits, fractions, attribute_names)).with_outputs(
            _REJECTED, _TALLY, *fractions
        )
    )
    for split, directory in split_dirs.items():
        _ = examples[split] | f"Write[{split}]" >> beam.io.WriteToTFRecord(
            storage.join(directory, "data_tfrecord"), coder=beam.coders.BytesCoder()
        )

    rejects = (hashed[_REJECTED], examples[_REJECTED]) | "AllRejects" >> beam.Flatten()
    _ = (
        rejects
        | "RejectLines" >> beam.Map(_csv_line)
        | "WriteRejects"
        >> beam.io.WriteToText(
            storage.join(rejects_dir, REJECTS_FILE), shard_name_template="", header=",".join(REJECT_COLUMNS)
        )
    )
    total = (
        (hashed[_TALLY], examples[_TALLY])
        | "AllTallies" >> beam.Flatten()
        | "SumTallies" >> beam.CombineGlobally(tally.Total())
    )
    for label, to_json, file_name in (
        ("Counts", tally.counts_json, COUNTS_FILE),
        ("Summary", tally.summary_json, SUMMARY_FILE),
    ):
        _ = (
            total
            | f"{label}AsJson" >> beam.Map(to_json)
            | f"Write{label}"
            >> beam.io.WriteToText(
                storage.join(rejects_dir, file_name), shard_name_template="", append_trailing_newlines=True
            )
        )
