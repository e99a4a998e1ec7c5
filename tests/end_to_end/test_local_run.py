"""Whole runs with real TFX, Beam, ML Metadata and TFMA."""

import contextlib
import csv
import fcntl
import json
import os
import pathlib
import platform
import pty
import re
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import termios

import jsonschema
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2

from age import environment
from age.serving import warmup_requests
from pipeline import configuration
from pipeline.cli import cli, main
from pipeline.local import local_runner
from pipeline.terminal import run_display
from schemas.__main__ import SCHEMA_FILE
from schemas.bad_input import BadInput
from schemas.failures import PhotographsUnread
from tests.end_to_end.conftest import SMALL_RUN, run_pipeline, write_shades

ROOT = pathlib.Path(__file__).parents[2]
ALL_STEPS = {
    "FaceExampleGen",
    "AgeSchemaGen",
    "StatisticsGen",
    "ExampleValidator",
    "DataGate",
    "Trainer",
    "Champion",
    "AgeEvaluator",
    "Canary",
    "VerdictWriter",
    "Pusher",
    "BlessingReport",
}
# They ask the serving directory, and describe this run.
ALWAYS_RUN = {"VerdictWriter", "Pusher", "BlessingReport"}


def executions(workdir):
    """The steps that the metadata store knows, with their states."""
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(workdir / "metadata.sqlite")
    store = metadata_store.MetadataStore(config)
    names = {kind.id: kind.name.split(".")[-1] for kind in store.get_execution_types()}
    return [
        (names[execution.type_id], metadata_store_pb2.Execution.State.Name(execution.last_known_state))
        for execution in store.get_executions()
    ]


def served_signature(run):
    module = tf.saved_model.load(run.verdict["paths"]["model"])
    return module, module.signatures


def test_examples(run):
    """The serialized examples of the run's test split."""
    pattern = str(run.workdir / "pipeline_root" / "FaceExampleGen" / "examples" / "*" / "Split-test" / "*")
    return [record.numpy() for record in tf.data.TFRecordDataset(tf.io.gfile.glob(pattern))]


test_examples.__test__ = False


def test_a_model_that_learnt_is_blessed_and_pushed(blessed):
    assert blessed.verdict["blessed"], blessed.verdict["reasons"]
    assert blessed.verdict["reasons"] == []
    assert blessed.verdict["metrics"]["mae"] < blessed.verdict["thresholds"]["max_mae"]
    assert blessed.versions() == [blessed.verdict["model_version"]]
    assert blessed.executed() == ALL_STEPS


def test_verdict_is_written_as_data_and_as_a_page(blessed):
    folder = blessed.workdir / "reports" / blessed.verdict["run_id"]
    written = json.loads((folder / "blessing.json").read_text())

    assert written == blessed.verdict
    jsonschema.validate(written, json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))
    assert len(written["data_fingerprint"]) == 64
    page = (folder / "report.html").read_text()
    assert f"{written['metrics']['mae']:.2f}" in page
    assert written["run_id"] in page
    assert "data:image/jpeg" in page
    assert "END_OF_CONFIGURATION" in page


def test_the_exported_model_was_tried_before_the_push_by_a_process_that_has_tensorflow_alone(blessed):
    canary = blessed.verdict["canary"]

    assert canary["passed"] and canary["reasons"] == []
    assert (canary["photographs"], canary["server"]) == (36, f"TensorFlow {tf.__version__}")
    assert canary["largest_difference"] < 0.01
    assert 0 < canary["latency_seconds"] < canary["load_seconds"] and canary["peak_memory"] > 50e6
    started = [stage["name"] for stage in blessed.verdict["stages"]]
    assert started.index("AgeEvaluator") < started.index("Canary") < started.index("Pusher")
    folder = blessed.workdir / "reports" / blessed.verdict["run_id"]
    card = pathlib.Path(blessed.verdict["paths"]["model"]) / "assets.extra" / "model_card.md"
    assert "Does the exported model answer the same outside?" in (folder / "report.html").read_text()
    assert f"Before it was pushed, TensorFlow {tf.__version__} alone loaded it" in card.read_text()


