"""Lets a package be used without what its `__init__` imports, until somebody asks for it.

`tfx.components` imports every component that TFX has, and with them Keras Tuner, TensorFlow Transform, TensorFlow Serving and
the clients of Kubernetes and Docker. Nobody can import a module below it without all that, and TFX's launchers import some.
Python's `importlib.util.LazyLoader` is of no help: the search for such a module looks at the package's path, which already
counts as use.
"""

import importlib.machinery
import sys
import types


class _Package(types.ModuleType):
    """A package whose `__init__` runs when it is asked for a name that no import has put there."""

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        self.__class__ = types.ModuleType
        self.__loader__.run_init(self)
        return getattr(self, name)


class _Loader(importlib.machinery.SourceFileLoader):
    def exec_module(self, module: types.ModuleType) -> None:
        module.__class__ = _Package

    def run_init(self, module: types.ModuleType) -> None:
        super().exec_module(module)


class _Finder:
    def __init__(self, package: str):
        self._package = package

    def find_spec(self, name, path=None, target=None):
        if name != self._package:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and type(spec.loader) is importlib.machinery.SourceFileLoader:
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


def defer(package: str) -> None:
    """Defers the `__init__` of a package from now on; one that is imported already stays as it is."""
    sys.meta_path.insert(0, _Finder(package))
