"""Searches for hyperparameters with which the network learns better; `tuner_fn` is what TFX's Tuner calls."""

import contextlib
import hashlib
import json
import math
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import keras
import keras_tuner
import pydantic
import tensorflow as tf
from absl import logging
from keras_tuner.engine import base_tuner
from keras_tuner.engine import trial as tuner_trial

from age import code_digest, progress, storage
from age.model import checkpoint_file, example_reading, fitting, replicas, search_space, training
from age.model.search_space import Range, TunerSettings
from age.model.settings import TrainerSettings
from age.model.trial_ending import TrialEnding
from age.model.trial_record import TrialRecord
from schemas.bad_input import BadInput
from schemas.failures import TrainingDiverged
from schemas.verdict import Search, Trial

_OBJECTIVE = "val_mae"
_CODE = ("age.model.tuning",)
_SEEDS_APART = 100_003
_Values = dict[str, Any]


class TunerInputs(pydantic.BaseModel):
    """What the graph hands to `tuner_fn`.

    Attributes:
        settings: the `trainer` section, from which every trial differs in what is searched.
        tuner: the `tuner` section.
        feature_cache_dir: where the outputs of frozen layers are kept: trials find what runs have computed, and the other way round.
        search_dir: where searches keep what they need to go on after an interruption, and TensorBoard's summaries.
        weights_digest: SHA-256 of the weights file; None when there is none.
    """

    model_config = pydantic.ConfigDict(extra="forbid")

    settings: TrainerSettings
    tuner: TunerSettings
    feature_cache_dir: str
    search_dir: str
    weights_digest: str | None = None


class FnArgs(Protocol):
    """What `tuner_fn` reads of the arguments that TFX's Tuner gives it; `custom_config` is `TunerInputs` as a dictionary."""

    train_files: list[str]
    eval_files: list[str]
    custom_config: Mapping[str, object]


class TunerFnResult(NamedTuple):
    """What TFX's Tuner expects."""

    tuner: base_tuner.BaseTuner
    fit_kwargs: dict[str, Any]


def tuner_fn(fn_args: FnArgs) -> TunerFnResult:
    """Returns the search that TFX's Tuner shall run.

    Args:
        fn_args: TFX's `FnArgs`. The search sees the training and the validation split, never the test split.

    Raises:
        BadInput: there are no examples, or what an interrupted search left can't be read.
    """
    inputs = TunerInputs.model_validate(fn_args.custom_config)
    split = example_reading.Split.read
    return TunerFnResult(HyperparameterSearch(inputs, split(fn_args.train_files), split(fn_args.eval_files)), {})


def _key(inputs: TunerInputs, splits: Sequence[example_reading.Split]) -> str:
    """Returns a hash over what a search depends on, its budget left out: a search with more of it goes on."""
    digest = hashlib.sha256(code_digest.of(*_CODE).encode())
    of_the_search = inputs.tuner.model_dump(include={"space", "method", "seed"})
    digest.update(json.dumps([inputs.settings.model_dump(), of_the_search, inputs.weights_digest], sort_keys=True).encode())
    for split in splits:
        digest.update(split.labels.sha256.tobytes())
        digest.update(split.labels.ages.tobytes())
    return digest.hexdigest()[:24]


def _hyperparameters(tuner: TunerSettings) -> keras_tuner.HyperParameters:
    space = keras_tuner.HyperParameters()
    for key, choice in tuner.choices().items():
        if not isinstance(choice, Range):
            space.Choice(key, [search_space.as_scalar(value) for value in choice], ordered=False)
            continue
        sampling: Literal["log", "linear"] = "log" if choice.log else "linear"
        if search_space.is_whole(key):
            space.Int(key, int(choice.min), int(choice.max), sampling=sampling)
        else:
            space.Float(key, choice.min, choice.max, sampling=sampling)
    return space


def _as_configured(inputs: TunerInputs) -> list[_Values]:
    """Returns the values that the configuration has itself, where all of them are in the space: the first trial."""
    values = {}
    for key, choice in inputs.tuner.choices().items():
        value = search_space.of(inputs.settings, key)
        within = choice.min <= value <= choice.max if isinstance(choice, Range) else value in choice
        if not within:
            return []
        values[key] = search_space.as_scalar(value)
    return [values]