def test_the_model_tells_what_it_was_trained_with_and_a_rerun_from_the_cache_tells_the_same(shades, blessed):
    extra = pathlib.Path(blessed.verdict["paths"]["model"]) / "assets.extra"
    trained = blessed.verdict["training"]["environment"]

    assert json.loads((extra / "provenance.json").read_text())["environment"] == trained
    assert trained["versions"]["tensorflow"] == tf.__version__ and trained["device"] == "CPU"
    here = environment.of_this_process()
    assert (trained["commit"], trained["clean"]) == (here.commit, here.clean)
    assert f"pkg:pypi/tensorflow@{tf.__version__}" in (extra / "sbom.cdx.json").read_text()
    again = run_pipeline(shades, blessed.workdir)
    assert again.verdict["training"]["environment"] == trained
    assert again.verdict["environment"]["python"] == platform.python_version()


def test_pushed_model_has_requests_for_a_server_to_warm_up_with(blessed):
    _, signatures = served_signature(blessed)

    requests = warmup_requests.read(blessed.verdict["paths"]["model"])

    assert [len(pictures) for pictures in requests] == [1, 32]
    for pictures in requests:
        assert np.isfinite(signatures["serving_default"](image_bytes=tf.constant(pictures))["age"].numpy()).all()


def test_pushed_model_has_a_card_that_the_report_links(blessed):
    card = pathlib.Path(blessed.verdict["paths"]["model"]) / "assets.extra" / "model_card.md"
    folder = blessed.workdir / "reports" / blessed.verdict["run_id"]

    assert blessed.verdict["paths"]["model_card"] == str(card)
    assert f"| whole test split | 36 | {blessed.verdict['metrics']['mae']:.2f} |" in card.read_text()
    assert (folder / "model_card.md").read_text() == card.read_text()
    assert '<a href="model_card.md">' in (folder / "report.html").read_text()


def test_metrics_equal_an_independent_computation_from_the_served_model(blessed):
    _, signatures = served_signature(blessed)
    examples = test_examples(blessed)
    predicted = signatures["serving_examples"](tf.constant(examples))["age"].numpy()
    real, gender = [], []
    for serialized in examples:
        feature = tf.train.Example.FromString(serialized).features.feature
        real.append(feature["age"].float_list.value[0])
        gender.append(feature["gender"].bytes_list.value[0].decode())
    errors, gender = predicted - np.array(real), np.array(gender)

    metrics = blessed.verdict["metrics"]
    assert metrics["example_count"] == len(errors)
    assert metrics["mae"] == pytest.approx(np.abs(errors).mean(), abs=1e-4)
    assert metrics["rmse"] == pytest.approx(np.sqrt((errors**2).mean()), abs=1e-4)
    assert metrics["bias"] == pytest.approx(errors.mean(), abs=1e-4)
    assert metrics["within_5_years"] == pytest.approx((np.abs(errors) <= 5).mean(), abs=1e-6)
    for entry in blessed.verdict["slices"]:
        if entry["feature"] == "gender":
            chosen = errors[gender == entry["value"]]
        else:
            low, high = (int(bound) for bound in entry["value"].split("-"))
            chosen = errors[(np.array(real) >= low) & (np.array(real) < high + 1)]
        assert entry["example_count"] == len(chosen)
        assert entry["mae"] == pytest.approx(np.abs(chosen).mean(), abs=1e-4)
        assert entry["small"] == (len(chosen) < 30)
    by_feature = {
        feature: sum(entry["example_count"] for entry in blessed.verdict["slices"] if entry["feature"] == feature)
        for feature in ("gender", "age_decade")
    }
    assert by_feature == {"gender": len(errors), "age_decade": len(errors)}


