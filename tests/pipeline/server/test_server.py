"""The server answers others' clients, bounds what strangers may ask, and changes versions and ends without dropping a request."""

import asyncio
import json
import math
import os
import resource
import socket
import subprocess
import threading
import time

import numpy as np
import pytest
import requests
from google.protobuf import json_format
from prometheus_client.parser import text_string_to_metric_families
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

from age.serving import Predictor
from age.serving.serving_directory import ServingDirectory
from tests.brightness_model import age_of, grey, write_model_with_interval
from tests.pipeline.server.conftest import RunningServer, in_base64, instances, running

YEARS = 1e-3
LIMITS = {
    "max_body": 300_000,
    "max_waiting": 3_000_000,
    "max_pixels": 1_000_000,
    "max_photographs": 40,
    "max_requests": 24,
    "request_seconds": 1.5,
    "look_seconds": 0.1,
    "drain_seconds": 4,
}


@pytest.fixture(scope="module")
def directory(models, tmp_path_factory) -> ServingDirectory:
    directory = ServingDirectory(str(tmp_path_factory.mktemp("serving") / "age"))
    directory.publish(models(0))
    return directory


@pytest.fixture(scope="module")
def server(directory):
    settings = [argument for key, value in LIMITS.items() for argument in ("--set", f"serve.{key}={value}")]
    keras_2 = {"TF_USE_LEGACY_KERAS": "1"}  # as TensorFlow Transform leaves it for what is started after its import
    with running("--serving-dir", directory.path, *settings, environment=keras_2) as server:
        server.ready_at_first = server.get("/v2/health/ready")[0]
        server.wait_until_it_serves(directory.versions()[0].version)
        yield server


@pytest.fixture
def version(directory) -> int:
    return directory.versions()[0].version


def measured(server) -> dict[str, float]:
    """Returns what the server counts, by name and labels."""
    families = text_string_to_metric_families(requests.get(f"{server.address}/metrics", timeout=30).text)
    return {
        " ".join([sample.name, *map(str, sample.labels.values())]): sample.value
        for family in families
        for sample in family.samples
    }


def test_it_is_alive_at_once_and_ready_when_a_model_is_warm(server, version):
    assert server.ready_at_first == 503
    assert server.get("/v2/health/live")[:2] == (200, {"live": True})
    assert server.get("/v2/health/ready")[:2] == (200, {"ready": True})
    assert server.logged("version serving", version=version)["seconds"] > 0


def test_curl_gets_ages_in_tensorflow_servings_form(server, version, tmp_path):
    (tmp_path / "request.json").write_text(json.dumps(instances(grey(51), grey(204, side=300, kind="JPEG"))))

    done = subprocess.run(
        ["curl", "--silent", "--fail", "--data", f"@{tmp_path}/request.json", f"{server.address}/v1/models/age:predict"],
        capture_output=True,
        check=True,
    )

    answer = json.loads(done.stdout)
    assert answer["predictions"] == pytest.approx([age_of(51), age_of(204)], abs=YEARS)
    assert answer["model_version"] == str(version)


@pytest.mark.parametrize("address", [":predict", "/versions/{}:predict", "/labels/stable:predict"])
def test_versions_and_labels_are_addresses_of_the_version_being_served(server, version, address):
    answer = requests.post(f"{server.address}/v1/models/age{address.format(version)}", json=instances(grey(0)), timeout=30)

    assert answer.status_code == 200 and answer.headers["Model-Version"] == str(version)
    assert answer.json()["predictions"] == pytest.approx([0], abs=YEARS)


@pytest.mark.parametrize(
    "content",
    [
        {"instances": [{"b64": in_base64(grey(102))}]},
        {"signature_name": "serving_default", "instances": [{"image_bytes": {"b64": in_base64(grey(102))}}]},
        {"inputs": {"image_bytes": [{"b64": in_base64(grey(102))}]}},
        {"inputs": [{"b64": in_base64(grey(102))}]},
    ],
)
def test_every_form_that_tensorflow_serving_takes_is_taken(server, content):
    status, answer, _ = server.post("/v1/models/age:predict", content)

    assert status == 200
    assert answer["outputs" if "inputs" in content else "predictions"] == pytest.approx([age_of(102)], abs=YEARS)


