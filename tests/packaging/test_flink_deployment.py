"""deploy/flink: what runs on Kubernetes fits the image of the steps; what runs on one machine is pinned and refused clearly."""

import pathlib
import re
import subprocess
import sys

import pytest
import yaml

from pipeline import configuration

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
FLINK = CHECKOUT / "deploy" / "flink"
sys.path.insert(0, str(FLINK))
import loopback  # noqa: E402
import standalone  # noqa: E402


@pytest.fixture
def documents():
    texts = [(FLINK / name).read_text() for name in ("cluster.yaml", "job-server.yaml")]
    return {(found["kind"], found["metadata"]["name"]): found for text in texts for found in yaml.safe_load_all(text)}


def images(node):
    if isinstance(node, dict):
        yield from ([node["image"]] if isinstance(node.get("image"), str) else [])
        node = list(node.values())
    if isinstance(node, list):
        for one in node:
            yield from images(one)


def test_beam_is_the_version_that_the_steps_have(documents):
    (beam,) = re.findall(r"^apache-beam==([\d.]+)", (CHECKOUT / "locks" / "current.txt").read_text(), flags=re.MULTILINE)
    of_beam = {image for image in images(list(documents.values())) if image.startswith("apache/beam")}
    assert of_beam == {f"apache/beam_flink1.19_job_server:{beam}"}


def test_the_workers_have_the_image_of_the_steps(documents):
    steps = configuration.load(str(CHECKOUT / "configs" / "kubeflow.yaml"), for_cluster=True).kubeflow.image
    (pool,) = documents["FlinkDeployment", "age-flink"]["spec"]["taskManager"]["podTemplate"]["spec"]["containers"]
    assert pool["image"] == steps
    assert pool["command"] == ["python", "-m", "pipeline.beam.beam_worker_pool", "--port=50000"]


def test_the_cluster_waits_longer_than_beam_keeps_a_dead_worker(documents):
    (kept,) = [word for word in configuration.load(str(CHECKOUT / "configs" / "flink.yaml")).beam_args() if "cache" in word]
    for settings in (
        documents["FlinkDeployment", "age-flink"]["spec"]["flinkConfiguration"],
        yaml.safe_load(standalone._FLINK.format(**standalone.PORTS, slots=2, directory="/x")),
    ):
        delay = int(settings["restart-strategy.fixed-delay.delay"].rstrip("s"))
        assert delay * 1000 > int(kept.partition("=")[2])
        assert settings["classloader.resolve-order"] == "parent-first"


def test_only_runs_reach_the_job_server(documents):
    policy = documents["NetworkPolicy", "age-beam-job-server"]["spec"]
    server = documents["Deployment", "age-beam-job-server"]["spec"]["template"]
    assert policy["podSelector"]["matchLabels"].items() <= server["metadata"]["labels"].items()
    service = documents["Service", "age-beam-job-server"]["spec"]
    assert [port["targetPort"] for port in service["ports"]] == [
        port["name"] for port in server["spec"]["containers"][0]["ports"]
    ]


def test_every_jar_is_pinned():
    (pinned,) = FLINK.glob("jars-2.62.0.sha256")
    lines = pinned.read_text().splitlines()
    assert all(re.fullmatch(r"[0-9a-f]{64}  [\w.\-]+\.jar", line) for line in lines) and len(lines) > 50


def test_a_jar_that_is_another_one_is_refused(tmp_path):
    jars = tmp_path / "jars"
    jars.mkdir()
    (jars / "a.jar").write_bytes(b"right")
    pinned = tmp_path / "jars.sha256"
    pinned.write_text(standalone.digests(jars))
    standalone.verify(jars, pinned)
    (jars / "a.jar").write_bytes(b"wrong")
    with pytest.raises(standalone.Refused, match=r"^a\.jar: not what .*jars\.sha256 pins"):
        standalone.verify(jars, pinned)
    (jars / "a.jar").write_bytes(b"right")
    (jars / "b.jar").write_bytes(b"more")
    with pytest.raises(standalone.Refused, match=r"^b\.jar: not what"):
        standalone.verify(jars, pinned)


