"""Get uv, the installer, from the package index with Python's standard library alone.

    python3 locks/fetch_uv.py DIRECTORY       put the program at DIRECTORY/bin/uv
    python3 locks/fetch_uv.py --needs         print the Debian packages without which it can't be had, and are not here

The version and the hashes of its files are in uv.txt; a file with another hash is not used. Any Python from 3.8 on will do.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import html.parser
import http.client
import io
import netrc
import os
import platform
import re
import ssl
import sys
import typing
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

import package_index

_SYSTEMS = {"Linux": r"manylinux\w*_", "Darwin": r"macosx_\d+_\d+_"}


class _Links(html.parser.HTMLParser):
    """The links of an index's page about a project (PEP 503): name of the file -> address, without its fragment."""

    def __init__(self, page: str):
        super().__init__()
        self.page = page
        self.found = {}

    def handle_starttag(self, tag, attributes):
        address = dict(attributes).get("href")
        if tag == "a" and address:
            address = urllib.parse.urldefrag(urllib.parse.urljoin(self.page, address)).url
            self.found[urllib.parse.unquote(address.rpartition("/")[2])] = address


def locked(text: str) -> tuple[str, set[str]]:
    """Return the version and the SHA-256 hashes that a lock file gives for uv."""
    entry = re.search(r"^uv==(\S+)((?:\s|\\|--hash=sha256:[0-9a-f]{64})*)", text, re.MULTILINE)
    return entry[1], set(re.findall("[0-9a-f]{64}", entry[2]))


def fits(name: str, version: str) -> bool:
    """Return whether a file of this name is the version's wheel for this machine."""
    tag = re.escape(platform.machine())
    system = _SYSTEMS.get(platform.system(), "(?!)")
    platforms = re.fullmatch(rf"uv-{re.escape(version)}-py3-none-(.+)\.whl", name)
    return bool(platforms) and any(re.fullmatch(system + tag, part) for part in platforms[1].split("."))


def without_password(url: str) -> tuple[str, tuple[str, str] | None]:
    """Return an address without its user and password, and these two, or what .netrc has for its host."""
    parts = urllib.parse.urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    bare = urllib.parse.urlunsplit(parts._replace(netloc=host))
    if parts.username is not None:
        return bare, (urllib.parse.unquote(parts.username), urllib.parse.unquote(parts.password or ""))
    try:
        known = netrc.netrc(os.environ.get("NETRC") or None).authenticators(parts.hostname or "")
    except (OSError, netrc.NetrcParseError):
        known = None
    return bare, (known[0] or "", known[2] or "") if known else None


class Connection:
    """Requests to an index as the machine's settings want them."""

    def __init__(self, index: package_index.PackageIndex):
        self._index = index
        proxies = urllib.request.getproxies()
        everywhere = index.proxy or proxies.get("all")
        if everywhere:
            proxies = {"http": everywhere, "https": everywhere, **({} if index.proxy else proxies)}
        self._proxies = urllib.request.ProxyHandler(proxies)

    def get(self, url: str, login: tuple[str, str] | None) -> tuple[str, bytes]:
        """Return where an address led in the end, and what is there.

        Raises:
            OSError: when it can't be had (urllib's errors are all of this kind).
        """
        request = urllib.request.Request(url, headers={"Accept": "text/html, */*;q=0.1", "User-Agent": "age-pipeline"})
        if login:
            token = base64.b64encode(":".join(login).encode()).decode()
            # "Unredirected": another host to which this one sends us does not get it.
            request.add_unredirected_header("Authorization", f"Basic {token}")
        secured = urllib.request.HTTPSHandler(context=trust(self._index, urllib.parse.urlsplit(url)))
        with urllib.request.build_opener(self._proxies, secured).open(request, timeout=self._index.timeout) as answer:
            return answer.geturl(), answer.read()


def trust(index: package_index.PackageIndex, address: urllib.parse.SplitResult) -> ssl.SSLContext:
    """Return which certificates an address may show."""
    context = ssl.create_default_context(cafile=index.certificates)
    if index.client_certificate:
        context.load_cert_chain(index.client_certificate)
    if {address.netloc, address.hostname} & set(index.unverified_hosts):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def needs(index: package_index.PackageIndex) -> list[str]:
    """Return the Debian packages that getting uv takes and this machine lacks."""
    encrypted = any(url.startswith("https:") for url in index.urls)
    folder = ssl.get_default_verify_paths().capath
    known = ssl.create_default_context(cafile=index.certificates).cert_store_stats()["x509_ca"]
    return ["ca-certificates"] if encrypted and not known and not (folder and os.listdir(folder)) else []


def wheels(index: package_index.PackageIndex, version: str) -> typing.Iterator[tuple[str, bytes | None]]:
    """Yield what each folder and each index has as uv's wheel for this machine: its name, and the bytes.

    Where there is none, the first is a reason and the second None.
    """
    for folder in map(Path, index.folders):
        for file in folder.iterdir():
            if fits(file.name, version):
                yield str(file), file.read_bytes()
    connection = Connection(index)
    for url in index.urls:
        bare, login = without_password(url)
        host = urllib.parse.urlsplit(bare).netloc
        try:
            page, text = connection.get(f"{bare.rstrip('/')}/uv/", login)
            links = _Links(page)
            links.feed(text.decode("utf-8", "replace"))
            address = next((address for name, address in links.found.items() if fits(name, version)), None)
            if address is None:
                yield f"{host} has none for {platform.system()} on {platform.machine()}", None
            else:
                yield host, connection.get(address, login if urllib.parse.urlsplit(address).netloc == host else None)[1]
        except (OSError, http.client.HTTPException, ValueError) as error:
            yield f"{host}: {getattr(error, 'reason', None) or error}", None


def fetch(directory: Path) -> None:
    """Put uv at `bin/uv` of a directory, whole or not at all.

    Raises:
        SystemExit: with a sentence, when no place has a file with one of the hashes in uv.txt.
    """
    version, hashes = locked(Path(__file__).with_name("uv.txt").read_text(encoding="utf-8"))
    reasons = []
    for place, wheel in wheels(package_index.read(), version):
        if wheel is not None and hashlib.sha256(wheel).hexdigest() in hashes:
            break
        reasons.append(place if wheel is None else f"{place} has one with another hash than locks/uv.txt, which was not used")
    else:
        sys.exit(
            f"uv {version}, the installer, could not be had ({'; '.join(reasons) or 'no index and no folder is set'}): "
            "check the network and what pip or uv is told (index, proxy, certificates), or install uv."
        )
    (directory / "bin").mkdir(parents=True, exist_ok=True)
    partial = directory / "bin" / "uv.partial"
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        partial.write_bytes(archive.read(f"uv-{version}.data/scripts/uv"))
    partial.chmod(0o755)
    partial.replace(directory / "bin" / "uv")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path, nargs="?")
    parser.add_argument("--needs", action="store_true", help="print the Debian packages that this machine lacks for it")
    given = parser.parse_args()
    if given.needs:
        print(" ".join(needs(package_index.read())))
    elif given.directory:
        fetch(given.directory)
    else:
        parser.error("DIRECTORY or --needs is expected")


if __name__ == "__main__":
    main()
