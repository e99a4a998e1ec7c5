"""The fingerprint changes with any label or image, and with nothing else."""

import os
import shutil
import sys

import pytest
from apache_beam.io import filesystem, localfilesystem

from age import storage
from age.dataset import image_folder, tar_shards
from age.dataset.fingerprint import data_fingerprint
from schemas.bad_input import BadInput

NAMES = ("a.jpg", "b.jpg", "c.jpg", "missing.jpg")


@pytest.fixture
def data(tmp_path):
    """Four rows; three images in three folders, and one that is missing."""
    directory = tmp_path / "data"
    for number, folder in enumerate(("", "final_files", "images")):
        (directory / folder).mkdir(exist_ok=True, parents=True)
        (directory / folder / NAMES[number]).write_bytes(b"image %d" % number)
    (directory / "labels.csv").write_text("file_name,real_age\n" + "".join(f"{name},5\n" for name in NAMES))
    return directory


@pytest.fixture
def memory(tmp_path):
    return tmp_path / "work" / "image_digests.bin"


def of(directory, memory=None):
    return data_fingerprint(str(directory), memory and str(memory)).content


def append(path, content):
    with open(path, "ab") as file:
        file.write(content)


def replace_in_place(path, content):
    """Changes bytes without changing the file's size, inode or modification time."""
    before = os.stat(path)
    with open(path, "r+b") as file:
        file.write(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = os.stat(path)
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (before.st_size, before.st_mtime_ns, before.st_ino)


CHANGES = {
    "a byte of an image": lambda data: (data / "images" / "c.jpg").write_bytes(b"imaGe 2"),
    "a byte of an image under the old modification time": lambda data: replace_in_place(data / "images" / "c.jpg", b"imaGe 2"),
    "a byte more": lambda data: append(data / "a.jpg", b"!"),
    "a label": lambda data: (data / "labels.csv").write_text((data / "labels.csv").read_text().replace("b.jpg,5", "b.jpg,6")),
    "a row more": lambda data: append(data / "labels.csv", b"d.jpg,7\n"),
    "a missing file that appears": lambda data: (data / "final_files" / "missing.jpg").write_bytes(b"image 3"),
    "a file that disappears": lambda data: (data / "final_files" / "b.jpg").unlink(),
    "a file that is found earlier": lambda data: (data / "c.jpg").write_bytes(b"another"),
    "two images that change places": lambda data: (
        (data / "a.jpg").write_bytes(b"image 1"),
        (data / "final_files" / "b.jpg").write_bytes(b"image 0"),
    ),
    "a directory in an image's place": lambda data: ((data / "a.jpg").unlink(), (data / "a.jpg").mkdir()),
}


@pytest.mark.parametrize("remembering", [False, True], ids=["without memory", "with memory"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_changes_with(data, memory, change, remembering):
    memory = memory if remembering else None
    before = of(data, memory)
    change(data)
    assert of(data, memory) != before


def test_counts_the_rows(data):
    assert data_fingerprint(str(data)).rows == 4


def test_rows_without_a_safe_name_count_and_open_nothing(data):
    append(data / "labels.csv", b"../a.jpg,5\n,5\nshort\n")
    fingerprint = data_fingerprint(str(data))
    assert fingerprint.rows == 7
    (data.parent / "a.jpg").write_bytes(b"outside")
    assert data_fingerprint(str(data)) == fingerprint


def test_is_the_same_after_touching_every_file(data, memory):
    before = of(data, memory)
    for path in data.rglob("*.*"):
        os.utime(path, (1, 1))
    assert of(data, memory) == before
    assert of(data) == before


def test_is_the_same_for_a_copy_elsewhere(data, memory, tmp_path):
    before = of(data, memory)
    shutil.copytree(data, tmp_path / "elsewhere")
    assert of(tmp_path / "elsewhere", memory) == before
    assert of(tmp_path / "elsewhere") == before


def test_another_directory_is_not_taken_for_the_remembered_one(data, memory, tmp_path):
    before = of(data, memory)
    shutil.copytree(data, tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "a.jpg").write_bytes(b"imaGe 0")
    assert of(tmp_path / "elsewhere", memory) != before


def test_is_the_same_with_and_without_memory(data, memory):
    first, again, without = of(data, memory), of(data, memory), of(data)
    assert first == again == without


def test_file_that_no_row_names_is_no_matter(data, memory):
    before = of(data, memory)
    (data / "images" / "notes.txt").write_text("not named by the label file")
    assert of(data, memory) == before


class OpenedFiles:
    """Which files Python opens, told by the interpreter's own audit events while `watching` is a list.

    An audit hook can't be removed, so there is one for all tests; it costs a comparison when nobody watches.
    """

    def __init__(self):
        self.watching = None
        sys.addaudithook(self._hear)

    def _hear(self, event, arguments):
        if self.watching is not None and event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
            self.watching.append(os.path.basename(os.fsdecode(arguments[0])))

    def during(self, work):
        self.watching = []
        try:
            work()
            return set(self.watching)
        finally:
            self.watching = None


@pytest.fixture(scope="module")
def opened():
    return OpenedFiles()


def test_no_image_is_read_again_when_nothing_changed(data, memory, opened):
    first = opened.during(lambda: of(data, memory))
    again = opened.during(lambda: of(data, memory))
    assert first >= {"labels.csv", "a.jpg", "b.jpg", "c.jpg"}, "the hook hears images being read"
    assert again == {"labels.csv", "image_digests.bin"}


def test_only_the_image_that_changed_is_read_again(data, memory, opened):
    of(data, memory)
    os.utime(data / "a.jpg", (1, 1))
    (data / "labels.csv").write_text("file_name,real_age\n" + "".join(f"{name},5\n" for name in ("b.jpg", "c.jpg", "a.jpg")))
    assert {"a.jpg"} == opened.during(lambda: of(data, memory)) & set(NAMES)
    assert not opened.during(lambda: of(data, memory)) & set(NAMES)


@pytest.fixture
def read(monkeypatch):
    """The names of the images that were read."""
    names = []
    read_image = image_folder.read_image
    monkeypatch.setattr(image_folder, "read_image", lambda *where: names.append(where[1]) or read_image(*where))
    return names


def test_remote_images_are_read_again_where_they_changed(data, memory, read):
    def remote():
        del read[:]
        return of(f"file://{data}", memory), set(read) - {"missing.jpg"}

    before = of(data)
    assert remote() == (before, set(NAMES) - {"missing.jpg"})
    assert remote() == (before, set())
    (data / "images" / "c.jpg").write_bytes(b"longer than it was")
    after, names = remote()
    assert names == {"c.jpg"}
    assert after == of(data) != before


class ListedFileSystem(localfilesystem.LocalFileSystem):
    """A remote file system that Beam lists; its files lie on the local disk."""

    calls = 0

    @classmethod
    def scheme(cls):
        return "listed"

    def split(self, path):
        return tuple(path.rsplit("/", 1))

    def _list(self, directory):
        ListedFileSystem.calls += 1
        local = directory.partition("://")[2]
        for name in sorted(os.listdir(local)) if os.path.isdir(local) else ():
            status = os.stat(os.path.join(local, name))
            yield filesystem.FileMetadata(f"{directory.rstrip('/')}/{name}", status.st_size, status.st_mtime)


def test_states_of_remote_images_come_from_listings_where_there_are_any(data, memory, read, monkeypatch):
    remote = f"listed://{data}"
    for name in ("open_binary", "read_plain_file"):
        local = getattr(storage, name)
        monkeypatch.setattr(storage, name, lambda path, *limits, local=local: local(path.removeprefix("listed://"), *limits))
    monkeypatch.setattr(storage, "file_state", lambda path: pytest.fail(f"asked for {path} alone"))
    monkeypatch.setattr(tar_shards, "find", lambda data_dir: [])

    before = of(data)
    assert of(remote, memory) == before
    del read[:]
    ListedFileSystem.calls = 0
    assert of(remote, memory) == before
    assert read == ["missing.jpg"], "a file that is not listed may be there all the same"
    assert ListedFileSystem.calls == 3


DAMAGES = {
    "empty": lambda whole: b"",
    "something else": lambda whole: b'{"content": 3}',
    "cut off": lambda whole: whole[:-1],
    "a record short": lambda whole: whole[:-48],
    "a byte changed": lambda whole: whole[:-1] + bytes([whole[-1] ^ 1]),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damaged_memory_is_survived_and_replaced(data, memory, damage, opened):
    before = of(data, memory)
    whole = memory.read_bytes()
    memory.write_bytes(damage(whole))
    assert of(data, memory) == before
    assert memory.read_bytes() == whole
    assert "a.jpg" not in opened.during(lambda: of(data, memory))


def test_memory_takes_48_bytes_a_file(data, memory):
    of(data, memory)
    smaller = memory.stat().st_size
    for number in range(10):
        (data / f"{number}.jpg").write_bytes(b"%d" % number)
        append(data / "labels.csv", b"%d.jpg,5\n" % number)
    of(data, memory)
    assert memory.stat().st_size - smaller == 480


def test_memory_that_cannot_be_written_is_no_reason_to_fail(data, tmp_path):
    (tmp_path / "file").write_text("no directory")
    assert of(data, tmp_path / "file" / "image_digests.bin") == of(data)


def test_memory_may_be_a_name_without_a_directory(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert of(data, "memory.json") == of(data)
    assert (tmp_path / "memory.json").is_file()


def test_no_unfinished_memory_is_left_behind(data, memory):
    of(data, memory)
    assert [path.name for path in memory.parent.iterdir()] == ["image_digests.bin"]


def test_missing_label_file_is_said_in_a_sentence(tmp_path, memory):
    with pytest.raises(BadInput, match="labels.csv: there is no such file. Expected"):
        of(tmp_path, memory)


def test_is_the_same_through_tensorflows_file_systems(data):
    assert of(f"file://{data}") == of(data)


def test_file_system_that_tensorflow_lacks_ends_in_a_sentence():
    with pytest.raises(BadInput, match="tape://robot/labels.csv: the label file can't be read: .*'tape' not implemented"):
        data_fingerprint("tape://robot")