def test_predictions_are_those_of_the_served_model_in_the_order_of_their_hashes(blessed):
    _, signatures = served_signature(blessed)
    by_hash = {}
    for serialized in test_examples(blessed):
        feature = tf.train.Example.FromString(serialized).features.feature
        by_hash[feature["image/sha256"].bytes_list.value[0].decode()] = feature
    images = [feature["image/encoded"].bytes_list.value[0] for feature in by_hash.values()]
    ages = signatures["serving_default"](image_bytes=tf.constant(images))["age"].numpy()
    answered = dict(zip(by_hash, ages))

    table = pd.read_csv(blessed.verdict["paths"]["predictions"])

    assert list(table.columns) == ["file_name", "sha256", "real_age", "predicted_age", "gender"]
    assert list(table["sha256"]) == sorted(by_hash)
    for row in table.itertuples():
        feature = by_hash[row.sha256]
        assert row.file_name == feature["image/filename"].bytes_list.value[0].decode()
        assert row.real_age == feature["age"].float_list.value[0]
        assert row.gender == feature["gender"].bytes_list.value[0].decode()
        assert row.predicted_age == pytest.approx(answered[row.sha256], abs=1e-3)


def test_interval_and_comparison_equal_an_independent_computation(blessed):
    table = pd.read_csv(blessed.verdict["paths"]["predictions"])
    labels = pd.read_csv(blessed.verdict["data"]["directory"] + "/labels.csv")
    absolute = (table["predicted_age"] - table["real_age"]).abs()
    training = labels[~labels["file_name"].isin(set(table["file_name"]) | names_in_split(blessed, "validation"))]
    resampled = np.random.default_rng(1).choice(absolute, (20_000, len(absolute))).mean(axis=1)

    metrics = blessed.verdict["metrics"]
    assert metrics["mae"] == pytest.approx(absolute.mean(), abs=1e-4)
    interval = metrics["mae_interval"]
    assert [interval["low"], interval["high"]] == pytest.approx(list(np.percentile(resampled, [2.5, 97.5])), abs=0.25)
    median = training["real_age"].median()
    baseline = blessed.verdict["constant_baseline"]
    assert (baseline["answer"], baseline["age"]) == ("median", median)
    assert baseline["mae"] == pytest.approx((table["real_age"] - median).abs().mean(), abs=1e-6)
    assert baseline["mae"] > 2 * metrics["mae"], "the model beats always answering the median age"
    assert all(("mae_interval" in entry) is not entry["small"] for entry in blessed.verdict["slices"])
    assert {entry["ceiling"] for entry in blessed.verdict["slices"]} == {12}


def names_in_split(run, split):
    pattern = str(run.workdir / "pipeline_root" / "FaceExampleGen" / "examples" / "*" / f"Split-{split}" / "*")
    examples = [tf.train.Example.FromString(record.numpy()) for record in tf.data.TFRecordDataset(tf.io.gfile.glob(pattern))]
    return {one.features.feature["image/filename"].bytes_list.value[0].decode() for one in examples}


def test_data_are_described_as_pandas_describes_them(blessed):
    labels = pd.read_csv(blessed.verdict["data"]["directory"] + "/labels.csv")
    splits = {split: labels[labels["file_name"].isin(names_in_split(blessed, split))] for split in ("train", "test")}

    data = blessed.verdict["data"]
    for where, rows in {"labels": labels, **splits}.items():
        found = [data["ages"][where][key] for key in ("count", "mean", "std", "min", "q25", "median", "q75", "max")]
        assert found == pytest.approx(list(rows["real_age"].describe()))
    assert data["sizes"] == [{"width": 32, "height": 32, "count": 320}]
    assert {entry["value"]: entry["count"] for entry in data["attributes"]["gender"]} == dict(labels["gender"].value_counts())
    assert data["reject_examples"] == [] == data["anomalies"]


def test_verdict_says_how_long_each_step_took_and_which_came_from_the_cache(shades, blessed):
    first, again = blessed.verdict["stages"], run_pipeline(shades, blessed.workdir).verdict["stages"]

    assert {stage["name"] for stage in first} == ALL_STEPS - {"BlessingReport"}
    assert first[0]["name"] == "FaceExampleGen" and first[-1]["name"] == "Pusher"
    assert not any(stage["cached"] for stage in first)
    assert {stage["name"] for stage in again if stage["cached"]} == ALL_STEPS - ALWAYS_RUN
    trainer = next(stage for stage in first if stage["name"] == "Trainer")
    assert trainer["seconds"] > blessed.verdict["training"]["fit_seconds"] > 0


