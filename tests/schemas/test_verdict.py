"""The verdict as a type, as JSON, and as JSON Schema."""

import json
import math
import subprocess
import sys

import jsonschema
import pydantic
import pytest

import schemas.__main__ as schema_writer
from schemas import verdict
from schemas.verdict import Metrics, Slice, Stage, Verdict


def parts():
    """Every class that a verdict is made of."""
    unseen, seen = [verdict.Part], []
    while unseen:
        for part in unseen.pop().__subclasses__():
            seen.append(part)
            unseen.append(part)
    return seen


@pytest.mark.parametrize("part", parts(), ids=lambda part: part.__name__)
def test_every_key_says_what_it_means(part):
    assert part.__doc__
    assert [name for name, field in part.model_fields.items() if not field.description] == []


def test_json_schema_in_the_repository_is_that_of_the_type():
    written = json.loads(schema_writer.SCHEMA_FILE.read_text(encoding="utf-8"))

    assert written == json.loads(verdict.json_schema()), "run `make schema`"
    jsonschema.Draft202012Validator.check_schema(written)


def test_json_schema_wants_every_key_that_is_always_written_and_lets_further_ones_be():
    validator = jsonschema.Draft202012Validator(json.loads(verdict.json_schema()))
    slice_without_interval = Slice(
        feature="gender", value="", small=True, mae=1.0, rmse=1.0, bias=0.0, within_5_years=1.0, example_count=3
    )
    everything = {name: field.get_default() for name, field in Verdict.model_fields.items()}
    content = json.loads(Verdict(**{**everything, "reasons": [], "slices": [slice_without_interval]}).to_json())
    content["data"] = json.loads(verdict.Data().model_dump_json())
    content["thresholds"] = json.loads(verdict.Thresholds().model_dump_json())

    assert [error.message for error in validator.iter_errors({**content, "further": 1})] == []
    missing = {key: value for key, value in content.items() if key != "metrics"}
    assert [error.message for error in validator.iter_errors(missing)] == ["'metrics' is a required property"]
    older = {**content, "schema_version": 0}
    assert [error.message for error in validator.iter_errors(older)] == ["2 was expected"]


def test_what_is_written_is_read_again_and_what_was_never_set_is_not_written():
    written = Verdict(reasons=["x"], metrics=Metrics(mae=1.5), stages=[Stage(name="Trainer", seconds=2.0)])

    text = written.to_json()

    assert json.loads(text) == {
        "schema_version": verdict.SCHEMA_VERSION,
        "reasons": ["x"],
        "metrics": {"mae": 1.5},
        "stages": [{"name": "Trainer", "seconds": 2.0}],
    }
    assert Verdict.from_json(text) == written


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_a_number_is_null(value):
    assert json.loads(Verdict(reasons=[], metrics=Metrics(mae=value)).to_json())["metrics"]["mae"] is None


def test_texts_of_strangers_come_through_unchanged():
    hostile = "\udcff\x00\x1b[31m\u202e"

    read = Verdict.from_json(Verdict(reasons=[hostile], versions={hostile: hostile}).to_json())

    assert read.reasons == [hostile] and read.versions == {hostile: hostile}


def test_a_file_from_before_the_schema_was_counted_says_so():
    assert Verdict.from_json('{"reasons": []}').schema_version == 0


def test_types_are_strict():
    with pytest.raises(pydantic.ValidationError, match="metrics.mae\n  Input should be a valid number"):
        Verdict.from_json('{"reasons": [], "metrics": {"mae": "five"}}')


def test_a_setting_is_found_by_its_key():
    of_run = Verdict(reasons=[], configuration={"report": {"faces": True}, "workdir": "w"})

    assert (of_run.setting("report.faces"), of_run.setting("workdir")) == (True, "w")
    assert of_run.setting("report.nothing") is of_run.setting("workdir.x") is Verdict(reasons=[]).setting("a.b") is None


def test_the_type_costs_pydantic_alone():
    heavy = {"numpy", "tensorflow", "tfx", "apache_beam", "matplotlib", "jinja2", "yaml", "age", "components", "pipeline"}
    program = f"import sys, schemas.verdict; sys.exit(', '.join({heavy!r} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stderr.strip() == ""