def test_states_and_metadata_are_messages_of_tensorflow_serving(server, version):
    for address in ("/v1/models/age", f"/v1/models/age/versions/{version}", "/v1/models/age/labels/stable"):
        status = json_format.ParseDict(server.get(address)[1], get_model_status_pb2.GetModelStatusResponse())
        (state,) = status.model_version_status
        assert (state.version, state.state) == (version, get_model_status_pb2.ModelVersionStatus.AVAILABLE)
    metadata = server.get("/v1/models/age/metadata")[1]
    signatures = json_format.ParseDict(metadata["metadata"]["signature_def"], get_model_metadata_pb2.SignatureDefMap())
    signature = signatures.signature_def["serving_default"]
    assert metadata["model_spec"]["version"] == str(version)
    assert set(signature.inputs) == {"image_bytes"} and set(signature.outputs) == {"age"}


@pytest.mark.parametrize("binary", [True, False])
def test_tritons_client_gets_ages(server, version, binary):
    client_of_triton = pytest.importorskip("tritonclient.http", reason="Triton's client is not installed")
    client = client_of_triton.InferenceServerClient(server.address.removeprefix("http://"))
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("age")
    assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    given = client.get_model_metadata("age")["inputs"][0]
    photographs = np.array([grey(25), b"no image", grey(230)], dtype=object)
    if not binary:
        photographs = np.array([in_base64(one).encode() for one in photographs], dtype=object)
    question = client_of_triton.InferInput(given["name"], [3], given["datatype"])
    question.set_data_from_numpy(photographs, binary_data=binary)
    wanted = [client_of_triton.InferRequestedOutput(name, binary_data=binary) for name in ("age", "error")]

    answer = client.infer("age", [question], outputs=None if binary else wanted, request_id="seven")

    ages, errors = answer.as_numpy("age").astype(float), answer.as_numpy("error")
    assert [ages[0], ages[2]] == pytest.approx([age_of(25), age_of(230)], abs=YEARS) and math.isnan(ages[1])
    assert "neither JPEG nor PNG" in str(errors[1]) and not errors[0]
    assert answer.get_response()["model_version"] == str(version) and answer.get_response()["id"] == "seven"
    client.close()


KSERVES_CLIENT = """
import asyncio, base64, json, sys
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

address, photographs = sys.argv[1], json.loads(sys.argv[2])


async def ask():
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    assert await client.is_server_live(address) and await client.is_server_ready(address)
    assert await client.is_model_ready(address, "age")
    question = InferInput("image_bytes", [len(photographs)], "BYTES", data=photographs)
    answer = await client.infer(address, InferRequest("age", [question], request_id="eight"), model_name="age")
    plain = InferenceRESTClient(RESTConfig(protocol="v1"))
    instances = [{"image_bytes": {"b64": one}} for one in photographs]
    rows = await plain.infer(address, {"instances": instances}, model_name="age")
    print(json.dumps([answer.outputs[0].data, answer.id, rows["predictions"], rows["model_version"]]))


asyncio.run(ask())
"""


def test_kserves_client_gets_ages(server, version):
    """It can't be installed beside TFX: `python3 -m venv DIR && DIR/bin/pip install kserve` makes an environment of its own."""
    python = os.environ.get("AGE_PIPELINE_KSERVE_PYTHON")
    if not python:
        pytest.skip("no client of KServe: AGE_PIPELINE_KSERVE_PYTHON names no Python that has it")
    photographs = json.dumps([in_base64(grey(51)), in_base64(grey(204))])

    done = subprocess.run(
        [python, "-c", KSERVES_CLIENT, server.address, photographs], capture_output=True, text=True, timeout=120
    )

    assert done.returncode == 0, done.stderr
    ages, identity, rows, answered = json.loads(done.stdout.splitlines()[-1])
    assert ages == rows == pytest.approx([age_of(51), age_of(204)], abs=YEARS)
    assert (answered, identity) == (str(version), "eight")


