"""uv, the installer, is got from the configured index with the standard library alone, and its hash is checked."""

import hashlib
import http.server
import os
import platform
import shutil
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

LOCKS = Path(__file__).resolve().parents[2] / "locks"
VERSION = "9.8.7"
WHEEL = f"uv-{VERSION}-py3-none-manylinux_2_17_{platform.machine()}.manylinux2014_{platform.machine()}.whl"
OTHERS = f"uv-{VERSION}-py3-none-musllinux_1_1_{platform.machine()}.whl", f"uv-{VERSION}.tar.gz", "uv-9.8.6-py3-none-any.whl"


class Index:
    """A package index on the loopback address that knows one project: uv."""

    def __init__(self, folder, wheel):
        self.requests, self.logins, self.files_at = [], [], "../../files"
        index = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                index.requests.append(self.path)
                index.logins.append(self.headers.get("Authorization"))
                names = [*OTHERS, WHEEL]
                links = "".join(f'<a href="{index.files_at}/{name}#sha256=0">{name}</a>' for name in names)
                answers = {"/simple/uv/": links.encode(), f"/files/{WHEEL}": wheel}
                body = answers.get(self.path)
                self.send_response(200 if body is not None else 404)
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        self.url = f"http://{self.host}/simple"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def wheel(tmp_path):
    """A wheel of uv's form, its program a script that says its version."""
    with zipfile.ZipFile(tmp_path / WHEEL, "w") as archive:
        archive.writestr(f"uv-{VERSION}.data/scripts/uv", f"#!/bin/sh\necho 'uv {VERSION} (here)'\n")
    return (tmp_path / WHEEL).read_bytes()


@pytest.fixture
def start(tmp_path, wheel):
    """Return a function that starts an index with the wheel, or with other bytes under its name."""
    started = []

    def start_one(content=wheel):
        started.append(Index(tmp_path, content))
        return started[-1]

    yield start_one
    for index in started:
        index.server.shutdown()
        index.server.server_close()


@pytest.fixture
def index(start):
    return start()


@pytest.fixture
def locks(tmp_path, wheel):
    """The programs of locks/, and a uv.txt with the wheel's hash among others."""
    for name in ("fetch_uv.py", "package_index.py"):
        shutil.copy(LOCKS / name, tmp_path)
    hashes = "0" * 64, hashlib.sha256(wheel).hexdigest()
    entry = " \\\n".join([f"uv=={VERSION}", *(f"    --hash=sha256:{each}" for each in hashes)])
    (tmp_path / "uv.txt").write_text(f"# made by\n{entry}\n    # via\n")
    return tmp_path


def reads_toml(python):
    return os.path.exists(python) and subprocess.run([python, "-c", "import tomllib"], capture_output=True).returncode == 0


