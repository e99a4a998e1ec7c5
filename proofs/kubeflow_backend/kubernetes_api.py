"""A stand-in for the Kubernetes API: it keeps objects and gives them back, and nothing happens to them of itself.

What it has are the verbs that Kubeflow's API server, driver and launcher use on namespaced objects: create, get, list,
update, merge patch and delete, with resource versions. There is no authorization, no watch, no admission, no controller.
"""

from __future__ import annotations

import copy
import datetime
import http.server
import json
import re
import secrets
import ssl
import threading
import uuid

_PATH = re.compile(r"/(?:api|apis/[^/]+)/[^/]+/namespaces/([^/]+)/([^/?]+)(?:/([^/?]+))?")


class Conflict(Exception):
    """The object was changed since it was read."""


class Objects:
    """Objects by namespace, kind (`workflows`) and name."""

    def __init__(self):
        self._objects = {}
        self._version = 0
        self._changing = threading.RLock()

    def _stamped(self, found: dict) -> dict:
        self._version += 1
        found["metadata"]["resourceVersion"] = str(self._version)
        return copy.deepcopy(found)

    def create(self, namespace: str, kind: str, given: dict) -> dict:
        """Keeps an object, with the fields that the real API gives it."""
        with self._changing:
            created = copy.deepcopy(given)
            metadata = created.setdefault("metadata", {})
            metadata.setdefault("name", metadata.get("generateName", "") + secrets.token_hex(3))
            now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
            metadata.update(namespace=namespace, uid=str(uuid.uuid4()), creationTimestamp=now)
            self._objects[namespace, kind, metadata["name"]] = created
            return self._stamped(created)

    def get(self, namespace: str, kind: str, name: str) -> dict:
        with self._changing:
            return copy.deepcopy(self._objects[namespace, kind, name])

    def all(self, namespace: str, kind: str) -> list:
        with self._changing:
            return [copy.deepcopy(one) for (*place, _), one in self._objects.items() if place == [namespace, kind]]

    def update(self, namespace: str, kind: str, name: str, given: dict) -> dict:
        with self._changing:
            found = self._objects[namespace, kind, name]
            _refuse_older(found, given)
            found.clear()
            found.update(copy.deepcopy(given))
            return self._stamped(found)

    def patch(self, namespace: str, kind: str, name: str, patch: dict) -> dict:
        """Merges a patch into an object (RFC 7386)."""
        with self._changing:
            found = self._objects[namespace, kind, name]
            _refuse_older(found, patch)
            _merge(found, patch)
            return self._stamped(found)

    def delete(self, namespace: str, kind: str, name: str) -> dict:
        with self._changing:
            return self._objects.pop((namespace, kind, name))


def _refuse_older(found: dict, given: dict) -> None:
    version = given.get("metadata", {}).get("resourceVersion")
    if version and version != found["metadata"]["resourceVersion"]:
        raise Conflict


def _merge(target: dict, patch: dict) -> None:
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict) and isinstance(target.get(key), dict):
            _merge(target[key], value)
        else:
            target[key] = copy.deepcopy(value)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    objects: Objects

    def log_message(self, *_):
        pass

    def _answer(self, status: int, body: dict) -> None:
        encoded = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def _refuse(self, status: int, reason: str) -> None:
        self._answer(
            status,
            {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": status, "message": reason},
        )

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        place = _PATH.match(self.path)
        if place is None:
            self._refuse(404, "NotFound")
            return
        namespace, kind, name = place.groups()
        try:
            if self.command == "POST":
                self._answer(201, self.objects.create(namespace, kind, json.loads(body)))
            elif self.command == "GET" and name is None:
                self._answer(200, {"metadata": {"resourceVersion": "1"}, "items": self.objects.all(namespace, kind)})
            elif self.command == "GET":
                self._answer(200, self.objects.get(namespace, kind, name))
            elif self.command == "PUT":
                self._answer(200, self.objects.update(namespace, kind, name, json.loads(body)))
            elif self.command == "PATCH" and "merge-patch" in self.headers["Content-Type"]:
                self._answer(200, self.objects.patch(namespace, kind, name, json.loads(body)))
            elif self.command == "DELETE":
                self._answer(200, self.objects.delete(namespace, kind, name))
            else:
                self._refuse(405, "MethodNotAllowed")
        except KeyError:
            self._refuse(404, "NotFound")
        except Conflict:
            self._refuse(409, "Conflict")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle


def serve(objects: Objects, address: tuple, certificate: str, key: str) -> None:
    """Serves objects over HTTPS, in a thread of its own.

    Args:
        objects: what is kept.
        address: host and port.
        certificate: file of the certificate, PEM.
        key: file of its private key.
    """
    handler = type("Handler", (_Handler,), {"objects": objects})
    server = http.server.ThreadingHTTPServer(address, handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