def test_the_open_inference_protocol_in_json_keeps_the_shape(server, version):
    data = [[in_base64(grey(51))], [in_base64(grey(255))]]
    content = {
        "inputs": [{"name": "image_bytes", "shape": [2, 1], "datatype": "BYTES", "data": data}],
        "outputs": [{"name": "age"}],
    }

    status, answer, headers = server.post(f"/v2/models/age/versions/{version}/infer", content)

    assert status == 200 and headers["model-version"] == answer["model_version"] == str(version)
    (output,) = answer["outputs"]
    assert (output["name"], output["shape"], output["datatype"]) == ("age", [2, 1], "FP32")
    assert output["data"] == pytest.approx([20, 100], abs=YEARS)


def test_answers_are_those_of_the_library(server, directory):
    random = np.random.default_rng(1)
    photographs = [random.integers(0, 256, (40, 30, 3), dtype=np.uint8) for _ in range(5)]
    import io

    from PIL import Image

    files = []
    for pixels in photographs:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG")
        files.append(file.getvalue())

    _, answer, _ = server.post("/v1/models/age:predict", instances(*files))

    assert answer["predictions"] == [one.age for one in Predictor.load(directory.path).predict(files)]


def test_one_unreadable_photograph_does_not_take_the_others_answers_away(server):
    whole = grey(51, side=64, kind="JPEG")

    status, answer, _ = server.post("/v1/models/age:predict", instances(whole, whole[:200], b"", grey(3, side=1001)))

    assert status == 200
    assert answer["predictions"] == [pytest.approx(age_of(51), abs=YEARS), None, None, None]
    assert answer["errors"] == [
        None,
        "200 bytes of JPEG that don't decode: cut off or damaged",
        "the file has no bytes",
        "1001x1001 pixels; at most 1,000,000 are decoded",
    ]


@pytest.mark.parametrize(
    "photograph, sentence",
    [
        (b"GIF89a", "neither JPEG nor PNG"),
        (grey(3, side=1001), "1001x1001 pixels; at most 1,000,000 are decoded"),
        (grey(3)[:60], "cut off"),
    ],
)
def test_a_photograph_that_cannot_be_read_alone_is_422(server, photograph, sentence):
    for path, content in (
        ("/v1/models/age:predict", instances(photograph)),
        (
            "/v2/models/age/infer",
            {"inputs": [{"name": "image_bytes", "shape": [1], "datatype": "BYTES", "data": [in_base64(photograph)]}]},
        ),
    ):
        status, answer, headers = server.post(path, content)
        assert status == 422 and sentence in answer["error"] and headers["model-version"]


OIP = {"name": "image_bytes", "shape": [1], "datatype": "BYTES", "data": [in_base64(b"x")]}