def test_both_signatures_answer_alike_and_an_unreadable_image_leaves_the_others_alone(blessed):
    _, signatures = served_signature(blessed)
    examples = test_examples(blessed)[:5]
    images = [tf.train.Example.FromString(one).features.feature["image/encoded"].bytes_list.value[0] for one in examples]

    by_example = signatures["serving_examples"](tf.constant(examples))["age"].numpy()
    by_image = signatures["serving_default"](image_bytes=tf.constant([*images[:2], b"no image", b"", *images[2:]]))
    ages = by_image["age"].numpy()

    assert ages.dtype == np.float32 and ages.shape == (7,)
    assert np.isnan(ages[[2, 3]]).all()
    np.testing.assert_allclose(ages[[0, 1, 4, 5, 6]], by_example, atol=1e-3)
    assert signatures["serving_default"](image_bytes=tf.zeros([0], tf.string))["age"].shape == (0,)


def test_rerun_with_nothing_changed_comes_from_the_cache_and_pushes_nothing(shades, blessed, tmp_path_factory):
    again = run_pipeline(shades, blessed.workdir)

    assert again.from_cache() == ALL_STEPS - ALWAYS_RUN
    assert again.verdict["metrics"] == blessed.verdict["metrics"]
    assert again.verdict["model_version"] == blessed.verdict["model_version"]
    assert again.versions() == blessed.versions()


def command_line(capsys, *arguments):
    """Runs a command in this process; returns its exit status and what it printed."""
    with pytest.raises(SystemExit) as end:
        cli.main([str(argument) for argument in arguments], standalone_mode=False)
    return end.value.code, capsys.readouterr().out


def run_command(shades, workdir, *overrides):
    options = [part for override in (*SMALL_RUN, *overrides) for part in ("--set", override)]
    return ["run", "--data", shades, "--workdir", workdir, *options]


def test_command_line_says_the_verdict_and_exits_with_it(shades, blessed, capsys):
    status, printed = command_line(capsys, *run_command(shades, blessed.workdir))

    assert status == 0
    assert "BLESSED: this model may serve, over all ages together.\n" in printed
    assert f"{blessed.verdict['metrics']['mae']:.2f} years on 36 test photographs (at most 8 allowed)" in printed
    assert "320 used, 0 rejected, 0 duplicates, of 320" in printed
    assert blessed.verdict["paths"]["model"] in printed and str(blessed.workdir / "metadata.sqlite") in printed

    status, printed = command_line(
        capsys, *run_command(shades, blessed.workdir, "evaluator.max_mae=0.01", "evaluator.min_examples=37")
    )

    assert status == 3
    assert "NOT BLESSED" in printed and "none pushed" in printed
    assert "The test split has 36 examples; at least 37 are needed (evaluator.min_examples)." in printed
    assert "Trainer: from the cache" in printed


CHATTERING = """
import ctypes, os, sys
from pipeline import cli
sys.argv[0] = "age-pipeline"

def chatter():
    print("chatter: print")
    sys.stderr.write("chatter: stderr\\n")
    os.write(1, b"chatter: descriptor 1\\n")
    os.write(2, b"chatter: descriptor 2\\n")
    ctypes.CDLL(None).printf(b"chatter: printf\\n")

from age import storage
read_bytes = storage.read_bytes
storage.read_bytes = lambda path: (path.endswith("blessing.json") and chatter(), read_bytes(path))[1]
cli.main()
"""


