"""The TFX components of the age pipeline, one folder each."""
