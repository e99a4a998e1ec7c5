"""A Debian 13 tree, made with debootstrap and entered with chroot: what image_tree.py and current_tree.py share."""

import os
import pathlib
import shutil
import subprocess
import sys

CHECKOUT = pathlib.Path(__file__).resolve().parents[1]
MIRROR = "http://deb.debian.org/debian"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CERTIFICATES = "/run/certificates-of-the-host.crt"
JAVA_CERTIFICATES = "/run/certificates-of-the-host.jks"

# What a machine says about its network. Values may hold passwords: they are handed on in the environment alone.
_NETWORK = {
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT", "PIP_PROXY"),
    *("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_HTTP_TIMEOUT", "UV_INSECURE_HOST"),
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


def make(tree: pathlib.Path) -> None:
    """Makes the tree: Debian's minimal system."""
    made = subprocess.run(["debootstrap", "--variant=minbase", "trixie", str(tree), MIRROR])
    if made.returncode:
        sys.exit(f"debootstrap could not make {tree} from {MIRROR} (its reason is above).")


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


def run_in(tree: pathlib.Path, command: str, environment: dict, mounts: dict) -> int:
    """Runs a shell command in the tree and returns its exit status.

    Args:
        tree: the tree's root.
        command: what `/bin/sh -e` runs there.
        environment: all of its variables.
        mounts: path in the tree -> file or directory of this machine that appears there meanwhile.
    """
    lines = "".join(f"{origin}\t{target}\n" for target, origin in mounts.items())
    isolated = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    return subprocess.run(
        [*isolated, "sh", "-euc", _ENTER, "sh", str(tree), lines, command], env={"PATH": PATH, **environment}
    ).returncode