def test_terminal_shows_stages_and_the_verdict_while_libraries_chatter_into_the_log(shades, blessed):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 72, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", CHATTERING, *map(str, run_command(shades, blessed.workdir))],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)},
    )
    os.close(theirs)
    printed = b""
    with contextlib.suppress(OSError):
        while block := os.read(ours, 65536):
            printed += block
    os.close(ours)

    assert process.wait() == 0, printed.decode()
    seen = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", printed.decode())
    finished = [line for line in re.split(r"[\r\n]+", seen) if line[:1] in "✓↺✗" and line]
    assert {line.split()[1] for line in finished} == ALL_STEPS | {"Libraries"}
    assert {line.split()[1] for line in finished if "from the cache" in line} == ALL_STEPS - ALWAYS_RUN
    assert all(len(line) <= 72 for line in finished)
    assert "BLESSED: this model may serve, over all ages together." in seen
    assert "Traceback" not in seen and "Warning" not in seen and "chatter" not in seen
    log = re.search(r"Log: (.*?\.log)", seen.replace("\r\n", "")).group(1)
    logged = pathlib.Path(log).read_text(encoding="utf-8")
    for source in ("print", "stderr", "descriptor 1", "descriptor 2", "printf"):
        assert f"chatter: {source}\n" in logged
    assert "\x1b" not in logged


def test_interrupting_a_step_ends_with_a_sentence_and_the_next_run_goes_on(tmp_path):
    class Interrupting(run_display.PlainLines):
        """Presses Ctrl-C once, while Beam decodes images."""

        def progress(self, progress):
            if progress.doing.startswith("Decoding") and not pressed:
                pressed.append(progress)
                os.kill(os.getpid(), signal.SIGINT)

    pressed, lines = [], []
    data, workdir = write_shades(tmp_path / "data", count=80), tmp_path / "work"
    configured = configuration.load(None, SMALL_RUN, data_dir=str(data), workdir=str(workdir))

    with pytest.raises(local_runner.RunStopped) as stop:
        local_runner.run(configured, display=Interrupting(lines.append))

    sentence, log, advice = str(stop.value).splitlines()
    assert pressed and sentence == "Stopped at FaceExampleGen, as you asked."
    assert (workdir / "logs") in pathlib.Path(log.removeprefix("The log is ")).parents
    assert "Run it again to go on" in advice
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    again = local_runner.explore(configured, lines.append)
    assert again.data.used == 80 and not again.stopped_by


def test_predict_prints_ages_as_csv(blessed, shades, capsys, tmp_path):
    images = [shades / "images" / "0000.png", shades / "images" / "0001.png"]
    (tmp_path / "text.jpg").write_text("no image")

    cli.main(["predict", "--workdir", str(blessed.workdir), *map(str, images)], standalone_mode=False)
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    with pytest.raises(PhotographsUnread, match="1 of 2 photographs could not be read"):
        cli.main(
            ["predict", "--model", blessed.verdict["paths"]["model"], str(images[0]), str(tmp_path / "text.jpg")],
            standalone_mode=False,
        )
    mixed = list(csv.DictReader(capsys.readouterr().out.splitlines()))

    assert [row["file_name"] for row in rows] == [str(path) for path in images]
    assert mixed[0] == rows[0]
    assert mixed[1]["age"] == "" and mixed[1]["error"].startswith("neither JPEG nor PNG")
    assert all(0 < float(row["age"]) < 110 for row in rows)


def test_a_changed_image_is_ingested_again_and_the_served_model_is_the_champion(blessed, shades, tmp_path):
    workdir, data = tmp_path / "work", tmp_path / "data"
    shutil.copytree(blessed.workdir, workdir)
    shutil.copytree(shades, data)
    (data / "images" / "0000.png").write_bytes((data / "images" / "0002.png").read_bytes()[:-1] + b"\0")

    changed = run_pipeline(data, workdir, "trainer.epochs=1", "evaluator.max_mae=100", "evaluator.max_regression=0.5")

    assert {"FaceExampleGen", "Trainer", "AgeEvaluator"} <= changed.executed()
    champion = changed.verdict["champion"]
    assert str(champion["version"]) == blessed.verdict["model_version"]
    assert champion["metrics"]["mae"] < changed.verdict["metrics"]["mae"]
    assert not changed.verdict["blessed"]
    worse = changed.verdict["metrics"]["mae"] - champion["metrics"]["mae"]
    assert any(f"{worse:.2f} years worse" in reason for reason in changed.verdict["reasons"])
    table = pd.read_csv(changed.verdict["paths"]["predictions"])
    apart = (table["predicted_age"] - table["real_age"]).abs() - (table["champion_age"] - table["real_age"]).abs()
    assert champion["difference"]["mean"] == pytest.approx(apart.mean()) and champion["difference"]["low"] > 0
    assert list((workdir / "pipeline_root" / "AgeEvaluator" / "evaluation").glob("*/champion")) == []
    assert changed.versions() == blessed.versions()