@pytest.mark.parametrize(
    "java, said",
    [
        (None, "There is no java in JAVA_HOME/bin, and Flink 1.19 runs on Java 17 or 21: install it"),
        ('openjdk version "11.0.2" 2019-01-15', 'is openjdk version "11.0.2" 2019-01-15; Flink 1.19 runs on Java 17 or 21'),
    ],
)
def test_without_a_java_that_fits_it_says_so_in_one_sentence(tmp_path, monkeypatch, java, said):
    (tmp_path / "bin").mkdir()
    if java is not None:
        (tmp_path / "bin" / "java").write_text(f"#!/bin/sh\necho '{java}' >&2\n")
        (tmp_path / "bin" / "java").chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    command = [sys.executable, str(FLINK / "standalone.py"), "up", "--directory", str(tmp_path / "flink")]
    refused = subprocess.run(command, capture_output=True, text=True)
    assert refused.returncode == 1 and refused.stdout == ""
    assert said in refused.stderr and len(refused.stderr.splitlines()) == 1


def test_without_maven_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(standalone.Refused, match="There is no mvn here"):
        standalone.fetch_jars(tmp_path)


def test_a_process_id_that_belongs_to_another_process_now_is_left_alone(tmp_path):
    cluster = standalone.Cluster(tmp_path)
    sleeping = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        began = standalone._began(sleeping.pid)
        (tmp_path / "jobmanager.pid").write_text(f'{{"pid": {sleeping.pid}, "began": "long ago", "id": "x"}}')
        assert cluster.pid("jobmanager") is None and cluster.down() == [] and sleeping.poll() is None
        (tmp_path / "jobmanager.pid").write_text(f'{{"pid": {sleeping.pid}, "began": "{began}", "id": "x"}}')
        assert cluster.down() == ["jobmanager"] and sleeping.wait(5) != 0
    finally:
        sleeping.kill()


def test_a_port_that_is_taken_is_said():
    import socket

    with socket.create_server(("localhost", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(standalone.Refused, match=f"Port {port} is taken by something else: .* --rest-port"):
            standalone._refuse_taken("rest", port)


def class_file(*constants: bytes, code: bytes) -> bytes:
    """A class file as far as its constants go, and what follows."""
    return b"\xca\xfe\xba\xbe\0\0\0\x34" + (len(constants) + 1).to_bytes(2, "big") + b"".join(constants) + code


def utf8(text: bytes) -> bytes:
    return b"\x01" + len(text).to_bytes(2, "big") + text


SERVER_CONSTANTS = (
    utf8(b"forPort"), utf8(b"(I)LBuilder;"), b"\x0c\0\1\0\2", utf8(b"getPort"), utf8(b"()I"), b"\x0c\0\4\0\5",
    b"\x0a\0\x63\0\3", b"\x0a\0\x63\0\6", b"\x05" + bytes(8),
)  # fmt: skip
CALL = b"\x2b\xb6\0\x08\xb8\0\x07\xb0"


def test_a_server_is_given_its_address_where_it_was_given_the_port_alone():
    # The long constant before takes two places.
    content = class_file(*SERVER_CONSTANTS, code=b"before" + CALL + b"after").replace(b"\0\x0a", b"\0\x0b", 1)

    changed = loopback.with_address(content)

    assert changed[8:10] == b"\0\x0e"
    assert changed.endswith(b"before\x2b\0\0\0\xb8\0\x07\xb0after")
    added = utf8(b"forAddress") + utf8(b"(Ljava/net/SocketAddress;)LBuilder;") + b"\x0c\0\x0b\0\x0c"
    assert b"\x0a\0\x63\0\x0d" in changed and added + b"before" in changed


@pytest.mark.parametrize("code", [b"\x2b\xb8\0\x07\xb0", CALL + CALL])
def test_a_class_of_another_kind_is_left_alone(code):
    with pytest.raises(loopback.UnknownClass, match="and one was expected"):
        loopback.with_address(class_file(*SERVER_CONSTANTS, code=code).replace(b"\0\x0a", b"\0\x0b", 1))
