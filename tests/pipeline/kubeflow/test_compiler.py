"""The compiled specification: read as the backend and the client read it."""

import json
import pathlib

import pytest
import yaml
from google.protobuf import json_format
from kfp import components as kfp_components
from kfp.client import client as kfp_client
from kfp.kubernetes import kubernetes_executor_config_pb2

from pipeline import configuration
from pipeline.kubeflow import compiler, entrypoint, specification
from pipeline.kubeflow.settings import KubeflowSettings
from schemas.bad_input import BadInput
from tests.kubeflow.imitation import cluster, driver
from tests.kubeflow.imitation.releases import RELEASES

CHECKOUT = pathlib.Path(__file__).parents[3]
CONFIG = str(CHECKOUT / "configs" / "kubeflow.yaml")

PLACED = [
    "kubeflow.image_pull_policy=Always",
    "kubeflow.image_pull_secrets=[registry]",
    "kubeflow.secrets=[{name: store, env: {AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: key}}]",
    "kubeflow.pipeline_root=s3://bucket/age",
    "kubeflow.steps.Trainer.node_selector={pool: gpu}",
    "kubeflow.steps.Trainer.retries=2",
    "kubeflow.steps.Trainer.time_limit=7200",
]


def compiled(*overrides):
    return compiler.compile_specification(configuration.load(CONFIG, list(overrides), for_cluster=True))


@pytest.fixture(scope="module")
def text():
    return compiled(*PLACED)


@pytest.fixture(scope="module")
def documents(text):
    return list(yaml.safe_load_all(text))


def test_the_same_configuration_gives_the_same_bytes(text):
    assert compiled(*PLACED) == text


def test_kfp_reads_it(text, tmp_path):
    assert set(kfp_components.load_component_from_text(text).pipeline_spec.root.dag.tasks) >= {"RunStart", "Trainer"}
    path = tmp_path / "age.yaml"
    path.write_text(text)
    read = kfp_client._extract_pipeline_yaml(str(path))
    assert read.pipeline_spec.schema_version == "2.1.0"
    assert "kubernetes" in read.platform_spec.platforms


def test_every_executor_is_a_container_or_an_importer(text):
    """Resolvers and lifecycle hooks are what the open-source backend refuses or ignores."""
    parsed, deployment = cluster.parse(text)
    assert len(deployment.executors) == len(parsed.root.dag.tasks) == len(parsed.components)
    for name, executor in deployment.executors.items():
        assert executor.WhichOneof("spec") in ("container", "importer"), name
        assert not executor.container.HasField("lifecycle"), name
        assert list(executor.container.command) == compiler.COMMAND


def test_every_source_of_a_parameter_exists(text):
    parsed, _ = cluster.parse(text)
    declared = parsed.root.input_definitions.parameters
    for name, task in parsed.root.dag.tasks.items():
        inputs = parsed.components[task.component_ref.name].input_definitions.parameters
        assert set(inputs) == set(task.inputs.parameters), name
        for key, source in task.inputs.parameters.items():
            if source.component_input_parameter:
                assert declared[source.component_input_parameter].parameter_type == inputs[key].parameter_type
            elif source.HasField("task_output_parameter"):
                output = source.task_output_parameter
                producer = parsed.components[parsed.root.dag.tasks[output.producer_task].component_ref.name]
                produced = producer.output_definitions.parameters[output.output_parameter_key]
                assert produced.parameter_type == inputs[key].parameter_type, (name, key)
                assert output.producer_task in task.dependent_tasks


def test_parameters_have_types_and_the_configurations_values_as_defaults(documents):
    assert documents[0]["root"]["inputDefinitions"]["parameters"] == {
        "data_dir": {"parameterType": "STRING", "defaultValue": "/mnt/age/data"},
        "serving_dir": {"parameterType": "STRING", "defaultValue": "/mnt/age/serving/age"},
        "epochs": {"parameterType": "NUMBER_INTEGER", "defaultValue": 10},
        "learning_rate": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.001},
        "max_mae": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 8.0},
    }


@pytest.mark.parametrize(
    "step, parameter",
    [
        ("FaceExampleGen", "data_dir"),
        ("Champion", "serving_dir"),
        ("Pusher", "serving_dir"),
        ("Trainer", "epochs"),
        ("Trainer", "learning_rate"),
        ("AgeEvaluator", "max_mae"),
    ],
)
def test_each_parameter_reaches_the_step_that_uses_it(documents, step, parameter):
    task = documents[0]["root"]["dag"]["tasks"][step]
    assert task["inputs"]["parameters"][parameter] == {"componentInputParameter": parameter}


