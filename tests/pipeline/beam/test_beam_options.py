"""What a configuration may say about Beam, and the command line that comes of it."""

import argparse
import re

import pytest
import yaml

from pipeline import configuration
from pipeline.beam import beam_options
from schemas.bad_input import BadInput


def arguments(runner="DirectRunner", **options):
    given = {"beam": {"runner": runner, "options": options}}
    return configuration.Configuration.model_validate(given, strict=True).beam_args()


def complaint(*overrides):
    with pytest.raises(BadInput) as caught:
        configuration.load(None, list(overrides))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_several_workers_of_the_direct_runner_are_processes():
    assert arguments()[2:] == ["--direct_num_workers=1", "--direct_running_mode=in_memory"]
    assert arguments(direct_num_workers=2)[2:] == ["--direct_num_workers=2", "--direct_running_mode=multi_processing"]
    assert "--direct_running_mode=multi_threading" in arguments(direct_num_workers=2, direct_running_mode="multi_threading")


def test_a_job_server_gets_workers_from_a_pool_unless_told_otherwise():
    flink = {"job_endpoint": "flink:8099", "flink_master": "flink:8081"}
    told = arguments("FlinkRunner", **flink, parallelism=2)
    assert {"--environment_type=EXTERNAL", "--environment_config=localhost:50000", "--parallelism=2"} <= set(told)
    assert "--environment_config=pool:1" in arguments("SparkRunner", job_endpoint="h:1", environment_config="pool:1")
    assert not [word for word in arguments("FlinkRunner", **flink, environment_type="LOOPBACK") if "config" in word]


def test_lists_repeat_the_option_and_true_is_the_option_alone():
    needed = {"project": "p", "region": "r", "temp_location": "gs://b/t", "sdk_container_image": "i"}
    told = arguments("DataflowRunner", **needed, experiments=["a", "b c"], no_use_public_ips=True)
    assert told[-3:] == ["--experiments=a", "--experiments=b c", "--no_use_public_ips"]
    assert not [word for word in told if "environment" in word]


def test_beam_knows_every_option():
    from apache_beam.options import pipeline_options

    parser = argparse.ArgumentParser(conflict_handler="resolve")
    for section in pipeline_options.PipelineOptions.__subclasses__():
        if section.__module__ == pipeline_options.__name__:
            section._add_argparse_args(parser)
    known = {option for action in parser._actions for option in action.option_strings}
    # These are the Flink runner's own: its job server tells Beam of them.
    known |= {"--execution_mode_for_batch", "--object_reuse"}
    assert {f"--{name}" for options in beam_options.OPTIONS.values() for name in options} <= known


@pytest.mark.parametrize(
    "overrides, said",
    [
        (["beam.runner=SparkRuner"], "beam.runner is 'SparkRuner'; input should be 'DirectRunner', 'FlinkRunner'"),
        (["beam.options={workers: 2}"], "no option 'workers' is known for DirectRunner; expected some of direct_num_workers"),
        (["beam.runner=FlinkRunner"], "it lacks job_endpoint and flink_master, which FlinkRunner needs"),
        (["beam.runner=DataflowRunner", "beam.options={project: p}"], "it lacks region and temp_location and sdk_container"),
        (["beam.options={direct_num_workers: 2, direct_running_mode: in_memory}"], "in_memory has one worker"),
        (["beam.options={direct_num_workers: true}"], "direct_num_workers is True; expected a whole number"),
        (["beam.options={direct_running_mode: threads}"], "expected one of in_memory, multi_threading, multi_processing"),
    ],
)
def test_what_does_not_fit_the_runner_is_said(overrides, said):
    assert said in complaint(*overrides)


@pytest.mark.parametrize(
    "option, value",
    [
        ("job_endpoint", "localhost:8099 --save_main_session"),
        ("job_endpoint", "localhost"),
        ("job_endpoint", "localhost:99999"),
        ("environment_config", '{command: "sh"}'),
        ("environment_type", "PROCESS"),
        ("environment_type", "DOCKER"),
        ("sdk_container_image", '"a\\n--setup_file=x"'),
        ("sdk_container_image", '"{{$.inputs}}"'),
        ("sdk_container_image", '""'),
        ("experiments", "use_loopback"),
        ("experiments", '["a\\0b"]'),
        ("setup_file", "/tmp/setup.py"),
        ("s3_secret_access_key", "hush"),
        ("parallelism=2 --x", "1"),
        ("parallelism", "-1"),
    ],
)
def test_hostile_values_get_nowhere(option, value):
    options = {"job_endpoint": "a:1", "flink_master": "a:2", option: yaml.safe_load(value)}
    with pytest.raises(ValueError, match=re.escape(option)):
        beam_options.check("FlinkRunner", options)
