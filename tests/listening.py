"""Where processes listen, as the system itself says it (proc(5), Linux)."""

import ipaddress
import pathlib
import re
import socket
import struct

_LISTEN = "0A"


def descendants(pid: int) -> set[int]:
    """Returns a process and all that it started, directly or not."""
    found, waiting = set(), [pid]
    while waiting:
        one = waiting.pop()
        found.add(one)
        for children in pathlib.Path(f"/proc/{one}/task").glob("*/children"):
            try:
                waiting += [int(child) for child in children.read_text().split()]
            except OSError:
                continue
    return found


def addresses(pids: set[int]) -> set[tuple[str, int]]:
    """Returns address and port of every TCP socket on which one of the processes listens."""
    listening = {}
    for table in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN:
                listening[fields[9]] = fields[1]
    return {_address(listening[inode]) for pid in pids for inode in _sockets(pid) if inode in listening}


def beyond_loopback(found: set[tuple[str, int]]) -> set[tuple[str, int]]:
    """Returns those that another machine may reach."""
    return {(address, port) for address, port in found if not _is_loopback(address)}


def _is_loopback(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback


def _sockets(pid: int) -> set[str]:
    found = set()
    try:
        for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            try:
                named = re.fullmatch(r"socket:\[(\d+)\]", str(link.readlink()))
            except OSError:
                continue
            if named:
                found.add(named[1])
    except OSError:
        pass
    return found


def _address(written: str) -> tuple[str, int]:
    """Reads `0100007F:1F90`: words of 32 bits in the machine's order, and the port."""
    host, port = written.split(":")
    words = [int(host[start : start + 8], 16) for start in range(0, len(host), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    return socket.inet_ntop(socket.AF_INET if len(words) == 1 else socket.AF_INET6, packed), int(port, 16)