class _BeginningWith:
    """Gives the trials that are known already before new ones; mixed into one of KerasTuner's oracles."""

    beginning: Sequence[_Values] = ()

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        number = int(trial_id)
        if number < len(self.beginning):
            return {"status": tuner_trial.TrialStatus.RUNNING, "values": dict(self.beginning[number])}
        return super().populate_space(trial_id)  # type: ignore[misc, no-any-return]


class _Random(_BeginningWith, keras_tuner.oracles.RandomSearchOracle):
    """Choose at random."""


class _Bayesian(_BeginningWith, keras_tuner.oracles.BayesianOptimizationOracle):
    """Choose where a Gaussian process over the earlier trials expects most."""


def _oracle(tuner: TunerSettings, beginning: Sequence[_Values]) -> keras_tuner.Oracle:
    oracle: Any = {"bayesian": _Bayesian, "random": _Random}[tuner.method](
        objective=keras_tuner.Objective(_OBJECTIVE, "min"),
        max_trials=tuner.max_trials,
        hyperparameters=_hyperparameters(tuner),
        # A search that goes on draws others than it has drawn; KerasTuner takes 0 for no seed.
        seed=1 + tuner.seed + _SEEDS_APART * len(beginning),
        max_consecutive_failed_trials=tuner.max_trials + 1,
    )
    oracle.beginning = beginning
    oracle.verbose = 0
    return oracle


