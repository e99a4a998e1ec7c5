"""What RunStart refuses before anything is ingested, and that it finds out what a local run does."""

import json

import pytest
from tfx.types import standard_artifacts

from age.model.settings import TrainerSettings
from components.run_start import executor
from components.run_start.component import RunStartSpec
from components.run_start.executor import Executor
from pipeline import configuration, graph_inputs
from schemas.bad_input import BadInput


@pytest.fixture
def configured(one_face, tmp_path):
    return configuration.load(
        None,
        ["trainer.weights=none", "evaluator.slice_ceilings={gender=female: 7}"],
        data_dir=str(one_face),
        workdir=str(tmp_path / "work"),
    )


def run_start(configured, tmp_path, **parameters):
    """Runs the step; returns what it put out."""
    outputs = {}
    for name, output in RunStartSpec.OUTPUTS.items():
        outputs[name] = [output.type()]
        (tmp_path / "out" / name).mkdir(parents=True)
        outputs[name][0].uri = str(tmp_path / "out" / name / "value")
    properties = {
        "data_dir": configured.data.dir,
        "serving_dir": configured.serving_dir,
        "epochs": configured.trainer.epochs,
        "learning_rate": configured.trainer.learning_rate,
        "max_mae": configured.evaluator.max_mae,
        "fingerprint_memory": "",
        "settings": json.dumps(
            {
                "schema_text": configured.schema_text(),
                "configuration": configured.described(),
                "beam_args": configured.beam_args(),
            }
        ),
    }
    Executor().Do({}, outputs, {**properties, **parameters})
    return {name: artifact.value for name, (artifact,) in outputs.items()}


def test_it_finds_out_what_a_local_run_does(configured, tmp_path):
    found = run_start(configured, tmp_path)

    local = graph_inputs.resolve(configured, "20260101-000000")
    for name in ("data_fingerprint", "weights_digest", "recipe"):
        assert found[name] == getattr(local, name), name
    ours, theirs = json.loads(found["run_description"]), json.loads(local.run_description)
    assert ours.pop("metadata_path") is None and theirs.pop("metadata_path") == configured.metadata_path
    # The serving directory is a parameter of the step, where the configuration may leave it open.
    assert ours["configuration"].pop("serving") == {"dir": configured.serving_dir}
    assert theirs["configuration"].pop("serving") == {"dir": None}
    assert ours == theirs


def test_parameters_of_the_run_replace_the_configuration(configured, tmp_path):
    found = run_start(configured, tmp_path, epochs=3, max_mae=4.5)

    description = json.loads(found["run_description"])
    assert description["thresholds"]["max_mae"] == description["configuration"]["evaluator"]["max_mae"] == 4.5
    assert description["configuration"]["trainer"]["epochs"] == 3
    assert found["recipe"] != graph_inputs.resolve(configured, "20260101-000000").recipe


@pytest.mark.parametrize(
    "parameters, said",
    [({"epochs": 0}, "The pipeline parameter epochs is 0"), ({"data_dir": "/nowhere"}, "there is no such directory")],
)
def test_a_parameter_that_can_t_be_used_is_refused(configured, tmp_path, parameters, said):
    with pytest.raises(BadInput, match=said):
        run_start(configured, tmp_path, **parameters)


def test_a_model_server_that_there_is_none_of_is_refused(configured, tmp_path):
    configured.pusher.model_server = "/nowhere/tensorflow_model_server"

    with pytest.raises(
        BadInput, match="pusher.model_server is /nowhere/tensorflow_model_server, and there is no such program"
    ):
        run_start(configured, tmp_path)


def test_its_outputs_are_what_the_graph_wants():
    assert set(RunStartSpec.OUTPUTS) <= set(graph_inputs.GraphInputs.__dataclass_fields__)
    assert RunStartSpec.OUTPUTS["recipe"].type is standard_artifacts.String


def _settings(**given):
    return TrainerSettings.model_validate({"backbone": "resnet20", "image_size": 32, "weights": "none", **given})


def test_a_backbone_that_the_trainer_can_build():
    executor._require_backbone(_settings())


@pytest.mark.parametrize(
    "given, said",
    [
        ({"freeze_through": "no_such_layer"}, "'no_such_layer' is no layer of resnet20"),
        (
            {"stages": [{"freeze_through": "all"}, {"freeze_through": "no_such_stage"}]},
            "'no_such_stage' is no layer of resnet20",
        ),
        ({"weights": "imagenet"}, "there are no ImageNet weights for this backbone"),
    ],
)
def test_what_the_trainer_would_refuse_after_the_ingestion(given, said):
    with pytest.raises(BadInput, match=said):
        executor._require_backbone(_settings(**given))
