"""VerdictWriter, as a function: TFX makes declaration and executor of it."""

import json
import os

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from age.evaluation import evaluation_result
from age.reporting import page, verdicts
from components import artifacts, canary_result, stages
from schemas import features
from schemas.run_description import RunDescription


@component
def VerdictWriter(
    rejects: InputArtifact[artifacts.Rejects],
    model_run: InputArtifact[standard_artifacts.ModelRun],
    evaluation: InputArtifact[standard_artifacts.ModelEvaluation],
    infra_blessing: InputArtifact[standard_artifacts.InfraBlessing],
    report_dir: Parameter[str],
    run_id: Parameter[str],
    run_description: Parameter[str],
    champion_version: Parameter[int],
    verdict: OutputArtifact[artifacts.Verdict],
):
    """Writes the verdict to `<report_dir>/<run_id>/blessing.json` before anything is pushed.

    Where the run dies between the push and its report, it is known all the same what was decided and why. BlessingReport
    completes the verdict with what became of the model.

    Args:
        rejects: what FaceExampleGen rejected, and what it says of the examples. Those themselves would be copied here on Kubeflow.
        model_run: what the Trainer recorded.
        evaluation: what AgeEvaluator measured.
        infra_blessing: what Canary found.
        report_dir: directory in which each run has a folder.
        run_id: the run's name.
        run_description: what it says of the run itself, a `RunDescription` as JSON.
        champion_version: version of the model that the candidate was compared with, or 0.
        verdict: the output, the same file.
    """
    run = RunDescription.model_validate_json(run_description)
    directory = os.path.join(report_dir, run_id)
    written = verdicts.of_model(
        run,
        run_id,
        evaluation_result.read(evaluation.uri),
        rejects=rejects.uri,
        examples=rejects.get_string_custom_property(artifacts.EXAMPLES_PROPERTY),
        attributes=json.loads(rejects.get_string_custom_property(features.ATTRIBUTES_PROPERTY)),
        evaluation=evaluation.uri,
        history=os.path.join(model_run.uri, "history.json"),
        report=os.path.join(directory, page.REPORT_FILE),
        stages=stages.read(run.metadata_path, run_id),
        canary=canary_result.read(infra_blessing.uri),
        champion_version=champion_version,
    )
    page.write_verdict(written, directory, verdict.uri)
