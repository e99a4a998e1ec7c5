"""Adds the decade of age to the features that TFMA slices by."""

import copy

import numpy as np
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.api import types

from schemas import features


def add_decade(extracts: types.Extracts) -> types.Extracts:
    """Returns a batch of extracts with `age_decade` beside `age`, and without the images' bytes.

    The bytes have been seen by the model at this point; what follows (unbatching, slicing) would only copy them.
    """
    extracts = copy.copy(extracts)
    named = {name: value for name, value in extracts[constants.FEATURES_KEY].items() if name != features.IMAGE_ENCODED}
    ages = np.asarray(named[features.AGE], dtype=np.float64)
    decades = np.array([features.age_decade(age) for age in ages.reshape(-1)], dtype=object)
    named[features.AGE_DECADE] = decades.reshape(ages.shape)
    extracts[constants.FEATURES_KEY] = named
    extracts.pop(constants.ARROW_RECORD_BATCH_KEY, None)
    extracts.pop(constants.INPUT_KEY, None)
    return extracts
