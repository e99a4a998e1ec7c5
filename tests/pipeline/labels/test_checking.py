"""Judging the labels of a run: a list and a page beside its report."""

import csv
import pathlib

import pytest

from age.dataset import example_folder, labels_to_check
from age.model import backbone, example_reading, feature_cache, training
from age.model.settings import TrainerSettings
from pipeline.labels import checking
from pipeline.terminal.past_runs import PastRun
from schemas import age_schema
from schemas.bad_input import BadInput
from schemas.verdict import Data, Paths, Verdict
from tests.end_to_end.conftest import SIZE, write_shades

WRONG = {"0003.png", "0050.png", "0111.png", "0150.png"}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> pathlib.Path:
    """Pictures whose shade tells the age, four of them with a label of the other end."""
    directory = write_shades(tmp_path_factory.mktemp("shades") / "data", count=240)
    rows = list(csv.reader((directory / "labels.csv").read_text().splitlines()))
    for row in rows[1:]:
        if row[0] in WRONG:
            row[1] = str(91 - int(row[1])) if abs(91 - 2 * int(row[1])) > 50 else str(1 if int(row[1]) > 45 else 90)
    with open(directory / "labels.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    return directory


@pytest.fixture(scope="module")
def trainer(tmp_path_factory) -> dict:
    """Settings of a small network that starts from a weights file: random layers tell shades apart as well as trained ones."""
    weights = str(tmp_path_factory.mktemp("weights") / "small.weights.h5")
    backbone.build("resnet20", SIZE, backbone.WEIGHTS_NONE, False, "none").network.save_weights(weights)
    chosen = {
        "backbone": "resnet20",
        "image_size": SIZE,
        "weights": weights,
        "freeze_through": "stage2_block3_out",
        "views": 1,
    }
    return TrainerSettings(**chosen, pooled_layers=["stage2_block3_out"]).model_dump()


@pytest.fixture(scope="module")
def run(data, trainer, tmp_path_factory) -> PastRun:
    """A run that has ingested the data."""
    examples = tmp_path_factory.mktemp("run") / "examples"
    limits = age_schema.limits(age_schema.parse(age_schema.DEFAULT_SCHEMA.read_text(), "schema"))
    example_folder.ingest_folder(str(data), str(examples), {"train": 0.8, "validation": 0.1, "test": 0.1}, limits, None)
    report = examples.parent / "20260102-030405"
    report.mkdir()
    verdict = Verdict(
        reasons=[],
        data=Data(directory=str(data)),
        paths=Paths(examples=str(examples)),
        configuration={"trainer": trainer, "report": {"faces": False}},
    )
    return PastRun(report.name, str(report), verdict)


def test_list_and_page_begin_with_the_labels_that_are_wrong(run, tmp_path):
    found = checking.check(run, str(tmp_path))

    rows = list(labels_to_check.read(found.list))
    assert len(rows) == found.photographs == 240 and {row.split for row in rows} == {"train", "validation", "test"}
    assert {row.file_name for row in rows[:8]} >= WRONG and found.issues >= 3
    assert rows[0].file_name in pathlib.Path(found.page).read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == []


def test_features_come_from_the_cache_where_the_trainer_left_them(run, trainer, tmp_path, monkeypatch):
    settings = TrainerSettings(**trainer)
    splits = [
        example_reading.Split.read([f"{run.verdict.paths.examples}/Split-{name}/*"])
        for name in ("train", "validation", "test")
    ]
    net = training.build_network(settings, splits[0].labels)
    sources = [feature_cache.Source(split.file_patterns, split.labels, 1) for split in splits]
    fresh = checking.PooledFeatures(settings, splits[0].labels, str(tmp_path)).of(splits[2])
    feature_cache.cached_splits(str(tmp_path), net.stem, net.stem_digest(), settings, sources)
    monkeypatch.setattr(example_reading, "decoded_images", None)

    cached = checking.PooledFeatures(settings, splits[0].labels, str(tmp_path)).of(splits[2])

    # What is kept has 16 bits.
    assert cached == pytest.approx(fresh, rel=0.02, abs=0.02)


def test_photographs_of_one_group_are_judged_by_the_others(run, data):
    configured = {**run.verdict.configuration, "data": {"group_column": "gender"}}
    of_groups = PastRun(run.name, run.directory, run.verdict.model_copy(update={"configuration": configured}))

    assert checking._groups(of_groups, ["0000.png", "0001.png", "gone.png"]) == [
        "group male",
        "group female",
        "photograph gone.png",
    ]
    assert checking._groups(run, ["0000.png"]) == ["0000.png"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"configuration": None}, "does not say how it was configured"),
        ({"configuration": {"trainer": {"loss": "none"}}}, "trainer.loss: .*: another version made this run"),
        ({"paths": Paths(examples="/nowhere")}, "its examples .* are not there any more"),
        ({"configuration": {"trainer": {"weights": "none"}}}, "labels are checked by what a pretrained network sees"),
    ],
)
def test_a_run_whose_labels_can_not_be_checked_is_refused_with_a_sentence(run, changes, said, tmp_path):
    with pytest.raises(BadInput, match=said):
        checking.check(PastRun(run.name, run.directory, run.verdict.model_copy(update=changes)), str(tmp_path))
