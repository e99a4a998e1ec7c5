"""Trains the age regressor: `run_fn` for TFX's Trainer, and the parts it is made of."""
