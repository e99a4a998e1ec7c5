"""`age-pipeline report`: what past runs said, from their blessing.json alone."""

import copy
import json
import os
import pathlib
import pty
import re
import subprocess
import sys
import webbrowser

import click
import pytest
from click.testing import CliRunner

from age.serving.serving_directory import ServingDirectory
from pipeline.cli import cli
from schemas.bad_input import BadInput
from schemas.verdict import SCHEMA_VERSION

ROOT = pathlib.Path(__file__).parents[3]


def metrics(mae, count=120, **further):
    return {"mae": mae, "rmse": mae + 2, "bias": -0.5, "within_5_years": 0.4, "example_count": count, **further}


BLESSED = {
    "run_id": "20260102-030405",
    "blessed": True,
    "stopped_by": None,
    "reasons": [],
    "thresholds": {"max_mae": 8.0, "max_regression": 0.25, "min_examples": 100, "slice_ceilings": {}},
    "metrics": metrics(5.83),
    "champion": {"version": 17, "metrics": metrics(6.5)},
    "slices": [
        {"feature": "age_decade", "value": "0-9", "small": False, **metrics(3.81, 90)},
        {"feature": "age_decade", "value": "10-19", "small": True, **metrics(9.5, 12)},
        {"feature": "gender", "value": "", "small": True, **metrics(0.7, 1)},
    ],
    "model_version": "18",
    "data_fingerprint": "ab" * 32,
    "data": {
        "directory": "/faces",
        "rows": 1000,
        "used": 990,
        "rejected": 6,
        "duplicates": 4,
        "splits": {"train": 800, "validation": 70, "test": 120},
        "rejects": {"missing_file": 6},
    },
    "paths": {"metadata": "/w/metadata.sqlite", "model": "/w/serving/age/18", "rejects": "/w/r.csv", "report": "/w/r.html"},
    "training": {"best_epoch": 3, "epochs_run": 5, "validation_mae": 5.5},
    "configuration": {"workdir": "/w", "trainer": {"epochs": 5, "weights": "imagenet"}, "serving": {"dir": None}},
    "versions": {"tfx": "1.16.0", "keras": "3.12.4"},
    "created": "2026-01-02T03:24:05+00:00",
}


def verdict(**changes):
    return {**copy.deepcopy(BLESSED), **changes}


def write(workdir, name, content):
    folder = workdir / "reports" / name
    folder.mkdir(parents=True)
    if content is not None:
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / "blessing.json").write_text(text, encoding="utf-8")
        (folder / "report.html").write_text("<p>report</p>")
    return folder


