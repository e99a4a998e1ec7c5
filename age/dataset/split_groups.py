"""Keeps in one split what belongs together: the photographs of one person, and pictures that look the same.

A split follows from a key of 32 bytes. That of a picture is its SHA-256, or the hash of its group where the label file names one.
Near-duplicates link keys; all keys that hang together take one of them, that with the least second half. (The first half says the
split: the least of all would nearly always be a training photograph.) So the split of a picture that has no near-duplicate
is what it would be without the search, and nothing depends on the order of rows, on workers or on bundles.
"""

import csv
import dataclasses
import functools
import hashlib
import io
import itertools
import operator
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import apache_beam as beam
import numpy as np
from apache_beam.transforms import combiners

from age import spreadsheet_cells, storage
from age.dataset import data_facts, example_writing, near_duplicates, perceptual_hash, row_checks, tally

SEEN = "seen"
"""Name of the output with the rows whose image was read: lists of the fields of `Seen`."""

ROWS_IN_ONE_SEARCH = 200_000
_LISTED_PAIRS = 100_000
_ALL, _COPIES = -1, -2
_HALF = 16

Keys = dict[bytes, bytes]
"""The key that is taken in place of another one; those that stay are not in it."""
Fields = tuple[bytes, bytes, bytes, float, int, str]
"""Those of `Seen`: Beam's coder of tuples takes less space than that of a class."""
Rows = list[Fields]
_Link = tuple[bytes, bytes]
_Pair = tuple[str, float, str, float, int, bool, bool]
"""The columns of `near_duplicates.csv`."""


@dataclasses.dataclass(frozen=True)
class Grouping:
    """What is kept in one split.

    Attributes:
        column: column of the label file; photographs for which it says the same stay together. None for none.
        near_duplicates: whether pictures that look the same stay together.
        mirrored: whether a picture and another one's mirror image count as looking the same.
    """

    column: str | None = None
    near_duplicates: bool = False
    mirrored: bool = False

    @property
    def is_any(self) -> bool:
        return self.near_duplicates or self.column is not None


NO_GROUPING = Grouping()


class Seen(NamedTuple):
    """A row whose image was read.

    Attributes:
        sha256: of the image, 32 bytes.
        looks: its perceptual hash; empty where it has none, or nobody looks for near-duplicates.
        key: what its split follows from, 32 bytes.
        age: years.
        line: of the label file.
        file_name: the row's.
    """

    sha256: bytes
    looks: bytes
    key: bytes
    age: float
    line: int
    file_name: str


def key_of(row: row_checks.Candidate, sha256: bytes) -> bytes:
    """Returns what a row's split follows from: the hash of its group, or of its image where it names no group."""
    if not row.group:
        return sha256
    return hashlib.sha256(b"group\0" + row.group.encode("utf-8", "surrogateescape")).digest()


def seen(row: row_checks.Candidate, sha256: bytes, looks: bytes) -> Fields:
    """Returns the fields of `Seen`."""
    return sha256, looks, key_of(row, sha256), row.age, row.line, row.file_name


class _Deal(beam.DoFn):
    """Deals rows out to searches: to one where they are few, or to those for the bytes of their hashes."""

    def __init__(self, rows_in_one_search: int):
        self._rows_in_one_search = rows_in_one_search

    def process(self, rows: Rows, scans: example_writing.Scans) -> Iterator[tuple[int, Rows]]:
        parts = min(example_writing.groups(scans, self._rows_in_one_search), 256)
        if parts == 1:
            yield _ALL, rows
            return
        for row in rows:
            sha256, looks = row[:2]
            yield _COPIES - (sha256[0] * parts >> 8), [row]
            for band in range(near_duplicates.BANDS if looks else 0):
                yield band * 256 + (looks[band] * parts >> 8), [row]


class _FindLinks(beam.DoFn):
    """Finds the near-duplicates among the rows of one search; yields links of keys, pairs to list and a tally."""

    LINKS, PAIRS = "links", "pairs"

    def __init__(self, grouping: Grouping, split_of: Callable[[bytes], str]):
        self._grouping = grouping
        self._split_of = split_of

    def process(self, dealt: tuple[int, Iterable[Rows]]) -> Iterator[_Link | beam.pvalue.TaggedOutput]:
        number, lists = dealt
        rows = sorted(
            (Seen(*fields) for fields in itertools.chain.from_iterable(lists)), key=lambda row: (row.sha256, row.line)
        )
        pictures = []
        for _, copies in itertools.groupby(rows, key=lambda row: row.sha256):
            first, *others = copies
            # A picture with two ages is rejected.
            if all(row.age == first.age for row in others):
                pictures.append(first)
                if number < 0:
                    yield from ((first.key, key) for key in sorted({row.key for row in others} - {first.key}))
        if self._grouping.near_duplicates and number > _COPIES:
            with_looks = [picture for picture in pictures if picture.looks]
            yield from self._near_duplicates(with_looks, None if number == _ALL else number >> 8)

    def _near_duplicates(self, pictures: list[Seen], band: int | None) -> Iterator[_Link | beam.pvalue.TaggedOutput]:
        hashes = np.frombuffer(b"".join(picture.looks for picture in pictures), np.uint8)
        found = near_duplicates.find(hashes.reshape(-1, perceptual_hash.BYTES), self._grouping.mirrored, band)
        splits = [self._split_of(picture.sha256) for picture in pictures]
        ages = np.array([picture.age for picture in pictures])
        numbered = {split: number for number, split in enumerate(sorted(set(splits)))}
        of_split = np.array([numbered[split] for split in splits])
        apart = of_split[found.first] != of_split[found.second] if len(pictures) else np.zeros(0, bool)
        years = np.abs(ages[found.first] - ages[found.second]) if len(pictures) else np.zeros(0)
        links = {
            (pictures[first].key, pictures[second].key)
            for first, second in zip(found.first.tolist(), found.second.tolist())
            if pictures[first].key != pictures[second].key
        }
        yield from sorted(links)
        worst = np.lexsort((found.second, found.first, -years))[:_LISTED_PAIRS]
        for place in worst.tolist():
            # In the label file's order.
            one, other = sorted((pictures[found.first[place]], pictures[found.second[place]]), key=lambda row: row.line)
            differing, mirrored = int(found.differing[place]), bool(found.is_mirrored[place])
            pair: _Pair = (one.file_name, one.age, other.file_name, other.age, differing, mirrored, bool(apart[place]))
            yield beam.pvalue.TaggedOutput(self.PAIRS, pair)
        counted: tally.Tally = {}
        tally.add_near_duplicates(counted, len(found.first), int(apart.sum()), int((years > 0).sum()))
        yield beam.pvalue.TaggedOutput(row_checks.TALLY, counted)


