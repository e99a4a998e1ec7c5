"""Fits the trained part of a network, epoch by epoch, to the best of them."""

import os
import time
from collections.abc import Mapping, Sequence

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from age.model import (
    checkpoint_file,
    epoch_progress,
    example_reading,
    feeding,
    network,
    objective,
    optimizer,
    precision,
    replicas,
    resumption,
)
from age.model.augmentation import augmenter
from age.model.settings import TrainerSettings
from schemas.failures import TrainingDiverged
from schemas.verdict import Training


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
    batches: feeding.Batches,
    callbacks: Sequence[keras.callbacks.Callback],
    first_epoch: int,
) -> None:
    model = _training_model(net, settings)
    steps = int(batches.training.cardinality()) * settings.epochs
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
        replicas.in_equal_shares(batches.training),
        validation_data=batches.validation,
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


class _Course:
    """What goes along with a training: what ends it, what it goes on from, and what is kept of it.

    Attributes:
        callbacks: for Keras, in an order that counts: each one's state is complete when the next one looks at it.
        resumed: what was done before an interruption, and what has been measured.
    """

    def __init__(
        self, settings: TrainerSettings, checkpoint: checkpoint_file.CheckpointFile | None, log_dir: str | None, doing: str
    ):
        self._started = time.monotonic()
        self._keeps_checkpoints = checkpoint is not None
        early_stopping = keras.callbacks.EarlyStopping(
            monitor="val_mae", mode="min", patience=settings.early_stopping_patience, restore_best_weights=True
        )
        self.resumed = resumption.Resumption(checkpoint, early_stopping, self._started)
        self._time_limit = resumption.TimeLimit(settings.max_minutes, self.resumed)
        self.callbacks = [
            early_stopping,
            *([keras.callbacks.TensorBoard(log_dir, write_graph=False)] if log_dir else []),
            epoch_progress.EpochProgress(self.resumed.history.get("val_mae", ()), doing),
            self.resumed,
            self._time_limit,
        ]

    def record(self) -> Training:
        """Returns what is known of the training from its epochs alone."""
        history = self.resumed.history
        best = int(np.argmin(history["val_mae"]))
        return Training(
            history={name: [*values] for name, values in history.items()},
            best_epoch=best + 1,
            epochs_run=len(history["val_mae"]),
            validation_mae=history["val_mae"][best],
            seconds=time.monotonic() - self._started,
            resumed_after=self.resumed.first_epoch or None,
            checkpoint_seconds=self.resumed.seconds if self._keeps_checkpoints else None,
            time_was_up=self._time_limit.is_up,
        )


def train(
    net: network.AgeNetwork,
    settings: TrainerSettings,
    training: example_reading.Split,
    validation: example_reading.Split,
    feature_cache_dir: str,
    log_dir: str | None = None,
    checkpoint: checkpoint_file.CheckpointFile | None = None,
    doing: str = "Training",
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Training:
    """Trains a network; it ends with the weights of its best epoch, and computes in float32 again.

    With a checkpoint, it goes on from what an interrupted training left there, and ends with the weights that the same training
    without an interruption ends with.

    Args:
        net: from `training.build_network`; its variables change.
        settings: the same as it was built from.
        training: what is learnt from.
        validation: what early stopping and the choice of the best epoch look at.
        feature_cache_dir: where the outputs of frozen layers are kept, or the decoded images when nothing is frozen.
        log_dir: where TensorBoard's summaries go; None for nowhere.
        checkpoint: where checkpoints are kept, for the very training that the other arguments describe; None for nowhere. It is
            left there: whoever has made use of the result removes it.
        doing: what progress is reported of.
        callbacks: further ones of Keras, asked before checkpoints are written.

    Returns:
        What the training was like.

    Raises:
        BadInput: a full disk, or a precision that the hardware lacks.
        TrainingDiverged: a loss that is not a number.
    """
    course = _Course(settings, checkpoint, log_dir, doing)
    resumed = course.resumed
    policy = precision.chosen(settings.precision, net.backbone)
    with precision.computing_in(policy, net.backbone):
        batches = feeding.batches(net, settings, training, validation, feature_cache_dir, lambda: resumed.epoch)
        # Building and computing features draw random numbers, or don't when the cache has them: start afresh.
        keras.utils.set_random_seed(settings.seed)

        fit_started = time.monotonic()
        _fit(net, settings, policy, training.labels.ages, batches, [*callbacks, *course.callbacks], resumed.first_epoch)
        batches.let_go()
    _check_history(resumed.history, settings)
    return course.record().model_copy(
        update={
            "fit_seconds": time.monotonic() - fit_started,
            "training_examples": len(training.labels),
            "validation_examples": len(validation.labels),
            "mean_age": float(training.labels.ages.mean()),
            "frozen_through": net.cut,
            "feature_cache": batches.cache,
            "precision": policy,
            "device": "GPU" if tf.config.list_physical_devices("GPU") else "CPU",
        }
    )
