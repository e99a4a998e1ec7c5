"""Trains the age network; `run_fn` is what TFX's Trainer calls, from examples to an exported model."""

import json
import os
import time
from collections.abc import Mapping
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf

from age import environment, progress, storage
from age.model import (
    checkpoint_file,
    example_reading,
    export,
    fitting,
    network,
    objective,
    prediction_intervals,
    replicas,
)
from age.model.settings import TrainerInputs, TrainerSettings
from age.serving import training_images

HISTORY_FILE = "history.json"


class FnArgs(Protocol):
    """What `run_fn` reads of the arguments that TFX's Trainer gives it.

    Attributes:
        train_files: patterns of the TFRecord files of the training split.
        eval_files: of the validation split.
        custom_config: `TrainerInputs` as a dictionary.
        serving_model_dir: where the model goes.
        model_run_dir: where the record of the training goes.
    """

    train_files: list[str]
    eval_files: list[str]
    custom_config: Mapping[str, object]
    serving_model_dir: str
    model_run_dir: str


def build_network(settings: TrainerSettings, labels: example_reading.Labels) -> network.AgeNetwork:
    """Builds the network that a configuration describes, for the ages that it will be trained on.

    The same settings and labels give the same weights: everything random is seeded with `settings.seed`.

    Args:
        settings: the `trainer` section of the configuration.
        labels: of the training split. The statistics of the ages are part of the network.

    Raises:
        BadInput: as `network.build`, and for what several GPUs can't do.
    """
    replicas.check(settings)
    keras.utils.set_random_seed(settings.seed)
    return network.build(settings, network.TrainingAges.of(labels.ages))


def calibrated_intervals(
    net: network.AgeNetwork, settings: TrainerSettings, validation: example_reading.Split
) -> prediction_intervals.Intervals | None:
    """Returns the intervals that a trained network answers with; None where it does not learn a distribution.

    Args:
        net: trained.
        settings: the same as it was built from.
        validation: the photographs that they are calibrated on, which the network did not learn from.
    """
    if settings.loss not in objective.DISTRIBUTIONS:
        return None
    ask = tf.function(
        lambda images: export.distributions(net.trained, images, settings.mirror_averaging), reduce_retracing=True
    )
    probabilities, ages, total = [], [], len(validation.labels)
    for images, real in validation.streamed_batches(settings.image_size, settings.batch_size):
        probabilities.append(ask(images).numpy())
        ages.append(real.numpy())
        progress.report("Calibrating the intervals", done=sum(map(len, ages)), total=total, unit="images")
    return prediction_intervals.calibrated(np.concatenate(probabilities), np.concatenate(ages), settings.interval_coverage)


def run_fn(fn_args: FnArgs) -> None:
    """Trains the age network, on all GPUs that there are, and exports it.

    Args:
        fn_args: TFX's `FnArgs`; `custom_config` holds `TrainerInputs`. Training sees the files of the training and the
            validation split (early stopping and choice of the best weights), never the test split.

    Raises:
        BadInput: weights that don't fit, or a full disk.
        ServiceUnavailable: ImageNet weights that can't be downloaded.
        TrainingDiverged: a loss that is not a number.
    """
    with replicas.strategy().scope():
        _train_and_export(fn_args)


def _train_and_export(fn_args: FnArgs) -> None:
    started = time.monotonic()
    here = environment.of_this_process()
    inputs = TrainerInputs.model_validate(fn_args.custom_config)
    training, validation = example_reading.Split.read(fn_args.train_files), example_reading.Split.read(fn_args.eval_files)
    net = build_network(inputs.settings, training.labels)
    checkpoint = None
    if inputs.checkpoint_dir:
        key = checkpoint_file.key(net, inputs.settings, training, validation)
        checkpoint = checkpoint_file.CheckpointFile(inputs.checkpoint_dir, key)
    record = fitting.train(
        net, inputs.settings, training, validation, inputs.feature_cache_dir, fn_args.model_run_dir, checkpoint
    )

    settings = inputs.settings
    intervals = calibrated_intervals(net, settings, validation)
    progress.report("Exporting the model")
    export.export(
        net.trained if intervals else net.whole,
        settings.image_size,
        settings.mirror_averaging,
        fn_args.serving_model_dir,
        {**inputs.provenance, "precision": record.precision, "environment": here.model_dump()},
        intervals,
    )
    training_images.write(fn_args.serving_model_dir, [training.labels.sha256, validation.labels.sha256])
    storage.make_directory(fn_args.model_run_dir)
    whole = record.model_copy(update={"seconds": time.monotonic() - started, "environment": here})
    storage.write_text(os.path.join(fn_args.model_run_dir, HISTORY_FILE), json.dumps(whole.model_dump(), indent=2))
    if checkpoint:
        checkpoint.remove()
