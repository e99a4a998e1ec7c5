"""What the imitation of Kubeflow's backend does around a container, with containers that take milliseconds.

Where it follows a function of the backend that no capture shows, the function is named.
"""

import json
import os

import pytest
import yaml

from tests.kubeflow.imitation import driver
from tests.kubeflow.imitation.cluster import Cluster
from tests.kubeflow.imitation.containers import Containers
from tests.kubeflow.imitation.metadata import MetadataStore
from tests.kubeflow.imitation.releases import RELEASES

RUN = "11111111-1111-4111-8111-111111111111"

WRITES = """
import json, os, sys
given = json.loads(sys.argv[1])
output = given["outputs"]["artifacts"]["model"]["artifacts"][0]
path = os.environ["AGE_PIPELINE_MOUNT_ROOT"] + "/" + output["uri"].replace("://", "/")
os.makedirs(path)
open(path + "/weights", "w").write("weights")
open(given["outputs"]["outputFile"], "w").write(json.dumps({"artifacts": {"model": {"artifacts": [METADATA]}}}))
"""
READS = """
import json, os, sys
given = json.loads(sys.argv[1])
(artifact,) = given["inputs"]["artifacts"]["model"]["artifacts"]
path = os.environ["AGE_PIPELINE_MOUNT_ROOT"] + "/" + artifact["uri"].replace("://", "/")
print(json.dumps({"type": artifact["type"], "metadata": artifact["metadata"], "beside": sorted(os.listdir(path + "/..")),
                  "environment": dict(os.environ), "directory": os.getcwd(), "files": os.listdir("."),
                  "arguments": given, "leak": hasattr(json, "leak"), "claim": os.listdir(os.environ["CLAIM"])}))
json.leak = True
"""


@pytest.fixture(scope="module")
def containers(tmp_path_factory):
    environment = {"PATH": os.environ["PATH"], "OF_EVERY_CONTAINER": "1"}
    started = Containers(environment, tmp_path_factory.mktemp("server"), ["json"])
    yield started
    started.close()


def _specification(mounted, writes, reads, writer=None, platform=None):
    kind = {"instanceSchema": "title: tfx.Model\ntype: object\n"}
    produced = {"taskOutputArtifact": {"producerTask": "Writer", "outputArtifactKey": "model"}}

    def container(code):
        return {"container": {"image": "image:1", "command": ["python", "-c"], "args": [code, "{{$}}"]}}

    configured = {"pvcMount": [{"constant": "age", "mountPath": str(mounted)}], **(platform or {})}
    return yaml.safe_dump_all(
        [
            {
                "schemaVersion": "2.1.0",
                "pipelineInfo": {"name": "two-steps"},
                "components": {
                    "Writer": {
                        "executorLabel": "writer",
                        "outputDefinitions": {"artifacts": {"model": {"artifactType": kind}}},
                    },
                    "Reader": {
                        "executorLabel": "reader",
                        "inputDefinitions": {"artifacts": {"model": {"artifactType": kind}}},
                    },
                },
                "deploymentSpec": {"executors": {"writer": container(writes), "reader": container(reads)}},
                "root": {
                    "dag": {
                        "tasks": {
                            "Writer": {
                                "componentRef": {"name": "Writer"},
                                "taskInfo": {"name": "Writer"},
                                "cachingOptions": {"enableCache": True},
                                **(writer or {}),
                            },
                            "Reader": {
                                "componentRef": {"name": "Reader"},
                                "taskInfo": {"name": "Reader"},
                                "dependentTasks": ["Writer"],
                                "inputs": {"artifacts": {"model": produced}},
                            },
                        }
                    }
                },
            },
            {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {"writer": configured, "reader": configured}}}}},
        ]
    )


@pytest.fixture
def cluster(containers, tmp_path):
    """Makes a cluster whose writer says `metadata` of its model."""
    claim, mounted = tmp_path / "claim", tmp_path / "mnt" / "age"
    claim.mkdir()
    (claim / "labels.csv").touch()

    def make(release="2.17.0", metadata="{}", writes=WRITES, publish_logs=True, **options):
        return Cluster(
            _specification(
                mounted,
                writes.replace("METADATA", metadata),
                f"import os; os.environ['CLAIM'] = {str(mounted)!r}" + READS,
                **options,
            ),
            tmp_path / release,
            containers,
            RELEASES[release],
            claims={"age": claim},
            secrets={"store": {"key": "value"}},
            publish_logs=publish_logs,
        )

    return make


def _said(task):
    assert task.status == 0, task.log
    return json.loads(task.log)


@pytest.mark.parametrize("release", RELEASES)
def test_a_container_has_its_own_environment_directory_and_modules(cluster, release, monkeypatch):
    monkeypatch.setenv("OF_THIS_SHELL", "1")
    backend = cluster(
        release, platform={"secretAsEnv": [{"secretName": "store", "keyToEnv": [{"secretKey": "key", "envVar": "KEY"}]}]}
    )
    for run in (RUN, RUN.replace("1", "2")):
        said = _said(backend.run(run)["Reader"])
        assert said["environment"]["KEY"] == "value" and said["environment"]["OF_EVERY_CONTAINER"] == "1"
        assert "OF_THIS_SHELL" not in said["environment"]
        assert said["files"] == [] and not said["leak"]


