"""TFX's Trainer with plain values as parameters; the training itself is `age.model.training`."""
