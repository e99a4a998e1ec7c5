"""Whether today's photographs still look like those that a model was made for."""
