"""The work of BlessingReport."""

import os

from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils, standard_artifacts

from age import storage
from age.dataset import data_facts
from age.evaluation import predictions_file
from age.reporting import drawings, model_card, page, verdicts
from components import stages
from schemas.verdict import BLESSING_FILE, Verdict


def _with_outcome(verdict: Verdict, pushed: standard_artifacts.PushedModel) -> Verdict:
    """Returns the verdict with what the Pusher says of the model."""
    if refusal := pushed.get_string_custom_property("refusal"):
        return verdicts.refused(verdict, refusal)
    if pushed.get_int_custom_property("waiting"):
        return verdicts.awaiting_approval(verdict)
    if pushed.get_int_custom_property("pushed"):
        return verdicts.pushed(
            verdict,
            version=pushed.get_string_custom_property("pushed_version"),
            model=pushed.get_string_custom_property("pushed_destination"),
        )
    return verdict


class Executor(base_executor.BaseExecutor):
    """Puts together what was decided and what came of it."""

    def Do(self, input_dict, output_dict, exec_properties):
        """Writes `blessing.json` and `report.html` into the run's report folder and into the artifact."""
        single = {name: artifact_utils.get_single_instance(artifacts) for name, artifacts in input_dict.items()}
        directory = os.path.join(exec_properties["report_dir"], exec_properties["run_id"])
        written = Verdict.from_json(storage.read_bytes(os.path.join(single["verdict"].uri, BLESSING_FILE)))
        # Where this step sees what the verdict names: on Kubeflow it has copies of its own.
        verdict = verdicts.with_paths(
            written,
            rejects=os.path.join(single["rejects"].uri, data_facts.REJECTS_FILE),
            examples=single["examples"].uri,
            evaluation=single["evaluation"].uri,
            predictions=os.path.join(single["evaluation"].uri, predictions_file.PREDICTIONS_FILE),
        )
        verdict = _with_outcome(verdict, single["pushed_model"])
        finished = stages.read(verdict.paths.metadata, exec_properties["run_id"])
        verdict = verdict.model_copy(update={"stages": finished})
        verdict = verdicts.with_paths(verdict, model_card=model_card.write(verdict))
        report = artifact_utils.get_single_uri(output_dict["report"])
        drawn_before = os.path.join(exec_properties["report_dir"], drawings.MEMORY_FILE)
        page.write(verdict, directory, report, drawn_before=drawn_before)
        html = artifact_utils.get_single_instance(output_dict["page"])
        storage.make_directory(html.uri)
        html.uri = os.path.join(html.uri, "page.html")
        storage.write_text(html.uri, storage.read_bytes(os.path.join(report, page.REPORT_FILE)).decode())
