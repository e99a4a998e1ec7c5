"""Tar shards give what the same images as loose files give, and what they can't give is said."""

import io
import logging
import pathlib
import tarfile

import pytest

from age.dataset import tar_shards
from age.dataset.fingerprint import data_fingerprint
from schemas.bad_input import BadInput
from tests.age.dataset import every_fault as loose


def add(archive: tarfile.TarFile, name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> None:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = len(content), kind, link
    archive.addfile(info, io.BytesIO(content))


def sharded(directory: pathlib.Path, files, number: int, **options) -> pathlib.Path:
    """Writes files into shards in turn."""
    for shard in range(number):
        with tarfile.open(directory / f"faces-{shard:02d}.tar", "w", **options) as archive:
            for name, content in list(files.items())[shard::number]:
                add(archive, name, content)
    return directory


@pytest.fixture
def folder(tmp_path) -> pathlib.Path:
    directory = tmp_path / "data"
    directory.mkdir()
    return directory


def labels(directory, *names):
    rows = "".join(f"{name},{30 + number}\n" for number, name in enumerate(names))
    (directory / "labels.csv").write_text("file_name,real_age\n" + rows)


def records(directory: pathlib.Path):
    return {path.relative_to(directory): path.read_bytes() for path in sorted(directory.glob("Split-*/*"))}


def test_shards_give_the_examples_and_rejects_of_loose_files(tmp_path):
    """The whole set of ingestion's own test, with every kind of bad row and bad image."""
    for where in ("loose", "shards"):
        (tmp_path / where).mkdir()
    loose.write_data_set(tmp_path / "loose", loose.FILES, loose.ROWS)
    loose.write_data_set(tmp_path / "shards", {}, loose.ROWS)
    sharded(tmp_path / "shards", loose.FILES, 3)

    of_files = loose.run_ingest(str(tmp_path / "loose"), tmp_path / "of_files")
    of_shards = loose.run_ingest(str(tmp_path / "shards"), tmp_path / "of_shards")

    assert records(tmp_path / "of_files") == records(tmp_path / "of_shards")
    assert of_files.summary == of_shards.summary
    # What a file system says of a folder or of a name that is too long, no tar file says.
    differ = {row.line for row in loose.ROWS if row.fate == "unreadable_file"}
    by_line = [{int(row["line"]): row for row in found.rejects} for found in (of_files, of_shards)]
    assert {line for line in by_line[0] if by_line[0][line]["reason"] != by_line[1][line]["reason"]} == differ
    assert all(by_line[1][line]["reason"] == "missing_file" for line in differ)
    assert set(by_line[0]) == set(by_line[1])
    for line in set(by_line[0]) - differ:
        if by_line[0][line]["reason"] != "missing_file":
            assert by_line[0][line] == by_line[1][line]


def test_members_that_are_no_plain_files_and_names_that_differ_in_content_reject_their_rows(folder, tmp_path, caplog):
    image, other = loose.picture("JPEG"), loose.picture("JPEG")
    with tarfile.open(folder / "a.tar", "w") as archive:
        add(archive, "./dotted.jpg", image)
        add(archive, "soft.jpg", kind=tarfile.SYMTYPE, link="/etc/passwd")
        add(archive, "hard.jpg", kind=tarfile.LNKTYPE, link="./dotted.jpg")
        add(archive, "device.jpg", kind=tarfile.CHRTYPE)
        add(archive, "directory.jpg", kind=tarfile.DIRTYPE)
        add(archive, "../outside.jpg", image)
        add(archive, "/absolute.jpg", image)
        add(archive, "differs.jpg", other)
        add(archive, "images/same.jpg", other)
    with tarfile.open(folder / "b.tar", "w") as archive:
        add(archive, "differs.jpg", image)
        add(archive, "images/same.jpg", other)
        add(archive, "nobody names this.jpg", image)
    names = ("dotted.jpg", "soft.jpg", "hard.jpg", "device.jpg", "directory.jpg", "../outside.jpg", "/absolute.jpg")
    labels(folder, *names, "outside.jpg", "absolute.jpg", "differs.jpg", "same.jpg", "missing.jpg")

    with caplog.at_level(logging.WARNING):
        found = loose.run_ingest(str(folder), tmp_path / "out")

    assert set(found.by_name()) == {"dotted.jpg", "same.jpg"}
    said = {row["file_name"]: (row["reason"], row["detail"]) for row in found.rejects}
    assert {name: reason for name, (reason, _) in said.items()} == {
        "soft.jpg": "unreadable_file",
        "hard.jpg": "unreadable_file",
        "device.jpg": "unreadable_file",
        "directory.jpg": "unreadable_file",
        "../outside.jpg": "unsafe_file_name",
        "/absolute.jpg": "unsafe_file_name",
        "outside.jpg": "missing_file",
        "absolute.jpg": "missing_file",
        "differs.jpg": "ambiguous_file",
        "missing.jpg": "missing_file",
    }
    assert "symbolic link" in said["soft.jpg"][1] and "Is a directory" in said["directory.jpg"][1]
    assert "a.tar, b.tar" in said["differs.jpg"][1]
    assert said["missing.jpg"][1] == "no such member in ., final_files, images of 2 tar shards"
    assert found.counts["rows"] == 12 == found.counts["used"] + found.counts["rejected"]
    assert "a.tar: 1 members are refused because a name climbs out of the data directory" in caplog.text


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_a_member_is_read_from_its_place(folder, form):
    files = {f"images/{number} Zoë.jpg": b"%d" % number * 700 for number in range(5)}
    files["x/" * 60 + "y" * (90 if form != tarfile.USTAR_FORMAT else 1) + ".jpg"] = b"long"
    sharded(folder, files, 1, format=form)
    shards = tar_shards.TarShards(str(folder), tar_shards.find(str(folder)))

    found = list(tar_shards.members(shards.path(0), 0))

    assert {name: shards.read(name, (one.shard, one.offset, one.size)) for name, one in found if one.rank == 0} == files
    assert {name for name, one in found if one.rank == 2} == {name[7:] for name in files if name.startswith("images/")}


def whole_tar(folder) -> bytes:
    sharded(folder, {"a.jpg": b"a" * 2000, "b.jpg": b"b" * 2000}, 1)
    return (folder / "faces-00.tar").read_bytes()


def resized(whole: bytes, size: bytes) -> bytes:
    """Changes the first member's size in its header, with the checksum."""
    header = bytearray(whole[:512])
    header[124:136] = size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + whole[512:]


DAMAGES = {
    "cut off in a member": (lambda whole: whole[:3500], "ends inside 'b.jpg'"),
    "cut off in padding": (lambda whole: whole[: 512 + 2000], "cut off|end of data"),
    "cut off in a header": (lambda whole: whole[:2700], "no end mark.* at byte 2560"),
    "cut off between members": (lambda whole: whole[:2560], "no end mark.* at byte 2560"),
    "a damaged header": (lambda whole: whole[:2560] + b"x" * 512 + whole[3072:], "no header of a member at byte 2560"),
    "a negative size": (lambda whole: resized(whole, b"\xff" * 11 + b"\x00\x00"[:1]), "leads backwards|not a whole tar file"),
    "no tar at all": (lambda whole: b"this is a letter " * 100, "not a whole tar file"),
    "empty": (lambda whole: b"", "not a whole tar file"),
}


@pytest.mark.parametrize("damage, sentence", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_shard_is_named(folder, damage, sentence):
    path = folder / "faces-00.tar"
    path.write_bytes(damage(whole_tar(folder)))
    with pytest.raises(BadInput, match=sentence) as raised:
        list(tar_shards.members(str(path), 0))
    assert str(raised.value).startswith(str(path))


def test_memory_does_not_grow_with_the_members(folder):
    import tracemalloc

    sharded(folder, {f"{number}.jpg": b"1" for number in range(3000)}, 1)
    tracemalloc.start()
    for _ in tar_shards.members(str(folder / "faces-00.tar"), 0):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 << 20


def test_compressed_shards_and_shards_beside_loose_images_are_refused(folder):
    (folder / "faces.tar.gz").write_bytes(b"")
    with pytest.raises(BadInput, match="faces.tar.gz: the tar shard is compressed.*Expected plain .tar files"):
        tar_shards.find(str(folder))
    (folder / "a.JPG").write_bytes(b"")
    assert tar_shards.find(str(folder)) == [], "an archive beside the loose files that came from it is no matter"
    (folder / "faces.tar").write_bytes(b"")
    with pytest.raises(BadInput, match=r"tar shards \(faces.tar\) and loose images \(a.JPG\)"):
        tar_shards.find(str(folder))


def test_fingerprint_changes_with_a_shard_or_a_label_and_with_nothing_else(folder, tmp_path):
    sharded(folder, {"a.jpg": b"a", "b.jpg": b"b"}, 2)
    labels(folder, "a.jpg", "b.jpg")
    memory = str(tmp_path / "image_digests.bin")
    first = data_fingerprint(str(folder), memory)
    assert first.rows == 2
    assert first == data_fingerprint(str(folder), memory) == data_fingerprint(f"file://{folder}")

    whole = (folder / "faces-01.tar").read_bytes()
    (folder / "faces-01.tar").write_bytes(whole.replace(b"b\0\0", b"c\0\0"))
    second = data_fingerprint(str(folder), memory)
    labels(folder, "b.jpg", "a.jpg")
    third = data_fingerprint(str(folder), memory)

    assert len({first.content, second.content, third.content}) == 3
    assert third == data_fingerprint(str(folder))


def test_shards_are_read_through_tensorflows_file_systems(folder, tmp_path):
    sharded(folder, {"a.jpg": loose.picture("JPEG"), "images/b.png": loose.picture("PNG")}, 2)
    labels(folder, "a.jpg", "b.png")
    near, far = (loose.run_ingest(f"{way}{folder}", tmp_path / f"out{len(way)}") for way in ("", "file://"))
    assert far.counts["used"] == 2 and near.counts == far.counts
    assert loose.by_hash(near) == loose.by_hash(far)


def test_a_member_of_a_hundred_gigabytes_is_refused_by_its_size_and_not_read(tmp_path):
    size = 100 * 10**9
    header = tarfile.TarInfo("a.jpg")
    header.size = size
    with open(tmp_path / "faces.tar", "wb") as file:
        # A hole in the file stands for the content.
        file.write(header.tobuf(tarfile.GNU_FORMAT))
        file.truncate(512 + -(-size // 512) * 512 + 1024)

    ((name, member),) = tar_shards.members(str(tmp_path / "faces.tar"), 0)

    assert name == "a.jpg" and member.digest == b""
    assert member.problem == "100000000000 bytes, and at most 268435456 are read"
