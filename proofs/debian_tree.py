"""A Debian tree, made with debootstrap and entered with chroot."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
import time

CHECKOUT = pathlib.Path(__file__).resolve().parents[1]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
INSIDE = "/root/age-pipeline"  # where the checkout is in a tree
CERTIFICATES = "/run/certificates-of-the-host.crt"
JAVA_CERTIFICATES = "/run/certificates-of-the-host.jks"

_STAMP = ".age-pipeline-tree"
_KEPT = (".venv", "runs")

# What a machine says about its network. Values may hold passwords: they are handed on in the environment alone.
_NETWORK = {
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT", "PIP_PROXY"),
    *("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_HTTP_TIMEOUT", "UV_INSECURE_HOST"),
    "UV_PYTHON_INSTALL_MIRROR",
}
_CERTIFICATES_OF_THE_HOST = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_CONFIGURED = {
    "/etc/pip.conf": ("/etc/pip.conf",),
    "/root/.config/pip/pip.conf": ("~/.config/pip/pip.conf", "~/.pip/pip.conf"),
    "/root/.config/uv/uv.toml": ("~/.config/uv/uv.toml", "/etc/uv/uv.toml"),
    "/root/.netrc": ("~/.netrc",),
    "/root/.m2/settings.xml": ("~/.m2/settings.xml",),
    # Not where the tree has its own: what Debian's packages write there would be written on this machine.
    JAVA_CERTIFICATES: ("/etc/ssl/certs/java/cacerts",),
}

# In namespaces of its own, so that mounts and processes are gone when the command ends, however it ends.
_ENTER = """
tree=$1 mounts=$2 command=$3
mount -t proc proc "$tree/proc"
mount --rbind /dev "$tree/dev"
printf '%s' "$mounts" | while IFS='\t' read -r origin target; do
    if [ -d "$origin" ]; then mkdir -p "$tree$target"; else mkdir -p "$(dirname "$tree$target")"; : >>"$tree$target"; fi
    mount --rbind "$origin" "$tree$target"
done
exec chroot "$tree" /bin/sh -ec "$command"
"""


def require(what_for: str) -> None:
    """Ends the program with a sentence where this machine can't make or enter a tree."""
    if sys.platform != "linux" or os.geteuid() != 0:
        sys.exit(f"{what_for} needs root, for debootstrap and chroot: run this as root.")
    for program, package in (("debootstrap", "debootstrap"), ("unshare", "util-linux")):
        if shutil.which(program) is None:
            sys.exit(f"{what_for} needs {program}, and there is none here: install it (apt install {package}).")


def make(tree: pathlib.Path, suite: str) -> None:
    """Makes the tree: the minimal system of a Debian release, such as `trixie`, from the mirror that debootstrap uses."""
    finished = subprocess.run(["debootstrap", "--variant=minbase", suite, str(tree)])
    if finished.returncode:
        sys.exit(f"debootstrap could not make {tree} (its reason is above).")
    # Debian's installer writes this one, as container engines do; debootstrap does not.
    (tree / "etc/hosts").write_text("127.0.0.1\tlocalhost\n::1\tlocalhost\n")


def prepare(tree: pathlib.Path, suite: str, packages: tuple, afresh: bool = False) -> None:
    """Makes the tree with further Debian packages in it, unless an earlier call did.

    Args:
        tree: a directory that does not exist yet or is empty, or a tree that an earlier call made; one that was cut off, or
            was made with other packages, is made again.
        suite: the Debian release.
        packages: names of packages that apt installs.
        afresh: make it again in any case.
    """
    stamp, contents = tree / _STAMP, " ".join((suite, *packages))
    if stamp.is_file() and stamp.read_text() == contents and not afresh:
        print(f"Tree: {tree} is there from an earlier call.", flush=True)
        return
    if tree.exists() and any(tree.iterdir()) and not stamp.is_file():
        sys.exit(f"TREE={tree} is a directory with something else in it: name one that does not exist yet.")
    started = time.monotonic()
    remove(tree)
    tree.mkdir(parents=True)
    stamp.write_text("")
    make(tree, suite)
    variables, mounts = network()
    # apt, not debootstrap, which knows no alternatives among dependencies.
    install = f"apt-get update -q && apt-get install -qq --no-install-recommends {' '.join(packages)} && apt-get clean"
    if run_in(tree, install, {**variables, "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive"}, mounts):
        sys.exit("Debian's packages could not be installed in the tree (apt's reason is above).")
    stamp.write_text(contents)
    print(f"Tree: {tree} is made ({time.monotonic() - started:.0f} s).", flush=True)


def remove(tree: pathlib.Path) -> None:
    """Removes the tree, and nothing that is mounted in it."""
    subprocess.run(["rm", "-rf", "--one-file-system", str(tree)], check=True)


def copy_checkout(tree: pathlib.Path) -> None:
    """Puts what git would commit into the tree, in place of an earlier call's; the environment and Flink's jars stay."""
    target = tree / INSIDE.lstrip("/")
    target.mkdir(parents=True, exist_ok=True)
    for entry in target.iterdir():
        if entry.name not in _KEPT:
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=CHECKOUT, capture_output=True
    )
    if listed.returncode:
        sys.exit(f"{CHECKOUT} is no git checkout: git is asked which of its files belong to the project.")
    for name in filter(None, os.fsdecode(listed.stdout).split("\0")):
        if (CHECKOUT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, target / name)


def network() -> tuple:
    """Returns what lets programs in a tree reach the package index as on this machine: `(variables, mounts)`.

    The mounts are files of this machine, mapped to where they appear in the tree while a command runs there.
    """
    variables = {name: value for name, value in os.environ.items() if name in _NETWORK}
    mounts = {}
    for target, origins in _CONFIGURED.items():
        for origin in map(os.path.expanduser, origins):
            if os.path.isfile(origin):
                mounts[target] = origin
    for name in _CERTIFICATES_OF_THE_HOST:
        if os.path.isfile(os.environ.get(name, "")):
            mounts[CERTIFICATES] = os.path.realpath(os.environ[name])
            variables.update(PIP_CERT=CERTIFICATES, SSL_CERT_FILE=CERTIFICATES)
            break
    if JAVA_CERTIFICATES in mounts:
        variables["MAVEN_OPTS"] = f"-Djavax.net.ssl.trustStore={JAVA_CERTIFICATES}"
    if os.path.isfile("/etc/resolv.conf"):
        mounts["/etc/resolv.conf"] = os.path.realpath("/etc/resolv.conf")
    return variables, mounts


def run_in(tree: pathlib.Path, command: str, environment: dict, mounts: dict, log: list | None = None) -> int:
    """Runs a shell command in the tree and returns its exit status.

    Args:
        tree: the tree's root.
        command: what `/bin/sh -e` runs there.
        environment: all of its variables.
        mounts: path in the tree -> file or directory of this machine that appears there meanwhile.
        log: where the lines that it prints are added, when they are wanted; they are printed here all the same.
    """
    lines = "".join(f"{origin}\t{target}\n" for target, origin in mounts.items())
    isolated = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    entered = [*isolated, "sh", "-euc", _ENTER, "sh", str(tree), lines, command]
    environment = {"PATH": PATH, **environment}
    if log is None:
        return subprocess.run(entered, env=environment).returncode
    with subprocess.Popen(
        entered, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as running:
        for line in running.stdout:
            print(line, end="", flush=True)
            log.append(line.rstrip("\n"))
    return running.returncode
