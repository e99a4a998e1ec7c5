"""How far a model is off, and for whom: metrics, slices, predictions, intervals."""
