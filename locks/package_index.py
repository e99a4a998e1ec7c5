"""Read what this machine's settings for pip and uv say about the package index, with neither of them.

    python3 locks/package_index.py      print what only pip was told, as assignments of uv's variables for the shell

uv's settings come before pip's, variables before files, a user's files before the machine's, as in the two themselves. Not
read are what belongs to a project (`pyproject.toml`), keyrings, and uv.toml with a Python before 3.11, which can't.
"""

from __future__ import annotations

import configparser
import dataclasses
import os
import re
import shlex
import sys
from pathlib import Path

DEFAULT = "https://pypi.org/simple"  # pip's and uv's own


@dataclasses.dataclass
class PackageIndex:
    """Where packages come from, and what it takes to get there."""

    urls: list[str]
    """Of the indexes, the default one first; they may hold passwords."""
    folders: list[str]
    """Directories of this machine with package files in them."""
    certificates: str | None
    """A file of certificates to trust, or None for the system's."""
    client_certificate: str | None
    """A file with the certificate and key to show to the index."""
    proxy: str | None
    """For every connection; None for what the variables of the shell say (`https_proxy` and the like)."""
    unverified_hosts: list[str]
    """Hosts whose certificate need not be a trusted one."""
    timeout: float
    """How long the network may be silent, seconds."""


def _configuration_folders(environment: dict) -> list[Path]:
    """Return the machine's folders of configuration files, the least important first, then the user's."""
    home = Path(environment.get("HOME") or "/")
    machine = environment.get("XDG_CONFIG_DIRS") or "/etc/xdg"
    user = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    return [*map(Path, reversed(machine.split(":"))), Path("/etc"), user]


def _is_true(text: str) -> bool:
    return text.lower() in ("1", "true", "yes", "on", "y", "t")


def pip_settings(environment: dict) -> dict[str, str]:
    """Return pip's settings by the names of its options, such as `index-url`."""
    *machine, user = _configuration_folders(environment)
    files = [folder / "pip.conf" if folder == Path("/etc") else folder / "pip" / "pip.conf" for folder in machine]
    named = environment.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        files = []
    elif named and os.path.exists(named):
        files.append(Path(named))
    else:
        files += [Path(environment.get("HOME") or "/") / ".pip" / "pip.conf", user / "pip" / "pip.conf"]
    settings = {}
    for section in ("global", "install"):
        for file in files:
            parser = configparser.RawConfigParser()
            try:
                parser.read(file, encoding="utf-8")
            except (configparser.Error, UnicodeDecodeError) as error:
                sys.exit(f"{file} is no configuration of pip's ({type(error).__name__}): mend it.")
            if parser.has_section(section):
                settings.update({name.replace("_", "-"): value for name, value in parser.items(section)})
    for name, value in environment.items():
        if name.startswith("PIP_") and value:
            settings[name[len("PIP_") :].lower().replace("_", "-")] = value
    return settings


def uv_settings(environment: dict) -> dict:
    """Return uv's settings as in uv.toml; those of its variables that say where packages are go before the files'."""
    settings = {}
    named = environment.get("UV_CONFIG_FILE")
    files = [Path(named)] if named else [folder / "uv" / "uv.toml" for folder in _configuration_folders(environment)]
    if _is_true(environment.get("UV_NO_CONFIG", "")):
        files = []
    files = [file for file in files if file.is_file()]
    if files and sys.version_info >= (3, 11):
        import tomllib

        for file in files:
            try:
                read = tomllib.loads(file.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                sys.exit(f"{file} is no configuration of uv's ({type(error).__name__}): mend it.")
            settings.update({**read, **read.get("pip", {})})
    indexes = settings.get("index", [])
    settings.setdefault("index-url", next((entry["url"] for entry in indexes if entry.get("default")), None))
    further = [entry["url"] for entry in indexes if not entry.get("default") and not entry.get("explicit")]
    settings["extra-index-url"] = further + settings.get("extra-index-url", [])

    def words(*names):
        """Return the words of the first variable that is set, without the names that an index may be given."""
        text = next((environment[name] for name in names if environment.get(name)), "")
        return [re.sub(r"^[\w.-]+=(?=[a-z]+:)", "", word) for word in text.replace(",", " ").split()]

    for option, names in (
        ("index-url", ("UV_DEFAULT_INDEX", "UV_INDEX_URL")),
        ("extra-index-url", ("UV_INDEX", "UV_EXTRA_INDEX_URL")),
        ("find-links", ("UV_FIND_LINKS",)),
        ("allow-insecure-host", ("UV_INSECURE_HOST",)),
    ):
        if words(*names):
            settings[option] = words(*names)[0] if option == "index-url" else words(*names)
    settings["no-index"] = settings.get("no-index", False) or _is_true(environment.get("UV_NO_INDEX", ""))
    return settings


def read(environment: dict | None = None) -> PackageIndex:
    """Return what the variables given (the process' own) and the files that they lead to say."""
    environment = dict(os.environ) if environment is None else environment
    uv, pip = uv_settings(environment), pip_settings(environment)
    default = uv["index-url"] or pip.get("index-url") or DEFAULT
    further = uv["extra-index-url"] + pip.get("extra-index-url", "").split()
    without_index = uv.get("no-index") or _is_true(pip.get("no-index", ""))
    links = [link.replace("file://", "", 1) for link in (*uv.get("find-links", []), *pip.get("find-links", "").split())]
    certificates = [environment.get("SSL_CERT_FILE"), pip.get("cert")]
    certificates += [environment.get("REQUESTS_CA_BUNDLE"), environment.get("CURL_CA_BUNDLE")]
    patience = environment.get("UV_HTTP_TIMEOUT"), pip.get("timeout"), pip.get("default-timeout")
    return PackageIndex(
        urls=[] if without_index else list(dict.fromkeys([default, *further])),
        folders=[link for link in links if os.path.isdir(link)],
        certificates=next((file for file in certificates if file and os.path.isfile(file)), None),
        client_certificate=environment.get("SSL_CLIENT_CERT") or pip.get("client-cert"),
        proxy=pip.get("proxy"),
        unverified_hosts=[*uv.get("allow-insecure-host", []), *pip.get("trusted-host", "").split()],
        timeout=next((float(text) for text in patience if re.fullmatch(r"\d+(\.\d+)?", text or "")), 30.0),
    )


def for_uv(environment: dict) -> dict[str, str]:
    """Return the variables that tell uv what only pip was told."""
    index, uv = read(environment), uv_settings(environment)
    told = {}
    if index.urls and not uv["index-url"] and index.urls[0] != DEFAULT:
        told["UV_DEFAULT_INDEX"] = index.urls[0]
    if not index.urls and not uv["no-index"]:
        told.update(UV_NO_INDEX="1", UV_FIND_LINKS=" ".join(index.folders))
    if index.certificates and not environment.get("SSL_CERT_FILE"):
        told["SSL_CERT_FILE"] = index.certificates
    if index.unverified_hosts and not uv.get("allow-insecure-host"):
        told["UV_INSECURE_HOST"] = " ".join(index.unverified_hosts)
    if index.proxy and not any(environment.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        told["ALL_PROXY"] = index.proxy
    return told


if __name__ == "__main__":
    for variable, value in for_uv(dict(os.environ)).items():
        print(f"export {variable}={shlex.quote(value)}")