def report(workdir, *arguments):
    """Prints as if piped."""
    result = CliRunner().invoke(cli, ["report", "--workdir", str(workdir), *arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.output


def model(workdir, version):
    """Puts down what a server takes for a complete version; its digest is of these bytes."""
    path = workdir / "serving" / "age" / str(version)
    path.mkdir(parents=True)
    (path / "saved_model.pb").write_text(f"model {version}")
    return str(path)


@pytest.fixture
def workdir(tmp_path):
    write(tmp_path, "20260102-030405", verdict(paths={**BLESSED["paths"], "model": model(tmp_path, 18)}))
    write(
        tmp_path,
        "20260103-000000",
        verdict(
            blessed=False,
            reasons=["The MAE is 8.90 years."],
            metrics=metrics(8.9, mae_interval={"low": 8.25, "high": 9.5, "confidence": 0.95, "resamples": 2000}),
            mean_age_mae=15.25,
            canary={
                "passed": True,
                "reasons": [],
                "photographs": 64,
                "server": "TensorFlow 2.16.2",
                "load_seconds": 1.93,
                "latency_seconds": 0.0314,
                "peak_memory": 640_000_000,
            },
            weakest_slices=["People of 10 to 19 years: MAE 14.00 years."],
            slices=[{"feature": "age_decade", "value": "0-9", "small": False, **metrics(4.31, 90)}],
            stages=[
                {"name": "FaceExampleGen", "seconds": 7.75, "cached": False},
                {"name": "StatisticsGen", "seconds": 0.01, "cached": True},
                {"name": "Trainer", "seconds": 920.0, "cached": False},
            ],
            configuration={"workdir": "/w", "trainer": {"epochs": 1, "weights": "imagenet"}, "serving": {"dir": None}},
            data_fingerprint="cd" * 32,
            created="2026-01-03T01:30:00+02:00",
        ),
    )
    stopped = verdict(blessed=False, stopped_by="DataGate", reasons=["6 rows were rejected."], metrics=None, slices=[])
    write(tmp_path, "20260104-000000", {**stopped, "champion": None, "training": None})
    return tmp_path


def test_a_run_that_trained_an_ensemble_tells_of_the_mean_and_of_each_network(workdir):
    members = [{"validation_mae": 5.75}, {"validation_mae": 6.0}]
    written = verdict()
    write(workdir, "20260105-000000", {**written, "training": {**written["training"], "members": members}})

    printed = report(workdir, "20260105")

    assert "Training: 2 networks, validation MAE of their mean 5.50 years, of each alone 5.75, 6.00" in printed


def test_a_run_that_trained_in_stages_says_in_how_many(workdir):
    written = verdict()
    write(workdir, "20260105-000000", {**written, "training": {**written["training"], "stage_epochs": [3, 2]}})

    printed = report(workdir, "20260105")

    assert " epochs in 2 stages, best validation MAE " in printed


def test_list_has_verdict_mae_duration_and_date_of_every_run_in_aligned_columns(workdir):
    printed = report(workdir)

    heading, *rows = printed.splitlines()
    assert heading.split() == ["run", "verdict", "MAE,", "years", "duration", "finished", "(UTC)"]
    assert [row.split("  ")[0] for row in rows] == ["20260102-030405", "20260103-000000", "20260104-000000"]
    assert rows[0].split() == ["20260102-030405", "blessed", "5.83", "-", "2026-01-02", "03:24"]
    assert rows[1].split() == ["20260103-000000", "not", "blessed", "8.90", "15:28", "min", "2026-01-02", "23:30"]
    assert rows[2].split()[1:5] == ["stopped", "by", "DataGate", "-"]
    assert len({row.index("2026-01-0", 16) for row in rows}) == 1
    assert printed.isascii() and "\x1b" not in printed


def test_a_run_is_printed_with_interval_champion_mean_age_weakest_slices_and_stages(workdir):
    printed = report(workdir, "20260103")

    assert "NOT BLESSED: this model may not serve.\n  - The MAE is 8.90 years.\n" in printed
    assert "MAE       8.90 years on 120 test photographs (at most 8 allowed)" in printed
    assert "8.25 to 9.50 years with 95 % confidence" in printed
    assert "MAE 15.25 years, had it always answered with that" in printed
    assert "version 17, MAE 6.50 years" in printed
    assert "canary    64 photographs answered as measured by TensorFlow 2.16.2 alone\n" in printed
    assert " loaded in 1.9 s, 31 ms for a photograph, 640 MB of memory\n" in printed
    assert "weakest   People of 10 to 19 years: MAE 14.00 years." in printed
    assert "990 used, 6 rejected (6 missing file), 4 duplicates, of 1000" in printed
    assert "Training: 5 epochs, best validation MAE 5.50 years in epoch 3" in printed
    lines = [line.split() for line in printed.splitlines()]
    assert ["age_decade", "0-9", "4.31", "-0.50", "40", "90"] in lines
    assert ["Trainer", "15:20", "min"] in lines and ["StatisticsGen", "from", "the", "cache"] in lines


def test_a_blessed_run_is_printed_with_for_whom_it_is_blessed(tmp_path):
    def group(evidence, count, bias, **of):
        nothing = dict.fromkeys(("attribute", "value", "lowest_age", "highest_age"))
        return {**nothing, "evidence": evidence, "example_count": count, "mae": abs(bias), "bias": bias, **of}

    groups = [
        group("adequate", 90, -0.5, lowest_age=0, highest_age=69),
        group("not_enough", 31, -13.2, lowest_age=70),
        group("adequate", 60, 0.5, attribute="gender", value="female"),
        group("not_enough", 1, 4.0, attribute="gender", value=""),
    ]
    write(tmp_path, "20260102-030405", verdict(groups=groups, paths={**BLESSED["paths"], "model": model(tmp_path, 18)}))

    assert (
        "BLESSED: this model may serve, for ages 0 to 69 and gender=female.\n"
        "  - Not for 70 and over: 31 photographs, on average 13 years too young.\n"
        "  - Not for gender=(blank): 1 photograph, on average 4 years too old.\n"
    ) in report(tmp_path, "latest")


def test_a_model_is_named_as_serving_only_while_it_is_there_complete(workdir):
    path = workdir / "serving" / "age" / "18"
    before = report(workdir, "20260102")
    (path / "saved_model.pb").unlink()

    after = report(workdir, "20260102")

    assert "BLESSED: this model may serve." in before and f"model     {path}\n" in before
    assert "BLESSED, and not there any more: version 18 was pushed, and its place holds no complete model now." in after
    assert f"model     {path} (not there any more)\n" in after and "may serve" not in after


def test_a_model_in_a_bucket_is_not_looked_up_for_a_list_of_past_runs(tmp_path):
    write(tmp_path, "20260102-030405", verdict(paths={**BLESSED["paths"], "model": "gs://bucket/age/18"}))

    printed = report(tmp_path, "latest")

    assert "BLESSED, and pushed; whether the model is still there was not looked up" in printed
    assert "model     gs://bucket/age/18\n" in printed


class TestARunThatDiedBetweenItsVerdictAndItsReport:
    """The list says in words what became of its model."""

    @pytest.fixture
    def died(self, tmp_path):
        pending = verdict(run_id="20260105-000000", push="pending", model_version=None)
        write(tmp_path, "20260105-000000", {**pending, "paths": {**BLESSED["paths"], "model": None}})
        return tmp_path

    def serving(self, workdir):
        return ServingDirectory(str(workdir / "serving" / "age"))

    def push(self, workdir):
        (workdir / "exported").mkdir()
        (workdir / "exported" / "saved_model.pb").write_text("model")
        return self.serving(workdir).publish(str(workdir / "exported"), run="20260105-000000").served

    def test_before_the_push(self, died):
        printed = report(died)

        assert printed.splitlines()[1].split()[1:4] == ["blessed,", "push", "unfinished"]
        assert printed.splitlines()[-1] == (
            "20260105-000000: the verdict was written and the report was not: the run is going on, or it died. Nothing was "
            "pushed. Run it again: the rest is made up for."
        )
        assert "BLESSED, and the run did not come to its end" in report(died, "latest")

    def test_after_the_push(self, died):
        version = self.push(died).version

        assert f"Its model was pushed as version {version}. Run it again" in report(died)

    def test_after_the_push_and_another_run_that_made_up_for_it(self, died):
        served = self.push(died)
        write(died, "20260106-000000", verdict(run_id="20260106-000000", push="pushed", model_version=str(served.version)))

        assert f"pushed as version {served.version}, of which 20260106-000000 reports." in report(died)


def test_a_stopped_run_and_an_old_one_without_the_newer_keys_are_printed_too(workdir):
    stopped, old = report(workdir, "latest"), report(workdir, "20260102-030405")

    assert "STOPPED by DataGate: no model was trained.\n  - 6 rows were rejected." in stopped
    assert "MAE" not in stopped and "none pushed" not in stopped
    assert "BLESSED: this model may serve." in old and "confidence" not in old and "Stages" not in old
    assert ["gender", "(blank)", "0.70", "-0.50", "40", "1", "few", "photographs"] in [
        line.split() for line in old.splitlines()
    ]


def test_a_file_from_before_the_schema_was_counted_is_printed_and_compared(workdir):
    """What the version before wrote of a run on the demo set, every key of it."""
    text = (pathlib.Path(__file__).parent / "blessing_without_schema_version.json").read_text(encoding="utf-8")
    write(workdir, "20261124-080747", text)

    listed, printed = report(workdir), report(workdir, "latest")
    compared = report(workdir, "--compare", "20260102", "latest")

    assert listed.splitlines()[-1].split() == ["20261124-080747", "blessed", "3.85", "2:49", "min", "2026-11-24", "08:11"]
    assert "BLESSED, and not there any more: version " in printed and "BLESSED: this model may serve." not in printed
    assert "MAE       3.85 years on 152 test photographs (at most 8 allowed)" in printed
    assert "3.42 to 4.32 years with 95 % confidence" in printed
    assert "1496 used, 3 rejected (1 age not a number, 1 missing file, 1 undecodable), 1 duplicates, of 1500" in printed
    assert "Training: 5 epochs, best validation MAE 3.76 years in epoch 5" in printed
    lines = [line.split() for line in printed.splitlines()]
    assert ["backdrop", "green", "3.43", "2.54", "to", "4.38", "-0.56", "64", "36"] in lines
    assert "baseline  mean age: MAE 22.62 years, had it always answered with that" in printed
    assert ["age_decade", "0-9", "4.80", "-", "3.96", "50", "16", "few", "photographs"] in lines
    assert ["MAE,", "years", "5.83", "3.85", "-1.98"] in [line.split() for line in compared.splitlines()]


def test_a_file_of_a_newer_version_is_not_guessed_at(tmp_path):
    folder = write(tmp_path, "20260101-000000", verdict(schema_version=SCHEMA_VERSION + 1))

    assert (
        f"{folder / 'blessing.json'}: a newer version of age-pipeline wrote it (schema version {SCHEMA_VERSION + 1}; "
        f"this one reads up to {SCHEMA_VERSION})." in report(tmp_path)
    )


def test_an_exploration_is_no_verdict_on_a_model(tmp_path):
    write(tmp_path, "20260101-000000", verdict(kind="explore", blessed=None, metrics=None, slices=[], training=None))

    assert "explored" in report(tmp_path) and "blessed" not in report(tmp_path)
    assert "EXPLORED: the data gate would let a run go on." in report(tmp_path, "latest")


def test_comparison_shows_metrics_slices_and_what_differs_in_the_configuration(workdir):
    printed = report(workdir, "--compare", "20260102", "20260103")

    lines = [line.split() for line in printed.splitlines()]
    assert ["20260102-030405", "20260103-000000", "difference"] in lines
    assert ["MAE,", "years", "5.83", "8.90", "+3.07"] in lines
    assert ["confidence", "interval", "-", "8.25", "to", "9.50"] in lines
    assert ["age_decade=0-9", "3.81", "4.31", "+0.50", "90", "and", "90"] in lines
    assert ["age_decade=10-19", "9.50", "-", "-", "12", "and", "-", "few", "photographs"] in lines
    assert ["trainer.epochs", "5", "1"] in lines
    assert "trainer.weights" not in printed and "Library versions: no difference" in printed
    assert "They saw different photographs or labels" in printed


def test_comparison_shows_what_the_models_were_trained_with_whatever_wrote_the_verdicts(tmp_path):
    environment = {
        "commit": "ab" * 20,
        "clean": True,
        "stack": "compatible",
        "python": "3.10.13",
        "versions": {"keras": "3.12.4"},
    }
    later = {**environment, "commit": "cd" * 20, "clean": None, "versions": {"keras": "3.15"}}
    for name, trained in (("20260101-000000", environment), ("20260102-000000", later)):
        write(tmp_path, name, verdict(training={**BLESSED["training"], "environment": trained}, versions={"keras": "4.0"}))

    lines = [line.split() for line in report(tmp_path, "--compare", "20260101", "20260102").splitlines()]

    assert ["keras", "3.12.4", "3.15"] in lines
    assert ["commit", "ab" * 20, "cd" * 20] in lines and ["clean", "true", "-"] in lines
    assert not any("stack" in line or "4.0" in line for line in lines)


@pytest.mark.parametrize(
    "content, sentence",
    [
        (None, "there is no such file; the report was not finished, or the file was deleted."),
        ("", "damaged: not JSON"),
        ('{"reasons": ["cut', "damaged: not JSON"),
        ("[" * 200_000, "damaged: not JSON"),
        ("[1, 2]", "found list, expected the keys of a verdict"),
        ("{}", "reasons: field required"),
        (json.dumps(verdict(metrics={"mae": "five"})), "metrics.mae: input should be a valid number"),
        (json.dumps(verdict(slices=[{"feature": "gender"}])), "slices.0.value: field required"),
        (json.dumps(verdict(stages={"Trainer": 3})), "stages: input should be a valid list"),
    ],
)
def test_a_damaged_or_missing_verdict_is_a_sentence_and_hides_no_other_run(content, sentence, tmp_path):
    write(tmp_path, "20260101-000000", BLESSED)
    damaged = write(tmp_path, "20260102-000000", content)

    printed = report(tmp_path)

    assert printed.splitlines()[1].split()[:3] == ["20260101-000000", "blessed", "5.83"]
    assert printed.splitlines()[2].split()[:3] == ["20260102-000000", "no", "verdict"]
    assert f"{damaged / 'blessing.json'}: " in printed and sentence in printed
    with pytest.raises(BadInput, match=str(damaged)):
        report(tmp_path, "latest")


def test_hostile_text_in_a_verdict_is_harmless(tmp_path):
    hostile = "\x1b[2J\x9b31m[red]x[/red]\u202e[link=file:///etc]"
    write(
        tmp_path,
        "20260101-000000",
        verdict(
            stopped_by=hostile,
            reasons=[hostile],
            weakest_slices=[hostile],
            slices=[{"feature": hostile, "value": hostile, **metrics(1)}],
            stages=[{"name": hostile, "seconds": 1.0}],
            configuration={hostile: hostile},
            versions={hostile: hostile},
            paths={"report": hostile, "model": hostile},
            data={"rejects": {hostile: 1}},
            created=hostile,
        ),
    )
    write(tmp_path, "20260102-[red]\x1b[31m", BLESSED)

    printed = report(tmp_path) + report(tmp_path, "20260101") + report(tmp_path, "--compare", "20260101", "latest")

    assert not any(character in printed for character in "\x1b\x9b\u202e\x07")
    assert "\\x1b[2J\\x9b31m[red]x[/red]\\u202e[link=file:///etc]" in printed
    assert "20260102-[red]\\x1b[31m" in printed


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["2026010"], "3 runs begin with '2026010'; expected one of 20260102-030405, 20260103-000000, 20260104-000000"),
        (["1999"], "no run begins with '1999'"),
        (["--compare", "latest", "nothing"], "no run begins with 'nothing'"),
        (["--compare", "latest", "20260102", "latest"], "goes with neither RUN nor --open"),
    ],
)
def test_a_run_that_is_not_there_or_not_meant_is_a_sentence(arguments, sentence, workdir):
    with pytest.raises(Exception, match=sentence):
        report(workdir, *arguments)


