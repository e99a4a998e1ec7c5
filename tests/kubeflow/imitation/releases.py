"""What the releases of Kubeflow Pipelines do differently, as far as a step can tell."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Release:
    """A release of the backend.

    Attributes:
        name: its version.
        outputs_have_names: whether an output artifact that a container is given has a `name` (`driver.go`, `provisionOutputs`).
        output_file_beside_outputs: whether the executor output file lies where the outputs do, instead of at
            `/tmp/kfp_outputs/output_metadata.json`.
        logs_have_attempts: whether the URI of `executor-logs` ends with the number of the attempt (`launcher_v2.go`).
        keeps_logs_of_failures: whether the log of a step that failed is recorded.
        downloads_siblings: whether an input brings everything along whose key begins like its own, such as `model_run` beside
            `model` (`object_store.go`, `DownloadBlob`).
        volumes_in_cache_key: whether the names of the volume claims are part of the cache's key.
        session_retries: the session information names the object store's retries.
        launcher_flags: what the launcher is started with, without the values.
    """

    name: str
    outputs_have_names: bool
    output_file_beside_outputs: bool
    logs_have_attempts: bool
    keeps_logs_of_failures: bool
    downloads_siblings: bool
    volumes_in_cache_key: bool
    session_retries: bool
    launcher_flags: tuple[str, ...]


_FLAGS = ("pipeline_name", "run_id", "execution_id", "executor_input", "component_spec", "pod_name", "pod_uid")
_SERVERS = ("ml_pipeline_server_address", "ml_pipeline_server_port")
_METADATA = ("mlmd_server_address", "mlmd_server_port")

RELEASES: dict[str, Release] = {
    release.name: release
    for release in (
        Release(
            name="2.5.0",
            outputs_have_names=False,
            output_file_beside_outputs=False,
            logs_have_attempts=False,
            keeps_logs_of_failures=False,
            downloads_siblings=True,
            volumes_in_cache_key=False,
            session_retries=False,
            launcher_flags=tuple(f"--{flag}" for flag in (*_FLAGS, *_METADATA, "publish_logs")),
        ),
        Release(
            name="2.17.0",
            outputs_have_names=True,
            output_file_beside_outputs=True,
            logs_have_attempts=True,
            keeps_logs_of_failures=True,
            downloads_siblings=False,
            volumes_in_cache_key=True,
            session_retries=True,
            launcher_flags=tuple(f"--{flag}" for flag in (*_FLAGS, *_SERVERS, *_METADATA, "publish_logs")),
        ),
    )
}
