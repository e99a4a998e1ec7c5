"""Artifact types of the pipeline's own.

TFX's Kubeflow compiler accepts them only under a name of the form `<namespace>.<Title>`.
"""

from tfx.types import artifact

EXAMPLES_PROPERTY = "examples"
"""Custom property of `Rejects`: URI of the examples that the usable rows became."""


class Rejects(artifact.Artifact):
    """The rows of the label file that can't be used: `rejects.csv`, and `counts.json` and `summary.json` over all rows."""

    TYPE_NAME = "age.Rejects"


class GateReport(artifact.Artifact):
    """What DataGate checked: `data_gate.json`."""

    TYPE_NAME = "age.GateReport"


class Verdict(artifact.Artifact):
    """The verdict of a run before its model is pushed: `blessing.json`."""

    TYPE_NAME = "age.Verdict"


class BlessingReport(artifact.Artifact):
    """The verdict of a run: `blessing.json` and `report.html`."""

    TYPE_NAME = "age.BlessingReport"


class Metrics(artifact.Artifact):
    """Numbers as custom properties. Under this name Kubeflow's run page shows them in a table."""

    TYPE_NAME = "system.Metrics"


class HtmlPage(artifact.Artifact):
    """One HTML file, `page.html`. Under this name Kubeflow's run page shows it."""

    TYPE_NAME = "system.HTML"


OWN_TYPES = (Rejects, GateReport, Verdict, BlessingReport, Metrics, HtmlPage)
