"""A local server that answers Kubeflow Pipelines' v2beta1 REST API, as its published OpenAPI description says.

https://github.com/kubeflow/pipelines/blob/master/backend/api/v2beta1/swagger/kfp_api_single_file.swagger.json

`kfp_server_api` is generated from that description. What comes in and what goes out is held against its models.
"""

import contextlib
import datetime
import email
import email.policy
import http.server
import json
import re
import threading
import urllib.parse
from typing import Any

import kfp_server_api

PAGE_SIZE = 2
"""Fewer than any client asks for: page sizes are an upper bound, and every list has several pages."""


class Installation:
    """What the server knows, and what it was asked.

    Attributes:
        token: the bearer token that it demands, or None; or a function that returns it.
        header: a header and value that it demands, or None.
        experiments: names.
        pipelines: list of {"pipeline_id", "display_name"}, with "namespace" on an installation for several users.
        namespaces: what a request for pipelines without a namespace is answered on an installation for several users:
            "nothing", as if there were none, or "required", an error; None on one for a single user.
        older_api: whether it answers /apis/v1beta1.
        versions: list of {"pipeline_id", "pipeline_version_id", "display_name", "text"}.
        runs: bodies of created runs, by id.
        recurring_runs: bodies of created recurring runs, by id.
        states: what a run's successive states and its tasks' are: list of (state, {task: state or (state, message)}), where
            a task is named as Kubeflow does: `Trainer`, `Trainer(1)` for its second attempt, `Trainer-driver`.
        started: when tasks were begun.
        fail_next: statuses that the next requests are answered with.
        requests: list of (method, path, headers).
        deviations: where a request or an answer was not as described.
    """

    def __init__(self):
        self.token = None
        self.namespaces = None
        self.older_api = True
        self.started = datetime.datetime.now(datetime.timezone.utc)
        self.header = None
        self.experiments = ["Default", "nightly", "weekly"]
        self.pipelines: list[dict[str, str]] = []
        self.versions: list[dict[str, str]] = []
        self.runs: dict[str, dict[str, Any]] = {}
        self.recurring_runs_created = 0
        self.recurring_runs: dict[str, dict[str, Any]] = {}
        self.states = [("RUNNING", {}), ("SUCCEEDED", {})]
        self.fail_next: list[int] = []
        self.requests = []
        self.deviations: list[str] = []


_PRIMITIVES = {"str": str, "int": int, "float": (int, float), "bool": bool, "datetime": str, "object": object}


def deviations(value: Any, kind: str, where: str = "") -> list[str]:
    """Returns where JSON is not what the description says of a type, such as `list[V2beta1Run]`."""
    if inner := re.fullmatch(r"list\[(.*)\]|dict\(str, (.*)\)", kind):
        items = enumerate(value) if inner[1] else value.items()
        return [found for key, item in items for found in deviations(item, inner[1] or inner[2], f"{where}.{key}")]
    if kind in _PRIMITIVES:
        return [] if isinstance(value, _PRIMITIVES[kind]) else [f"{where} is {value!r}, not {kind}"]
    model = getattr(kfp_server_api, kind)
    if hasattr(model, "allowable_values"):
        return [] if value in model.allowable_values else [f"{where} is {value!r}, not in {kind}"]
    kinds = {name: model.openapi_types[attribute] for attribute, name in model.attribute_map.items()}
    found = [f"{where}.{name} is not in {kind}" for name in value if name not in kinds]
    return found + [
        one for name, item in value.items() if name in kinds for one in deviations(item, kinds[name], f"{where}.{name}")
    ]


def _page(items, query, key):
    start = int(query.get("page_token", "") or 0)
    shown = items[start : start + PAGE_SIZE]
    answer = {key: shown, "total_size": len(items)} if shown else {}
    if start + PAGE_SIZE < len(items):
        answer["next_page_token"] = str(start + PAGE_SIZE)
    return answer


def _filtered(items, query):
    if "filter" not in query:
        return items
    (predicate,) = json.loads(query["filter"])["predicates"]
    assert predicate["operation"] in (1, "EQUALS")
    value = predicate.get("stringValue", predicate.get("string_value"))
    return [item for item in items if item[predicate["key"]] == value]


def _uploaded(headers, body) -> str:
    message = email.message_from_bytes(
        b"Content-Type: " + headers["Content-Type"].encode() + b"\r\n\r\n" + body, policy=email.policy.HTTP
    )
    (part,) = [part for part in message.iter_parts() if part.get_param("name", header="content-disposition") == "uploadfile"]
    return part.get_payload(decode=True).decode()


