"""What the pipeline does on Flink, with two TaskManagers and workers from a pool, against the same in one process."""

import collections
import json
import pathlib

import pytest
import tensorflow as tf
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.types import channel, standard_artifacts

from age.evaluation import evaluation_result, predictions_file
from components.age_evaluator.component import AgeEvaluator
from components.age_evaluator.executor import Executor
from components.artifacts import Metrics
from pipeline import configuration
from pipeline.local import local_runner
from schemas import features
from tests.age.dataset.test_near_duplicates import encoded, scene
from tests.end_to_end.conftest import SMALL_RUN, run_pipeline, write_shades
from tests.flink.conftest import overrides

pytestmark = pytest.mark.flink
CLOSE = {"rel": 1e-6, "abs": 1e-6}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> pathlib.Path:
    """326 pictures, one of them twice, three that look like another one, and a row without one: something to find and to refuse."""
    directory = write_shades(tmp_path_factory.mktemp("shades") / "data")
    images = directory / "images"
    (images / "again.png").write_bytes((images / "0000.png").read_bytes())
    rows = (directory / "labels.csv").read_text().splitlines()
    again = ",".join(["again.png", *rows[1].split(",")[1:]])
    alike = []
    for number in range(3):
        for name, picture in (("one", scene(number)), ("other", scene(number).resize((100, 100)))):
            (images / f"{name}{number}.jpg").write_bytes(encoded(picture))
            alike.append(f"{name}{number}.jpg,{30 + len(alike)},male")
    (directory / "labels.csv").write_text("\n".join([*rows, *alike, again, "gone.png,30,male", ""]))
    return directory


@pytest.fixture(scope="module")
def in_process(data, tmp_path_factory) -> pathlib.Path:
    """The workdir of a whole run in this process."""
    return run_pipeline(data, tmp_path_factory.mktemp("in_process"), "trainer.epochs=2").workdir


@pytest.fixture(scope="module")
def on_flink(cluster, data, tmp_path_factory) -> pathlib.Path:
    """The workdir of a run of the data part on Flink."""
    workdir = tmp_path_factory.mktemp("on_flink")
    said = []
    configured = configuration.load(None, [*SMALL_RUN, *overrides(cluster)], data_dir=str(data), workdir=str(workdir))
    assert local_runner.explore(configured, said.append).stopped_by is None
    assert not [line for line in said if "from the cache" in line]
    return workdir


def output(workdir: pathlib.Path, component: str, name: str) -> pathlib.Path:
    (execution,) = (workdir / "pipeline_root" / component / name).iterdir()
    return execution


def records(workdir: pathlib.Path) -> dict:
    """Counts the serialized examples of each split."""
    found = {}
    for split in (output(workdir, "FaceExampleGen", "examples")).iterdir():
        files = sorted(map(str, split.glob("*tfrecord*")))
        options = tf.io.TFRecordOptions("GZIP" if files[0].endswith(".gz") else "")
        found[split.name] = collections.Counter(
            record for file in files for record in tf.compat.v1.io.tf_record_iterator(file, options)
        )
    return found


def statistics(workdir: pathlib.Path) -> dict:
    """Returns the statistics of each split by feature, as numbers and texts by where they stand."""
    artifact = standard_artifacts.ExampleStatistics()
    artifact.uri = str(output(workdir, "StatisticsGen", "statistics"))
    artifact.split_names = json.dumps(features.SPLITS)
    found = {}
    for split in features.SPLITS:
        (dataset,) = stats_artifact_utils.load_statistics(artifact, split).proto().datasets
        for feature in dataset.features:
            found.update(numbers(feature, (split, feature.path.step[0])))
    return found


def numbers(message, where: tuple) -> dict:
    found = {}
    for field, value in message.ListFields():
        repeated = isinstance(value, collections.abc.Sequence) and not isinstance(value, (str, bytes))
        for place, one in enumerate(value if repeated else [value]):
            at = (*where, field.name, place)
            found.update(numbers(one, at) if field.message_type is not None else {at: one})
    return found


def numbers_of(metrics) -> dict:
    """Returns what was measured of a split or a slice."""
    return {key: value for key, value in metrics.model_dump().items() if isinstance(value, (int, float))}


def test_records_and_splits_are_the_same(in_process, on_flink):
    here, there = records(in_process), records(on_flink)
    assert there == here
    assert sum(map(len, here.values())) == 326 and set(here) == {f"Split-{split}" for split in features.SPLITS}


