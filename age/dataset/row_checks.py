"""The rows of a label file on their way through ingestion: usable ones, and those that are not with the reason."""

import dataclasses
from typing import Generic, TypeVar

import apache_beam as beam
from apache_beam.coders import typecoders

from age.dataset import image_folder, label_file
from schemas.age_schema import Limits

REJECTED, TALLY = "rejected", "tally"
"""Names of the outputs of every step: rows that can't be used, and counts of what it saw."""

MEASURING = "Decoding, measuring and hashing the images"
WRITING = "Writing the images"

ROWS_PER_BATCH = 64
"""How many rows are worked on at once."""

_DETAIL_LENGTH = 1000


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
    """A row whose fields are usable; its image has not been decoded yet.

    `place` says where the image lies when its name does not: in a tar shard. `group` is whom or what the photograph belongs
    to, by the group column; empty where nobody knows.
    """

    line: int
    file_name: str
    age_text: str
    age: float
    attributes: tuple[str, ...]
    sha256: str = ""
    place: image_folder.Place = ()
    group: str = ""


_Record = TypeVar("_Record", label_file.LabelRow, Candidate)


class _FieldsCoder(beam.coders.Coder, Generic[_Record]):
    """Writes a record as its fields alone; Beam's own coder adds a description of the class to each (four times the size)."""

    record: type[_Record]

    def encode(self, value: _Record) -> bytes:
        encoded: bytes = _FIELDS.encode(tuple(getattr(value, field.name) for field in dataclasses.fields(value)))
        return encoded

    def decode(self, encoded: bytes) -> _Record:
        return self.record(*_FIELDS.decode(encoded))

    def is_deterministic(self) -> bool:
        return False


class _RowCoder(_FieldsCoder[label_file.LabelRow]):
    record = label_file.LabelRow


class _CandidateCoder(_FieldsCoder[Candidate]):
    record = Candidate


_FIELDS = beam.coders.FastPrimitivesCoder()
typecoders.registry.register_coder(label_file.LabelRow, _RowCoder)
typecoders.registry.register_coder(Candidate, _CandidateCoder)


def reject(row: label_file.LabelRow | Candidate, reason: str, detail: str) -> Reject:
    """Returns the reject of a `LabelRow` or `Candidate`."""
    return Reject(line=row.line, file_name=row.file_name, real_age=row.age_text, reason=reason, detail=detail[:_DETAIL_LENGTH])


def check_row(row: label_file.LabelRow, limits: Limits) -> Candidate | Reject:
    """Returns the row as a `Candidate`, or a `Reject` that says what is wrong with its fields."""
    if row.problem:
        return reject(row, "malformed_row", row.problem)
    unsafe = image_folder.unsafe_reason(row.file_name)
    if unsafe:
        return reject(row, "unsafe_file_name", unsafe)
    age = label_file.parse_age(row.age_text)
    if age is None:
        return reject(row, "age_not_a_number", f"real_age is {row.age_text!r}; expected a number of years")
    if not limits.min_age <= age <= limits.max_age:
        return reject(row, "age_out_of_range", f"real_age is {age:g}; expected {limits.min_age:g} to {limits.max_age:g} years")
    return Candidate(row.line, row.file_name, row.age_text, age, row.attributes, group=row.group)
