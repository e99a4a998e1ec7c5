"""Cuts thumbnails from the examples: those that are asked for, and some of every age."""

import base64
import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from age import storage
from schemas import features

if TYPE_CHECKING:
    import tensorflow as tf

SIDE = 96
"""Side of a thumbnail, pixels; as JPEG it takes about 3 kB."""

PER_DECADE = 4
_OLDEST_DECADE = 11
_MOST_RECORDS_LOOKED_AT = 20_000
_RECORDS_AT_ONCE = 64
_QUALITY = 80


@dataclasses.dataclass(frozen=True)
class Face:
    """A photograph that is shown.

    Attributes:
        file_name: as the label file names it.
        age: as the label says, years.
        source: the thumbnail as a `data:` address.
    """

    file_name: str
    age: float
    source: str


@dataclasses.dataclass(frozen=True)
class Thumbnails:
    """What was cut.

    Attributes:
        by_sha256: the thumbnails that were asked for, as `data:` addresses; those that were not found are missing.
        across_ages: up to `PER_DECADE` faces of every decade of age, youngest first.
    """

    by_sha256: dict[str, str]
    across_ages: list[Face]


_Features = Mapping[str, "tf.train.Feature"]
"""The features of an example, by name."""

_Cut = Callable[[_Features], str]
"""Makes an example's thumbnail, a `data:` address; empty for what is no photograph."""


def _cutter() -> _Cut:
    import tensorflow as tf

    from age import image_decoding

    # The decoder has no control flow of Python's: rewriting it would take longer than a report's thumbnails.
    @tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
    def thumbnail(encoded: tf.Tensor) -> tf.Tensor:
        return tf.io.encode_jpeg(image_decoding.decode_to_square(encoded, SIDE), quality=_QUALITY, optimize_size=True)

    def cut_one(example: _Features) -> str:
        try:
            jpeg = thumbnail(example[features.IMAGE_ENCODED].bytes_list.value[0]).numpy()
        except tf.errors.InvalidArgumentError:
            return ""
        return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")

    return cut_one


def _split_files(examples: str, split: str) -> list[str]:
    directory = storage.join(examples, f"Split-{split}")
    return [storage.join(directory, name) for name in storage.list_directory(directory)]


def _records(examples: str, split: str) -> Iterator[_Features]:
    """Yields the features of each example of a split."""
    import tensorflow as tf

    for path in _split_files(examples, split):
        compression = "GZIP" if path.endswith(".gz") else ""
        records = tf.data.TFRecordDataset(path, compression_type=compression).batch(_RECORDS_AT_ONCE)
        for batch in records.as_numpy_iterator():
            for record in batch:
                yield tf.train.Example.FromString(record).features.feature


def _rank(sha256: str) -> bytes:
    """Returns what photographs are drawn by: random, the same in every run, and not the hash that splits go by."""
    return hashlib.sha256(b"contact sheet" + sha256.encode()).digest()


class _AcrossAges:
    """Keeps the photographs with the lowest ranks in each decade; a photograph is decoded when it gets in."""

    def __init__(self, cut_one: _Cut):
        self._cut_one = cut_one
        self._kept: dict[int, list[tuple[bytes, Face]]] = {}

    def offer(self, example: _Features, sha256: str) -> None:
        age = example[features.AGE].float_list.value[0]
        kept = self._kept.setdefault(min(int(age // 10), _OLDEST_DECADE), [])
        rank = _rank(sha256)
        if len(kept) == PER_DECADE and rank > kept[-1][0]:
            return
        source = self._cut_one(example)
        if source:
            name = example[features.IMAGE_FILENAME].bytes_list.value[0].decode("utf-8", "replace")
            kept.append((rank, Face(file_name=name, age=age, source=source)))
            kept.sort(key=lambda pair: pair[0])
            del kept[PER_DECADE:]

    def faces(self) -> list[Face]:
        return sorted((face for kept in self._kept.values() for _, face in kept), key=lambda face: face.age)


def _require_readable(examples: str) -> None:
    if not storage.is_directory(examples):
        raise OSError(
            f"{examples} is not where this program can read it; on Kubeflow, steps that do not need them get no copy of the "
            "examples."
        )


def by_file_name(examples: str, wanted: Iterable[str]) -> dict[str, str]:
    """Returns the thumbnails of photographs of any split, as `data:` addresses by file name; those that were not found are missing.

    Args:
        examples: the Examples artifact's directory, TFRecords of tf.Examples by split.
        wanted: file names, as the label file has them.

    Raises:
        OSError: the examples can't be read.
    """
    _require_readable(examples)
    import tensorflow as tf

    cut_one, missing, found = _cutter(), set(wanted), {}
    try:
        for split in features.SPLITS:
            for example in _records(examples, split) if missing else ():
                name = example[features.IMAGE_FILENAME].bytes_list.value[0].decode("utf-8", "replace")
                if name in missing:
                    missing.remove(name)
                    found[name] = cut_one(example)
                if not missing:
                    break
    except tf.errors.OpError as error:
        raise OSError(f"{examples}: the examples can't be read: {error.message}") from error
    return found


def cut(examples: str, wanted: Iterable[str]) -> Thumbnails:
    """Cuts thumbnails from the examples, reading them once and holding a few at a time.

    Faces across ages are chosen from the first 20,000 photographs of each split, so that a large data set costs no more
    than a middling one; the wanted ones are looked for in the whole test split.

    Args:
        examples: the Examples artifact's directory, TFRecords of tf.Examples by split.
        wanted: content hashes of photographs of the test split.

    Raises:
        OSError: the examples can't be read.
    """
    _require_readable(examples)
    import tensorflow as tf

    cut_one = _cutter()
    found: dict[str, str] = {}
    missing, across = set(wanted), _AcrossAges(cut_one)
    try:
        for split in features.SPLITS:
            for number, example in enumerate(_records(examples, split)):
                if number >= _MOST_RECORDS_LOOKED_AT and not (split == features.TEST and missing):
                    break
                sha256 = example[features.IMAGE_SHA256].bytes_list.value[0].decode("ascii", "replace")
                if number < _MOST_RECORDS_LOOKED_AT:
                    across.offer(example, sha256)
                if split == features.TEST and sha256 in missing:
                    missing.remove(sha256)
                    found[sha256] = cut_one(example)
    except tf.errors.OpError as error:
        raise OSError(f"{examples}: the examples can't be read: {error.message}") from error
    return Thumbnails(by_sha256=found, across_ages=across.faces())