def _state(given) -> tuple:
    """A task's state and message."""
    return (given, "") if isinstance(given, str) else given


def _node(name: str) -> str:
    """The node of a task's pod within its run, as Argo names it."""
    if name.endswith("-driver"):
        return name
    task, attempt = re.fullmatch(r"(.*?)(\(\d+\))?", name).groups()
    return f"{task}.executor{attempt or ''}"


def _display_name(name: str) -> str:
    return re.sub(r".*(\(\d+\))", r"executor\1", name)


class _Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def _described(self, what, body, kind):
        self.server.installation.deviations += [f"{self.command} {self.path}: {what}{one}" for one in deviations(body, kind)]

    def _answer(self, status, body, kind=None):
        if kind:
            self._described("answer", body, kind)
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _error(self, status, message):
        # The description's `runtimeError`, and gRPC's code in it.
        self._answer(status, {"error": message, "code": 16, "message": message, "details": []})

    def _handle(self, method):
        known: Installation = self.server.installation
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        known.requests.append((method, url.path, dict(self.headers)))
        if known.fail_next:
            return self._error(known.fail_next.pop(0), "upstream connect error")
        token = known.token() if callable(known.token) else known.token
        if token and self.headers.get("Authorization") != f"Bearer {token}":
            return self._error(401, "Unauthenticated: Request header error: there is no user identity header.")
        if known.header and self.headers.get(known.header[0]) != known.header[1]:
            return self._error(403, "Forbidden")
        for expected, pattern, action in _ROUTES:
            match = re.fullmatch(pattern, url.path)
            if method == expected and match:
                return action(self, known, query, body, *match.groups())
        return self._error(404, "Not Found")

    def do_GET(self):
        self._handle("GET")

    def do_DELETE(self):
        self._handle("DELETE")

    def do_POST(self):
        self._handle("POST")

    def _experiments(self, known, query, body):
        items = [{"experiment_id": f"e-{name}", "display_name": name} for name in known.experiments]
        self._answer(200, _page(_filtered(items, query), query, "experiments"), "V2beta1ListExperimentsResponse")

    def _pipelines(self, known, query, body):
        if known.namespaces and "namespace" not in query:
            if known.namespaces == "required":
                return self._error(400, "Invalid input error: Namespace is required for pipeline operations")
            return self._answer(200, {}, "V2beta1ListPipelinesResponse")
        in_namespace = [one for one in known.pipelines if one.get("namespace") == query.get("namespace")]
        if known.namespaces:
            return self._answer(200, _page(_filtered(in_namespace, query), query, "pipelines"), "V2beta1ListPipelinesResponse")
        self._answer(200, _page(_filtered(known.pipelines, query), query, "pipelines"), "V2beta1ListPipelinesResponse")

    def _versions(self, known, query, body, pipeline_id):
        items = [
            {key: version[key] for key in ("pipeline_id", "pipeline_version_id", "display_name")}
            for version in known.versions
            if version["pipeline_id"] == pipeline_id
        ]
        self._answer(200, _page(items, query, "pipeline_versions"), "V2beta1ListPipelineVersionsResponse")

    def _add_version(self, known, pipeline_id, name, text):
        version = {
            "pipeline_id": pipeline_id,
            "pipeline_version_id": f"v{len(known.versions) + 1}",
            "display_name": name,
            "text": text,
        }
        known.versions.append(version)
        return {key: version[key] for key in ("pipeline_id", "pipeline_version_id", "display_name")}

    def _upload(self, known, query, body):
        pipeline = {"pipeline_id": f"p{len(known.pipelines) + 1}", "display_name": query["name"]}
        if known.namespaces:
            pipeline["namespace"] = query["namespace"]
        if any(one["display_name"] == query["name"] for one in known.pipelines):
            return self._error(
                409, f"Already exist error: Failed to create a new pipeline. The name {query['name']} already exist"
            )
        known.pipelines.append(pipeline)
        # A new pipeline has its first version under its own name.
        self._add_version(known, pipeline["pipeline_id"], query["name"], _uploaded(self.headers, body))
        self._answer(200, pipeline, "V2beta1Pipeline")

    def _upload_version(self, known, query, body):
        version = self._add_version(known, query["pipelineid"], query["name"], _uploaded(self.headers, body))
        self._answer(200, version, "V2beta1PipelineVersion")

    def _create_run(self, known, query, body):
        run = json.loads(body)
        self._described("request", run, "V2beta1Run")
        run_id = f"r{len(known.runs) + 1}"
        known.runs[run_id] = {**run, "polled": 0}
        self._answer(200, {**run, "run_id": run_id, "state": "PENDING"}, "V2beta1Run")

    def _run(self, known, query, body, run_id):
        if run_id not in known.runs:
            return self._error(404, f"Run {run_id} not found")
        run = known.runs[run_id]
        state, tasks = known.states[min(run["polled"], len(known.states) - 1)]
        run["polled"] += 1
        details = [
            {
                "run_id": run_id,
                "task_id": name,
                "display_name": _display_name(name),
                "state": _state(each)[0].replace("ERROR", "FAILED"),
            }
            for name, each in tasks.items()
        ]
        self._answer(
            200,
            {
                "run_id": run_id,
                "experiment_id": run["experiment_id"],
                "display_name": run["display_name"],
                "state": state,
                "run_details": {"task_details": details},
            },
            "V2beta1Run",
        )

    def _workflow(self, known, query, body, run_id):
        """The older API's run, with what Argo's workflow says of its nodes."""
        if not known.older_api:
            return self._error(404, "Not Found")
        _, tasks = known.states[max(0, min(known.runs[run_id]["polled"], len(known.states)) - 1)]
        started = known.started.strftime("%Y-%m-%dT%H:%M:%SZ")
        nodes = {
            f"age-x-{number}": {
                "id": f"age-x-{number}",
                "name": f"age-x.root.{_node(name)}",
                "displayName": _display_name(name),
                "type": "Skipped" if _state(each)[0] == "SKIPPED" else "Pod",
                "phase": _state(each)[0].capitalize(),
                "message": _state(each)[1],
                "startedAt": started,
            }
            for number, (name, each) in enumerate(tasks.items())
        }
        nodes["age-x"] = {"id": "age-x", "name": "age-x", "type": "DAG", "phase": "Running", "startedAt": started}
        manifest = json.dumps({"status": {"nodes": nodes}})
        self._answer(200, {"run": {"id": run_id}, "pipeline_runtime": {"workflow_manifest": manifest}})

    def _recurring_runs(self, known, query, body):
        items = [
            {"recurring_run_id": key, "display_name": one["display_name"], "experiment_id": one["experiment_id"]}
            for key, one in known.recurring_runs.items()
            if one["experiment_id"] == query["experiment_id"]
        ]
        self._answer(200, _page(items, query, "recurringRuns"), "V2beta1ListRecurringRunsResponse")

    def _delete_recurring_run(self, known, query, body, recurring_id):
        del known.recurring_runs[recurring_id]
        self._answer(200, {})

    def _create_recurring_run(self, known, query, body):
        recurring = json.loads(body)
        # Protocol buffers' JSON takes a 64-bit integer as a number too, and writes it as text.
        recurring["max_concurrency"] = str(recurring["max_concurrency"])
        self._described("request", recurring, "V2beta1RecurringRun")
        known.recurring_runs_created += 1
        recurring_id = f"j{known.recurring_runs_created}"
        known.recurring_runs[recurring_id] = recurring
        self._answer(200, {**recurring, "recurring_run_id": recurring_id, "status": "ENABLED"}, "V2beta1RecurringRun")


_API = "/apis/v2beta1"
_ROUTES = (
    ("GET", f"{_API}/experiments", _Handler._experiments),
    ("GET", f"{_API}/pipelines", _Handler._pipelines),
    ("GET", f"{_API}/pipelines/([^/]+)/versions", _Handler._versions),
    ("POST", f"{_API}/pipelines/upload", _Handler._upload),
    ("POST", f"{_API}/pipelines/upload_version", _Handler._upload_version),
    ("POST", f"{_API}/runs", _Handler._create_run),
    ("GET", f"{_API}/runs/([^/]+)", _Handler._run),
    ("POST", f"{_API}/recurringruns", _Handler._create_recurring_run),
    ("GET", f"{_API}/recurringruns", _Handler._recurring_runs),
    ("DELETE", f"{_API}/recurringruns/([^/]+)", _Handler._delete_recurring_run),
    ("GET", "/apis/v1beta1/runs/([^/]+)", _Handler._workflow),
)


@contextlib.contextmanager
def serving(installation: Installation):
    """Serves on a free port of this machine and yields the address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.installation = installation
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
