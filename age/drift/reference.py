"""Keeps with an exported model what it saw in photographs that it did not learn from: what later ones are compared with.

Photographs that a network learnt from look different to it from all others, so that these would be taken for drift. The file holds
numbers alone, no photograph, no name and no hash.
"""

import io
import os
import zipfile

import numpy as np

from age import storage
from age.drift.seen_photographs import PROJECTED, SeenPhotographs
from age.serving.model_digest import EXTRA_ASSETS
from schemas.bad_input import BadInput

FILE = "drift_reference.npz"

MOST = 500
"""Photographs in a reference: showing them to a network takes half a minute on two cores."""

_STORED = {"features": np.float16}


def write(model: str, seen: SeenPhotographs) -> None:
    """Writes the reference beside a model.

    Args:
        model: directory of the SavedModel.
        seen: what it saw in photographs of its own data set that it did not learn from.
    """
    extra = os.path.join(model, EXTRA_ASSETS)
    storage.make_directory(extra)
    content = io.BytesIO()
    np.savez_compressed(
        content, **{name: column.astype(_STORED.get(name, column.dtype)) for name, column in vars(seen).items()}
    )
    storage.write_bytes(os.path.join(extra, FILE), content.getvalue())


def read(model: str) -> SeenPhotographs:
    """Reads the reference of a model.

    Raises:
        BadInput: it has none, as models that were exported by earlier versions, or the file is damaged.
    """
    path = storage.join(model, EXTRA_ASSETS, FILE)
    if not storage.exists(path):
        raise BadInput(
            f"{model}: this model does not tell what the photographs looked like that it was made for ({EXTRA_ASSETS}/{FILE} is "
            "missing): it was exported by an earlier version. Run the pipeline again, and compare with the model that it pushes."
        )
    try:
        with np.load(io.BytesIO(storage.read_bytes(path)), allow_pickle=False) as file:
            columns = {name: file[name] for name in SeenPhotographs.__dataclass_fields__}
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise BadInput(f"{path}: not a reference, or damaged: {error}. Take the file of the run's model again.") from error
    counts = {len(column) for column in columns.values()}
    if len(counts) != 1 or columns["features"].shape[1:] != (PROJECTED,):
        raise BadInput(f"{path}: not a reference: its columns differ in length. Take the file of the run's model again.")
    return SeenPhotographs(**{**columns, "features": columns["features"].astype(np.float32)})