def test_no_runs_at_all(tmp_path):
    assert report(tmp_path) == f"{tmp_path}: no runs there yet.\n"
    with pytest.raises(BadInput, match="no runs there yet. `age-pipeline run --workdir"):
        report(tmp_path, "latest")
    with pytest.raises(BadInput, match="there is no such directory"):
        report(tmp_path / "nowhere")


def test_workdir_can_come_from_a_configuration(workdir, tmp_path):
    (tmp_path / "some.yaml").write_text(f"workdir: {workdir}\n")

    result = CliRunner().invoke(cli, ["report", "--config", str(tmp_path / "some.yaml")])

    assert result.output == report(workdir)


def test_open_opens_the_page_beside_the_verdict_whatever_path_that_names(workdir, monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or len(opened) == 1)

    first, second = report(workdir, "--open", "20260102"), report(workdir, "--open")

    assert opened == [(workdir / "reports" / name / "report.html").as_uri() for name in ("20260102-030405", "20260104-000000")]
    assert first.startswith("Opened ")
    assert second == f"No browser could be started here. The page is {workdir / 'reports/20260104-000000/report.html'}\n"
    (workdir / "reports/20260104-000000/report.html").unlink()
    with pytest.raises(BadInput, match="there is no such page"):
        report(workdir, "--open")


