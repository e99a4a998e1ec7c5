"""Trains the age network; `run_fn` is what TFX's Trainer calls, from examples to an exported model."""

import dataclasses
import json
import os
import time
from collections.abc import Mapping, Sequence
from typing import Protocol

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from age import environment, progress, storage
from age.model import (
    age_distribution,
    checkpoint_file,
    drift_reference,
    ensemble,
    example_reading,
    export,
    fitting,
    network,
    objective,
    prediction_intervals,
    replicas,
    training_record,
)
from age.model.settings import TrainerInputs, TrainerSettings
from age.serving import training_images
from schemas.verdict import Training

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


@dataclasses.dataclass(frozen=True)
class _Finished:
    """A network whose training has ended, what that was like, and the checkpoints that are left of it."""

    net: network.AgeNetwork
    record: Training
    checkpoints: list[checkpoint_file.CheckpointFile]


def _trained(
    inputs: TrainerInputs,
    settings: TrainerSettings,
    training: example_reading.Split,
    validation: example_reading.Split,
    log_dir: str,
    doing: str,
) -> _Finished:
    """Trains a network, in one stage or several."""
    net: network.AgeNetwork | None = None
    records, checkpoints, stages = [], [], settings.in_stages()
    several = len(stages) > 1
    for number, stage in enumerate(stages, start=1):
        before, net = net, build_network(stage, training.labels)
        if before is not None:
            net.take_weights(before)
        if inputs.checkpoint_dir:
            key = checkpoint_file.key(net, stage, training, validation)
            checkpoints.append(checkpoint_file.CheckpointFile(inputs.checkpoint_dir, key))
        records.append(
            fitting.train(
                net,
                stage,
                training,
                validation,
                inputs.feature_cache_dir,
                os.path.join(log_dir, f"stage_{number}") if several else log_dir,
                checkpoints[-1] if checkpoints else None,
                f"{doing}, stage {number} of {len(stages)}" if several else doing,
            )
        )
    assert net is not None
    if settings.logit_adjustment and settings.loss in objective.DISTRIBUTIONS:
        net.adjust_logits(network.TrainingAges.of(training.labels.ages), settings.logit_adjustment)
    return _Finished(net, training_record.of_stages(records) if several else records[0], checkpoints)


def _all_trained(
    inputs: TrainerInputs, training: example_reading.Split, validation: example_reading.Split, log_dir: str
) -> list[_Finished]:
    """Trains the network that the settings describe, or each member of the ensemble, one after another."""
    networks = inputs.settings.networks()
    if len(networks) == 1:
        return [_trained(inputs, networks[0], training, validation, log_dir, "Training")]
    return [
        _trained(
            inputs,
            settings,
            training,
            validation,
            os.path.join(log_dir, f"member_{number}"),
            f"Training member {number} of {len(networks)}",
        )
        for number, settings in enumerate(networks, start=1)
    ]


def _validation_answers(
    model: network.AgeNetwork | ensemble.Ensemble, settings: TrainerSettings, validation: example_reading.Split
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Returns what the exported model will answer for the validation split, as probabilities of years or ages, and the real ages."""
    mirror = settings.mirror_averaging

    def ask(images: tf.Tensor) -> tf.Tensor:
        if settings.loss in objective.DISTRIBUTIONS:
            return export.distributions(lambda seen: model.trained(seen, training=False), images, mirror)
        return export.mirror_averaged(lambda seen: model.whole(seen, training=False), images, mirror)

    compiled = tf.function(ask, reduce_retracing=True)
    answers, ages, total = [], [], len(validation.labels)
    for images, real in validation.streamed_batches(settings.image_size, settings.batch_size):
        answers.append(compiled(images).numpy())
        ages.append(real.numpy())
        progress.report("Asking the model about the validation split", done=sum(map(len, ages)), total=total, unit="images")
    return np.concatenate(answers), np.concatenate(ages)


def _joined(
    finished: Sequence[_Finished], settings: TrainerSettings, validation: example_reading.Split
) -> tuple[network.AgeNetwork | ensemble.Ensemble, Training, prediction_intervals.Intervals | None]:
    """Returns what is exported, what its training was like, and the intervals that it answers with where it has a distribution."""
    several, distribution = len(finished) > 1, settings.loss in objective.DISTRIBUTIONS
    model = ensemble.joined([each.net for each in finished], settings) if several else finished[0].net
    record = finished[0].record
    if not several and not distribution:
        return model, record, None
    answers, ages = _validation_answers(model, settings, validation)
    if several:
        predicted = answers @ age_distribution.years() if distribution else answers[:, 0]
        record = training_record.of_members(
            [each.record for each in finished], settings, validation_mae=float(np.abs(predicted - ages).mean())
        )
    intervals = prediction_intervals.calibrated(answers, ages, settings.interval_coverage) if distribution else None
    return model, record, intervals


def run_fn(fn_args: FnArgs) -> None:
    """Trains the age network, or the members of an ensemble, on all GPUs that there are, and exports one model.

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
    settings = inputs.settings
    training, validation = example_reading.Split.read(fn_args.train_files), example_reading.Split.read(fn_args.eval_files)
    finished = _all_trained(inputs, training, validation, fn_args.model_run_dir)
    model, record, intervals = _joined(finished, settings, validation)
    progress.report("Exporting the model")
    exported = export.export(
        model.trained if intervals else model.whole,
        settings.image_size,
        settings.mirror_averaging,
        fn_args.serving_model_dir,
        {**inputs.provenance, "precision": record.precision, "environment": here.model_dump()},
        intervals,
        model.seeing,
    )
    drift_reference.write(fn_args.serving_model_dir, exported, validation)
    training_images.write(fn_args.serving_model_dir, [training.labels.sha256, validation.labels.sha256])
    storage.make_directory(fn_args.model_run_dir)
    whole = record.model_copy(update={"seconds": time.monotonic() - started, "environment": here, "search": inputs.search})
    storage.write_text(os.path.join(fn_args.model_run_dir, HISTORY_FILE), json.dumps(whole.model_dump(), indent=2))
    for checkpoint in (left for each in finished for left in each.checkpoints):
        checkpoint.remove()
