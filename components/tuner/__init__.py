"""TFX's Tuner with plain values as parameters; the search itself is `age.model.tuning`."""