def test_shuffled_ages_are_not_blessed_and_push_nothing(tmp_path):
    data = write_shades(tmp_path / "data", shuffled=True)

    run = run_pipeline(data, tmp_path / "work", "evaluator.slice_ceilings={gender=male: 8, gender=nobody: 8, hair=red: 8}")

    assert not run.verdict["blessed"]
    assert run.verdict["metrics"]["mae"] > 15
    assert run.verdict["model_version"] is run.verdict["canary"] is None
    assert run.versions() == []
    reasons = "\n".join(run.verdict["reasons"])
    assert "allowed is at most 8 (evaluator.max_mae)" in reasons
    assert "slice gender=male" in reasons
    assert "no slice gender=nobody" in reasons
    assert "a ceiling for hair=red, and nothing is sliced by hair: there is no such attribute column" in reasons


def test_training_that_diverges_ends_with_1_and_a_sentence(shades, blessed, monkeypatch, capsys):
    # Beyond the largest number of 32 bits: the loss is finite in the first step and its gradient is not a number.
    overflowing = run_command(shades, blessed.workdir, "trainer.loss=huber", "trainer.huber_delta=1e39")
    monkeypatch.setattr(sys, "argv", ["age-pipeline", *map(str, overflowing)])

    with pytest.raises(SystemExit) as end:
        main()

    assert end.value.code == 1
    assert "Error: Training diverged: the loss is not a number any more after 1 epoch(s)" in capsys.readouterr().err


class TestExplore:
    """Looks at data alone."""

    def explore(self, capsys, data, workdir, *overrides):
        options = [part for override in (*SMALL_RUN, *overrides) for part in ("--set", override)]
        status, printed = command_line(capsys, "explore", "--data", data, "--workdir", workdir, *options)
        newest = max((workdir / "reports").iterdir())
        assert (newest / "report.html").is_file()
        return status, printed, json.loads((newest / "blessing.json").read_text())

    def test_it_shares_its_steps_with_runs_and_trains_nothing(self, shades, blessed, capsys):
        status, printed, verdict = self.explore(capsys, shades, blessed.workdir, "trainer.weights=/nowhere.h5")

        assert status == 0
        assert {f"{step}: from the cache" for step in ("FaceExampleGen", "AgeSchemaGen", "StatisticsGen")} <= set(
            printed.splitlines()
        )
        assert "Trainer" not in printed
        assert "The data gate would let a run go on." in printed
        ages = blessed.verdict["data"]["ages"]["labels"]
        assert f"mean {ages['mean']:.2f}, standard deviation {ages['std']:.2f}" in printed
        assert (verdict["kind"], verdict["blessed"], verdict["metrics"]) == ("explore", None, None)
        assert verdict["data"] == blessed.verdict["data"]
        assert [stage["name"] for stage in verdict["stages"]][-1] == "DataGate"

    def test_two_worker_processes_find_what_one_thread_finds(self, shades, blessed, tmp_path, capsys):
        status, printed, verdict = self.explore(capsys, shades, tmp_path / "work", "beam.options.direct_num_workers=2")

        assert status == 0 and "from the cache" not in printed
        assert verdict["data"] == blessed.verdict["data"]

    def test_labels_without_images_are_described_and_the_gate_would_stop(self, shades, tmp_path, capsys):
        (tmp_path / "data").mkdir()
        shutil.copy(shades / "labels.csv", tmp_path / "data")
        ages = pd.read_csv(shades / "labels.csv")["real_age"]

        status, printed, verdict = self.explore(capsys, tmp_path / "data", tmp_path / "work")

        assert status == 2
        assert f"mean {ages.mean():.2f}, standard deviation {ages.std():.2f}" in printed
        assert "The data gate would stop a run:" in printed
        assert any(reason.startswith("Every image is missing") for reason in verdict["reasons"])
        assert (verdict["kind"], verdict["blessed"], verdict["stopped_by"]) == ("explore", None, "DataGate")
        assert verdict["data"]["ages"]["train"]["count"] == 0


