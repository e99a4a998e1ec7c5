"""The domain as a library: data sets of faces, age models, their evaluation, serving and reports. It knows nothing of TFX."""
