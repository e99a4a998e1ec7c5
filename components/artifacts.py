"""Artifact types of the pipeline's own.

TFX's Kubeflow compiler accepts them only under a name of the form `<namespace>.<Title>`.
"""

from tfx.types import artifact


class Rejects(artifact.Artifact):
    """The rows of the label file that can't be used: `rejects.csv`, and `counts.json` over all rows."""

    TYPE_NAME = "age.Rejects"


class GateReport(artifact.Artifact):
    """What DataGate checked: `data_gate.json`."""

    TYPE_NAME = "age.GateReport"


class BlessingReport(artifact.Artifact):
    """The verdict of a run: `blessing.json` and `report.html`."""

    TYPE_NAME = "age.BlessingReport"