class TestDataGate:
    """Runs that end before training."""

    def stopped(self, data, workdir, *overrides):
        with pytest.raises(BadInput) as stop:
            run_pipeline(data, workdir, *overrides)
        states = dict(executions(workdir))
        assert states["DataGate"] == "FAILED"
        assert "Trainer" not in states
        (report,) = (workdir / "reports").iterdir()
        verdict = json.loads((report / "blessing.json").read_text())
        assert verdict["blessed"] is False
        assert verdict["stopped_by"] == "DataGate"
        assert all(reason in str(stop.value) for reason in verdict["reasons"])
        page = (report / "report.html").read_text()
        assert "data gate stopped the run" in page
        return verdict

    def test_too_many_rejects(self, tmp_path):
        data = write_shades(tmp_path / "data", count=60)
        with open(data / "labels.csv", "a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(
                [("<script>alert(1)</script>.jpg", 30, "male"), ("0001.png", "old", "male"), ("../x", 1, "")] * 3
            )

        verdict = self.stopped(data, tmp_path / "work")

        assert verdict["data"]["rejected"] == 9
        (reason,) = verdict["reasons"]
        assert "9 of 69 rows (13.0%) were rejected" in reason
        assert "3 missing file" in reason and "data.max_reject_fraction" in reason
        assert verdict["kind"] == "run"
        assert [row["line"] for row in verdict["data"]["reject_examples"] if row["reason"] == "missing_file"] == [62, 65, 68]
        assert verdict["data"]["ages"]["labels"]["count"] == 60 + 6
        assert verdict["data"]["anomalies"] == []
        assert [stage["name"] for stage in verdict["stages"]] == [
            "FaceExampleGen",
            "AgeSchemaGen",
            "StatisticsGen",
            "ExampleValidator",
        ]
        assert tf.io.gfile.glob(verdict["paths"]["examples"] + "/Split-test/*")

    def test_anomalies_against_a_stricter_schema_and_skew_between_splits(self, tmp_path):
        from schemas import age_schema

        data = write_shades(tmp_path / "data", count=400)
        schema = age_schema.DEFAULT_SCHEMA.read_text()
        schema = schema.replace("max: 8192", "max: 31", 1).replace("threshold: 0.2", "threshold: 0.000001")
        schema += 'feature { name: "gender" type: BYTES presence { min_fraction: 1 } string_domain { value: "male" } }\n'
        (tmp_path / "strict.pbtxt").write_text(schema)
        rows = (data / "labels.csv").read_text()
        assert "female" in rows

        verdict = self.stopped(
            data, tmp_path / "work", f"data.schema_file={tmp_path / 'strict.pbtxt'}", "data.max_reject_fraction=1"
        )

        reasons = "\n".join(verdict["reasons"])
        assert "gender (train split)" in reasons and "allowed is one of 'male'" in reasons
        assert "female" in reasons
        assert "age (train against validation split)" in reasons
        assert verdict["data"]["anomalies"] == verdict["reasons"]

    def test_no_usable_image_at_all(self, tmp_path):
        data = write_shades(tmp_path / "data", count=20)
        shutil.rmtree(data / "images")

        verdict = self.stopped(data, tmp_path / "work")

        assert verdict["data"]["used"] == 0
        assert "20 of 20 rows (100.0%) were rejected (20 missing file)" in verdict["reasons"][0]


def test_a_second_run_in_the_same_workdir_is_refused_in_a_sentence(shades, tmp_path):
    configured = configuration.load(None, [], data_dir=str(shades), workdir=str(tmp_path))

    with local_runner._only_run_in(str(tmp_path)), pytest.raises(BadInput, match="another run is using it"):
        local_runner.run(configured, lambda line: None)


