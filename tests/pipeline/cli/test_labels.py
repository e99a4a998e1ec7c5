"""`age-pipeline labels`: from a run to a label file with corrections."""

import csv
import json

import pytest
from click.testing import CliRunner

from age.dataset import labels_to_check
from age.dataset.labels_to_check import JudgedLabel
from pipeline.cli import cli
from schemas.bad_input import BadInput

RUN = "20260102-030405"


@pytest.fixture
def workdir(tmp_path):
    """A workdir with one run whose labels were checked, and its data."""
    report, data = tmp_path / "work" / "reports" / RUN, tmp_path / "data"
    report.mkdir(parents=True)
    data.mkdir()
    (data / "labels.csv").write_text("file_name,real_age\na.jpg,3\nb.jpg,30\n-c.jpg,60\n")
    verdict = {
        "schema_version": 2,
        "run_id": RUN,
        "kind": "run",
        "blessed": True,
        "reasons": [],
        "data": {"directory": str(data)},
    }
    verdict["data"] |= {"rows": 3, "used": 3, "rejected": 0, "duplicates": 0}
    verdict["configuration"] = {"trainer": {"weights": "none"}}
    (report / "blessing.json").write_text(json.dumps(verdict))
    found = [JudgedLabel("a.jpg", 0.02, 3.0, 41.4, "train"), JudgedLabel("-c.jpg", 0.4, 60.0, 31.0, "test")]
    labels_to_check.write(str(report / labels_to_check.FILE_NAME), [*found, JudgedLabel("b.jpg", 0.99, 30.0, 31.0, "train")])
    return tmp_path / "work"


def labels(workdir, *arguments):
    result = CliRunner().invoke(cli, ["labels", *arguments, "--workdir", str(workdir)], standalone_mode=False)
    if result.exception:
        raise result.exception
    return result.output


def test_labels_are_listed_worst_first_and_corrected_ones_left_out(workdir):
    assert [line.split()[-1] for line in labels(workdir, "list", "--count", "2").splitlines()[1:]] == ["a.jpg", "-c.jpg"]

    said = labels(workdir, "accept", "latest", "a.jpg", "--by", "Anna")

    assert said == "a.jpg: 41 in place of 3\n"
    assert [line.split()[-1] for line in labels(workdir, "list").splitlines()[1:]] == ["-c.jpg", "b.jpg", "corrected."]


def test_accepted_corrections_are_exported_and_the_data_stay_as_they_are(workdir, tmp_path):
    labels(workdir, "accept", RUN, "a.jpg", "--age", "40", "--by", "Anna", "--reason", "looked")
    before = (tmp_path / "data" / "labels.csv").read_bytes()

    said = labels(workdir, "export", RUN, str(tmp_path / "new.csv"))

    assert said.startswith("1 of 3 rows have another age now")
    with open(tmp_path / "new.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert (rows[0]["real_age"], rows[0]["real_age_before"], rows[0]["real_age_changed_by"]) == ("40", "3", "Anna")
    assert (rows[1]["real_age"], rows[1]["real_age_before"]) == ("30", "") and rows[2]["file_name"] == "-c.jpg"
    assert (tmp_path / "data" / "labels.csv").read_bytes() == before


def test_a_photograph_that_is_not_listed_is_refused(workdir):
    with pytest.raises(BadInput, match="there is no photograph 'z.jpg' in it"):
        labels(workdir, "accept", RUN, "a.jpg", "z.jpg", "--by", "Anna")

    assert not (workdir / "reports" / RUN / "label_corrections.csv").exists()


def test_labels_that_were_not_checked_are_said_to_be(workdir):
    (workdir / "reports" / RUN / labels_to_check.FILE_NAME).unlink()

    with pytest.raises(BadInput, match="the labels of this run were not checked"):
        labels(workdir, "list")


def test_examples_that_are_gone_are_said_to_be(workdir):
    with pytest.raises(BadInput, match=r"its examples \(None\) are not there any more"):
        labels(workdir, "check")
