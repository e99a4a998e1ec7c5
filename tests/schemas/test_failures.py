"""Each ending that a sentence explains has the exit status that the README gives it."""

import pathlib
import re

from schemas import exit_status
from schemas.bad_input import BadInput
from schemas.failures import Failure, NotBlessed, RunStopped, ServiceUnavailable, TrainingDiverged

README = pathlib.Path(__file__).parents[2] / "README.md"


def test_statuses_are_those_of_the_readme():
    table = README.read_text(encoding="utf-8").partition("## Exit statuses")[2].partition("\n## ")[0]
    meanings = dict(re.findall(r"^\| (\d) \| (.*) \|$", table, re.MULTILINE))

    assert set(meanings) == {str(value) for name, value in vars(exit_status).items() if name.isupper()}
    for kind, words in (
        (BadInput, "bad input"),
        (NotBlessed, "not blessed"),
        (TrainingDiverged, "training that diverged"),
        (ServiceUnavailable, "on the network did not answer"),
        (RunStopped, "you stopped the run"),
        (Failure, "a step failed"),
    ):
        assert words in meanings[str(kind.exit_status)]


def test_bad_input_is_a_value_error_too():
    assert issubclass(BadInput, ValueError), "pydantic makes a sentence of those"
