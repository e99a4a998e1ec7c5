"""What a person touches: command line, configuration, the graph and its runners."""

import components  # noqa: F401  what it defers must be deferred before anything of TFX is imported
