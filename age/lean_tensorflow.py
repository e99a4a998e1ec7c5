"""Loads TensorFlow without Keras: an exported model needs none to answer."""

import importlib
import sys

_KERAS = "keras.src"


def load() -> None:
    """Imports TensorFlow, if it is not there yet.

    Its last lines import Keras in advance, if they can, which brings a notebook's libraries along. `tf.keras` imports it when somebody
    uses it, and so does `import keras`.
    """
    if "tensorflow" in sys.modules or _KERAS in sys.modules:
        return
    # Python's own sign for a module that must not be found.
    sys.modules[_KERAS] = None  # type: ignore[assignment]
    try:
        importlib.import_module("tensorflow")
    finally:
        del sys.modules[_KERAS]