@pytest.mark.parametrize(
    "path, content, status, sentence",
    [
        ("/v1/models/age:predict", b"{", 400, "not JSON"),
        ("/v1/models/age:predict", b"[" * 100_000, 400, "not JSON"),
        ("/v1/models/age:predict", b"\xff\xfe", 400, "not JSON"),
        ("/v1/models/age:predict", [], 400, "a list. Expected an object"),
        ("/v1/models/age:predict", {}, 400, "either 'instances'"),
        ("/v1/models/age:predict", {"instances": [], "inputs": []}, 400, "either 'instances'"),
        ("/v1/models/age:predict", {"instances": []}, 400, "no list with something in it"),
        ("/v1/models/age:predict", {"instances": {"b64": ""}}, 400, "no list with something in it"),
        ("/v1/models/age:predict", {"instances": ["aGk="]}, 400, "instances[0] is no photograph"),
        ("/v1/models/age:predict", {"instances": [{"b64": 3}]}, 400, "instances[0] is a number"),
        ("/v1/models/age:predict", {"instances": [{"b64": "é?"}]}, 400, "instances[0] is not base64"),
        ("/v1/models/age:predict", {"instances": [{"b64": ""}], "signature_name": "train"}, 400, "no such signature"),
        ("/v1/models/age:predict", instances(*[b"x"] * 41), 413, "41 photographs; at most 40"),
        ("/v1/models/age/versions/7:predict", instances(b"x"), 404, "Version '7' is not being served"),
        ("/v1/models/age/versions/..:predict", instances(b"x"), 404, "Version '..' is not being served"),
        ("/v1/models/age/versions/%2e%2e%2f%2e%2e:predict", instances(b"x"), 404, "nothing here"),
        ("/v1/models/age/labels/canary:predict", instances(b"x"), 404, "no label 'canary'"),
        ("/v1/models/faces:predict", instances(b"x"), 404, "nothing here"),
        ("/v1/models/age:classify", instances(b"x"), 404, "nothing here"),
        ("/v2/models/age/versions/7/infer", {"inputs": [OIP]}, 404, "Version '7' is not being served"),
        ("/v2/models/age/infer", {"inputs": []}, 400, "Expected one input"),
        ("/v2/models/age/infer", {"inputs": [{**OIP, "name": "image"}]}, 400, "Expected an input with the name"),
        ("/v2/models/age/infer", {"inputs": [{**OIP, "shape": [2]}]}, 400, "'shape' does not fit"),
        ("/v2/models/age/infer", {"inputs": [{**OIP, "data": "x"}]}, 400, "'data' is no list"),
        ("/v2/models/age/infer", {"inputs": [{**OIP, "data": [1]}]}, 400, "data[0] is a number"),
        (
            "/v2/models/age/infer",
            {"inputs": [{**OIP, "parameters": {"binary_data_size": 9}}]},
            400,
            "does not fit the 0 bytes",
        ),
        ("/v2/models/age/infer", {"inputs": [OIP], "outputs": [{"name": "name"}]}, 400, "no such output"),
        ("/v2/models/age/infer", {"inputs": [OIP], "id": 3}, 400, "'id' is no text"),
    ],
)
def test_what_is_no_request_is_refused_in_a_sentence(server, path, content, status, sentence):
    found, answer, _ = server.post(path, content)

    assert found == status and sentence in answer["error"]


def test_binary_tensors_that_lie_about_their_size_are_refused(server):
    head = json.dumps({"inputs": [{**OIP, "data": None, "parameters": {"binary_data_size": 6}}]}).encode()

    for tensor, sentence in ((b"\xff\xff\xff\x7fab", "ends within an element"), (b"\0\0\0\0ab", "ends within a length")):
        status, answer, _ = server.post(
            "/v2/models/age/infer", head + tensor, **{"Inference-Header-Content-Length": str(len(head))}
        )
        assert status == 400 and sentence in answer["error"]
    assert server.post("/v2/models/age/infer", head, **{"Inference-Header-Content-Length": "-1"})[0] == 400
    assert server.post("/v2/models/age/infer", head, **{"Inference-Header-Content-Length": "99999"})[0] == 400


def raw(server: RunningServer, *pieces: bytes, pause: float = 0.0, then_close: bool = False) -> bytes:
    """Sends bytes as they are, and returns all that comes back until the server closes."""
    received = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(pause)
        except (BrokenPipeError, ConnectionResetError):
            pass
        if then_close:
            return b""
        try:
            while part := connection.recv(65536):
                received += part
        except ConnectionResetError:
            pass
    return received


HEAD = b"POST /v1/models/age:predict HTTP/1.1\r\nHost: x\r\n"


def test_a_body_that_is_too_large_is_413_whether_it_says_so_or_not(server):
    chunk = b"20000\r\n" + b"x" * 0x20000 + b"\r\n"

    said = raw(server, HEAD + b"Content-Length: 99999999\r\n\r\n")
    endless = raw(server, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 200)
    written = requests.post(f"{server.address}/v1/models/age:predict", data=b"x" * 3_000_000, timeout=30)

    assert said.startswith(b"HTTP/1.1 413") and b"more than 300,000 bytes" in said and b"connection: close" in said.lower()
    assert endless.startswith(b"HTTP/1.1 413")
    assert written.status_code == 413, "whoever sends all of it before reading gets the answer too"


def test_slow_bodies_and_slow_headers_are_not_waited_for(server):
    began = time.monotonic()

    slow_body = raw(server, HEAD + b"Content-Length: 1000\r\n\r\n{")
    slow_headers = raw(server, HEAD[:20])
    nothing = raw(server, b"")

    assert slow_body.startswith(b"HTTP/1.1 408") and b"did not arrive within 1.5 seconds" in slow_body
    assert slow_headers == nothing == b""
    assert time.monotonic() - began < 15


