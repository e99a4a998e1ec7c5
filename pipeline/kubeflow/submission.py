"""Submits the compiled pipeline to a Kubeflow Pipelines installation, follows the run, and says how it ended."""

import contextlib
import hashlib
import io
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from typing import Any

import yaml

from pipeline.kubeflow.settings import Connection, KubeflowSettings
from schemas.bad_input import BadInput

Say = Callable[[str], None]

BLESSED, NOT_BLESSED, STOPPED, FAILED = "blessed", "not blessed", "stopped by its input", "failed"
"""How a run ends."""

_FINISHED = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED")
_NOT_BLESSED_STEPS = ("BlessingGate",)
_INPUT_STEPS = ("RunStart", "DataGate")
_PAGE_SIZE = 100
_ROOT_OF_THE_INSTALLATION = "Artifacts: where the installation keeps them (kubeflow.pipeline_root is not set)."
_PATIENCE = 5
"""How often in a row following a run may fail."""


class SubmissionFailed(RuntimeError):
    """The installation did not do what was asked, for a reason that is not the input's."""


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


def _from_environment(variable: str, key: str) -> str:
    value = os.environ.get(variable, "")
    if not value:
        raise BadInput(f"kubeflow.connection.{key}: the environment variable {variable} is not set. Put the secret there.")
    if "\n" in value or "\r" in value:
        raise BadInput(f"kubeflow.connection.{key}: the environment variable {variable} has a line break in it.")
    return value


def _token(connection: Connection) -> str | None:
    if connection.token_env:
        return _from_environment(connection.token_env, "token_env")
    if connection.token_file:
        path = os.path.expanduser(connection.token_file)
        try:
            with open(path, encoding="utf-8") as file:
                return file.read().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"kubeflow.connection.token_file: {path}: the token can't be read: {error}.") from error
    return None


@contextlib.contextmanager
def _sentences(host: str, doing: str):
    """Turns what the client and its libraries raise into a sentence, without the headers that a request carried."""
    import kfp_server_api
    import urllib3

    try:
        yield
    except kfp_server_api.ApiException as error:
        if error.status in (401, 403):
            raise BadInput(
                f"{host}: refused while {doing} ({error.status} {error.reason}). Expected credentials that this installation "
                "takes: see kubeflow.connection (token_env, token_file, cookie_env, header_env, namespace)."
            ) from None
        if error.status == 404:
            raise BadInput(
                f"{host}: not found while {doing}. Expected the address of Kubeflow Pipelines 2, such as "
                "http://localhost:8080 or https://kubeflow.example.org/pipeline."
            ) from None
        if error.status == 0:
            raise BadInput(
                f"{host}: the connection is not trusted. Name its certificates in kubeflow.connection.ca_file."
            ) from None
        raise SubmissionFailed(
            f"{host}: answered {error.status} {error.reason} while {doing}: {_message(error.body)}"
        ) from None
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise BadInput(
            f"{host}: can't be reached while {doing} ({type(error).__name__}). Check the address, and that the port-forward or "
            "VPN is up."
        ) from None


def _message(body: Any) -> str:
    """Returns what an error's body says, on one line."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body or "no reason given")
    with contextlib.suppress(Exception):
        parsed = yaml.safe_load(text)
        text = parsed.get("error_message") or parsed.get("message") or parsed.get("error") or text
    text = " ".join(str(text).split())
    return text if len(text) <= 300 else text[:297] + "..."


def _client_class():
    import kfp
    import kfp_server_api

    class QuietClient(kfp.Client):
        """The client without what its constructor does unasked: it reads a namespace from the user's home, and asks for the
        installation's health up to five times, without the headers that a protected one wants."""

        def _load_context_setting_or_default(self):
            self._context_setting = {"namespace": ""}

        def get_kfp_healthz(self, sleep_duration=0):
            return kfp_server_api.V2beta1GetHealthzResponse(multi_user=False)

    return QuietClient


