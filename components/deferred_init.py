"""Lets a package be used without what its `__init__` imports, until somebody asks for it.

`tfx.components` imports every component that TFX has, and with them Keras Tuner, TensorFlow Transform, TensorFlow Serving and
the clients of Kubernetes and Docker. Nobody can import a module below it without all that, and TFX's launchers import some.
Python's `importlib.util.LazyLoader` is of no help: the search for such a module looks at the package's path, which already
counts as use.
"""

import importlib
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Collection


class _Package(types.ModuleType):
    """A package whose `__init__` runs when it is asked for a name that no import has put there."""

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        if name in (self.__loader__.apart or ()):
            return importlib.import_module(f"{self.__name__}.{name}")
        self.__loader__.run_init(self)
        return getattr(self, name)


class _Loader(importlib.machinery.SourceFileLoader):
    apart: Collection[str] | None

    def exec_module(self, module: types.ModuleType) -> None:
        module.__class__ = _Package

    def run_init(self, module: types.ModuleType) -> None:
        module.__class__ = types.ModuleType
        try:
            super().exec_module(module)
        except BaseException:
            module.__class__ = _Package
            raise


class _ImportedMeanwhile(importlib.abc.Loader):
    """Hands over a module that was imported while it was looked for: Python would import it a second time."""

    def __init__(self, module: types.ModuleType):
        self._module, self._spec = module, module.__spec__

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return self._module

    def exec_module(self, module: types.ModuleType) -> None:
        module.__spec__ = self._spec


class _Finder:
    def __init__(self, package: str, apart: Collection[str] | None):
        self._package = package
        self._apart = apart

    def find_spec(self, name, path=None, target=None):
        if name == self._package:
            return self._deferred(name, path, target)
        if self._apart is None or not name.startswith(f"{self._package}."):
            return None
        package = sys.modules[self._package]
        if type(package) is _Package and name.split(".")[self._package.count(".") + 1] not in self._apart:
            package.__loader__.run_init(package)
            if name in sys.modules:
                return importlib.machinery.ModuleSpec(name, _ImportedMeanwhile(sys.modules.pop(name)))
        return None

    def _deferred(self, name, path, target):
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and type(spec.loader) is importlib.machinery.SourceFileLoader:
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
            spec.loader.apart = self._apart
        return spec


def defer(package: str, apart: Collection[str] | None = None) -> None:
    """Defers the `__init__` of a package from now on; one that is imported already stays as it is.

    Args:
        package: its name.
        apart: names of the modules and packages in it that can be had without its `__init__`; whoever imports another one gets
            it after the `__init__` has run. None for all of them.
    """
    sys.meta_path.insert(0, _Finder(package, apart))
