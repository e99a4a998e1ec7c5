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
}
"""What seems not to be installed while a module or the `__init__` of a package runs."""

_DEFERRED = {
    "tensorflow_data_validation": ("anomalies",),
    "tensorflow_model_analysis": ("constants", "proto", "sdk", "version"),
    # Metrics of texts: they bring NLTK and sacreBLEU, and those scikit-learn and Redis.
    "tensorflow_model_analysis.metrics.bleu": None,
    "tensorflow_model_analysis.metrics.rouge": None,
    # Charts for a notebook, with its widgets.
    "tensorflow_model_analysis.view": ("util", "view_types"),
    # For the confidence intervals of TFMA's own, which are not asked for.
    "scipy.stats": (),
    # It brings MongoDB's client.
    "apache_beam.io.mongodbio": None,
    # `IPython.display`, which TFDV imports, needs none of the shell.
    "IPython": None,
}
"""What is loaded when somebody asks for something in it, and what of a package can be had before."""


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
    for name, apart in _DEFERRED.items():
        deferred_init.defer(name, apart)
    sys.meta_path.insert(0, _Finder())
