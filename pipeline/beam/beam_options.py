"""The Beam runners that a run may use, what each can be told, and how that becomes Beam's command line.

Every option is listed here: what a configuration says becomes part of a command line, so nothing unknown gets there, and
nothing that starts programs or carries secrets.
"""

import re
from typing import Any

_TEXT = "text"
_NUMBER = "a whole number, 0 or more"
_WHETHER = "true or false"
_TEXTS = "a list of texts"
_ADDRESS = "an address such as localhost:8099"
_STORAGE = "a place such as gs://bucket/path"

# A kind, or the texts to choose from.
_EVERYWHERE = {"experiments": _TEXTS, "sdk_container_image": _TEXT}
_JOB_SERVER = {
    **_EVERYWHERE,
    "job_endpoint": _ADDRESS,
    "artifact_endpoint": _ADDRESS,
    "job_server_timeout": _NUMBER,
    "environment_type": ("EXTERNAL", "LOOPBACK"),
    "environment_config": _ADDRESS,
    "environment_cache_millis": _NUMBER,
    "sdk_worker_parallelism": _NUMBER,
}
OPTIONS: dict[str, dict[str, Any]] = {
    "DirectRunner": {
        **_EVERYWHERE,
        "direct_num_workers": _NUMBER,
        "direct_running_mode": ("in_memory", "multi_threading", "multi_processing"),
    },
    "FlinkRunner": {
        **_JOB_SERVER,
        "flink_master": _ADDRESS,
        "parallelism": _NUMBER,
        "max_parallelism": _NUMBER,
        "execution_mode_for_batch": ("PIPELINED", "BATCH_FORCED"),
        "object_reuse": _WHETHER,
    },
    "SparkRunner": _JOB_SERVER,
    "DataflowRunner": {
        **_EVERYWHERE,
        "project": _TEXT,
        "region": _TEXT,
        "temp_location": _STORAGE,
        "staging_location": _STORAGE,
        "job_name": _TEXT,
        "labels": _TEXTS,
        "num_workers": _NUMBER,
        "max_num_workers": _NUMBER,
        "autoscaling_algorithm": ("NONE", "THROUGHPUT_BASED"),
        "machine_type": _TEXT,
        "disk_size_gb": _NUMBER,
        "number_of_worker_harness_threads": _NUMBER,
        "service_account_email": _TEXT,
        "network": _TEXT,
        "subnetwork": _TEXT,
        "no_use_public_ips": _WHETHER,
        "dataflow_service_options": _TEXTS,
    },
}
_NEEDED = {
    "DirectRunner": (),
    "FlinkRunner": ("job_endpoint", "flink_master"),
    "SparkRunner": ("job_endpoint",),
    "DataflowRunner": ("project", "region", "temp_location", "sdk_container_image"),
}
_LONGEST = 1000
_POOL = "localhost:50000"
# Workers are kept for so long between the stages of a job, each of which would load TensorFlow again. A worker that died is
# kept too: the cluster must wait longer than that before it tries again.
_KEPT = 8_000
# TFX packs itself into 42 MB below /tmp, in every step that uses Beam and for good, unless it hears that the workers have it.
_WORKERS_HAVE_THE_PROJECT = "age-pipeline"


def _is_plain(value: Any) -> bool:
    """Says whether a value is a text for a command line. Kubeflow's launcher would replace `{{` and what follows."""
    return isinstance(value, str) and 0 < len(value) <= _LONGEST and value.isprintable() and "{{" not in value


def _fits(value: Any, kind: Any) -> bool:
    if kind == _WHETHER:
        return isinstance(value, bool)
    if kind == _NUMBER:
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if kind == _TEXTS:
        return isinstance(value, list) and all(map(_is_plain, value))
    if not _is_plain(value):
        return False
    if kind == _ADDRESS:
        host, _, port = value.rpartition(":")
        return bool(re.fullmatch(r"[A-Za-z0-9.\-]+|\[[0-9A-Fa-f:]+\]", host)) and port.isdecimal() and 0 < int(port) < 65536
    if kind == _STORAGE:
        return bool(re.fullmatch(r"[a-z0-9]+://[^\s]+", value))
    return kind == _TEXT or value in kind


def check(runner: str, options: dict[str, Any]) -> None:
    """Checks options against what their runner can be told.

    Raises:
        ValueError: an option does not exist, has an impossible value, or is missing; the message is a sentence.
    """
    known = OPTIONS[runner]
    for name, value in options.items():
        if name not in known:
            raise ValueError(f"no option {name!r:.80} is known for {runner}; expected some of {', '.join(sorted(known))}")
        kind = known[name]
        if not _fits(value, kind):
            expected = kind if isinstance(kind, str) else f"one of {', '.join(kind)}"
            raise ValueError(f"{name} is {value!r:.80}; expected {expected}")
    missing = [name for name in _NEEDED[runner] if name not in options]
    if missing:
        raise ValueError(f"it lacks {' and '.join(missing)}, which {runner} needs")
    if options.get("direct_running_mode") == "in_memory" and options.get("direct_num_workers", 1) != 1:
        raise ValueError("direct_running_mode in_memory has one worker; several need multi_processing")
    if options.get("environment_type") == "LOOPBACK" and "environment_config" in options:
        raise ValueError("environment_type LOOPBACK runs the work in this process, so environment_config means nothing")


def arguments(runner: str, options: dict[str, Any]) -> list[str]:
    """Returns the command line for checked options, with what the runner should be told besides."""
    given = {"sdk_container_image": _WORKERS_HAVE_THE_PROJECT, **options}
    if runner == "DirectRunner":
        given.setdefault("direct_num_workers", 1)
        several = given["direct_num_workers"] != 1
        given.setdefault("direct_running_mode", "multi_processing" if several else "in_memory")
    elif OPTIONS[runner] is not OPTIONS["DataflowRunner"] and given.get("environment_type") != "LOOPBACK":
        given = {"environment_type": "EXTERNAL", "environment_config": _POOL, "environment_cache_millis": _KEPT, **given}
    words = [f"--runner={runner}"]
    for name, value in given.items():
        if isinstance(value, bool):
            words += [f"--{name}"] if value else []
        else:
            words += [f"--{name}={one}" for one in (value if isinstance(value, list) else [value])]
    return words
