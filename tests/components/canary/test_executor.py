"""A model that was not blessed is asked nothing."""

from tfx.types import standard_artifacts

from components import canary_result
from components.canary.executor import Executor


def test_nobody_asks_a_model_that_was_not_blessed(tmp_path):
    artifacts = {
        "model": standard_artifacts.Model(),
        "model_blessing": standard_artifacts.ModelBlessing(),
        "evaluation": standard_artifacts.ModelEvaluation(),
        "infra_blessing": standard_artifacts.InfraBlessing(),
    }
    for name, artifact in artifacts.items():
        # There is nothing at these places: whoever asked would fail.
        artifact.uri = str(tmp_path / name)
    infra_blessing = artifacts.pop("infra_blessing")
    artifacts["model_blessing"].set_int_custom_property("blessed", 0)

    Executor().Do(
        {name: [one] for name, one in artifacts.items()},
        {"infra_blessing": [infra_blessing]},
        {"timeout": 300.0, "model_server": ""},
    )

    assert infra_blessing.get_int_custom_property("blessed") == 0
    assert canary_result.read(infra_blessing.uri) is None