def run(locks, program, *arguments, python=sys.executable, **variables):
    """Run one of them with nothing but the standard library (-S: no installed package can be imported)."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(locks / "home"), "PIP_CONFIG_FILE": os.devnull, **variables}
    command = [python, "-SEB", str(locks / program), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)


def fetch(locks, *arguments, **variables):
    return run(locks, "fetch_uv.py", *(arguments or [str(locks / "env")]), **variables)


def version_in(locks):
    return subprocess.run([locks / "env" / "bin" / "uv"], capture_output=True, text=True).stdout


def configure(locks, path, text):
    file = locks / "home" / path
    file.parent.mkdir(parents=True)
    file.write_text(text)


def test_the_programs_beside_it_read_the_real_lock_file():
    read = "import fetch_uv; version, hashes = fetch_uv.locked(open('uv.txt').read()); print(version, len(hashes))"
    printed = subprocess.run([sys.executable, "-SB", "-c", read], cwd=LOCKS, capture_output=True, text=True).stdout.split()
    text = (LOCKS / "uv.txt").read_text()
    assert f"uv=={printed[0]} " in text and int(printed[1]) == text.count("--hash=") > 10


def test_it_is_got_from_the_index_that_pip_is_told_to_use(locks, index):
    fetched = fetch(locks, PIP_INDEX_URL=index.url)
    assert (fetched.returncode, fetched.stderr) == (0, "")
    assert version_in(locks) == f"uv {VERSION} (here)\n"
    assert index.requests == ["/simple/uv/", f"/files/{WHEEL}"]


def test_pips_configuration_file_is_read(locks, index):
    text = f"[global]\nindex-url = http://127.0.0.1:9/simple\n[install]\nindex-url = {index.url}/\n"
    configure(locks, ".config/pip/pip.conf", text)
    assert fetch(locks, PIP_CONFIG_FILE="").returncode == 0 and version_in(locks)


def test_uvs_configuration_file_goes_before_pips(locks, index):
    python = next(filter(reads_toml, (sys.executable, "/usr/bin/python3")), None)
    if python is None:
        pytest.skip("needs a Python from 3.11 on, which reads TOML")
    configure(locks, ".config/uv/uv.toml", f'[[index]]\nurl = "{index.url}"\ndefault = true\n')
    fetched = fetch(locks, python=python, PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert fetched.returncode == 0 and version_in(locks)


def test_uvs_variables_go_before_pips(locks, index):
    fetched = fetch(locks, UV_DEFAULT_INDEX=f"company={index.url}", PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert fetched.returncode == 0 and version_in(locks)


def test_a_second_index_is_asked_when_the_first_one_does_not_answer(locks, index):
    fetched = fetch(locks, PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_EXTRA_INDEX_URL=index.url)
    assert fetched.returncode == 0 and version_in(locks)


def test_a_folder_of_wheels_is_enough(locks):
    fetched = fetch(locks, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(locks))
    assert fetched.returncode == 0 and version_in(locks)


def test_a_file_with_another_hash_is_not_used(locks, start):
    fetched = fetch(locks, PIP_INDEX_URL=start(b"something else").url)
    assert fetched.returncode == 1 and not (locks / "env").exists()
    assert fetched.stderr.count("\n") == 1
    assert "has one with another hash than locks/uv.txt, which was not used" in fetched.stderr


def test_the_password_goes_to_the_index_alone_and_is_not_printed(locks, index, start):
    elsewhere = start()
    index.files_at = f"http://{elsewhere.host}/files"
    fetched = fetch(locks, PIP_INDEX_URL=index.url.replace("//", "//me:hunter%402@"))
    assert fetched.returncode == 0
    assert index.logins == ["Basic bWU6aHVudGVyQDI="]  # me:hunter@2
    assert elsewhere.requests == [f"/files/{WHEEL}"] and elsewhere.logins == [None]

    refused = fetch(locks, PIP_INDEX_URL="http://me:hunter2@127.0.0.1:9/simple")
    assert "127.0.0.1:9" in refused.stderr and "hunter2" not in refused.stderr


def test_a_password_in_netrc_is_used(locks, index):
    netrc = locks / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password hunter@2\n")
    netrc.chmod(0o600)
    assert fetch(locks, PIP_INDEX_URL=index.url, NETRC=str(netrc)).returncode == 0
    assert index.logins == ["Basic bWU6aHVudGVyQDI="] * 2


@pytest.mark.parametrize("told", ["PIP_PROXY", "http_proxy", "all_proxy"])
def test_the_proxy_is_used(locks, index, told):
    fetched = fetch(locks, PIP_INDEX_URL="http://index.invalid/simple", **{told: f"http://{index.host}"})
    assert index.requests == ["http://index.invalid/simple/uv/"]
    assert fetched.returncode == 1 and "index.invalid: Not Found" in fetched.stderr


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl, to make a certificate")
def test_only_certificates_that_the_machine_trusts_are_accepted(locks, index):
    import ssl

    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    files = ["-keyout", locks / "key.pem", "-out", locks / "certificate.pem"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, *files]
    subprocess.run(command, check=True, capture_output=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(locks / "certificate.pem", locks / "key.pem")
    index.server.socket = server.wrap_socket(index.server.socket, server_side=True)
    url = index.url.replace("http:", "https:")

    refused = fetch(locks, PIP_INDEX_URL=url)
    assert refused.returncode == 1 and refused.stderr.count("\n") == 1 and "certificate verify failed" in refused.stderr
    assert not (locks / "env").exists()
    assert fetch(locks, PIP_INDEX_URL=url, PIP_CERT=str(locks / "certificate.pem")).returncode == 0
    assert fetch(locks, PIP_INDEX_URL=url, UV_INSECURE_HOST="127.0.0.1").returncode == 0


def test_without_any_certificates_it_says_so_before_anything_is_got(locks):
    nothing = locks / "nothing"
    nothing.mkdir()
    trusted = {"SSL_CERT_FILE": "/nowhere", "SSL_CERT_DIR": str(nothing)}
    assert fetch(locks, "--needs", **trusted).stdout == "ca-certificates\n"
    assert fetch(locks, "--needs", PIP_INDEX_URL="http://127.0.0.1:9", **trusted).stdout == "\n"


def test_uv_is_told_what_only_pip_was_told(locks):
    (locks / "ours.pem").write_text("certificates")
    text = f"[global]\nindex-url = https://me:it's@index.example/simple\ncert = {locks}/ours.pem\n"
    configure(locks, ".pip/pip.conf", text)
    printed = run(locks, "package_index.py", PIP_CONFIG_FILE="").stdout
    script = f'{printed}\necho "$UV_DEFAULT_INDEX $SSL_CERT_FILE"'
    seen = subprocess.run(["sh", "-c", script], capture_output=True, text=True).stdout
    assert seen == f"https://me:it's@index.example/simple {locks}/ours.pem\n"

    told = {"UV_DEFAULT_INDEX": "https://other.example/simple", "SSL_CERT_FILE": "/their.pem"}
    assert run(locks, "package_index.py", PIP_CONFIG_FILE="", **told).stdout == ""
