"""Makes Beam's Java servers listen on the address that they are given; Beam itself listens on every interface.

`ServerFactory` of Beam's Java SDK, by which the job server and the TaskManagers' services are made, is handed a socket address
with a host (`--job-host`, or the loopback address) and hands gRPC the port alone:

    NettyServerBuilder.forPort(socket.getPort())          what Beam 2.62 to 2.70 does, and no option changes
    NettyServerBuilder.forAddress(socket)                 what the class does that `write_jar` writes

A jar with that one class stands before Beam's own on the class path. It is made by changing three instructions of the class in
Beam's jar, so that nothing has to be compiled; where the class is another one than expected, nothing is written. Class files are as
in The Java Virtual Machine Specification, chapter 4.
"""

import pathlib
import struct
import zipfile
from collections.abc import Iterator

CLASS = "org/apache/beam/sdk/fn/server/ServerFactory$InetSocketAddressServerFactory.class"

_UTF8, _NAME_AND_TYPE, _METHOD = 1, 12, 10
# Bytes after the tag, by tag (4.4); a Utf8 has its length in the first two.
_SIZES = {3: 4, 4: 4, 5: 8, 6: 8, 7: 2, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2, 17: 4, 18: 4, 19: 2, 20: 2}
_INVOKEVIRTUAL, _INVOKESTATIC, _NOP = b"\xb6", b"\xb8", b"\x00"


class UnknownClass(Exception):
    """The class is not the one that can be changed; the message is a sentence."""


def write_jar(jars: pathlib.Path, jar: pathlib.Path) -> None:
    """Writes a jar with the one class that listens where it is told to.

    Args:
        jars: directory with Beam's jars.
        jar: the file to write.

    Raises:
        UnknownClass: Beam's class is another one than expected.
    """
    (sdk,) = jars.glob("beam-sdks-java-core-*.jar")
    with zipfile.ZipFile(sdk) as read:
        changed = with_address(read.read(CLASS))
    with zipfile.ZipFile(jar, "w") as written:
        # With a fixed date: the same class is the same file.
        written.writestr(zipfile.ZipInfo(CLASS), changed)


def with_address(content: bytes) -> bytes:
    """Returns the class file with `forAddress(socket)` in the place of `forPort(socket.getPort())`.

    Raises:
        UnknownClass: it has no such call, or several.
    """
    (count,) = struct.unpack_from(">H", content, 8)
    constants = {index: (tag, start, end) for index, tag, start, end in _constants(content, count)}
    end_of_pool = max(end for _, _, end in constants.values())

    def number_pair(index: int) -> tuple[int, int]:
        return struct.unpack_from(">HH", content, constants[index][1] + 1)

    def text(index: int) -> bytes:
        _, start, end = constants[index]
        return content[start + 3 : end]

    def methods(name: bytes) -> list[int]:
        named = []
        for index, (tag, _, _) in constants.items():
            if tag == _METHOD and text(number_pair(number_pair(index)[1])[0]) == name:
                named.append(index)
        return named

    by_port, port = methods(b"forPort"), methods(b"getPort")
    calls = [
        (one, _INVOKEVIRTUAL + struct.pack(">H", of_socket) + _INVOKESTATIC + struct.pack(">H", one))
        for one in by_port
        for of_socket in port
    ]
    calls = [(one, call) for one, call in calls if content.count(call, end_of_pool) == 1]
    if len(calls) != 1:
        raise UnknownClass(
            f"{CLASS}: {len(calls)} calls of NettyServerBuilder.forPort(socket.getPort()), and one was expected."
        )
    (method, call), code = calls[0], content[end_of_pool:]
    code = code.replace(call, 3 * _NOP + call[3:])
    descriptor = text(number_pair(number_pair(method)[1])[1]).replace(b"(I)", b"(Ljava/net/SocketAddress;)")
    added = _utf8(b"forAddress") + _utf8(descriptor) + struct.pack(">BHH", _NAME_AND_TYPE, count, count + 1)
    pool = bytearray(content[10:end_of_pool])
    struct.pack_into(">H", pool, constants[method][1] - 10 + 3, count + 2)
    return content[:8] + struct.pack(">H", count + 3) + bytes(pool) + added + code


def _constants(content: bytes, count: int) -> Iterator[tuple[int, int, int, int]]:
    """Yields index, tag, and where each constant begins and ends."""
    index, start = 1, 10
    while index < count:
        tag = content[start]
        size = 2 + struct.unpack_from(">H", content, start + 1)[0] if tag == _UTF8 else _SIZES[tag]
        yield index, tag, start, start + 1 + size
        start += 1 + size
        # A long or a double takes two places.
        index += 2 if tag in (5, 6) else 1


def _utf8(text: bytes) -> bytes:
    return struct.pack(">BH", _UTF8, len(text)) + text
