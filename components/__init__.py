"""The TFX components of the age pipeline, one folder each."""

from components import deferred_init

deferred_init.defer("tfx.components")
