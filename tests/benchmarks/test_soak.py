"""The soak notices what is wrong, and takes what is right for right."""

import random
import time

import pytest

from age.serving.serving_directory import ServingDirectory
from benchmarks import soak


@pytest.fixture
def versions(tmp_path) -> soak.Versions:
    """Version 3 is served, which adds a year; version 2, which adds none, was until two minutes ago."""
    made = soak.Versions(ServingDirectory(str(tmp_path)), {}, random.Random(0))
    made.offsets = {2: 0.0, 3: 1.0}
    made._newest_since = [(time.monotonic() - 300, 2), (time.monotonic() - 120, 3)]
    return made


@pytest.fixture
def client(versions) -> soak.Client:
    return soak.Client(soak.Server, versions, random.Random(0), ends=0)


ASKED = [soak._Photograph(b"", 40.0), soak._Photograph(b"", None)]


def test_what_the_version_that_is_named_must_say_is_right(client):
    client._check(time.monotonic(), "3", ASKED, [41.0005, None])

    assert client.wrong == [] and client.versions == {3: 1} and len(client.seconds) == 1


@pytest.mark.parametrize("ages", [[40.0, None], [41.0, 41.0], [None, None], [41.0], [None, 41.0]])
def test_another_answer_than_that_is_wrong(client, ages):
    client._check(time.monotonic(), "3", ASKED, ages)

    assert len(client.wrong) == 1 and client.wrong[0].startswith("version 3 answered")


def test_an_answer_of_a_version_that_was_taken_away_long_ago_is_wrong(client):
    client._check(time.monotonic() - 100, "2", ASKED, [40.0, None])
    assert client.wrong == [], "who asked when it was still served may get its answer"

    client._check(time.monotonic(), "2", ASKED, [40.0, None])
    assert client.wrong == ["version 2 answered, which is not served any more"]