class Submission:
    """A connection to an installation.

    Args:
        host: its address.
        settings: the `kubeflow` section.
        say: takes the lines that tell what happens.

    Raises:
        BadInput: the installation can't be reached, or a secret that the settings name is missing.
    """

    def __init__(self, host: str, settings: KubeflowSettings, say: Say):
        self.host = host.rstrip("/")
        self._settings = settings
        self._namespace = settings.connection.namespace
        self._say = say
        if not self.host.startswith(("http://", "https://")):
            raise BadInput(f"--host {host}: expected an address that begins with https:// or http://.")
        connection = settings.connection
        token = _token(connection)
        cookie = _from_environment(connection.cookie_env, "cookie_env") if connection.cookie_env else None
        headers = {
            header: _from_environment(variable, f"header_env.{header}") for header, variable in connection.header_env.items()
        }
        if connection.ca_file and not os.path.isfile(connection.ca_file):
            raise BadInput(f"kubeflow.connection.ca_file: {connection.ca_file}: there is no such file.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            with _sentences(self.host, "connecting"):
                self._client = _client_class()(
                    host=self.host,
                    existing_token=token,
                    cookies=cookie,
                    ssl_ca_cert=connection.ca_file,
                    namespace=connection.namespace or "kubeflow",
                )
        # Every API of the client shares one HTTP client.
        for header, value in headers.items():
            self._client._run_api.api_client.set_default_header(header, value)

    @contextlib.contextmanager
    def _asking(self, doing: str):
        """Asks the installation; what the client prints of its own is dropped, this program says it itself."""
        with _sentences(self.host, doing), contextlib.redirect_stdout(io.StringIO()):
            yield

    def experiment(self, name: str) -> str:
        """Returns the id of an experiment.

        Raises:
            BadInput: there is none of that name.
        """
        with self._asking(f"looking up the experiment {name!r}"):
            try:
                return self._client.get_experiment(experiment_name=name, namespace=self._namespace).experiment_id
            except ValueError:
                found = self._client.list_experiments(page_size=_PAGE_SIZE, namespace=self._namespace).experiments or []
        names = ", ".join(sorted(experiment.display_name for experiment in found)) or "none"
        raise BadInput(
            f"--experiment {name}: {self.host} has no such experiment (it has: {names}). Create it there, or name another one."
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
            with self._asking(f"looking up the pipeline {name!r}"):
                pipeline_id = self._client.get_pipeline_id(name)
            if pipeline_id is None:
                with self._asking("uploading the pipeline"):
                    pipeline_id = self._client.upload_pipeline(path, pipeline_name=name, namespace=self._namespace).pipeline_id
                self._say(f"Pipeline {name}: created.")
            version_id = self._version(pipeline_id, version_name)
            if version_id is None:
                with self._asking("uploading the pipeline's version"):
                    version_id = self._client.upload_pipeline_version(
                        path, pipeline_version_name=version_name, pipeline_id=pipeline_id
                    ).pipeline_version_id
                self._say(f"Version {version_name}: uploaded.")
            else:
                self._say(f"Version {version_name}: already there.")
        return pipeline_id, version_id

    def _version(self, pipeline_id: str, name: str) -> str | None:
        token = ""
        while True:
            with self._asking("listing the pipeline's versions"):
                page = self._client.list_pipeline_versions(pipeline_id, page_token=token, page_size=_PAGE_SIZE)
            for version in page.pipeline_versions or []:
                if version.display_name == name:
                    return version.pipeline_version_id
            token = page.next_page_token
            if not token:
                return None

    def start(self, experiment_id: str, pipeline_id: str, version_id: str, parameters: dict[str, Any]) -> str:
        """Starts a run and returns its id."""
        with self._asking("starting the run"):
            run = self._client.run_pipeline(
                experiment_id,
                f"{self._settings.pipeline_name} {time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime())}",
                params=parameters,
                pipeline_id=pipeline_id,
                version_id=version_id,
                pipeline_root=self._settings.pipeline_root,
            )
        self._say_where_artifacts_go()
        self._say(f"Run: {self.host}/#/runs/details/{run.run_id}")
        return run.run_id

    def _say_where_artifacts_go(self) -> None:
        # The root in the specification is dropped on the way to the workflow: it counts when it is given with the run.
        root = self._settings.pipeline_root
        self._say(f"Artifacts: {root.rstrip('/')}/{self._settings.pipeline_name}/" if root else _ROOT_OF_THE_INSTALLATION)

    def start_recurring(
        self, experiment_id: str, pipeline_id: str, version_id: str, parameters: dict[str, Any], cron: str
    ) -> str:
        """Starts a recurring run and returns its id."""
        with self._asking("creating the recurring run"):
            recurring = self._client.create_recurring_run(
                experiment_id,
                f"{self._settings.pipeline_name} {cron}",
                cron_expression=cron,
                no_catchup=True,
                params=parameters,
                pipeline_id=pipeline_id,
                version_id=version_id,
                pipeline_root=self._settings.pipeline_root,
            )
        self._say_where_artifacts_go()
        self._say(f"Recurring run ({cron}): {self.host}/#/recurringrun/details/{recurring.recurring_run_id}")
        return recurring.recurring_run_id

    def wait(self, run_id: str, seconds_between: float = 10.0) -> str:
        """Follows a run to its end.

        Args:
            run_id: the run.
            seconds_between: how long to wait before asking again.

        Returns:
            `BLESSED`, `NOT_BLESSED`, `STOPPED` or `FAILED`.
        """
        told: dict[str, str] = {}
        failures = 0
        while True:
            try:
                with self._asking("following the run"):
                    run = self._client.get_run(run_id)
                failures = 0
            except (BadInput, SubmissionFailed):
                # A run takes hours: a restarted gateway or a lost connection does not end it.
                failures += 1
                if failures > _PATIENCE:
                    raise
                time.sleep(seconds_between)
                continue
            for task in (run.run_details and run.run_details.task_details) or []:
                name, state = task.display_name, str(task.state)
                if name and not name.endswith(("-driver", "executor")) and told.get(name) != state:
                    told[name] = state
                    self._say(f"{name}: {state.lower()}")
            if run.state in _FINISHED:
                self._say(f"Run {run.state.lower()}.")
                return _ending(run.state, told)
            time.sleep(seconds_between)


def _ending(state: str, steps: dict[str, str]) -> str:
    if state == "SUCCEEDED":
        return BLESSED
    failed = {name for name, step in steps.items() if step == "FAILED"}
    if failed & set(_NOT_BLESSED_STEPS):
        return NOT_BLESSED
    return STOPPED if failed & set(_INPUT_STEPS) else FAILED