def _joined(links: list[_Link]) -> Keys:
    """Returns for all keys that hang together the one that they take, where it is another one."""
    above: Keys = {}

    def top(key: bytes) -> bytes:
        while key in above:
            # Halves the way for whoever comes next.
            above[key] = above.get(above[key], above[key])
            key = above[key]
        return key

    for one, other in links:
        kept, replaced = sorted((top(one), top(other)), key=lambda key: (key[_HALF:], key))
        if kept != replaced:
            above[replaced] = kept
    return {key: top(key) for key in above}


def _csv_text(pairs: list[_Pair]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(data_facts.NEAR_DUPLICATE_COLUMNS)
    for one, age, other, other_age, differing, mirrored, apart in sorted(
        pairs, key=lambda pair: (-abs(pair[1] - pair[3]), pair)
    ):
        names = [spreadsheet_cells.harmless(name) for name in (one, other)]
        flags = ["yes" if flag else "no" for flag in (mirrored, apart)]
        writer.writerow((names[0], f"{age:g}", names[1], f"{other_age:g}", differing, *flags))
    return text.getvalue().encode("utf-8", "replace").decode("utf-8")


def _tally_of_group(key: bytes, splits: int) -> tally.Tally:
    counted: tally.Tally = {}
    tally.add_group(counted, apart=splits & (splits - 1) != 0)
    return counted


class _AllBits(beam.CombineFn):
    """Puts the bits of numbers together."""

    def create_accumulator(self) -> int:
        return 0

    def add_input(self, bits: int, more: int) -> int:
        return bits | more

    def merge_accumulators(self, numbers: Iterable[int]) -> int:
        return functools.reduce(operator.or_, numbers, 0)

    def extract_output(self, bits: int) -> int:
        return bits


def _splits_of_groups(splits: tuple[str, ...], split_of: Callable[[bytes], str], rows: Rows) -> Iterator[tuple[bytes, int]]:
    """Yields the groups of rows, each with the split that its image's hash alone would go to as one bit of a number."""
    for sha256, _, key, *_ in rows:
        if key != sha256:
            yield key, 1 << splits.index(split_of(sha256))


def join(
    rows: beam.pvalue.PCollection[Rows],
    scans: example_writing.Scans | beam.pvalue.AsList,
    grouping: Grouping,
    splits: Iterable[str],
    split_of: Callable[[bytes], str],
    directory: str,
) -> tuple[beam.pvalue.AsSingleton, list[beam.pvalue.PCollection[tally.Tally]]]:
    """Finds out which keys hang together, and writes `near_duplicates.csv`.

    Args:
        rows: lists of the fields of `Seen`.
        scans: scans of the label file's blocks.
        grouping: what is kept together.
        splits: all splits.
        split_of: the one that follows from a key.
        directory: where the pairs are listed.

    Returns:
        `Keys` to be given to a DoFn, and tallies of what was found.
    """
    found = (
        rows
        | "DealRows" >> beam.ParDo(_Deal(ROWS_IN_ONE_SEARCH), scans).with_output_types(tuple[int, Rows])
        | "RowsOfSearch" >> beam.GroupByKey()
        | "FindLinks"
        >> beam.ParDo(_FindLinks(grouping, split_of))
        .with_output_types(_Link)
        .with_outputs(_FindLinks.PAIRS, row_checks.TALLY, main=_FindLinks.LINKS)
    )
    tallies = [found[row_checks.TALLY]]
    if grouping.near_duplicates:
        _ = (
            found[_FindLinks.PAIRS]
            | "AllPairs" >> combiners.ToList()
            | "PairsAsText" >> beam.Map(_csv_text)
            | "WritePairs"
            >> beam.io.WriteToText(
                storage.join(directory, data_facts.NEAR_DUPLICATES_FILE),
                shard_name_template="",
                append_trailing_newlines=False,
            )
        )
    if grouping.column is not None:
        tallies.append(
            rows
            | "SplitsOfGroups" >> beam.FlatMap(functools.partial(_splits_of_groups, tuple(splits), split_of))
            | "SplitsOfGroup" >> beam.CombinePerKey(_AllBits())
            | "TallyGroups" >> beam.MapTuple(_tally_of_group)
        )
    joined = found[_FindLinks.LINKS] | "AllLinks" >> combiners.ToList() | "JoinKeys" >> beam.Map(_joined)
    return beam.pvalue.AsSingleton(joined), tallies
