"""What this project's own code does, as a hash: the part of a cache's key that knows when code has changed.

    code_digest.of("age.model.training")

covers a module, every module of this project that it imports, and theirs, found in the sources without importing them. Comments,
docstrings, formatting and imports for type checkers do not count: what is hashed is the syntax tree. It differs between versions of
Python, as the versions of TensorFlow and Keras do, which are hashed too.

Parsing takes a few milliseconds a file; `remember_in` names a file in which what was found of each content is kept.
"""

import ast
import contextlib
import functools
import gc
import hashlib
import importlib.metadata
import json
import os
import pathlib
import sys
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

PACKAGES = frozenset({"schemas", "age", "components", "pipeline"})
LIBRARIES = ("tensorflow", "keras")

WITHOUT_RESULTS = frozenset(
    {
        "age.bill_of_materials",
        "age.environment",
        "age.progress",
        "age.untrusted_text",
        "schemas.bad_input",
        "schemas.exit_status",
        "schemas.failures",
        "schemas.run_description",
        "schemas.verdict",
    }
)
"""Modules that change nothing of what a step makes: how far it is, how it fails, what it was made with, and the verdict's form,
which reads what earlier versions wrote."""

_ROOT = pathlib.Path(__file__).parent.parent
_MOST_REMEMBERED = 2000
_WITHOUT_EFFECT = frozenset({"ctx", "kind", "type_comment", "type_ignores"})


@functools.cache
def of(*modules: str, libraries: tuple[str, ...] = LIBRARIES) -> str:
    """Returns the SHA-256 of what modules of this project and whatever they import from it do, and of libraries' versions.

    Args:
        modules: their names; modules that are named by a text and not imported have to be given too.
        libraries: distributions whose versions count.

    Raises:
        ModuleNotFoundError: there is no such module here.
    """
    found = {name: _read(_path_of(name)).digest for name in _with_imports(modules)}
    _memory.write()
    what = {"modules": sorted(found.items()), "libraries": {name: _version(name) for name in libraries}}
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def modules_behind(*modules: str) -> list[str]:
    """Returns the names of modules of this project and of all that they import from it, sorted.

    Raises:
        ModuleNotFoundError: there is no such module here.
    """
    return sorted(_with_imports(modules))


def _version(library: str) -> str | None:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(library)
    return None


def _with_imports(modules: tuple[str, ...]) -> set[str]:
    known: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in known or name in WITHOUT_RESULTS:
            continue
        known.add(name)
        # A name may be a module's, or that of something in one.
        waiting += [imported for imported in _read(_path_of(name)).imports if _path(imported)]
        package = name.rpartition(".")[0]
        if package:
            waiting.append(package)
    return known


def _path(name: str) -> pathlib.Path | None:
    at = _ROOT.joinpath(*name.split("."))
    return next((path for path in (at.with_suffix(".py"), at / "__init__.py") if path.is_file()), None)


def _path_of(name: str) -> pathlib.Path:
    path = _path(name)
    if path is None:
        raise ModuleNotFoundError(f"{name}: there is no such module below {_ROOT}.")
    return path


class _Source(NamedTuple):
    """A source file: the hash of its syntax tree, and the modules of this project that it imports."""

    digest: str
    imports: list[str]


@functools.cache
def _read(path: pathlib.Path) -> _Source:
    content = path.read_bytes()
    key = hashlib.sha256(content + _own_content()).hexdigest()
    known = _memory.get(key)
    if known is None:
        with _without_collector():
            parts: list[str] = []
            imports = sorted(set(_flatten(ast.parse(content), parts)))
        known = _Source(hashlib.sha256("\n".join(parts).encode()).hexdigest(), imports)
        _memory.add(key, known)
    return known


@functools.cache
def _own_content() -> bytes:
    """What is found of a source is a matter of this module and of Python, too."""
    return pathlib.Path(__file__).read_bytes() + sys.version.encode()


class _Memory:
    """What was found of sources, by the hash of their content; in a file where there is one."""

    def __init__(self) -> None:
        self._found: dict[str, _Source] = {}
        self._file: str | None = None
        self._changed = False

    def read(self, file: str) -> None:
        self._file = file
        with contextlib.suppress(OSError, ValueError, TypeError), open(file, encoding="utf-8") as read:
            self._found.update({key: _Source(*found) for key, found in json.load(read).items()})

    def get(self, key: str) -> _Source | None:
        return self._found.get(key)

    def add(self, key: str, found: _Source) -> None:
        self._found[key] = found
        self._changed = True

    def write(self) -> None:
        """Brings the file up to date; what can't be written is found again the next time."""
        if not self._changed or self._file is None:
            return
        newest = dict(list(self._found.items())[-_MOST_REMEMBERED:])
        with contextlib.suppress(OSError):
            os.makedirs(os.path.dirname(self._file) or ".", exist_ok=True)
            handle, unfinished = tempfile.mkstemp(dir=os.path.dirname(self._file) or ".")
            with open(handle, "w", encoding="utf-8") as file:
                json.dump(newest, file)
            os.replace(unfinished, self._file)
            self._changed = False


_memory = _Memory()


def remember_in(file: str) -> None:
    """Names the file in which what is found of sources is kept, and reads it.

    Args:
        file: on a local disk; it need not exist.
    """
    _memory.read(file)


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """Keeps the garbage collector from going through a tree again and again while it grows, which doubles the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _flatten(tree: ast.AST, parts: list[str]) -> Iterator[str]:
    """Appends what a tree says to `parts`, in an order that is always the same; yields what it imports from this project."""
    waiting: list[object] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.AST):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                yield from _imported(node)
            kind = type(node)
            parts.append(kind.__name__)
            waiting.extend([getattr(node, name, None) for name in kind._fields if name not in _WITHOUT_EFFECT])
        elif isinstance(node, list):
            of_effect = [one for one in node if not _is_without_effect(one)]
            parts.append(f"[{len(of_effect)}")
            waiting.extend(of_effect)
        else:
            parts.append(repr(node))


def _is_without_effect(node: object) -> bool:
    """Whether a statement is a text that nobody reads, or what only type checkers do."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    else:
        module = node.module or ""
        names = [module, *(f"{module}.{alias.name}" for alias in node.names)]
    yield from (name for name in names if name.partition(".")[0] in PACKAGES)
