"""What a SavedModel answers with, read without loading it."""

import os

from age import storage

_SAVED_MODEL = "saved_model.pb"


def names(model_dir: str, signature: str = "serving_default") -> frozenset[str]:
    """Returns the names of a signature's outputs, such as `age`, `age_low`, `age_high`; none where there is no such signature.

    Args:
        model_dir: a SavedModel.
        signature: its name.

    Raises:
        FileNotFoundError: there is no SavedModel.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel.FromString(storage.read_bytes(os.path.join(model_dir, _SAVED_MODEL)))
    return frozenset(name for graph in saved.meta_graphs for name in graph.signature_def[signature].outputs)