def test_what_is_no_http_and_who_goes_away_leave_the_server_alone(server):
    assert raw(server, b"\x16\x03\x01\x02\x00\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert raw(server, b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 200_000).startswith(b"HTTP/1.1 400")
    raw(server, HEAD + b"Content-Length: 1000\r\n\r\n{", then_close=True)
    assert raw(server, HEAD + b"Content-Encoding: gzip\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc").startswith(
        b"HTTP/1.1 415"
    )

    assert server.post("/v1/models/age:predict", instances(grey(0)))[0] == 200


def test_a_thousand_connections_at_once_are_answered_or_told_to_come_back(server):
    body = json.dumps(instances(grey(102))).encode()
    request = HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    async def ask() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        return answer

    async def ask_all() -> list[bytes]:
        return await asyncio.gather(*(ask() for _ in range(1000)))

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096) if hard != resource.RLIM_INFINITY else 4096, hard))
    answers = asyncio.run(ask_all())
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    good = [answer for answer in answers if answer.startswith(b"HTTP/1.1 200")]
    busy = [answer for answer in answers if answer.startswith(b"HTTP/1.1 429")]
    assert len(good) + len(busy) == 1000 and len(good) >= 24
    assert all(b"retry-after: 1" in answer.lower() for answer in busy)
    assert all(json.loads(answer.split(b"\r\n\r\n")[1])["predictions"] == [pytest.approx(40, abs=YEARS)] for answer in good)
    found = measured(server)
    assert found["age_requests_in_flight"] == 0 and found["age_waiting_bytes"] == 0
    assert found["age_batch_photographs_bucket 1.0"] < found["age_batch_photographs_count"], "some were answered together"


def test_metrics_tell_what_was_answered(server, version):
    before = measured(server)

    server.post("/v1/models/age:predict", instances(grey(102), b"x"))

    after = measured(server)
    grown = {name: after[name] - before.get(name, 0) for name in after}
    assert grown["age_photographs_total answered"] == grown["age_photographs_total unreadable"] == 1
    assert grown["age_predicted_age_years_sum"] == pytest.approx(40, abs=YEARS)
    assert grown["age_requests_total /v1/models/age:predict 200"] == 1
    assert after["age_model_version"] == version and after["age_ready"] == 1
    assert after["process_resident_memory_bytes"] < 1 << 30


class Load:
    """Asks all the time, and keeps what went wrong: answers are checked against the version that they name."""

    def __init__(self, server: RunningServer, offsets: dict[int, float], threads: int = 4):
        self._server, self._offsets = server, offsets
        self.wrong: list[str] = []
        self.versions: list[int] = []
        self._ends = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self._ends.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, number: int) -> None:
        session = requests.Session()
        while not self._ends.is_set():
            try:
                answer = session.post(
                    f"{self._server.address}/v1/models/age:predict", json=instances(grey(51), grey(102 + number)), timeout=30
                )
                if answer.status_code != 200:
                    self.wrong.append(f"{answer.status_code} {answer.text}")
                    continue
                version = int(answer.json()["model_version"])
                offset = self._offsets[version]
                if answer.json()["predictions"] != pytest.approx(
                    [age_of(51, offset), age_of(102 + number, offset)], abs=YEARS
                ):
                    self.wrong.append(answer.text)
                self.versions.append(version)
            except Exception as error:
                self.wrong.append(repr(error))


def test_versions_are_pushed_rolled_back_withdrawn_and_restored_under_load(server, directory, models, version):
    offsets = {version: 0.0}
    candidates = models(1), models(2)

    with Load(server, offsets) as load:
        second = directory.publish(candidates[0]).served.version
        offsets[second] = 1.0
        server.wait_until_it_serves(second)
        third = directory.publish(candidates[1]).served.version
        offsets[third] = 2.0
        server.wait_until_it_serves(third)
        directory.carry_out(directory.planned_rollback)
        server.wait_until_it_serves(second)
        directory.carry_out(lambda: directory.planned_restoring(third))
        server.wait_until_it_serves(third)
        for gone in (third, second):
            directory.carry_out(lambda gone=gone: directory.planned_withdrawal(gone))
        server.wait_until_it_serves(version)

    assert load.wrong == []
    assert set(load.versions) >= {version, second, third}


