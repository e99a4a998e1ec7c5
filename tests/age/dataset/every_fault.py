"""A data set with every kind of bad input, what should become of each row, and what ingestion made of it."""

import csv
import dataclasses
import io
import json
import pathlib
import struct
import zlib

import apache_beam as beam
import numpy as np
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions
from PIL import Image

from age.dataset import ingestion, label_file, split_groups
from schemas.age_schema import Limits

LIMITS = Limits(min_age=0.0, max_age=116.0, min_side=16, max_side=8192)
FRACTIONS = {"train": 0.5, "validation": 0.25, "test": 0.25}
BEAM_ARGS = ["--runner=DirectRunner", "--direct_running_mode=in_memory", "--direct_num_workers=1"]
FEATURES = {
    "image/encoded",
    "image/filename",
    "image/format",
    "image/height",
    "image/width",
    "image/sha256",
    "image/brightness",
    "age",
    "gender",
    "città",
}
USED, DUPLICATE = "used", "duplicate"

random = np.random.default_rng(0)


def picture(kind: str, size=(20, 24), mode="RGB", **options) -> bytes:
    """A picture that no other call repeats; `size` is width and height."""
    shade = random.integers(0, 256, 3)
    pixels = np.clip(shade + random.normal(0, 20, (size[1], size[0], 3)), 0, 255).astype("uint8")
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind, **options)
    return file.getvalue()


def turned(orientation: int) -> bytes:
    marks = Image.Exif()
    marks[0x0112] = orientation
    return picture("JPEG", size=(40, 24), exif=marks.tobytes())


def claiming(width: int, height: int) -> bytes:
    """A PNG file whose header claims another size than it has."""
    png = bytearray(picture("PNG"))
    png[16:24] = struct.pack(">II", width, height)
    png[29:33] = struct.pack(">I", zlib.crc32(bytes(png[12:29])))
    return bytes(png)


@dataclasses.dataclass
class Row:
    """A row of the label file and what should become of it: used, duplicate, or a reject's reason and detail."""

    name: str
    age: str
    gender: str = "female"
    city: str = ""
    fate: str = USED
    detail: str = ""
    fields: tuple[str, ...] = ()
    line: int = 0