def test_a_parameter_that_the_pipeline_does_not_declare_is_refused_as_in_the_backend(documents, tmp_path):
    """What TFX's exit handler would do: the tasks refer to parameters that their DAG does not have."""
    without = json.loads(json.dumps(documents[0]))
    del without["root"]["inputDefinitions"]["parameters"]["data_dir"]
    backend = cluster.Cluster(yaml.safe_dump_all([without, documents[1]]), tmp_path, None, RELEASES["2.17.0"])
    with pytest.raises(driver.DriverError, match="parent DAG does not have input parameter data_dir"):
        backend.run("run")
    with pytest.raises(driver.DriverError, match="no parameters"):
        backend.run("run", epoch=3)


def test_tfx_alone_names_a_producer_that_does_not_exist(documents, tmp_path, monkeypatch):
    """The step after TFX's compiler is needed for as long as this fails without it."""
    monkeypatch.setattr(specification, "_connect_parameters", lambda *arguments: None)
    producers = [
        source["taskOutputParameter"]["producerTask"]
        for task in yaml.safe_load(compiled().split("\n---\n")[0])["root"]["dag"]["tasks"].values()
        for source in task.get("inputs", {}).get("parameters", {}).values()
        if "taskOutputParameter" in source
    ]
    assert set(producers) == {"RunStart_task", "Champion_task"}


def test_what_looks_at_the_data_or_the_serving_directory_is_never_cached(documents):
    tasks = documents[0]["root"]["dag"]["tasks"]
    assert {name for name, task in tasks.items() if not task.get("cachingOptions")} == {"RunStart", "Champion", "Pusher"}
    assert tasks["FaceExampleGen"]["inputs"]["parameters"]["data_fingerprint"]["taskOutputParameter"] == {
        "producerTask": "RunStart",
        "outputParameterKey": "data_fingerprint",
    }
    assert not any(tasks[name]["inputs"].get("artifacts", {}).get("run_start") for name in tasks if "inputs" in tasks[name])


def test_resources_and_retries(documents):
    executors = documents[0]["deploymentSpec"]["executors"]
    for executor in executors.values():
        assert set(executor["container"]["resources"]) >= {"cpuRequest", "cpuLimit", "memoryRequest", "memoryLimit"}
    trainer = executors["Trainer_executor"]["container"]["resources"]
    assert trainer["accelerator"] == {"type": "nvidia.com/gpu", "count": "1"}
    assert (trainer["memoryRequest"], trainer["memoryLimit"]) == (16, 32)
    retries = documents[0]["root"]["dag"]["tasks"]["Trainer"]["retryPolicy"]
    assert retries["maxRetryCount"] == 2
    # Argo ends all attempts then, counted from the first one's start: three of two hours, and the waits between them.
    assert retries["backoffMaxDuration"] == f"{3 * 7200 + 60 + 120}s"
    assert documents[0]["defaultPipelineRoot"] == "s3://bucket/age"


def test_platform_configuration_is_what_kfp_kubernetes_declares(documents):
    executors = documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert set(executors) == set(documents[0]["deploymentSpec"]["executors"])
    trainer = executors["Trainer_executor"]
    assert trainer == {
        "imagePullPolicy": "Always",
        "imagePullSecret": [{"secretName": "registry"}],
        "pvcMount": [{"constant": "age", "mountPath": "/mnt/age"}],
        "secretAsEnv": [
            {
                "secretName": "store",
                "keyToEnv": [
                    {"secretKey": "id", "envVar": "AWS_ACCESS_KEY_ID"},
                    {"secretKey": "key", "envVar": "AWS_SECRET_ACCESS_KEY"},
                ],
            }
        ],
        "nodeSelector": {"labels": {"pool": "gpu"}},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "emptyDirMounts": [{"volumeName": "shm", "mountPath": "/dev/shm", "medium": "Memory", "sizeLimit": "4G"}],
        "activeDeadlineSeconds": "7200",
    }
    known = {field.json_name for field in kubernetes_executor_config_pb2.KubernetesExecutorConfig.DESCRIPTOR.fields}
    if "tolerations" in known:
        assert set(trainer) <= known
    for configured in executors.values():
        # The compatible stack's kfp-kubernetes is older than some of the fields.
        json_format.ParseDict(
            {key: value for key, value in configured.items() if key in known},
            kubernetes_executor_config_pb2.KubernetesExecutorConfig(),
        )


