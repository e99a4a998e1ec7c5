"""The work of FaceExampleGen: what ingestion writes, as artifacts, and reports of how far it is."""

import json
import pathlib

import numpy as np
import pytest
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils, standard_artifacts

from age import progress
from age.dataset.fingerprint import data_fingerprint
from age.faces.framing import ALIGNED, UTKFACE, Framing
from components.artifacts import Rejects
from components.face_example_gen import component, executor
from schemas.bad_input import BadInput
from tests.age.dataset import every_fault
from tests.age.dataset.every_fault import BEAM_ARGS, FRACTIONS, LIMITS, ROWS, Ingested, by_hash, read_back, reasons


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> pathlib.Path:
    directory = tmp_path_factory.mktemp("executor") / "data"
    (directory / "images").mkdir(parents=True)
    (directory.parent / "secret.jpg").write_bytes(every_fault.picture("JPEG"))
    return every_fault.write_data_set(directory, every_fault.FILES, ROWS)


@pytest.fixture(scope="module")
def ingested(data, tmp_path_factory) -> Ingested:
    return every_fault.run_ingest(str(data), tmp_path_factory.mktemp("ingested"))


def face_example_gen_writes(data_dir: str, output: pathlib.Path, fingerprint: str = "f" * 64, **faces):
    """Runs FaceExampleGen's executor with the parameters that its declaration makes; returns its artifacts."""
    declared = component.FaceExampleGen(data_dir, fingerprint, FRACTIONS, LIMITS, **faces)
    examples, rejects = standard_artifacts.Examples(), Rejects()
    examples.uri, rejects.uri = str(output / "examples"), str(output / "rejects")
    context = base_beam_executor.BaseBeamExecutor.Context(beam_pipeline_args=BEAM_ARGS, tmp_dir=str(output / "tmp"))
    executor.Executor(context).Do({}, {"examples": [examples], "rejects": [rejects]}, declared.spec.exec_properties)
    return examples, rejects


def of_artifacts(examples, rejects) -> Ingested:
    split_dirs = {split: pathlib.Path(artifact_utils.get_split_uri([examples], split)) for split in FRACTIONS}
    return read_back(split_dirs, pathlib.Path(rejects.uri))


def test_component_gives_the_same_sets_again_and_says_so_in_its_artifacts(ingested, data, tmp_path):
    fingerprint = data_fingerprint(str(data)).content
    examples, rejects = face_example_gen_writes(str(data), tmp_path, fingerprint)
    again = of_artifacts(examples, rejects)

    assert by_hash(again) == by_hash(ingested)
    assert again.split_of_each_picture() == ingested.split_of_each_picture()
    assert sorted(map(repr, again.rejects)) == sorted(map(repr, ingested.rejects))
    assert again.counts == ingested.counts
    assert artifact_utils.decode_split_names(examples.split_names) == ["train", "validation", "test"]
    assert json.loads(examples.get_string_custom_property("attributes")) == ["gender", "città"]
    assert examples.get_string_custom_property("data_fingerprint") == fingerprint
    assert rejects.type_name == "age.Rejects"
    for name in ("rows", "used", "rejected", "duplicates"):
        assert rejects.get_int_custom_property(name) == ingested.counts[name]


def test_ingestion_reports_every_row_and_every_image_and_what_came_of_them(ingested, data, tmp_path):
    heard = []

    with progress.listening(heard.append):
        face_example_gen_writes(str(data), tmp_path)

    last = {report.doing: report for report in heard}
    hashing, decoding, outcome = last.values()
    rejected_before_decoding = len(ROWS) - decoding.total
    assert (hashing.done, hashing.total, hashing.unit) == (len(ROWS), len(ROWS), "rows")
    assert decoding.done == decoding.total and decoding.unit == "images" and rejected_before_decoding > 0
    assert outcome.outcome
    assert outcome.doing == (
        f"{ingested.counts['used']} of {len(ROWS)} rows used, {ingested.counts['rejected']} rejected, "
        f"{ingested.counts['duplicates']} duplicates"
    )


def test_data_directory_may_be_given_through_tensorflows_file_systems(ingested, data, tmp_path):
    found = of_artifacts(*face_example_gen_writes(f"file://{data}", tmp_path))
    assert by_hash(found) == by_hash(ingested)
    assert reasons(found) == reasons(ingested)
    assert found.counts == ingested.counts
    for reject in found.rejects:
        assert reject["detail"] and "tensorflow" not in reject["detail"].lower()


def test_component_ends_in_a_sentence_where_there_is_no_label_file(tmp_path):
    with pytest.raises(BadInput, match="labels.csv: there is no such file. Expected a CSV file with the columns"):
        face_example_gen_writes(str(tmp_path), tmp_path)
    assert not (tmp_path / "examples").exists(), "nothing is written that could be taken for a result"


def test_examples_say_how_faces_lie_in_them(shared_data, face_detector_file, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "images").symlink_to(shared_data / "utkface_small" / "final_files")
    rows = (shared_data / "utkface_small" / "labels.csv").read_text().splitlines()[:151]
    (data / "labels.csv").write_text("\n".join(rows) + "\n")
    detector = {"face_detector": str(face_detector_file), "face_detector_digest": "d" * 64}

    as_they_are, _ = face_example_gen_writes(str(data), tmp_path / "1", **detector)
    aligned, _ = face_example_gen_writes(str(data), tmp_path / "2", **detector, align=True)
    without, _ = face_example_gen_writes(str(data), tmp_path / "3")

    found = [json.loads(one.get_string_custom_property("framing")) for one in (as_they_are, aligned)]
    measured = Framing.of_values(found[0])
    assert np.array(measured.points) == pytest.approx(np.array(UTKFACE.points), abs=0.02) and measured.side == 200
    assert Framing.of_values(found[1]) == ALIGNED
    assert [one["aligned"] for one in found] == [False, True] and not without.get_string_custom_property("framing")