def test_a_model_with_intervals_answers_with_them_in_both_languages(server, directory, models, version, tmp_path):
    published = directory.publish(write_model_with_interval(models(0), tmp_path / "exported")).served.version
    server.wait_until_it_serves(published)

    rows = server.post("/v1/models/age:predict", instances(grey(102), grey(204)))[1]
    columns = server.post("/v1/models/age:predict", {"inputs": [{"b64": in_base64(grey(102))}]})[1]
    tensors = server.post("/v2/models/age/infer", {"inputs": [{**OIP, "data": [in_base64(grey(102))]}]})[1]
    described = server.get("/v2/models/age")[1]["outputs"]

    expected = {"age": 40, "age_low": 35, "age_high": 45}
    assert rows["predictions"] == [
        pytest.approx(expected, abs=YEARS),
        pytest.approx({name: years + 40 for name, years in expected.items()}, abs=YEARS),
    ]
    assert {name: column[0] for name, column in columns["outputs"].items()} == pytest.approx(expected, abs=YEARS)
    found = {one["name"]: one["data"][0] for one in tensors["outputs"] if one["name"] != "error"}
    assert found == pytest.approx(expected, abs=YEARS)
    assert [one["name"] for one in described] == ["age", "age_low", "age_high", "error"]
    directory.carry_out(lambda: directory.planned_withdrawal(published))
    server.wait_until_it_serves(version)


def test_a_version_that_cannot_be_loaded_leaves_the_one_before_it_alone(server, directory, models, version, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "saved_model.pb").write_bytes(b"not a model")

    bad = directory.publish(str(broken)).served.version

    assert "can't be loaded" in server.logged("version refused", version=bad)["why"]
    states = server.get("/v1/models/age")[1]["model_version_status"]
    assert [(one["version"], one["state"]) for one in states] == [(str(version), "AVAILABLE"), (str(bad), "END")]
    assert server.post("/v1/models/age:predict", instances(grey(0)))[0] == 200
    directory.carry_out(lambda: directory.planned_withdrawal(bad))


def test_nothing_being_served_is_503_until_something_is(server, directory, version):
    directory.carry_out(lambda: directory.planned_withdrawal(version))
    server.logged("version withdrawn", version=version)

    assert server.get("/v2/health/ready")[0] == 503 and server.get("/v2/health/live")[0] == 200
    status, answer, headers = server.post("/v1/models/age:predict", instances(grey(0)))
    assert (status, answer["error"], headers["retry-after"]) == (503, "No model is being served yet.", "5")

    directory.carry_out(lambda: directory.planned_restoring(version))
    server.wait_until_it_serves(version)
    assert server.post("/v1/models/age:predict", instances(grey(0)))[0] == 200


def test_it_ends_on_sigterm_without_dropping_a_request(server, directory, version):
    """The last test: the server of this file ends with it."""
    with Load(server, {version: 0.0}) as load:
        time.sleep(0.3)
        before = len(load.versions)
        server.process.terminate()
        time.sleep(0.5)
        status, answer, headers = server.get("/v2/health/ready")
        during = len(load.versions)
    ended = server.process.wait(timeout=30)

    assert (status, answer["error"]) == (503, "The server is about to end.")
    assert headers["connection"] == "close"
    assert load.wrong == [] and during > before > 0
    assert ended == 0
    log = json.dumps(server.log)
    # libjpeg, within TensorFlow, says so itself where a file is cut off.
    other = [line for line in server.other_lines if not line.startswith("Improper call to JPEG library")]
    assert other == [], "what the server says is JSON and nothing else"
    access = [line for line in server.log if line["message"] == "request"]
    answered = [line for line in access if line["route"] == "/v1/models/age:predict"]
    assert {"time", "level", "status", "seconds", "request", "method", "photographs", "model_version"} <= set(answered[-1])
    assert in_base64(grey(51))[:40] not in log and "127.0.0.1" not in json.dumps(access)
