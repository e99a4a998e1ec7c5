"""The Debian trees of the proofs: what is refused, what is copied into it, what a command in it sees."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from proofs import debian_tree

CHECKOUT = Path(__file__).resolve().parents[2]


def can_mount():
    probe = ["unshare", "--mount", "--pid", "--fork", "sh", "-c", "mount -t proc proc /proc"]
    return os.geteuid() == 0 and shutil.which("unshare") and subprocess.run(probe, capture_output=True).returncode == 0


def test_without_root_it_says_so_in_one_sentence(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SystemExit) as ended:
        debian_tree.require("make test-current")
    assert ended.value.code == "make test-current needs root, for debootstrap and chroot: run this as root."


def test_without_debootstrap_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match=r"needs debootstrap, and there is none here: install it \(apt install debootstrap\)"):
        debian_tree.require("make test-current")


def test_a_directory_with_something_else_in_it_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(SystemExit, match="is a directory with something else in it"):
        debian_tree.prepare(tmp_path, "trixie", ("make",))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.skipif(not (CHECKOUT / ".git").exists(), reason="no git checkout: git says what belongs to the project")
def test_the_checkout_is_copied_without_what_git_ignores_and_what_was_downloaded_stays(tmp_path):
    inside = tmp_path / debian_tree.INSIDE.lstrip("/")
    kept = (".venv/bin/python", "runs/flink/jars-2/flink.jar")
    for name in (*kept, "pipeline/gone.py"):
        (inside / name).parent.mkdir(parents=True)
        (inside / name).write_text("of an earlier call")

    debian_tree.copy_checkout(tmp_path)

    assert all((inside / name).read_text() == "of an earlier call" for name in kept)
    assert not (inside / "pipeline/gone.py").exists()
    assert (inside / "Makefile").read_bytes() == (CHECKOUT / "Makefile").read_bytes()
    assert not (inside / ".git").exists() and not list(inside.rglob("__pycache__"))


def test_network_settings_are_handed_on_and_nothing_else(monkeypatch, tmp_path):
    (tmp_path / "company.pem").write_text("certificates")
    for name in debian_tree._CERTIFICATES_OF_THE_HOST:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "http://user:secret@proxy:3128")
    monkeypatch.setenv("PIP_CERT", str(tmp_path / "company.pem"))
    monkeypatch.setenv("PIP_FIND_LINKS", "/a/folder/of/this/machine")

    variables, mounts = debian_tree.network()

    assert variables["https_proxy"] == "http://user:secret@proxy:3128"
    assert mounts[variables["PIP_CERT"]] == mounts[variables["SSL_CERT_FILE"]] == str(tmp_path / "company.pem")
    # A package that is installed in the tree rewrites this file.
    assert "/etc/ssl/certs/java/cacerts" not in mounts
    assert not {"PIP_FIND_LINKS", "PATH", "HOME", "VIRTUAL_ENV"} & set(variables)


@pytest.mark.skipif(not can_mount(), reason="mounting needs root, and a container may not let it")
def test_a_command_sees_files_and_secrets_of_the_host_and_leaves_nothing_behind(tmp_path):
    shared, seen = tmp_path / "with space", tmp_path / "seen"
    shared.mkdir()
    (shared / "file").write_text("content")
    command = (
        f'cp "{tmp_path}/inside/file" "{seen}"; cat /proc/[0-9]*/cmdline >"{tmp_path}/commands"; '
        f'env >"{tmp_path}/variables"; ls -d /proc/[0-9]* | wc -l >"{tmp_path}/processes"; exit 7'
    )

    status = debian_tree.run_in(Path("/"), command, {"SECRET": "hunter2"}, {f"{tmp_path}/inside": str(shared)})

    assert status == 7
    assert seen.read_text() == "content"
    assert "SECRET=hunter2" in (tmp_path / "variables").read_text() and "HOME=" not in (tmp_path / "variables").read_text()
    assert "hunter2" not in (tmp_path / "commands").read_text()
    assert int((tmp_path / "processes").read_text()) < 10
    assert str(tmp_path) not in Path("/proc/mounts").read_text() and not any((tmp_path / "inside").iterdir())
