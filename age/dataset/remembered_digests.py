"""A file of the hashes of files, found again by what their file systems say of them: 48 bytes for each."""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from age import storage

_MAGIC = b"digests1"
_STATE, _DIGEST, _SUM = 16, 32, 32


class RememberedDigests:
    """The hashes of the last time, and those for the next.

    A state is 16 bytes made from a file's name, size and times: while it is the same, so is the file. In memory, 48 bytes
    a file are held of the last time and 48 of this.

    Args:
        path: where they are kept; None keeps nothing. A file that is missing or damaged counts as empty.
    """

    def __init__(self, path: str | None):
        self._path = path
        self._states, self._digests = _read(path)
        self._new_states, self._new_digests = bytearray(), bytearray()
        self._news = False

    def find(self, states: Sequence[bytes | None]) -> list[bytes | None]:
        """Returns the hash of the file that was in each state, or None."""
        if not len(self._states):
            return [None] * len(states)
        wanted = np.array([state or b"" for state in states], self._states.dtype)
        places = np.minimum(np.searchsorted(self._states, wanted), len(self._states) - 1)
        found = self._states[places] == wanted
        return [self._digests[place].tobytes() if same else None for place, same in zip(places, found)]

    def add(self, digests: Iterable[tuple[bytes | None, bytes | None]], news: bool) -> None:
        """Remembers states and hashes for the next time, where both are there; `news` says that `find` lacked some."""
        whole = [(state, digest) for state, digest in digests if state and digest]
        self._new_states += b"".join(state for state, _ in whole)
        self._new_digests += b"".join(digest for _, digest in whole)
        self._news |= news

    def keep(self) -> None:
        """Writes what was added, unless that is what the file holds.

        Raises:
            OSError: it can't be written.
        """
        states, places = np.unique(np.frombuffer(bytes(self._new_states), f"S{_STATE}"), return_index=True)
        if self._path is None or (not self._news and len(states) == len(self._states)):
            return
        digests = np.frombuffer(bytes(self._new_digests), np.uint8).reshape(-1, _DIGEST)[places]
        content = states.tobytes() + digests.tobytes()
        storage.write_bytes(self._path, _MAGIC + hashlib.sha256(content).digest() + content)


def _read(path: str | None) -> tuple[npt.NDArray[np.bytes_], npt.NDArray[np.uint8]]:
    """Returns the states, S16 `[n]`, and their files' hashes, uint8 `[n, 32]`."""
    content = memoryview(b"")
    if path is not None:
        try:
            stored = memoryview(storage.read_bytes(path))
            content = stored[len(_MAGIC) + _SUM :]
            whole = _MAGIC + hashlib.sha256(content).digest() == stored[: len(_MAGIC) + _SUM]
            content = content if whole and len(content) % (_STATE + _DIGEST) == 0 else content[:0]
        except OSError:
            pass
    number = len(content) // (_STATE + _DIGEST)
    return (
        np.frombuffer(content, f"S{_STATE}", count=number),
        np.frombuffer(content, np.uint8, offset=number * _STATE).reshape(-1, _DIGEST),
    )
