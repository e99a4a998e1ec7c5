"""Trains the age network; `run_fn` is what TFX's Trainer calls, from examples to an exported model."""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from age import environment, progress, storage
from age.model import (
    checkpoint_file,
    epoch_progress,
    example_reading,
    export,
    feature_cache,
    feeding,
    network,
    objective,
    optimizer,
    precision,
    prediction_intervals,
    resumption,
)
from age.model.augmentation import augmenter
from age.model.settings import TrainerInputs, TrainerSettings
from age.serving import training_images
from schemas.failures import TrainingDiverged
from schemas.verdict import FeatureCache, Training

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


def _training_model(net: network.AgeNetwork, settings: TrainerSettings) -> keras.Model:
    """Returns the model that is fitted: the tail, or the whole with random variations in front when it takes images."""
    if net.stem is not None and settings.feature_cache:
        return net.tail
    images = keras.Input(net.trained.input.shape[1:])
    return keras.Model(images, net.trained(augmenter(settings.augmentation, settings.seed)(images)), name="training")


def _fit(
    net: network.AgeNetwork,
    settings: TrainerSettings,
    policy: precision.Policy,
    ages: npt.NDArray[np.float32],
    train: tf.data.Dataset,
    validation: tf.data.Dataset,
    callbacks: Sequence[keras.callbacks.Callback],
    first_epoch: int,
) -> None:
    model = _training_model(net, settings)
    steps = int(train.cardinality()) * settings.epochs
    model.compile(
        optimizer=precision.scaled(optimizer.optimizer(settings, steps, net.new_variables), policy),
        loss=objective.loss(settings, ages),
        metrics=[objective.metric(settings)],
        # Keras compiles with XLA wherever it can; on CPUs that halves the speed of convolutions.
        jit_compile="auto" if tf.config.list_physical_devices("GPU") else False,
    )
    # Before the others: the moving averages are what is measured, and what the best epoch is chosen from.
    averaging = [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)] if settings.ema_momentum else []
    model.fit(
        train,
        validation_data=validation,
        initial_epoch=first_epoch,
        epochs=settings.epochs,
        shuffle=False,  # the batches come shuffled
        verbose=1 if os.isatty(1) else 2,
        callbacks=[*averaging, keras.callbacks.TerminateOnNaN(), *callbacks],
    )


def _check_history(history: Mapping[str, Sequence[float]], settings: TrainerSettings) -> None:
    if not history.get("val_mae") or not np.isfinite(history["loss"]).all():
        raise TrainingDiverged(
            f"Training diverged: the loss is not a number any more after {len(history['loss'])} epoch(s) at a learning rate "
            f"of {settings.learning_rate:g}. Lower trainer.learning_rate."
        )


def build_network(settings: TrainerSettings, labels: example_reading.Labels) -> network.AgeNetwork:
    """Builds the network that a configuration describes, for the ages that it will be trained on.

    The same settings and labels give the same weights: everything random is seeded with `settings.seed`.

    Args:
        settings: the `trainer` section of the configuration.
        labels: of the training split. The statistics of the ages are part of the network.

    Raises:
        BadInput: as `network.build`.
    """
    keras.utils.set_random_seed(settings.seed)
    return network.build(settings, network.TrainingAges.of(labels.ages))


def _batches(
    net: network.AgeNetwork,
    settings: TrainerSettings,
    training: example_reading.Split,
    validation: example_reading.Split,
    feature_cache_dir: str,
    epoch: Callable[[], int],
) -> tuple[tf.data.Dataset, tf.data.Dataset, FeatureCache | None]:
    """Returns what is trained on, what is validated on, and what was kept of it on disk."""
    if not settings.feature_cache:
        return (
            training.streamed_batches(settings.image_size, settings.batch_size, shuffle_seed=settings.seed, epoch=epoch),
            validation.streamed_batches(settings.image_size, settings.batch_size),
            None,
        )
    views = settings.views if net.stem is not None else 1
    cached = feature_cache.cached_splits(
        feature_cache_dir,
        net.stem,
        net.stem_digest(),
        settings,
        [
            feature_cache.Source(training.file_patterns, training.labels, views),
            feature_cache.Source(validation.file_patterns, validation.labels, views=1),
        ],
    )
    cache = FeatureCache(
        computed=any(split.computed for split in cached),
        views=views,
        bytes=sum(int(split.features.nbytes) for split in cached),
        seconds=sum(split.seconds for split in cached),
    )
    return (
        feeding.training_batches(cached[0], settings.batch_size, settings.seed, epoch),
        feeding.validation_batches(cached[1], settings.batch_size),
        cache,
    )


