"""`run_fn` for TFX's Trainer: from examples to an exported model."""

import functools
import json
import os
import time

import keras
import numpy as np
import tensorflow as tf

from age import progress, storage
from age.model import epoch_progress, example_reading, export, feature_cache, feeding, network, objective, optimizer
from age.model.augmentation import augmenter
from age.model.settings import TrainerInputs, TrainerSettings
from schemas.bad_input import BadInput
from schemas.verdict import FeatureCache, Training

HISTORY_FILE = "history.json"


def _training_model(net: network.AgeNetwork, settings: TrainerSettings) -> keras.Model:
    """Returns the model that is fitted: the tail, or the whole with random variations in front when it takes images."""
    if net.stem is not None and settings.feature_cache:
        return net.tail
    images = keras.Input(net.trained.input.shape[1:])
    return keras.Model(images, net.trained(augmenter(settings.augmentation, settings.seed)(images)), name="training")


def _fit(
    model,
    net: network.AgeNetwork,
    settings: TrainerSettings,
    ages,
    train: tf.data.Dataset,
    validation: tf.data.Dataset,
    log_dir: str,
):
    model.compile(
        optimizer=optimizer.optimizer(settings, int(train.cardinality()) * settings.epochs, net.head_variables),
        loss=objective.loss(settings, ages),
        metrics=[objective.metric(settings)],
        # Keras compiles with XLA wherever it can; on CPUs that halves the speed of convolutions.
        jit_compile="auto" if tf.config.list_physical_devices("GPU") else False,
    )
    # Before the others: the moving averages are what is measured, and what the best epoch is chosen from.
    averaging = [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)] if settings.ema_momentum else []
    return model.fit(
        train,
        validation_data=validation,
        epochs=settings.epochs,
        shuffle=False,  # the batches come shuffled
        verbose=1 if os.isatty(1) else 2,
        callbacks=[
            *averaging,
            keras.callbacks.TerminateOnNaN(),
            keras.callbacks.EarlyStopping(
                monitor="val_mae",
                mode="min",
                patience=settings.early_stopping_patience,
                restore_best_weights=True,
            ),
            keras.callbacks.TensorBoard(log_dir, write_graph=False),
            epoch_progress.EpochProgress(),
        ],
    )


def _check_history(history, settings: TrainerSettings) -> None:
    if not history.get("val_mae") or not np.isfinite(history["loss"]).all():
        raise BadInput(
            f"Training diverged: the loss is not a number any more after {len(history['loss'])} epoch(s) at a learning rate "
            f"of {settings.learning_rate:g}. Lower trainer.learning_rate."
        )


def run_fn(fn_args) -> None:
    """Trains the age network and exports it.

    Args:
        fn_args: TFX's `FnArgs`; `custom_config` holds `TrainerInputs`. Training sees the files of the training and the
            validation split (early stopping and choice of the best weights), never the test split.

    Raises:
        BadInput: weights that don't fit, a full disk, or a loss that diverged.
    """
    started = time.monotonic()
    inputs = TrainerInputs.model_validate(fn_args.custom_config)
    settings = inputs.settings
    keras.utils.set_random_seed(settings.seed)

    # The statistics of the ages are part of the network, so labels come first.
    labels = example_reading.read_labels(fn_args.train_files)
    validation_labels = example_reading.read_labels(fn_args.eval_files)
    ages = labels.ages
    net = network.build(settings, network.TrainingAges.of(ages))
    if settings.feature_cache:
        views = settings.views if net.stem is not None else 1
        cached = feature_cache.cached_splits(
            inputs.feature_cache_dir,
            net.stem,
            net.stem_digest(),
            settings,
            [
                feature_cache.Source(fn_args.train_files, labels, views),
                feature_cache.Source(fn_args.eval_files, validation_labels, views=1),
            ],
        )
        train = feeding.training_batches(cached[0], settings.batch_size, settings.seed)
        validation = feeding.validation_batches(cached[1], settings.batch_size)
    else:
        cached = None
        batches = functools.partial(
            example_reading.streamed_batches, image_size=settings.image_size, batch_size=settings.batch_size
        )
        train = batches(fn_args.train_files, len(labels), shuffle_seed=settings.seed)
        validation = batches(fn_args.eval_files, len(validation_labels))
    # Building and computing features draw random numbers, or don't when the cache has them: start afresh.
    keras.utils.set_random_seed(settings.seed)

    fit_started = time.monotonic()
    model = _training_model(net, settings)
    history = _fit(model, net, settings, ages, train, validation, fn_args.model_run_dir).history
    _check_history(history, settings)
    fit_seconds = time.monotonic() - fit_started

    progress.report("Exporting the model")
    export.export(net.whole, settings.image_size, settings.mirror_averaging, fn_args.serving_model_dir, inputs.provenance)
    best = int(np.argmin(history["val_mae"]))
    storage.make_directory(fn_args.model_run_dir)
    storage.write_text(
        os.path.join(fn_args.model_run_dir, HISTORY_FILE),
        json.dumps(
            Training(
                history={name: [float(value) for value in values] for name, values in history.items()},
                best_epoch=best + 1,
                epochs_run=len(history["val_mae"]),
                validation_mae=float(history["val_mae"][best]),
                training_examples=len(labels),
                validation_examples=len(validation_labels),
                mean_age=float(ages.mean()),
                frozen_through=net.stem.layers[-1].output.name if net.stem is not None else None,
                feature_cache=FeatureCache(
                    computed=any(split.computed for split in cached),
                    views=views,
                    bytes=sum(int(split.features.nbytes) for split in cached),
                    seconds=sum(split.seconds for split in cached),
                )
                if cached
                else None,
                fit_seconds=fit_seconds,
                seconds=time.monotonic() - started,
                device="GPU" if tf.config.list_physical_devices("GPU") else "CPU",
            ).model_dump(),
            indent=2,
        ),
    )