def files_and_rows() -> tuple[dict[str, bytes], list[Row]]:
    plain, twin, other_twin, text = picture("JPEG"), picture("JPEG"), picture("PNG"), b"This is a letter, not a picture.\n"
    long_name = "x" * 300 + ".jpg"
    files = {
        "plain.jpg": plain,
        "final_files/plain.jpg": picture("JPEG"),  # never seen: the directory itself is looked up first
        "photo.png": picture("PNG"),
        "images/grey.jpg": picture("JPEG", mode="L"),
        "images/cmyk.jpg": picture("JPEG", mode="CMYK"),
        "final_files/turned6.jpg": turned(6),
        "final_files/turned3.jpg": turned(3),
        "images/name with spaces.jpg": picture("JPEG"),
        "images/comma, and.jpg": picture("JPEG"),
        'images/quote ".jpg': picture("JPEG"),
        "images/Zoë 贝贝.jpg": picture("JPEG"),
        "images/line\nbreak.jpg": picture("JPEG"),
        "images/sub/deep.jpg": picture("JPEG"),
        "images/palette.png": picture("PNG", mode="P"),
        "images/see-through.png": picture("PNG", mode="RGBA"),
        "images/png named.jpg": picture("PNG"),
        "images/no ending": picture("JPEG"),
        "images/smallest.png": picture("PNG", size=(16, 16)),
        "images/longest.png": picture("PNG", size=(8192, 16)),
        "images/aged 0.jpg": picture("JPEG"),
        "images/aged 116.jpg": picture("JPEG"),
        "copy.jpg": plain,
        "images/copy of copy.jpg": plain,
        "twin 1.jpg": twin,
        "twin 2.jpg": twin,
        "two ages.png": other_twin,
        "empty.jpg": b"",
        "also empty.jpg": b"",
        "cut off.jpg": picture("JPEG")[:-200],
        "cut off.png": picture("PNG")[:-200],
        "header cut off.png": picture("PNG")[:12],
        "text.jpg": text,
        "text again.jpg": text,
        "moving.gif": picture("GIF"),
        "bitmap.jpg": picture("BMP"),
        "dot.png": picture("PNG", size=(1, 1)),
        "narrow.jpg": picture("JPEG", size=(15, 100)),
        "wide.jpg": picture("JPEG", size=(20_000, 16)),
        "high.png": picture("PNG", size=(16, 20_000)),
        "bomb.png": claiming(20_000, 20_000),
        "folder.jpg/inside.txt": b"a directory named like an image",
    }
    files.update({f"images/face {number}.png": picture("PNG") for number in range(20)})
    number = "expected a number of years"
    rows = [
        Row("plain.jpg", "25", "female", "Zürich"),
        Row("photo.png", " 30.5 ", "male", "Paris, 贝"),
        Row("grey.jpg", "1e1", " male ", ""),
        Row("cmyk.jpg", "12", "", ""),
        Row("turned6.jpg", "13"),
        Row("turned3.jpg", "14"),
        Row("name with spaces.jpg", "15"),
        Row("comma, and.jpg", "16"),
        Row('quote ".jpg', "17"),
        Row("Zoë 贝贝.jpg", "18"),
        Row("line\nbreak.jpg", "19"),
        Row("sub/deep.jpg", "20"),
        Row("palette.png", "21"),
        Row("see-through.png", "22"),
        Row("png named.jpg", "23"),
        Row("no ending", "24"),
        Row("smallest.png", "26"),
        Row("longest.png", "27"),
        Row("aged 0.jpg", "0"),
        Row("aged 116.jpg", "116"),
        Row("copy.jpg", "25.0", "male", "Rome", DUPLICATE),
        Row("copy of copy.jpg", "25", fate=DUPLICATE),
        Row("plain.jpg", "25", "female", "Zürich", "duplicate_row", "the row repeats line 2"),
        Row("copy.jpg", "25", fate="duplicate_row", detail="the row repeats line 23"),
        Row("twin 1.jpg", "20", fate="conflicting_ages", detail="(twin 1.jpg): 20; "),
        Row("twin 2.jpg", "40", fate="conflicting_ages", detail="(twin 2.jpg): 40"),
        Row("two ages.png", "20", fate="conflicting_ages", detail="(two ages.png): 20; "),
        Row("two ages.png", "21", fate="conflicting_ages", detail="(two ages.png): 21"),
        Row("photo.png", "thirty", fate="age_not_a_number", detail=f"real_age is 'thirty'; {number}"),
        Row("photo.png", "", fate="age_not_a_number", detail=f"real_age is ''; {number}"),
        Row("photo.png", "NaN", fate="age_not_a_number", detail=f"real_age is 'NaN'; {number}"),
        Row("photo.png", "inf", fate="age_not_a_number", detail=f"real_age is 'inf'; {number}"),
        Row("photo.png", "-3", fate="age_out_of_range", detail="real_age is -3; expected 0 to 116 years"),
        Row("photo.png", "300", fate="age_out_of_range", detail="real_age is 300; expected 0 to 116 years"),
        Row("photo.png", "116.5", fate="age_out_of_range", detail="real_age is 116.5; expected 0 to 116 years"),
        Row("empty.jpg", "31", fate="empty_file", detail="no bytes"),
        Row("also empty.jpg", "31", fate="empty_file", detail="no bytes"),
        Row("empty.jpg", "32", fate="empty_file", detail="no bytes"),
        Row("cut off.jpg", "33", fate="undecodable", detail="bytes of JPEG that don't decode: cut off or damaged"),
        Row("cut off.png", "34", fate="undecodable", detail="bytes of PNG that don't decode: cut off or damaged"),
        Row("header cut off.png", "34", fate="undecodable", detail="12 bytes of PNG without a header"),
        Row("text.jpg", "35", fate="unsupported_format", detail="neither JPEG nor PNG: the file begins with b'This is "),
        Row("text again.jpg", "35", fate="unsupported_format", detail="neither JPEG nor PNG"),
        Row("moving.gif", "36", fate="unsupported_format", detail="the file begins with b'GIF8"),
        Row("bitmap.jpg", "36", fate="unsupported_format", detail="the file begins with b'BM"),
        Row("dot.png", "37", fate="too_small", detail="1x1 pixels; at least 16 on each side"),
        Row("narrow.jpg", "37", fate="too_small", detail="15x100 pixels; at least 16 on each side"),
        Row("wide.jpg", "38", fate="too_large", detail="20000x16 pixels; at most 8192 on each side"),
        Row("high.png", "38", fate="too_large", detail="16x20000 pixels; at most 8192 on each side"),
        Row("bomb.png", "38", fate="too_large", detail="20000x20000 pixels; at most 8192 on each side"),
        Row("../../x", "39", fate="unsafe_file_name", detail="climbs out of the data directory"),
        Row("../secret.jpg", "39", fate="unsafe_file_name", detail="climbs out of the data directory"),
        Row("/etc/passwd", "39", fate="unsafe_file_name", detail="not relative to the data directory"),
        Row("C:\\x.jpg", "39", fate="unsafe_file_name", detail="not relative to the data directory"),
        Row("gs://bucket/x.jpg", "39", fate="unsafe_file_name", detail="not relative to the data directory"),
        Row("", "39", fate="unsafe_file_name", detail="blank"),
        Row("folder.jpg", "41", fate="unreadable_file", detail="the file can't be read: Is a directory"),
        Row(long_name, "42", fate="unreadable_file", detail="the file can't be read: File name too long"),
        Row("missing.jpg", "43", fate="missing_file", detail="no such file in ., final_files, images"),
        Row("missing.jpg", "43", fate="missing_file", detail="no such file"),
        Row('no, "such"\nfile, 贝.jpg', "43", fate="missing_file", detail="no such file"),
        Row("lost\nname.jpg", "43", fate="missing_file", detail="no such file"),
        Row("lost\rname.jpg", "43", fate="missing_file", detail="no such file"),
        Row("plain.jpg", "", fate="malformed_row", detail="the row has 1 fields, the header has 4", fields=("plain.jpg",)),
        Row(
            "plain.jpg",
            "25",
            fate="malformed_row",
            detail="the row has 5 fields, the header has 4",
            fields=("plain.jpg", "25", "a", "b", "c"),
        ),
    ]
    rows += [Row(f"face {number}.png", str(40 + number), "male") for number in range(20)]
    return files, rows


