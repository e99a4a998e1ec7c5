"""A small network that trains in seconds, trained as TFX's Trainer has it trained."""

import json
from types import SimpleNamespace

import numpy as np
import tensorflow as tf

from age.model import training
from age.model.settings import TrainerInputs, TrainerSettings

SETTINGS = {
    "backbone": "resnet20",
    "image_size": 32,
    "weights": "none",
    "freeze_through": "stage2_block3_out",
    "views": 3,
    "dense_units": 16,
    "dropout": 0.2,
    "batch_size": 16,
    "learning_rate": 0.003,
}


def settings(**changes):
    return TrainerSettings(**{**SETTINGS, **changes})


def arguments(directory, train_files, validation_files, cache=None, provenance=None, **changes):
    """Returns what TFX hands to `run_fn`: the model goes to `model`, its record to `log`, checkpoints to `checkpoints`."""
    inputs = TrainerInputs(
        settings=settings(**changes),
        feature_cache_dir=str(cache or directory / "cache"),
        checkpoint_dir=str(directory / "checkpoints"),
        provenance=provenance or {},
    )
    return {
        "train_files": train_files,
        "eval_files": validation_files,
        "serving_model_dir": str(directory / "model"),
        "model_run_dir": str(directory / "log"),
        "custom_config": inputs.model_dump(),
    }


def train(directory, train_files, validation_files, **changes):
    """Trains and exports a network; returns the record of its training."""
    training.run_fn(SimpleNamespace(**arguments(directory, train_files, validation_files, **changes)))
    return record(directory)


def record(directory):
    return json.loads((directory / "log" / "history.json").read_text())


def answers(directory, files):
    """Returns what the exported model answers for the photographs in some files, and their real ages."""
    module = tf.saved_model.load(str(directory / "model"))
    records = [each.numpy() for each in tf.data.TFRecordDataset(tf.io.gfile.glob(files))]
    ages = [tf.train.Example.FromString(one).features.feature["age"].float_list.value[0] for one in records]
    answered = module.signatures["serving_examples"](tf.constant(records))
    return {name: values.numpy() for name, values in answered.items()}, np.array(ages)
