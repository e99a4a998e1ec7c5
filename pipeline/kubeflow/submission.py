"""Puts the compiled pipeline on a Kubeflow Pipelines installation: its versions, a run, a recurring run."""

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable
from typing import Any

import yaml

from pipeline.kubeflow.installation import Installation
from pipeline.kubeflow.settings import KubeflowSettings
from schemas.bad_input import BadInput

Say = Callable[[str], None]

_PAGE_SIZE = 100
_ROOT_OF_THE_INSTALLATION = "Artifacts: where the installation keeps them (kubeflow.pipeline_root is not set)."


def declared_parameters(specification: str) -> dict[str, dict[str, Any]]:
    """Returns the pipeline's parameters as the specification declares them."""
    return next(yaml.safe_load_all(specification))["root"]["inputDefinitions"]["parameters"]


def read_parameters(assignments: list[str], declared: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Reads `name=value` texts as the types that the pipeline declares.

    Raises:
        BadInput: a parameter that the pipeline does not have, or a value of another type.
    """
    kinds = {"NUMBER_INTEGER": (int, "a whole number"), "NUMBER_DOUBLE": (float, "a number"), "STRING": (str, "a text")}
    values = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise BadInput(f"--param {assignment}: expected a name and a value, such as --param epochs=5.")
        if name not in declared:
            raise BadInput(
                f"--param {assignment}: the pipeline has no parameter {name!r}. Expected one of {', '.join(sorted(declared))}."
            )
        kind, expected = kinds[declared[name]["parameterType"]]
        try:
            values[name] = kind(text)
        except ValueError as error:
            raise BadInput(f"--param {assignment}: {name} is {text!r}; expected {expected}.") from error
    return values


def six_field_cron(text: str) -> str:
    """Returns a cron expression in the six fields that Kubeflow reads: seconds first.

    Raises:
        BadInput: the text has neither five fields nor six.
    """
    fields = text.split()
    if len(fields) == 5:
        return " ".join(["0", *fields])
    if len(fields) == 6:
        return " ".join(fields)
    raise BadInput(
        f"--recurring {text!r}: found {len(fields)} field(s); expected five as in crontab (minute hour day month weekday), such "
        "as '0 3 * * 1', or six with seconds first."
    )


class Submission:
    """What is put on an installation: pipelines, versions, runs and recurring runs.

    Args:
        installation: a connection to it.
        settings: the `kubeflow` section.
        say: takes the lines that tell what happens.
    """

    def __init__(self, installation: Installation, settings: KubeflowSettings, say: Say):
        self._installation = installation
        self._client = installation.client
        self._settings = settings
        self._say = say

    def experiment(self, name: str) -> str:
        """Returns the id of an experiment.

        Raises:
            BadInput: there is none of that name.
        """
        with self._installation.asking(f"looking up the experiment {name!r}"):
            try:
                return self._client.get_experiment(experiment_name=name, namespace=self._installation.namespace).experiment_id
            except ValueError:
                found = (
                    self._client.list_experiments(page_size=_PAGE_SIZE, namespace=self._installation.namespace).experiments
                    or []
                )
        names = ", ".join(sorted(experiment.display_name for experiment in found)) or "none"
        raise BadInput(
            f"--experiment {name}: {self._installation.host} has no such experiment (it has: {names}). Create it there, or name "
            "another one."
        )

    def upload(self, specification: str) -> tuple:
        """Uploads the specification as a version of the pipeline, unless that very version is there.

        Returns:
            The ids of the pipeline and of its version.
        """
        name = self._settings.pipeline_name
        version_name = f"{name}-{hashlib.sha256(specification.encode()).hexdigest()[:12]}"
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, f"{version_name}.yaml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(specification)
            pipeline_id = self._pipeline(name)
            if pipeline_id is None:
                with self._installation.asking("uploading the pipeline"):
                    pipeline_id = self._client.upload_pipeline(
                        path, pipeline_name=name, namespace=self._installation.namespace
                    ).pipeline_id
                self._say(f"Pipeline {name}: created.")
            version_id = self._version(pipeline_id, version_name)
            if version_id is None:
                with self._installation.asking("uploading the pipeline's version"):
                    version_id = self._client.upload_pipeline_version(
                        path, pipeline_version_name=version_name, pipeline_id=pipeline_id
                    ).pipeline_version_id
                self._say(f"Version {version_name}: uploaded.")
            else:
                self._say(f"Version {version_name}: already there.")
        return pipeline_id, version_id

    def _pipeline(self, name: str) -> str | None:
        """Returns the id of the pipeline of a name, within the user's namespace where there is one.

        The client's own `get_pipeline_id` names no namespace: it finds nothing, or is refused, on installations for several
        users.
        """
        predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
        with self._installation.asking(f"looking up the pipeline {name!r}"):
            found = self._client.list_pipelines(
                page_size=_PAGE_SIZE, filter=json.dumps({"predicates": [predicate]}), namespace=self._installation.namespace
            ).pipelines
        return found[0].pipeline_id if found else None

    def _version(self, pipeline_id: str, name: str) -> str | None:
        token = ""
        while True:
            with self._installation.asking("listing the pipeline's versions"):
                page = self._client.list_pipeline_versions(pipeline_id, page_token=token, page_size=_PAGE_SIZE)
            for version in page.pipeline_versions or []:
                if version.display_name == name:
                    return version.pipeline_version_id
            token = page.next_page_token
            if not token:
                return None

    def start(self, experiment_id: str, pipeline_id: str, version_id: str, parameters: dict[str, Any]) -> str:
        """Starts a run and returns its id."""
        with self._installation.asking("starting the run"):
            run = self._client.run_pipeline(
                experiment_id,
                f"{self._settings.pipeline_name} {time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime())}",
                params=parameters,
                pipeline_id=pipeline_id,
                version_id=version_id,
                pipeline_root=self._settings.pipeline_root,
            )
        self._say_where_artifacts_go()
        self._say(f"Run: {self._installation.host}/#/runs/details/{run.run_id}")
        return run.run_id

    def _say_where_artifacts_go(self) -> None:
        # The root in the specification is dropped on the way to the workflow: it counts when it is given with the run.
        root = self._settings.pipeline_root
        self._say(f"Artifacts: {root.rstrip('/')}/{self._settings.pipeline_name}/" if root else _ROOT_OF_THE_INSTALLATION)

    def start_recurring(
        self, experiment_id: str, pipeline_id: str, version_id: str, parameters: dict[str, Any], cron: str
    ) -> str:
        """Starts a recurring run in the place of those that have its name in the experiment, and returns its id.

        One run of it begins when the one before has ended, and those that were missed are not made up for: they would share
        the serving directory and what lies in the working directory.
        """
        name = self._settings.pipeline_name
        older = self._recurring_runs(experiment_id, name)
        with self._installation.asking("creating the recurring run"):
            recurring = self._client.create_recurring_run(
                experiment_id,
                name,
                cron_expression=cron,
                max_concurrency=1,
                no_catchup=True,
                params=parameters,
                pipeline_id=pipeline_id,
                version_id=version_id,
                pipeline_root=self._settings.pipeline_root,
            )
        self._say_where_artifacts_go()
        self._say(f"Recurring run ({cron}): {self._installation.host}/#/recurringrun/details/{recurring.recurring_run_id}")
        for recurring_id in older:
            with self._installation.asking("deleting the recurring run that this one replaces"):
                self._client.delete_recurring_run(recurring_id)
            self._say(f"Recurring run {recurring_id}: replaced by this one.")
        return recurring.recurring_run_id

    def _recurring_runs(self, experiment_id: str, name: str) -> list[str]:
        found, token = [], ""
        while True:
            with self._installation.asking("listing the recurring runs"):
                page = self._client.list_recurring_runs(
                    page_token=token, page_size=_PAGE_SIZE, experiment_id=experiment_id, namespace=self._installation.namespace
                )
            found += [one.recurring_run_id for one in page.recurring_runs or [] if one.display_name == name]
            token = page.next_page_token
            if not token:
                return found