def test_rejects_and_counts_are_the_same(in_process, on_flink):
    here, there = (output(workdir, "FaceExampleGen", "rejects") for workdir in (in_process, on_flink))
    lines = sorted((here / "rejects.csv").read_text().splitlines())
    assert sorted((there / "rejects.csv").read_text().splitlines()) == lines and "missing_file" in lines[0] + lines[1]
    counts = json.loads((here / "counts.json").read_text())
    assert json.loads((there / "counts.json").read_text()) == counts
    assert (counts["used"], counts["duplicates"], counts["rejected"]) == (326, 1, 1)
    summary = json.loads((here / "summary.json").read_text())
    assert json.loads((there / "summary.json").read_text()) == summary
    assert (summary["near_duplicates"]["pairs"], summary["near_duplicates"]["different_ages"]) == (3, 3)
    assert (there / "near_duplicates.csv").read_text() == (here / "near_duplicates.csv").read_text()


def test_statistics_are_the_same(in_process, on_flink):
    here, there = statistics(in_process), statistics(on_flink)
    assert there.keys() == here.keys() and len(here) > 100
    for where, value in here.items():
        assert there[where] == (pytest.approx(value, **CLOSE) if isinstance(value, float) else value), where


def test_anomalies_are_the_same(in_process, on_flink):
    here, there = (output(workdir, "ExampleValidator", "anomalies") for workdir in (in_process, on_flink))
    files = sorted(path.relative_to(here) for path in here.rglob("*.pb"))
    assert len(files) == len(features.SPLITS)
    for file in files:
        assert (there / file).read_bytes() == (here / file).read_bytes()


def test_metrics_and_predictions_are_the_same(cluster, in_process, on_flink, tmp_path):
    """The model of the run in this process is measured again, on Flink and on what Flink ingested."""
    configured = configuration.load(None, [*SMALL_RUN, *overrides(cluster)])
    examples, stats, schema = (
        standard_artifacts.Examples(), standard_artifacts.ExampleStatistics(), standard_artifacts.Schema()
    )  # fmt: skip
    model = standard_artifacts.Model()
    examples.uri = str(output(on_flink, "FaceExampleGen", "examples"))
    stats.uri = str(output(on_flink, "StatisticsGen", "statistics"))
    examples.split_names = stats.split_names = json.dumps(features.SPLITS)
    examples.set_string_custom_property(features.ATTRIBUTES_PROPERTY, json.dumps(["gender"]))
    schema.uri = str(output(on_flink, "AgeSchemaGen", "schema"))
    model.uri = str(output(in_process, "Trainer", "model"))
    evaluation, blessing, metrics = standard_artifacts.ModelEvaluation(), standard_artifacts.ModelBlessing(), Metrics()
    evaluation.uri, blessing.uri, metrics.uri = (str(tmp_path / name) for name in ("evaluation", "blessing", "metrics"))
    channels = [standard_artifacts.Examples, standard_artifacts.ExampleStatistics, standard_artifacts.Schema]
    declared = AgeEvaluator(
        *(channel.Channel(type=kind) for kind in (*channels, standard_artifacts.Model)),
        settings=configured.evaluator,
        serving_dir=str(tmp_path / "serving"),
        champion_version=0,
        champion_digest="",
        best_version=0,
        best_digest="",
    )
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=configured.beam_args(), tmp_dir=str(tmp_path / "tmp")
    )
    Executor(context).Do(
        {"examples": [examples], "statistics": [stats], "schema": [schema], "model": [model]},
        {"evaluation": [evaluation], "blessing": [blessing], "metrics": [metrics]},
        declared.spec.exec_properties,
    )
    before = output(in_process, "AgeEvaluator", "evaluation")
    here, there = evaluation_result.read(str(before)), evaluation_result.read(evaluation.uri)
    assert numbers_of(there.metrics) == pytest.approx(numbers_of(here.metrics), **CLOSE) and here.metrics.example_count > 20
    assert there.validation_ok == here.validation_ok
    for one, other in zip(here.slices, there.slices, strict=True):
        assert numbers_of(other) == pytest.approx(numbers_of(one), **CLOSE)
        assert (other.feature, other.value) == (one.feature, one.value)
    said, predicted = (
        (pathlib.Path(directory) / predictions_file.PREDICTIONS_FILE).read_text().splitlines()
        for directory in (before, evaluation.uri)
    )
    assert len(said) == len(predicted) > 20
    for one, other in zip(said[1:], predicted[1:]):
        *known, age = one.split(",")[:4]
        assert other.split(",")[:3] == known and float(other.split(",")[3]) == pytest.approx(float(age), abs=1e-3)
