"""What a run starts from."""

import hashlib

import pytest

from age import provenance
from pipeline import configuration
from schemas import age_schema
from schemas.bad_input import BadInput
from schemas.run_description import RunDescription

SCHEMA = age_schema.DEFAULT_SCHEMA.read_text()


def configured(one_face, *overrides):
    return configuration.load(None, ["trainer.weights=none", *overrides], data_dir=str(one_face), workdir="/w").described()


@pytest.mark.parametrize(
    "change",
    ["trainer.epochs=3", "data.splits={train: 0.7, validation: 0.2, test: 0.1}", "data.near_duplicates=ignore"],
)
def test_recipe_changes_with_what_the_model_depends_on_and_thresholds_are_none_of_it(one_face, change):
    def recipe(*overrides):
        return provenance.resolve(configured(one_face, *overrides), SCHEMA, None).recipe

    assert recipe(change) != recipe() == recipe("evaluator.max_mae=3")
    assert provenance.resolve(configured(one_face), SCHEMA + "\n", None).recipe != recipe()


def test_group_column_that_is_not_there_is_said_before_anything_is_loaded(one_face):
    with pytest.raises(
        BadInput, match=r"no column 'person_id' \(data.group_column\); the columns are 'file_name', 'real_age'"
    ):
        provenance.resolve(configured(one_face, "data.group_column=person_id"), SCHEMA, None)


def test_recipe_changes_with_the_code_that_makes_the_model(one_face, monkeypatch):
    before = provenance.resolve(configured(one_face), SCHEMA, None).recipe
    digests = {("age.dataset.ingestion", "age.model.training"): "other code"}

    monkeypatch.setattr(provenance.code_digest, "of", lambda *modules: digests[modules])

    assert provenance.resolve(configured(one_face), SCHEMA, None).recipe != before


def test_weights_go_in_by_content_and_a_look_at_the_data_needs_none(one_face, tmp_path):
    weights = tmp_path / "weights.h5"
    missing = configured(one_face, f"trainer.weights={weights}")

    with pytest.raises(BadInput, match="trainer.weights: .*there is no such file"):
        provenance.resolve(missing, SCHEMA, None)
    assert provenance.resolve(missing, SCHEMA, None, kind="explore").weights_digest == ""
    weights.write_bytes(b"one")
    assert provenance.resolve(missing, SCHEMA, None).weights_digest == hashlib.sha256(b"one").hexdigest()


def test_the_face_detector_goes_in_by_content_where_photographs_are_cropped_by_it(one_face, tmp_path):
    detector = tmp_path / "yunet.onnx"
    named, aligned = f"data.face_detector={detector}", "data.align=true"

    with pytest.raises(BadInput, match="data.face_detector: .*there is no such file"):
        provenance.resolve(configured(one_face, named), SCHEMA, None, kind="explore")
    detector.write_bytes(b"one")
    before = provenance.resolve(configured(one_face, named, aligned), SCHEMA, None)
    unaligned = provenance.resolve(configured(one_face, named), SCHEMA, None)
    detector.write_bytes(b"two")
    after = provenance.resolve(configured(one_face, named, aligned), SCHEMA, None)

    assert before.face_detector_digest == hashlib.sha256(b"one").hexdigest() != after.face_detector_digest
    assert len({before.recipe, unaligned.recipe, after.recipe}) == 3
    assert unaligned.recipe == provenance.resolve(configured(one_face), SCHEMA, None).recipe


def test_description_says_what_the_report_repeats(one_face):
    values = provenance.resolve(configured(one_face), SCHEMA, None, metadata_path="/w/metadata.sqlite").as_values()

    description = RunDescription.model_validate_json(values["run_description"])
    assert (description.kind, description.data_dir, description.metadata_path) == ("run", str(one_face), "/w/metadata.sqlite")
    assert description.data_fingerprint == values["data_fingerprint"]
    assert description.thresholds.model_dump() == {
        "max_mae": 8.0,
        "max_regression": 0.25,
        "min_examples": 100,
        "max_slice_mae": 1.5,
        "min_coverage": None,
        "slice_ceilings": {},
        "robustness_ceilings": {},
    }
    assert description.configuration == configured(one_face)
