"""The step fails for a model that was not blessed, as both runners start it: by the path of its executor."""

import json

import pytest
from tfx.utils import import_utils

from components.artifacts import BlessingReport
from schemas.failures import NotBlessed

EXECUTOR = "components.blessing_gate.component.BlessingGate_Executor"


@pytest.fixture
def gate(tmp_path):
    """Runs the step on a verdict."""

    def run(**verdict):
        (tmp_path / "blessing.json").write_text(json.dumps({"run_id": "20260102-030405", **verdict}))
        report = BlessingReport()
        report.uri = str(tmp_path)
        import_utils.import_class_by_path(EXECUTOR)().Do({"report": [report]}, {}, {})

    return run


def test_a_blessed_model_passes(gate):
    gate(blessed=True, reasons=[])


def test_a_model_that_waits_for_approval_passes(gate):
    gate(blessed=True, push="awaiting_approval", reasons=[])


def test_a_model_that_was_not_blessed_fails_with_every_reason(gate):
    with pytest.raises(NotBlessed) as raised:
        gate(blessed=False, reasons=["The MAE is 9.00 years.", "The test split has 3 examples."])

    assert str(raised.value).splitlines()[:3] == [
        "NOT BLESSED. The model must not serve:",
        "  - The MAE is 9.00 years.",
        "  - The test split has 3 examples.",
    ]
    assert raised.value.exit_status == 3