def write_data_set(directory: pathlib.Path, files: dict[str, bytes], rows: list[Row]) -> pathlib.Path:
    """Writes images and a label file with a byte order mark and CRLF; sets each row's line (its last one)."""
    for name, content in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    lines = 1
    with open(directory / "labels.csv", "w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(("file_name", "real_age", "gender", "città"))
        for row in rows:
            writer.writerow(row.fields or (row.name, row.age, row.gender, row.city))
            lines += 1 + row.name.count("\n") + row.name.count("\r")
            row.line = lines
    return directory


@dataclasses.dataclass
class Ingested:
    """What ingestion wrote: features of the examples by split, the rejects' rows, the counts and the summary."""

    splits: dict[str, list[dict]]
    rejects: list[dict[str, str]]
    counts: dict
    summary: dict

    def examples(self) -> list[dict]:
        return [example for split in self.splits.values() for example in split]

    def by_name(self) -> dict[str, dict]:
        return {example["image/filename"].decode(): example for example in self.examples()}

    def split_of_each_picture(self) -> dict[bytes, str]:
        return {example["image/sha256"]: split for split, examples in self.splits.items() for example in examples}


def parsed(serialized: bytes) -> dict:
    """The features of a tf.Example, each of which must hold one value."""
    named = {}
    for name, feature in tf.train.Example.FromString(serialized).features.feature.items():
        (named[name],) = getattr(feature, feature.WhichOneof("kind")).value
    return named


def read_back(split_dirs: dict[str, pathlib.Path], rejects_dir: pathlib.Path) -> Ingested:
    splits = {}
    for split, directory in split_dirs.items():
        files = sorted(str(path) for path in directory.iterdir())
        assert files, "a split without pictures still has a file: its readers look for one"
        splits[split] = [parsed(record.numpy()) for record in tf.data.TFRecordDataset(files)]
    with open(rejects_dir / "rejects.csv", newline="", encoding="utf-8") as file:
        rejects = list(csv.DictReader(file, strict=True))
    counts, summary = (json.loads((rejects_dir / name).read_text()) for name in ("counts.json", "summary.json"))
    return Ingested(splits, rejects, counts, summary)


def run_ingest(data_dir: str, output: pathlib.Path, grouping: split_groups.Grouping = split_groups.NO_GROUPING) -> Ingested:
    split_dirs = {split: output / f"Split-{split}" for split in FRACTIONS}
    for directory in (*split_dirs.values(), output / "rejects"):
        directory.mkdir(parents=True)
    with beam.Pipeline(options=PipelineOptions(BEAM_ARGS)) as pipeline:
        ingestion.ingest(
            pipeline,
            data_dir=data_dir,
            split_dirs={split: str(directory) for split, directory in split_dirs.items()},
            rejects_dir=str(output / "rejects"),
            fractions=FRACTIONS,
            limits=LIMITS,
            attribute_names=list(label_file.read_header(f"{data_dir}/labels.csv", grouping.column).attributes),
            grouping=grouping,
        )
    return read_back(split_dirs, output / "rejects")


FILES, ROWS = files_and_rows()


def expected(fate: str) -> list[Row]:
    return [row for row in ROWS if row.fate == fate]


def stored(name: str) -> bytes:
    """The bytes of the file that a row's name stands for, by the design's order of folders."""
    return next(FILES[folder + name] for folder in ("", "final_files/", "images/") if folder + name in FILES)


def by_hash(found: Ingested) -> dict[bytes, dict]:
    return {example["image/sha256"]: example for example in found.examples()}


def reasons(found: Ingested) -> dict[int, str]:
    return {int(reject["line"]): reject["reason"] for reject in found.rejects}