def _pod(text, step):
    """What the driver asks of Kubernetes for a step."""
    specification_document, platform = yaml.safe_load_all(text)
    label = f"{step}_executor"
    container = specification_document["deploymentSpec"]["executors"][label]["container"]
    return driver.pod(container, platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"][label])


def test_shared_memory_is_a_volume_in_memory(text):
    pod = _pod(text, "Trainer")
    assert {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "4G"}} in pod["volumes"]
    assert {"name": "shm", "mountPath": "/dev/shm"} in pod["containers"][0]["volumeMounts"]


def test_ephemeral_storage_is_a_limit_of_the_pod():
    text = compiled("kubeflow.steps.StatisticsGen.ephemeral_storage=20", "kubeflow.steps.Pusher.ephemeral_storage=1.5")
    assert _pod(text, "StatisticsGen")["containers"][0]["resources"]["limits"]["ephemeral-storage"] == "20G"
    assert _pod(text, "Pusher")["containers"][0]["resources"]["limits"]["ephemeral-storage"] == "1500M"
    assert "ephemeral-storage" not in _pod(text, "FaceExampleGen")["containers"][0]["resources"]["limits"]


def test_a_step_may_have_an_image_of_its_own():
    """Only the Trainer needs to carry CUDA."""
    text = compiled("kubeflow.image=age:1", "kubeflow.steps.Trainer.image=age:1-gpu")
    _, deployment = cluster.parse(text)
    images = {name: executor.container.image for name, executor in deployment.executors.items()}
    assert images.pop("Trainer_executor") == "age:1-gpu" and set(images.values()) == {"age:1"}


def test_what_the_entrypoint_is_told_beside_its_input(text):
    variables = {
        step: {one["name"]: one["value"] for one in _pod(text, step)["containers"][0]["env"] if "value" in one}
        for step in ("Trainer", "Pusher", "BlessingGate")
    }
    told = {"AGE_PIPELINE_WORKDIR": "/mnt/age/runs", "KERAS_HOME": "/mnt/age/runs/keras"}
    assert variables == {
        "Trainer": {**told, "AGE_PIPELINE_GPUS": "1"},
        "Pusher": told,
        # After it the run is over, and its lease is given back.
        "BlessingGate": {**told, "AGE_PIPELINE_LAST_STEP": "1"},
    }
    assert text.count("AGE_PIPELINE_LAST_STEP") == 1


def test_no_lease_is_taken_in_a_bucket():
    text = compiled("workdir=s3://bucket/runs")
    assert not any("value" in one for one in _pod(text, "Pusher")["containers"][0].get("env", []))


def test_only_steps_that_read_them_are_given_the_examples(documents):
    """On Kubeflow every input is copied into the pod, whole."""
    tasks = documents[0]["root"]["dag"]["tasks"]
    given = {name for name, task in tasks.items() if "examples" in task.get("inputs", {}).get("artifacts", {})}
    assert given == {"StatisticsGen", "Trainer", "AgeEvaluator", "BlessingReport"}


def test_secrets_and_placement_stay_out_of_the_report(documents):
    settings = documents[0]["root"]["dag"]["tasks"]["RunStart"]["inputs"]["parameters"]["settings"]["runtimeValue"]["constant"]
    assert "kubeflow" not in json.loads(settings)["configuration"]


@pytest.mark.parametrize(
    "overrides, said",
    [
        (["kubeflow.image=null"], "kubeflow.image is not set"),
        (["data.dir=null"], "data.dir is not set"),
        (["workdir=runs"], "workdir is runs; on Kubeflow"),
        (["kubeflow.steps={Trainr: {}}"], "kubeflow.steps.Trainr: there is no such step. Expected one of AgeEvaluator"),
    ],
)
def test_what_kubeflow_lacks_is_said(overrides, said):
    with pytest.raises(BadInput, match=said.replace(".", r"\.")):
        compiled(*overrides)