class HyperparameterSearch(base_tuner.BaseTuner):
    """Train one network after the other, and keep what each was worth on the validation split.

    KerasTuner chooses the values and writes down the best. The trials themselves are kept here, after each epoch: KerasTuner's own
    files are not written whole or not at all, and know nothing of the time that a killed search has had.

    Args:
        inputs: what is searched, and how.
        learnt_from: the training split.
        validation: the validation split.

    Attributes:
        record: the trials.
    """

    def __init__(self, inputs: TunerInputs, learnt_from: example_reading.Split, validation: example_reading.Split):
        self._inputs, self._tuner = inputs, inputs.tuner
        self._training, self._validation = learnt_from, validation
        self._directory = storage.join(inputs.search_dir, _key(inputs, [learnt_from, validation]))
        self.record = TrialRecord(self._directory)
        known: list[_Values] = [trial.values for trial in self.record.trials]
        self._scratch = tempfile.TemporaryDirectory()
        super().__init__(
            _oracle(self._tuner, known or _as_configured(inputs)), directory=self._scratch.name, project_name="search"
        )

    def search_space_summary(self, extended: bool = False) -> None:
        """Writes the space to the log."""
        logging.info("Searching %s, at most %d trials.", self._tuner.space, self._tuner.max_trials)

    def results_summary(self, num_trials: int = 10) -> None:
        """Writes the trials to the log."""
        for trial in self.record.trials:
            logging.info(
                "Trial %d, %s: validation MAE %s, %s.", trial.number, trial.status, trial.validation_mae, trial.values
            )

    def get_best_hyperparameters(self, num_trials: int = 1) -> list[keras_tuner.HyperParameters]:
        """Returns the values of the best whole trial."""
        best = keras_tuner.HyperParameters.from_config(self.oracle.get_space().get_config())
        best.values = dict(self.found().trials[self.found().best or 0].values)
        return [best]

    def found(self) -> Search:
        """Returns the trials and which of them is the best.

        Raises:
            BadInput: the time was up before the first trial was done.
            TrainingDiverged: all of them diverged.
        """
        search = self.record.search()
        if search.best is not None:
            return search
        if search.trials and all(trial.status == "diverged" for trial in search.trials):
            raise TrainingDiverged(
                f"Each of the {len(search.trials)} trials diverged: no loss stayed a number. Lower trainer.learning_rate in "
                "tuner.space."
            )
        raise BadInput(
            f"tuner.max_minutes is {self._tuner.max_minutes:g}, in which no trial came to its end. Give more, or lower "
            "trainer.epochs. Run again to go on: what was done is kept."
        )

    def search(self) -> None:
        """Runs trials until there have been enough of them or the time is up.

        Raises:
            BadInput: values that no network can be built with; and as `found`.
            TrainingDiverged: as `found`.
        """
        while self._seconds_left() > 0:
            chosen = self.oracle.create_trial(self.tuner_id)
            if chosen.status != tuner_trial.TrialStatus.RUNNING:
                break
            number = int(chosen.trial_id)
            known = self.record.trials[number] if number < len(self.record.trials) else None
            if known is None or known.status in ("begun", "out_of_time"):
                known = self._tried(known or Trial(number=number, values=dict(chosen.hyperparameters.values), status="begun"))
            self._tell_oracle(chosen, known)
        search = self.found()
        best = search.trials[search.best or 0]
        count = len(search.trials)
        progress.conclude(
            f"{count} trial{'' if count == 1 else 's'}, best validation MAE {best.validation_mae:.2f} years in trial {best.number + 1}"
        )

    def _seconds_left(self) -> float:
        if not self._tuner.max_minutes:
            return math.inf
        return 60 * self._tuner.max_minutes - self.record.search().seconds

    def _tell_oracle(self, chosen: tuner_trial.Trial, trial: Trial) -> None:
        if trial.validation_mae is None:
            chosen.status = tuner_trial.TrialStatus.FAILED
        else:
            self.oracle.update_trial(chosen.trial_id, {_OBJECTIVE: trial.validation_mae}, step=max(0, len(trial.errors) - 1))
            chosen.status = tuner_trial.TrialStatus.COMPLETED
        self.oracle.end_trial(chosen)

    def _tried(self, trial: Trial) -> Trial:
        """Trains a network, from where it was interrupted if it was; returns what became of it."""
        began, before = time.monotonic(), trial.seconds
        settings = search_space.applied(self._inputs.settings, trial.values)
        others = [each.errors for each in self.record.trials if each.number != trial.number and each.status != "out_of_time"]

        def so_far(errors: list[float], status: Any = "begun") -> Trial:
            return trial.model_copy(
                update={
                    "status": status,
                    "errors": errors,
                    "validation_mae": min(errors, default=None),
                    "seconds": before + time.monotonic() - began,
                }
            )

        ending = TrialEnding(
            self._seconds_left(),
            others if self._tuner.pruning else None,
            trial.errors,
            lambda errors: self.record.write(so_far(errors)),
        )
        self.record.write(so_far(trial.errors))
        shown = ", ".join(f"{key.removeprefix('trainer.')} {_shown(value)}" for key, value in trial.values.items())
        progress.report(f"Trial {trial.number + 1} of at most {self._tuner.max_trials}: {shown}")
        try:
            self._train(settings, ending, trial.number)
            status = "out_of_time" if ending.out_of_time else "pruned" if ending.pruned else "finished"
        except TrainingDiverged:
            status = "diverged"
        ended = so_far([] if status == "diverged" else ending.errors, status)
        self.record.write(ended)
        _for_tensorboard(self._logs(trial.number), ended)
        return ended

    def _logs(self, number: int) -> str:
        return os.path.join(self._directory, "tensorboard", f"trial_{number + 1:03d}")

    def _train(self, settings: TrainerSettings, ending: TrialEnding, number: int) -> None:
        # Keras counts the names that it makes up; with the same names, the network is the one of an interrupted trial.
        keras.backend.clear_session()
        with replicas.strategy().scope():
            net = training.build_network(settings, self._training.labels)
            key = checkpoint_file.key(net, settings, self._training, self._validation)
            checkpoint = checkpoint_file.CheckpointFile(storage.join(self._directory, "checkpoints"), key)
            fitting.train(
                net,
                settings,
                self._training,
                self._validation,
                self._inputs.feature_cache_dir,
                self._logs(number),
                checkpoint,
                callbacks=[ending],
            )
        if not ending.out_of_time:
            checkpoint.remove()


def _shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _for_tensorboard(directory: str, trial: Trial) -> None:
    """Writes a trial's values and its result for TensorBoard's table of hyperparameters (HParams)."""
    from tensorboard.plugins.hparams import api as hparams

    with contextlib.closing(tf.summary.create_file_writer(directory)) as writer, writer.as_default():
        hparams.hparams(trial.values, trial_id=f"trial_{trial.number + 1:03d}")
        if trial.validation_mae is not None:
            tf.summary.scalar("validation MAE, years", trial.validation_mae, step=len(trial.errors))
