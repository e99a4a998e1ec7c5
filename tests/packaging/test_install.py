"""What `make setup` finds lacking is said in one line that apt understands, before anything is downloaded or written."""

import http.server
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from proofs import first_run

CHECKOUT = Path(__file__).resolve().parents[2]
OF_THE_SYSTEM = "/usr/bin/python3"
COMPILERS = {"c++", "g++", "cc", "gcc"}


def version_of(python):
    look = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([python, "-c", look], capture_output=True, text=True).stdout.strip()


pytestmark = pytest.mark.skipif(
    not os.path.exists(OF_THE_SYSTEM) or version_of(OF_THE_SYSTEM) == "3.10",
    reason=f"needs a system whose {OF_THE_SYSTEM} is not the compatible stack's",
)
with_python_310 = pytest.mark.skipif(sys.version_info[:2] != (3, 10), reason="needs Python 3.10, to be what is found")


@pytest.fixture
def index():
    """The paths that an index on the loopback address, which has nothing, was asked for; `.url` is where it is."""

    class Asked(list):
        pass

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *arguments):
            pass

    asked = Asked()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        asked.url = f"http://127.0.0.1:{server.server_address[1]}/simple"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield asked
        server.shutdown()


@pytest.fixture
def programs(tmp_path):
    """A folder to have for PATH: this machine's programs, but for compilers, uv, and Pythons other than Debian's."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in os.listdir("/usr/bin"):
        if name not in COMPILERS and not name.startswith(("python", "uv")):
            (folder / name).symlink_to(f"/usr/bin/{name}")
    (folder / "python3").symlink_to(OF_THE_SYSTEM)
    return folder


@pytest.fixture
def setup(tmp_path, programs, index):
    """Return a function that runs `make setup` with these programs alone, on a machine with this C library."""

    def run(glibc, *arguments, **variables):
        (programs / "getconf").unlink(missing_ok=True)
        (programs / "getconf").write_text(f"#!/bin/sh\necho 'glibc {glibc}'\n")
        (programs / "getconf").chmod(0o755)
        home = {"HOME": str(tmp_path), "PATH": str(programs), "PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": index.url}
        command = ["make", "setup", f"VENV={tmp_path}/env", *arguments]
        return subprocess.run(command, cwd=CHECKOUT, env={**home, **variables}, capture_output=True, text=True, timeout=60)

    return run


def said(finished):
    """Return the lines of an attempt, without the one about the stack and those of make."""
    return [line for line in finished.stderr.splitlines() if not line.startswith(("make", "Stack: "))]


def test_a_compiler_is_asked_for_where_something_is_compiled(setup, tmp_path, index):
    refused = setup("2.36")
    assert said(refused) == [
        "Missing here for the compatible stack (it compiles pyfarmhash and crcmod; uv will download its Python 3.10): "
        "apt install g++"
    ]
    assert refused.returncode == 2 and refused.stdout == ""
    assert index == [] and not (tmp_path / "env").exists()


@with_python_310
def test_pythons_own_header_files_are_asked_for_where_only_they_are_missing_beside_it(setup, programs, tmp_path):
    # The real interpreter in a place of its own, with the real library beside it and nothing else.
    place = tmp_path / "python"
    (place / "bin").mkdir(parents=True)
    shutil.copy(os.path.realpath(sys._base_executable), place / "bin" / "python3.10")
    (place / "lib").symlink_to(Path(sys.base_prefix) / "lib")
    (programs / "python3.10").symlink_to(place / "bin" / "python3.10")

    assert said(setup("2.36")) == [
        "Missing here for the compatible stack (it compiles pyfarmhash and crcmod): apt install g++ python3.10-dev"
    ]


@with_python_310
def test_a_complete_python_is_taken_as_it_is(setup, programs):
    (programs / "python3.10").symlink_to(sys._base_executable)
    assert said(setup("2.36")) == [
        "Missing here for the compatible stack (it compiles pyfarmhash and crcmod): apt install g++"
    ]


def test_everything_that_is_missing_is_in_the_one_line(setup, tmp_path):
    (tmp_path / "no certificates").mkdir()
    trusted = {"SSL_CERT_FILE": "/nowhere", "SSL_CERT_DIR": str(tmp_path / "no certificates")}
    refused = setup("2.36", PIP_INDEX_URL="https://127.0.0.1:9/simple", **trusted)
    assert len(said(refused)) == 1 and said(refused)[0].endswith(": apt install ca-certificates g++")


def test_what_was_compiled_once_needs_no_compiler(setup, tmp_path, index):
    for name in ("pyfarmhash-0.3.2-cp310-cp310-linux_x86_64.whl", "crcmod-1.7-cp310-cp310-linux_x86_64.whl"):
        built = tmp_path / "cache" / "sdists-v10" / "pypi" / name.split("-")[0] / name.split("-")[1] / "hash" / name
        built.parent.mkdir(parents=True)
        built.write_bytes(b"")
    assert "apt install" not in setup("2.36", UV_CACHE_DIR=str(tmp_path / "cache")).stderr
    assert index == ["/simple/uv/"]


def test_the_current_stack_needs_no_compiler(setup, index):
    assert "apt install" not in setup("2.41").stderr
    assert index == ["/simple/uv/"]


def test_what_is_compiled_is_in_the_compatible_lock_file():
    declared = [line for line in (CHECKOUT / "locks" / "install.sh").read_text().splitlines() if "compiled='" in line]
    (names,) = [line.split("compiled='")[1].split("'")[0].split() for line in declared]
    locked = (CHECKOUT / "locks" / "compatible.txt").read_text()
    assert names and all(f"\n{name}==" in locked for name in names)


def test_the_readme_asks_for_what_the_bare_systems_of_the_proof_have():
    lines = (CHECKOUT / "README.md").read_text().splitlines()
    asked = [line.split("#")[0].split()[2:] for line in lines if line.startswith("    apt install ")]
    assert asked == [list(first_run.PACKAGES), ["g++"]]
