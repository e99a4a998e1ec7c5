"""A label file cut into blocks reads as the whole file does: the same rows, the same lines, the same complaints."""

import csv
import random

import pytest

from age.dataset import label_file
from schemas.bad_input import BadInput

_LINE_ENDS = ("\n", "\r\n", "\r")
_QUOTED = ('"q"', '"two\nlines"', '"two\r\nlines"', '"three\r\n\n\rlines"', '""', '"say ""hi"""')
_FIELDS = ("a.jpg", "", " ", 'in"side', "贝", "5", *_QUOTED)
_DAMAGE = ('"open', '"shut" too early', "nul\0", "\udcff", '""" odd', "y" * 70)


def whole(path):
    rows = []
    try:
        rows.extend(label_file.read_rows(path))
    except BadInput as error:
        return str(error)
    return rows


def in_blocks(path, size):
    try:
        header = label_file.read_header(path)
        blocks = label_file.blocks(path, size)
        scans = [label_file.scan_block(path, header, block) for block in blocks]
        return [
            row for number, block in enumerate(blocks) for row in label_file.read_block(path, header, block, scans[:number])
        ]
    except BadInput as error:
        return str(error)


def drawn_file(draw: random.Random, damage: bool) -> bytes:
    end = draw.choice(_LINE_ENDS)
    separator = draw.choice(",;\t")
    lines = [end.join([""] * draw.randrange(3)) + separator.join(("file_name", "real_age", "g"))]
    for _ in range(draw.randrange(12)):
        fields = [draw.choice(_FIELDS) for _ in range(draw.choice((1, 2, 3, 3, 3, 4)))]
        if damage and draw.random() < 0.15:
            fields.insert(draw.randrange(len(fields) + 1), draw.choice(_DAMAGE))
        lines.append(separator.join(fields))
    text = "".join(line + (end if draw.random() < 0.9 else draw.choice(_LINE_ENDS)) for line in lines)
    if draw.random() < 0.3:
        text = text.rstrip("\r\n")
    return (b"\xef\xbb\xbf" if draw.random() < 0.3 else b"") + text.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize("damage", [False, True], ids=["sound", "damaged"])
def test_blocks_of_any_size_read_as_the_whole_file(tmp_path, damage):
    draw = random.Random(0)
    path = str(tmp_path / "labels.csv")
    complaints = 0
    for _ in range(120):
        content = drawn_file(draw, damage)
        with open(path, "wb") as file:
            file.write(content)
        expected = whole(path)
        complaints += isinstance(expected, str)
        for size in (1, 3, draw.randrange(8, 40), 1000):
            assert in_blocks(path, size) == expected, (content, size)
    assert (complaints > 20) == damage


def test_a_block_is_read_without_those_before_it(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("file_name,real_age\n" + "".join(f'"{number},\n.jpg",{number}\n' for number in range(1000)))
    header = label_file.read_header(str(path))
    first, second, *_ = blocks = label_file.blocks(str(path), 5000)
    scan = label_file.scan_block(str(path), header, first)

    rows = list(label_file.read_block(str(path), header, second, [scan]))

    everything = list(label_file.read_rows(str(path)))
    first_at = everything.index(rows[0])
    assert len(blocks) > 2 and len(rows) > 200
    assert rows == everything[first_at : first_at + len(rows)]


def test_a_line_that_is_longer_than_what_is_read_at_once_stays_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(label_file, "_PIECE", 3)
    path = tmp_path / "labels.csv"
    path.write_bytes(b"file_name,real_age\r\na long name.jpg,5\r\rb.jpg,6\r\n")
    assert [(row.file_name, row.line) for row in label_file.read_rows(str(path))] == [("a long name.jpg", 2), ("b.jpg", 4)]


def test_a_field_past_the_readers_limit_is_refused_alike(tmp_path):
    path = str(tmp_path / "labels.csv")
    limit = csv.field_size_limit(100)
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write('file_name,real_age\na.jpg,5\n"' + "line\n" * 40 + '",5\n')
        assert "field larger than field limit" in whole(path)
        assert in_blocks(path, 50) == whole(path)
    finally:
        csv.field_size_limit(limit)
