"""The digest of a model's content, and when its files are read for it."""

import os
import pathlib
import time

import pytest

from age.serving import model_digest

SIZE = 4 << 20
TWO_MINUTES_AGO = time.time() - 120


def bytes_read() -> int:
    """Bytes that this process has read from files, by the kernel's count."""
    counters = dict(line.split(": ") for line in pathlib.Path("/proc/self/io").read_text().splitlines())
    return int(counters["rchar"])


@pytest.fixture
def model(tmp_path, monkeypatch) -> pathlib.Path:
    """A model that was written a while ago."""
    (tmp_path / "variables").mkdir()
    (tmp_path / model_digest.MODEL_FILE).write_bytes(b"graph")
    (tmp_path / "variables" / "data").write_bytes(b"w" * SIZE)
    # Nobody can set when a file's state changed: the clock goes on instead.
    monkeypatch.setattr(model_digest.time, "time_ns", lambda now=time.time_ns: now() + 60_000_000_000)
    return tmp_path


def test_a_model_is_read_once_by_a_process_as_long_as_its_files_stay_as_they_are(model):
    digest = model_digest.content_digest(str(model))
    before = bytes_read()

    assert model_digest.content_digest(str(model)) == digest
    assert bytes_read() - before < SIZE // 10


def test_a_change_in_place_that_keeps_size_and_time_is_noticed(model):
    weights = model / "variables" / "data"
    os.utime(weights, (TWO_MINUTES_AGO, TWO_MINUTES_AGO))
    digest = model_digest.content_digest(str(model))
    time.sleep(0.02)  # longer than a tick of the file system's clock

    weights.write_bytes(b"v" * SIZE)
    os.utime(weights, (TWO_MINUTES_AGO, TWO_MINUTES_AGO))

    assert model_digest.content_digest(str(model)) != digest


def test_what_was_written_just_now_is_read_each_time(tmp_path):
    weights = tmp_path / "data"
    digests = set()
    for number in range(20):
        weights.write_bytes(number.to_bytes(4, "big"))
        digests.add(model_digest.content_digest(str(tmp_path)))

    assert len(digests) == 20


def test_what_is_written_about_a_model_makes_it_no_other_one(model):
    digest = model_digest.content_digest(str(model))
    (model / model_digest.EXTRA_ASSETS).mkdir()
    (model / model_digest.EXTRA_ASSETS / "model_card.md").write_text("# A card")

    assert model_digest.content_digest(str(model)) == digest