@pytest.mark.parametrize(
    "override, said",
    [
        ("kubeflow.volumes=[{claim: Age, path: /mnt}]", "kubeflow.volumes.0.claim"),
        ("kubeflow.volumes=[{claim: age, path: mnt}]", "kubeflow.volumes.0.path"),
        ("kubeflow.default={cpu_request: 8, cpu_limit: 4}", "cpu_request \\(8\\) is above cpu_limit \\(4\\)"),
        ("kubeflow.default.tolerations=[{operator: Equal}]", "the operator Equal needs a key"),
        ("kubeflow.pipeline_root=/artifacts", "kubeflow.pipeline_root"),
        ("kubeflow.pipeline_name=Age", "kubeflow.pipeline_name"),
        ("kubeflow.gpu=1", "kubeflow.gpu: there is no such key"),
        (
            "kubeflow.steps.Trainer.ephemeral_storage=50",
            r"steps\.Trainer: gpu_count \(1\) and ephemeral_storage \(50\) can't both be asked for",
        ),
        ("kubeflow.default.shared_memory=12", r"default: shared_memory \(12\) leaves nothing of memory_limit \(12\)"),
    ],
)
def test_the_section_is_validated(override, said):
    with pytest.raises(BadInput, match=said):
        configuration.load(CONFIG, [override], for_cluster=True)


def test_a_step_says_what_the_default_does_not():
    settings = KubeflowSettings.model_validate({"default": {"retries": 3}, "steps": {"Trainer": {"gpu_count": 2}}})
    assert settings.step("Trainer").retries == 3 and settings.step("Trainer").gpu_count == 2
    assert settings.step("Pusher").gpu_count == 0


def test_yaml_repeats_instead_of_referring():
    shared = {"a": 1}
    assert "&" not in specification.as_yaml({"x": shared, "y": shared}, {})


FLINK = {
    "runner": "FlinkRunner",
    "options": {"job_endpoint": "age-beam-job-server:8099", "flink_master": "age-flink-rest:8081", "parallelism": 4},
}


def test_every_step_that_uses_beam_is_told_where_it_runs():
    text = compiled(f"beam={json.dumps(FLINK)}")
    told = configuration.load(CONFIG, [f"beam={json.dumps(FLINK)}"], for_cluster=True).beam_args()
    _, deployment = cluster.parse(text)
    of_step = {name: list(executor.container.args) for name, executor in deployment.executors.items()}
    for step in ("FaceExampleGen", "StatisticsGen", "AgeEvaluator"):
        arguments = of_step[f"{step}_executor"]
        position = arguments.index(told[0])
        assert arguments[position : position + len(told)] == told
        # What the entrypoint makes of them: all of them go to Beam, and none is taken for one of its own.
        given, left = entrypoint.parse(arguments)
        assert left == told and given.executor and given.invocation == "{{$}}"
    # The step that looks at the cluster beforehand knows it too.
    tasks = next(iter(yaml.safe_load_all(text)))["root"]["dag"]["tasks"]
    settings = json.loads(tasks["RunStart"]["inputs"]["parameters"]["settings"]["runtimeValue"]["constant"])
    assert settings["beam_args"] == told


SEARCH = "tuner.space={trainer.dropout: [0.2, 0.4]}"


def test_a_search_is_a_step_between_the_data_gate_and_the_trainer():
    parsed, _ = cluster.parse(compiled(SEARCH))
    tasks = parsed.root.dag.tasks

    assert "DataGate" in tasks["Tuner"].dependent_tasks and "Tuner" in tasks["Trainer"].dependent_tasks
    artifacts = tasks["Trainer"].inputs.artifacts
    assert {
        name: artifacts[name].task_output_artifact.output_artifact_key for name in ("hyperparameters", "tuner_results")
    } == {
        "hyperparameters": "best_hyperparameters",
        "tuner_results": "tuner_results",
    }
    parameters = tasks["Tuner"].inputs.parameters
    assert {parameters[name].component_input_parameter for name in ("epochs", "learning_rate")} == {"epochs", "learning_rate"}
    assert json.loads(parameters["tuner"].runtime_value.constant.string_value)["space"] == {"trainer.dropout": [0.2, 0.4]}


def test_without_a_search_nothing_in_the_specification_knows_of_one(documents):
    written = yaml.safe_dump(documents)

    assert "Tuner" not in documents[0]["root"]["dag"]["tasks"]
    assert "tuner" not in written and "hyperparameters" not in written
