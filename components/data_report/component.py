"""DataReport, as a function: TFX makes declaration and executor of it."""

import os

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from age.reporting import page, verdicts
from components import artifacts, stages
from schemas.run_description import RunDescription


@component
def DataReport(
    examples: InputArtifact[standard_artifacts.Examples],
    rejects: InputArtifact[artifacts.Rejects],
    report_dir: Parameter[str],
    run_id: Parameter[str],
    run_description: Parameter[str],
    report: OutputArtifact[artifacts.BlessingReport],
):
    """Writes the verdict of a look at the data to `<report_dir>/<run_id>/`: `blessing.json` and `report.html`.

        data_report = DataReport(
            examples=examples, rejects=rejects, report_dir="run/reports", run_id="20260101-120000", run_description=description
        )
        data_report.add_upstream_node(data_gate)

    It comes after DataGate, which writes the same where it stops.

    Args:
        examples: what FaceExampleGen wrote.
        rejects: what it rejected.
        report_dir: directory in which each run has a folder.
        run_id: the run's name.
        run_description: what it says of the run itself, a `RunDescription` as JSON.
        report: the output, the same two files.
    """
    run = RunDescription.model_validate_json(run_description)
    directory = os.path.join(report_dir, run_id)
    verdict = verdicts.of_data(
        run,
        run_id,
        rejects=rejects.uri,
        examples=examples.uri,
        report=os.path.join(directory, page.REPORT_FILE),
        stages=stages.read(run.metadata_path, run_id),
    )
    page.write(verdict, directory, report.uri)