def test_a_volume_is_there_while_a_pod_that_mounts_it_runs(cluster, tmp_path):
    assert _said(cluster().run(RUN)["Reader"])["claim"] == ["labels.csv"]
    assert not (tmp_path / "mnt" / "age").exists()


@pytest.mark.parametrize("release", RELEASES)
def test_metadata_come_back_as_ml_metadata_holds_them(cluster, release):
    written = (
        '{"metadata": {"blessed": True, "epochs": 3, "mae": 4.5, "splits": ["train"], "sizes": {"train": 1}, "note": "x"}}'
    )
    said = _said(cluster(release, written).run(RUN)["Reader"])
    assert said["type"] == {"instanceSchema": ""}
    assert said["metadata"].pop("store_session_info").startswith('{"Provider":"minio"')
    assert said["metadata"] == {
        "blessed": 1,
        "epochs": 3,
        "mae": 4.5,
        "splits": {"list": ["train"]},
        "sizes": {"struct": {"train": 1}},
        "note": "x",
        "display_name": "model",
    }


def test_a_null_fails_the_step_when_it_is_published(cluster):
    """`StructValueToMLMDValue`."""
    tasks = cluster(metadata='{"metadata": {"note": None}}').run(RUN)
    assert set(tasks) == {"Writer"} and (tasks["Writer"].status, tasks["Writer"].container_status) == (1, 0)


@pytest.mark.parametrize("release, beside", [("2.5.0", ["model", "model_run"]), ("2.17.0", ["model"])])
def test_what_is_copied_into_a_pod(cluster, release, beside):
    """`DownloadBlob`: the older release takes the key for a beginning."""
    backend = cluster(release)
    task = backend.run(RUN)["Writer"]
    # Another output of the same step, as the Trainer's model_run.
    other = backend.store.path(task.artifacts["model"].uri + "_run")
    other.write_text("beside it")
    assert _said(backend.run(RUN.replace("1", "2"))["Reader"])["beside"] == beside


@pytest.mark.parametrize(
    "release, publish_logs, names",
    [("2.5.0", True, "executor-logs"), ("2.17.0", True, "executor-logs-0"), ("2.17.0", False, None)],
)
def test_where_logs_go(cluster, release, publish_logs, names):
    """`qualifyExecutorLogsForRetry`."""
    outputs = _said(cluster(release, publish_logs=publish_logs).run(RUN)["Reader"])["arguments"]["outputs"]
    assert ("artifacts" in outputs) == publish_logs
    if publish_logs:
        assert driver.only_artifact(outputs["artifacts"][driver.LOGS])["uri"].split("/")[-1] == names


def test_a_step_is_tried_as_often_as_its_policy_says(cluster):
    tasks = cluster(writes="import sys; sys.exit(2)", writer={"retryPolicy": {"maxRetryCount": 2}}).run(RUN)
    assert set(tasks) == {"Writer"} and tasks["Writer"].status == 1
    assert [attempt.status for attempt in tasks["Writer"].attempts] == [2, 2, 2]


def test_a_node_that_goes_away_takes_its_attempt_along(cluster):
    backend = cluster(writes="import time; time.sleep(0.3)\n" + WRITES, writer={"retryPolicy": {"maxRetryCount": 1}})
    backend.nodes_that_go_away = {("Writer", 0): 0.05}
    assert [attempt.status for attempt in backend.run(RUN)["Writer"].attempts] == [-9, 0]


def test_a_step_is_stopped_at_its_time_limit(cluster):
    tasks = cluster(writes="import time; time.sleep(60)", platform={"activeDeadlineSeconds": "1"}).run(RUN)
    assert tasks["Writer"].container_status == -9


def test_the_cache_knows_inputs_by_number_and_claims_by_name(cluster):
    """`GenerateCacheKey`."""
    backend = cluster()
    backend.run(RUN)
    again = backend.run(RUN.replace("1", "2"))
    assert again["Writer"].cached and not again["Reader"].cached


@pytest.mark.parametrize("release, counted", [("2.5.0", False), ("2.17.0", True)])
def test_whether_a_claim_is_part_of_the_caches_key(release, counted):
    executor_input = {"inputs": {}, "outputs": {}}
    container = {"image": "image:1", "command": ["python"], "args": []}
    keys = {
        driver.fingerprint(RELEASES[release], executor_input, {}, container, {"pvcMount": [{"constant": name}]})
        for name in ("age", "other")
    }
    assert len(keys) == (2 if counted else 1)


@pytest.mark.parametrize(
    "amount, unit, written", [(4.0, "", "4"), (0.5, "", "500m"), (32.0, "G", "32G"), (1.5, "G", "1500M"), (0.064, "G", "64M")]
)
def test_amounts(amount, unit, written):
    assert driver.quantity(amount, unit) == written


def test_numbers_of_artifacts_are_given_once():
    store = MetadataStore(RELEASES["2.17.0"])
    artifact = {"uri": "minio://bucket/key", "type": {"schemaTitle": "system.Artifact"}}
    assert [store.record("output", artifact).number for _ in range(2)] == [1, 2]


def test_a_field_that_the_imitation_does_not_know_is_no_field_that_it_ignores():
    container = {"image": "image:1"}
    assert "volumes" not in driver.pod(container, {"enabledSharedMemory": {"volumeName": "shm", "size": "4G"}})
    with pytest.raises(driver.DriverError, match="podMetadata"):
        driver.pod(container, {"podMetadata": {}})
