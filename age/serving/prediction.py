"""Asks an exported model for the ages of photographs."""

import math
import os
from collections.abc import Iterable, Iterator

from age import storage
from age.serving import serving_directory
from schemas.bad_input import BadInput

_BATCH = 32
_LARGEST_FILE = 256 << 20


def newest_model(serving_dir: str) -> str:
    """Returns the path of the newest version in a serving directory.

    Raises:
        BadInput: nothing is being served there.
    """
    served = serving_directory.served_models(serving_dir)
    if not served:
        raise BadInput(f"{serving_dir}: no model is being served there. Run the pipeline until a model is blessed.")
    return served[0].path


def predict_ages(model_dir: str, paths: Iterable[str]) -> Iterator[tuple[str, float | None, str]]:
    """Yields `(path, age in years or None, why not)` for each photograph.

    Args:
        model_dir: a SavedModel of the Trainer's.
        paths: files.
    """
    import tensorflow as tf

    # The module must outlive its signature, which holds its variables weakly.
    module = tf.saved_model.load(model_dir)
    signature = module.signatures["serving_default"]
    pending = list(paths)
    for start in range(0, len(pending), _BATCH):
        batch, contents, problems = pending[start : start + _BATCH], [], {}
        for path in batch:
            try:
                contents.append(storage.read_plain_file(path, _LARGEST_FILE))
            except OSError as error:
                contents.append(b"")
                problems[path] = error.strerror or str(error)
        ages = signature(tf.constant(contents))["age"].numpy()
        for path, age in zip(batch, ages):
            readable = not math.isnan(age)
            problem = problems.get(path, "" if readable else f"{os.path.basename(path)} is no readable JPEG or PNG")
            yield path, float(age) if readable else None, problem