@pytest.mark.parametrize(
    "version, sentence",
    [(9, "MLMD database version 9 is older than library version 10"), (11, "MLMD database version 11 is greater than")],
)
def test_a_metadata_store_of_another_schema_version_is_refused_in_a_sentence(
    shades, blessed, tmp_path, capsys, version, sentence
):
    shutil.copy(blessed.workdir / "metadata.sqlite", tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / "metadata.sqlite")) as store, store:
        store.execute("UPDATE MLMDEnv SET schema_version = ?", (version,))

    with pytest.raises(BadInput, match="the metadata store can't be opened here") as refused:
        cli.main(list(map(str, run_command(shades, tmp_path))), standalone_mode=False)

    assert sentence in str(refused.value) and "\n" not in str(refused.value)
    assert f"{tmp_path}/metadata.sqlite" in str(refused.value) and "another workdir" in str(refused.value)
    assert not (tmp_path / "pipeline_root").exists()
    with contextlib.closing(sqlite3.connect(tmp_path / "metadata.sqlite")) as store:
        assert store.execute("SELECT schema_version FROM MLMDEnv").fetchall() == [(version,)]


@pytest.mark.parametrize(
    "broken, sentence",
    [
        ({"data_dir": "/nowhere/at/all"}, "there is no such directory"),
        ({"overrides": ["trainer.weights=/nowhere.h5"]}, "there is no such file"),
        ({"overrides": ["data.schema_file=/nowhere.pbtxt"]}, "the schema can't be read"),
    ],
)
def test_bad_input_is_found_before_any_library_loads(shades, tmp_path, broken, sentence):
    lines = []
    configured = configuration.load(
        None, broken.get("overrides", []), data_dir=broken.get("data_dir", str(shades)), workdir=str(tmp_path)
    )

    with pytest.raises(BadInput, match=sentence):
        local_runner.run(configured, lines.append)

    assert lines == []


def test_evaluate_measures_a_model_on_a_folder_as_the_gate_does(blessed, tmp_path, capsys):
    data = write_shades(tmp_path / "others", count=60, seed=5)
    (data / "images" / "0000.png").write_text("no image")
    out = tmp_path / "found"

    cli.main(["evaluate", "--workdir", str(blessed.workdir), "--out", str(out), str(data)], standalone_mode=False)

    printed = capsys.readouterr().out
    found = json.loads((out / "evaluation.json").read_text())
    table = pd.read_csv(found["paths"]["predictions"])
    errors = table["predicted_age"] - table["real_age"]
    metrics, by_slice = found["metrics"], {(one["feature"], one["value"]): one for one in found["slices"]}
    assert (found["kind"], found["blessed"], found["model_version"]) == ("evaluate", None, blessed.verdict["model_version"])
    assert len(table) == metrics["example_count"] == found["data"]["used"] == 59
    assert metrics["mae"] == pytest.approx(errors.abs().mean(), abs=1e-4)
    assert metrics["bias"] == pytest.approx(errors.mean(), abs=1e-4)
    assert metrics["within_5_years"] == pytest.approx((errors.abs() <= 5).mean())
    assert metrics["mae_interval"]["low"] < metrics["mae"] < metrics["mae_interval"]["high"]
    women = table["gender"] == "female"
    assert by_slice["gender", "female"]["mae"] == pytest.approx(errors[women].abs().mean(), abs=1e-4)
    assert found["data"]["rejects"] == {"unsupported_format": 1} and found["reasons"] == []
    page = (out / "report.html").read_text()
    assert "How far off is this age model on these photographs?" in page and "test split" not in page
    assert "EVALUATED" in printed and f"{metrics['mae']:.2f} years on 59 photographs" in printed and "gender" in printed
    assert not list(out.glob("examples/Split-*")), "the photographs are not kept twice"


def test_evaluate_says_when_a_model_was_trained_on_the_very_data(blessed, shades, tmp_path, capsys):
    cli.main(
        ["evaluate", "--workdir", str(blessed.workdir), "--out", str(tmp_path / "found"), str(shades)], standalone_mode=False
    )

    assert "The model was trained on these very data" in capsys.readouterr().out
    with pytest.raises(BadInput, match="there is something in it already"):
        cli.main(["evaluate", "--workdir", str(blessed.workdir), "--out", str(tmp_path), str(shades)], standalone_mode=False)
