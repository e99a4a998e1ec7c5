"""A connection to a Kubeflow Pipelines installation: where it is, what it is shown, and what its errors mean."""

import contextlib
import io
import ipaddress
import json
import os
import urllib.parse
import warnings
from collections.abc import Iterator
from typing import Any

import yaml

from pipeline.kubeflow.settings import Connection
from schemas.bad_input import BadInput
from schemas.failures import Failure, ServiceUnavailable

_HTTP_MESSAGE_LENGTH = 300


class SubmissionFailed(Failure):
    """The installation did not do what was asked, for a reason that is not the input's."""


class NotOffered(SubmissionFailed):
    """The installation has no such part of the API."""


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


def _is_this_machine(host: str) -> bool:
    name = urllib.parse.urlsplit(host).hostname or ""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _refuse_secrets_in_the_open(host: str, connection: Connection, insecure: bool) -> None:
    """Refuses to send secrets over plain http to another machine, unless that was said to be wanted."""
    given = {
        "token_env": connection.token_env,
        "token_file": connection.token_file,
        "cookie_env": connection.cookie_env,
        "header_env": connection.header_env,
    }
    secrets = ", ".join(key for key, value in given.items() if value)
    if secrets and host.startswith("http://") and not _is_this_machine(host) and not insecure:
        raise BadInput(
            f"--host {host}: what kubeflow.connection names ({secrets}) would cross the network in the open. Expected an "
            "address that begins with https://, or a port-forward to this machine; with --insecure it is sent all the same."
        )


@contextlib.contextmanager
def _sentences(host: str, doing: str) -> Iterator[None]:
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
        if error.status == 400 and "namespace" in _message(error.body).lower():
            raise BadInput(
                f"{host}: answered while {doing}: {_message(error.body)} Expected the user's namespace in "
                "kubeflow.connection.namespace: this is an installation for several users."
            ) from None
        raise SubmissionFailed(
            f"{host}: answered {error.status} {error.reason} while {doing}: {_message(error.body)}"
        ) from None
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise ServiceUnavailable(
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
    return text if len(text) <= _HTTP_MESSAGE_LENGTH else text[: _HTTP_MESSAGE_LENGTH - 3] + "..."


def _client_class() -> Any:
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


class Installation:
    """A connection to an installation.

    Args:
        host: its address.
        connection: how to reach it.
        insecure: send secrets over plain http to another machine too.

    Attributes:
        host: its address, without a slash at the end.
        namespace: the user's, or None.
        client: Kubeflow's own, to be used within `asking`.

    Raises:
        BadInput: the address is none, a secret that the connection names is missing, or it would be sent in the open.
    """

    def __init__(self, host: str, connection: Connection, insecure: bool = False):
        self.host = host.rstrip("/")
        self.namespace = connection.namespace
        if not self.host.startswith(("http://", "https://")):
            raise BadInput(f"--host {host}: expected an address that begins with https:// or http://.")
        _refuse_secrets_in_the_open(self.host, connection, insecure)
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
                self.client = _client_class()(
                    host=self.host,
                    existing_token=token,
                    cookies=cookie,
                    ssl_ca_cert=connection.ca_file,
                    namespace=connection.namespace or "kubeflow",
                )
        # Every API of the client shares one HTTP client.
        self._api = self.client._run_api.api_client
        for header, value in headers.items():
            self._api.set_default_header(header, value)
        if connection.token_file:
            # Such a token is replaced while a run is followed for hours: it is read for every request.
            self._api.configuration.refresh_api_key_hook = lambda configuration: configuration.api_key.update(
                authorization=_token(connection)
            )

    @contextlib.contextmanager
    def asking(self, doing: str) -> Iterator[None]:
        """Asks the installation; what the client prints of its own is dropped, this program says it itself.

        Raises:
            ServiceUnavailable: it can't be reached.
            BadInput: it refuses the credentials or the namespace.
            SubmissionFailed: it answers with an error.
        """
        with _sentences(self.host, doing), contextlib.redirect_stdout(io.StringIO()):
            yield

    def workflow(self, run_id: str) -> dict[str, Any]:
        """Returns Argo's workflow of a run, with the state and the message of every pod.

        Only the older of the two APIs, which every release of Kubeflow Pipelines 2 has beside the newer, gives it.

        Raises:
            NotOffered: the installation does not give it.
            ServiceUnavailable, BadInput, SubmissionFailed: as `asking`.
        """
        import kfp_server_api

        with self.asking("following the run"):
            try:
                answer = self._api.call_api(
                    "/apis/v1beta1/runs/{id}",
                    "GET",
                    path_params={"id": run_id},
                    header_params={"Accept": "application/json"},
                    response_type="object",
                    auth_settings=["Bearer"],
                    _return_http_data_only=True,
                )
            except kfp_server_api.ApiException as error:
                if error.status in (404, 405, 501):
                    raise NotOffered(f"{self.host}: has no /apis/v1beta1/runs.") from None
                raise
        manifest = ((answer or {}).get("pipeline_runtime") or {}).get("workflow_manifest")
        return json.loads(manifest) if manifest else {}
