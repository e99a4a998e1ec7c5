"""Has the process of a step import what the step needs, instead of what its libraries bring along.

TFX loads TensorFlow, TFDV and TFMA for every step, and TensorFlow loads Keras, which loads a notebook. Each of them also runs
where those are not installed, or has an `__init__` that only gathers names: so while one is imported, the others are not there.
"""

import importlib.machinery
import sys
import types

from components import deferred_init

_WITHOUT = {
    # Both ask whether there is a TensorFlow. Without one, TFX opens local paths as Python does; a step finds every artifact
    # on a local path, and any other path is opened by `age.storage`.
    "tfx.dsl.io.plugins.tensorflow_gfile": ("tensorflow",),
    "tfx.utils.doc_controls": ("tensorflow",),
    # Its last lines import Keras in advance, if they can. `tf.keras` imports it when somebody uses it.
    "tensorflow": ("keras.src",),
    # For its notebook widgets, galleries, and the data and the estimators of others.
    "keras": ("cv2", "matplotlib", "pandas", "sklearn"),
    # The clients of BigQuery and Pub/Sub.
    "apache_beam.io": ("apache_beam.io.gcp.bigquery",),
    # TFMA's metrics of texts bring it, and its classifiers scikit-learn.
    "nltk": ("sklearn",),
}
"""What seems not to be installed while a module or the `__init__` of a package runs."""


class _Loader(importlib.machinery.SourceFileLoader):
    def exec_module(self, module: types.ModuleType) -> None:
        missing = [name for name in _WITHOUT[self.name] if name not in sys.modules]
        sys.modules.update(dict.fromkeys(missing))  # Python's own sign for a module that must not be found
        try:
            super().exec_module(module)
        finally:
            for name in missing:
                del sys.modules[name]


class _Finder:
    def find_spec(self, name, path=None, target=None):
        if name not in _WITHOUT:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and type(spec.loader) is importlib.machinery.SourceFileLoader:
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


def install() -> None:
    """Makes the imports of this process lean from now on; what is imported already stays as it is."""
    deferred_init.defer("tensorflow_data_validation", apart=("anomalies",))
    deferred_init.defer("tensorflow_model_analysis", apart=("constants", "proto", "sdk", "version"))
    # `IPython.display`, which TFDV imports, needs none of the shell.
    deferred_init.defer("IPython")
    sys.meta_path.insert(0, _Finder())
