"""BlessingGate, as a function: TFX makes declaration and executor of it."""

import os

from absl import logging
from tfx.dsl.component.experimental.annotations import InputArtifact
from tfx.dsl.component.experimental.decorators import component

from age import storage
from components.artifacts import BlessingReport
from schemas.failures import NotBlessed
from schemas.verdict import AWAITING_APPROVAL, BLESSING_FILE, Verdict


@component
def BlessingGate(report: InputArtifact[BlessingReport]):
    """Fails when the model was not blessed, so that a run's state says what its verdict is.

    It is the last step on Kubeflow, after the report is published; a local run says its verdict itself.

    Args:
        report: what BlessingReport wrote.

    Raises:
        NotBlessed: the message has every reason.
    """
    verdict = Verdict.from_json(storage.read_bytes(os.path.join(report.uri, BLESSING_FILE)))
    if not verdict.blessed:
        raise NotBlessed(
            "NOT BLESSED. The model must not serve:\n"
            + "\n".join(f"  - {reason}" for reason in verdict.reasons)
            + f"\nReport: {verdict.paths.report}"
        )
    if verdict.push == AWAITING_APPROVAL:
        logging.info("BLESSED, waiting for approval: age-pipeline serving approve %s --by NAME --reason TEXT", verdict.run_id)
        return
    logging.info("BLESSED: version %s of %s", verdict.model_version, verdict.paths.model)
