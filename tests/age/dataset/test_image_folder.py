"""Images are found in their folders, and nowhere else."""

import os
import time

import pytest

from age.dataset import image_folder


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.mark.parametrize(
    "present, found",
    [
        (("", "final_files", "images"), ""),
        (("final_files", "images"), "final_files"),
        (("images",), "images"),
    ],
)
def test_image_is_looked_up_in_the_directory_then_final_files_then_images(tmp_path, present, found):
    for folder in present:
        put(tmp_path / folder / "a.jpg", folder.encode())
    assert image_folder.read_image(str(tmp_path), "a.jpg") == found.encode()


def test_image_may_lie_in_a_subfolder_that_its_name_says(tmp_path):
    put(tmp_path / "images" / "2020" / "a.jpg", b"here")
    assert image_folder.read_image(str(tmp_path), "2020/a.jpg") == b"here"


def test_image_in_no_folder_is_missing(tmp_path):
    put(tmp_path / "photos" / "a.jpg", b"elsewhere")
    with pytest.raises(FileNotFoundError, match="a.jpg"):
        image_folder.read_image(str(tmp_path), "a.jpg")


def test_name_below_a_file_is_missing(tmp_path):
    put(tmp_path / "a.jpg", b"a file")
    with pytest.raises(FileNotFoundError):
        image_folder.read_image(str(tmp_path), "a.jpg/b.jpg")


def test_directory_with_the_name_of_an_image_is_there_and_unreadable(tmp_path):
    (tmp_path / "images" / "a.jpg").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        image_folder.read_image(str(tmp_path), "a.jpg")


def test_a_named_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    started = time.monotonic()

    with pytest.raises(OSError, match="a named pipe, and no plain file"):
        image_folder.read_image(str(tmp_path), "a.jpg")

    assert time.monotonic() - started < 5


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_device_is_refused(tmp_path):
    os.mknod(tmp_path / "a.jpg", 0o600 | 0o020000, os.makedev(1, 5))

    with pytest.raises(OSError, match="a device, and no plain file"):
        image_folder.read_image(str(tmp_path), "a.jpg")


def test_a_file_of_a_hundred_gigabytes_is_refused_by_its_size(tmp_path):
    with open(tmp_path / "a.jpg", "wb") as file:
        file.truncate(100 * 10**9)

    with pytest.raises(OSError, match="100000000000 bytes, and at most 268435456 are read"):
        image_folder.read_image(str(tmp_path), "a.jpg")


class TestSymbolicLinks:
    """A folder that a stranger packed must not bring other files of the machine into the examples."""

    def test_one_that_leads_out_of_the_data_directory_is_refused(self, tmp_path):
        put(tmp_path / "private.jpg", b"private")
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "a.jpg").symlink_to(tmp_path / "private.jpg")

        with pytest.raises(OSError, match="a symbolic link that leads out of the data directory"):
            image_folder.read_image(str(tmp_path / "data"), "a.jpg")

    @pytest.mark.parametrize("folder", ["images", "final_files"])
    @pytest.mark.parametrize("named", ["a.jpg", "{folder}/a.jpg"])
    def test_a_folder_of_images_may_lie_elsewhere(self, tmp_path, folder, named):
        put(tmp_path / "large disk" / "a.jpg", b"here")
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / folder).symlink_to(tmp_path / "large disk")

        assert image_folder.read_image(str(tmp_path / "data"), named.format(folder=folder)) == b"here"

    def test_links_must_not_lead_out_of_that_either(self, tmp_path):
        put(tmp_path / "private.jpg", b"private")
        (tmp_path / "large disk").mkdir()
        (tmp_path / "large disk" / "a.jpg").symlink_to(tmp_path / "private.jpg")
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "images").symlink_to(tmp_path / "large disk")

        with pytest.raises(OSError, match="leads out of the data directory"):
            image_folder.read_image(str(tmp_path / "data"), "a.jpg")

    def test_any_other_folder_that_leads_out_is_refused(self, tmp_path):
        put(tmp_path / "private" / "a.jpg", b"private")
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "mine").symlink_to(tmp_path / "private")

        with pytest.raises(OSError, match="leads out of the data directory"):
            image_folder.read_image(str(tmp_path / "data"), "mine/a.jpg")

    def test_a_directory_whose_name_goes_on_is_no_part_of_it(self, tmp_path):
        put(tmp_path / "data-private" / "a.jpg", b"private")
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "a.jpg").symlink_to(tmp_path / "data-private" / "a.jpg")

        with pytest.raises(OSError, match="leads out of the data directory"):
            image_folder.read_image(str(tmp_path / "data"), "a.jpg")

    def test_one_within_it_is_followed_and_so_is_one_that_is_the_directory_itself(self, tmp_path):
        put(tmp_path / "data" / "originals" / "a.jpg", b"here")
        (tmp_path / "data" / "images").mkdir()
        (tmp_path / "data" / "images" / "a.jpg").symlink_to("../originals/a.jpg")
        (tmp_path / "current").symlink_to("data")

        assert image_folder.read_image(str(tmp_path / "current"), "a.jpg") == b"here"


@pytest.mark.parametrize(
    "name, reason",
    [
        ("../../x", "climbs out"),
        ("..", "climbs out"),
        ("images/../../x.jpg", "climbs out"),
        ("a/../b.jpg", "climbs out"),
        ("..\\..\\x", "climbs out"),
        ("images\\..\\..\\x", "climbs out"),
        ("/etc/passwd", "not relative"),
        ("//server/share/x.jpg", "not relative"),
        ("\\\\server\\share\\x.jpg", "not relative"),
        ("\\x.jpg", "not relative"),
        ("C:\\x", "not relative"),
        ("c:x.jpg", "not relative"),
        ("gs://bucket/x.jpg", "not relative"),
        ("file:///etc/passwd", "not relative"),
        ("a\0.jpg", "NUL"),
        ("", "blank"),
        (" \t", "blank"),
    ],
)
def test_unsafe_name_is_refused_with_its_reason(name, reason):
    assert reason in image_folder.unsafe_reason(name)


@pytest.mark.parametrize(
    "name", ["a.jpg", "a b, c.jpg", "..a.jpg", "a..jpg", "...", "folder/a.jpg", "folder\\a.jpg", "贝.jpg", "~root/a.jpg"]
)
def test_name_below_the_directory_is_safe(name):
    assert image_folder.unsafe_reason(name) is None


def test_tilde_is_a_character_like_others(tmp_path):
    put(tmp_path / "~" / "a.jpg", b"here")
    assert image_folder.read_image(str(tmp_path), "~/a.jpg") == b"here"