def in_terminal(workdir, *arguments, **environment):
    """Runs the real command under a pseudo-terminal; returns what it printed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "report", "--workdir", str(workdir), *arguments],
        stdout=theirs,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env={
            **{name: value for name, value in os.environ.items() if name != "NO_COLOR"},
            "TERM": "xterm-256color",
            **environment,
        },
    )
    os.close(theirs)
    printed = b""
    while True:
        try:
            block = os.read(ours, 65536)
        except OSError:
            break
        if not block:
            break
        printed += block
    os.close(ours)
    _, problems = process.communicate()
    assert process.returncode == 0, problems
    return printed.decode()


def test_terminal_gets_colours_unless_it_wants_none_and_lines_of_its_width(workdir):
    coloured = in_terminal(workdir, COLUMNS="100")
    plain = in_terminal(workdir, COLUMNS="60", NO_COLOR="1")

    assert "\x1b[32mblessed\x1b[0m" in coloured and "finished (UTC)" in coloured
    assert "\x1b[3" not in plain
    assert all(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) <= 60 for line in plain.splitlines())
    assert "20260103-000000" in plain and "8.90" in plain


def test_it_needs_no_library_of_the_pipeline(workdir):
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from pipeline.cli import cli; cli.main(sys.argv[1:], standalone_mode=False);"
            "sys.exit(any(name in sys.modules for name in ('tensorflow', 'tfx', 'apache_beam', 'keras', 'numpy', 'pandas')))",
            "report",
            "--workdir",
            workdir,
            "latest",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert loaded.returncode == 0, loaded.stdout + loaded.stderr


def test_trend_writes_a_page_about_all_runs_and_says_what_is_being_served(workdir):
    printed = report(workdir, "--trend")

    page = workdir / "reports" / "index.html"
    assert printed == f"3 runs, version 18 is being served: {page}\n"
    text = page.read_text(encoding="utf-8")
    assert 'href="20260103-000000/report.html"' in text and "8.25 to 9.50" in text
    assert "stopped by DataGate" in text and "Run 20260102-030405 pushed it" in text


def test_trend_is_written_again_and_is_no_run(workdir):
    report(workdir, "--trend")
    report(workdir, "--trend")
    assert "index.html" not in report(workdir)


def test_trend_of_no_runs_and_together_with_a_run_is_refused(tmp_path, workdir):
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="no runs there yet"):
        report(tmp_path / "empty", "--trend")
    with pytest.raises(click.UsageError, match="--trend is about all runs"):
        report(workdir, "--trend", "latest")


def test_trend_whose_page_can_not_be_written_is_said(workdir):
    (workdir / "reports" / "index.html").mkdir()
    with pytest.raises(BadInput, match="index.html: the page can't be written"):
        report(workdir, "--trend")