def train(
    net: network.AgeNetwork,
    settings: TrainerSettings,
    training: example_reading.Split,
    validation: example_reading.Split,
    feature_cache_dir: str,
    log_dir: str | None = None,
    checkpoint: checkpoint_file.CheckpointFile | None = None,
) -> Training:
    """Trains a network; it ends with the weights of its best epoch, and computes in float32 again.

    With a checkpoint, it goes on from what an interrupted training left there, and ends with the weights that the same training
    without an interruption ends with.

    Args:
        net: from `build_network`; its variables change.
        settings: the same as it was built from.
        training: what is learnt from.
        validation: what early stopping and the choice of the best epoch look at.
        feature_cache_dir: where the outputs of frozen layers are kept, or the decoded images when nothing is frozen.
        log_dir: where TensorBoard's summaries go; None for nowhere.
        checkpoint: where checkpoints are kept, for the very training that the other arguments describe; None for nowhere. It is
            left there: whoever has made use of the result removes it.

    Returns:
        What the training was like.

    Raises:
        BadInput: a full disk, or a precision that the hardware lacks.
        TrainingDiverged: a loss that is not a number.
    """
    started = time.monotonic()
    early_stopping = keras.callbacks.EarlyStopping(
        monitor="val_mae", mode="min", patience=settings.early_stopping_patience, restore_best_weights=True
    )
    resumed = resumption.Resumption(checkpoint, early_stopping, started)
    time_limit = resumption.TimeLimit(settings.max_minutes, resumed)
    callbacks = [
        early_stopping,
        *([keras.callbacks.TensorBoard(log_dir, write_graph=False)] if log_dir else []),
        epoch_progress.EpochProgress(resumed.history.get("val_mae", ())),
        resumed,
        time_limit,
    ]
    policy = precision.chosen(settings.precision, net.backbone)
    with precision.computing_in(policy, net.backbone):
        train_batches, validation_batches, cache = _batches(
            net, settings, training, validation, feature_cache_dir, lambda: resumed.epoch
        )
        # Building and computing features draw random numbers, or don't when the cache has them: start afresh.
        keras.utils.set_random_seed(settings.seed)

        fit_started = time.monotonic()
        ages = training.labels.ages
        _fit(net, settings, policy, ages, train_batches, validation_batches, callbacks, resumed.first_epoch)
    history = resumed.history
    _check_history(history, settings)
    now = time.monotonic()
    best = int(np.argmin(history["val_mae"]))
    return Training(
        history={name: [*values] for name, values in history.items()},
        best_epoch=best + 1,
        epochs_run=len(history["val_mae"]),
        validation_mae=history["val_mae"][best],
        training_examples=len(training.labels),
        validation_examples=len(validation.labels),
        mean_age=float(training.labels.ages.mean()),
        frozen_through=net.stem.layers[-1].output.name if net.stem is not None else None,
        feature_cache=cache,
        fit_seconds=now - fit_started,
        seconds=now - started,
        precision=policy,
        resumed_after=resumed.first_epoch or None,
        checkpoint_seconds=resumed.seconds if checkpoint else None,
        time_was_up=time_limit.is_up,
        device="GPU" if tf.config.list_physical_devices("GPU") else "CPU",
    )


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
    """Trains the age network and exports it.

    Args:
        fn_args: TFX's `FnArgs`; `custom_config` holds `TrainerInputs`. Training sees the files of the training and the
            validation split (early stopping and choice of the best weights), never the test split.

    Raises:
        BadInput: weights that don't fit, or a full disk.
        ServiceUnavailable: ImageNet weights that can't be downloaded.
        TrainingDiverged: a loss that is not a number.
    """
    started = time.monotonic()
    here = environment.of_this_process()
    inputs = TrainerInputs.model_validate(fn_args.custom_config)
    training, validation = example_reading.Split.read(fn_args.train_files), example_reading.Split.read(fn_args.eval_files)
    net = build_network(inputs.settings, training.labels)
    checkpoint = None
    if inputs.checkpoint_dir:
        key = checkpoint_file.key(net, inputs.settings, training, validation)
        checkpoint = checkpoint_file.CheckpointFile(inputs.checkpoint_dir, key)
    record = train(net, inputs.settings, training, validation, inputs.feature_cache_dir, fn_args.model_run_dir, checkpoint)

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
