"""How weights are changed: Adam or AdamW under a warm-up and a cosine, with a learning rate of its own for what is new."""

from collections.abc import Collection, Sequence
from typing import Any

import keras
import tensorflow as tf

from age.model.settings import TrainerSettings


class _OncePerUpdate(keras.optimizers.schedules.LearningRateSchedule):
    """Give the batches that make one update together that update's learning rate: Keras asks a schedule batch by batch."""

    def __init__(self, of_updates: keras.optimizers.schedules.LearningRateSchedule, batches: int):
        super().__init__()
        self._of_updates = of_updates
        self._batches = batches

    def __call__(self, step: Any) -> Any:
        return self._of_updates(step // self._batches)


def schedule(settings: TrainerSettings, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Returns warm-up, then cosine decay to zero (Loshchilov and Hutter, 2017, SGDR, without restarts).

    Args:
        settings: the `trainer` section.
        steps: batches of the whole training.

    Returns:
        The learning rate by the number of batches before.
    """
    updates = max(1, steps // settings.accumulate_batches)
    warmup_updates = int(settings.warmup_fraction * updates)
    of_updates = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup_updates else settings.learning_rate,
        decay_steps=max(1, updates - warmup_updates),
        warmup_target=settings.learning_rate if warmup_updates else None,
        warmup_steps=warmup_updates,
    )
    return of_updates if settings.accumulate_batches == 1 else _OncePerUpdate(of_updates, settings.accumulate_batches)


class _OfTheWholeBatch:
    """Makes of a batch in parts what is made of a whole one; mixed into one of Keras' optimizers.

    Keras shortens the gradient of each GPU's part before it adds them up, and moves the averages of weights after each of the
    batches that it accumulates.
    """

    def _clip_gradients(self, gradients: Sequence[tf.Tensor]) -> Sequence[tf.Tensor]:
        context = tf.distribute.get_replica_context()
        parts = context.num_replicas_in_sync if context else 1
        if parts == 1 or not self.global_clipnorm:  # type: ignore[attr-defined]
            return super()._clip_gradients(gradients)  # type: ignore[misc, no-any-return]
        whole = super()._clip_gradients(context.all_reduce(tf.distribute.ReduceOp.SUM, gradients))  # type: ignore[misc]
        # Keras adds them up once more.
        return [gradient / parts for gradient in whole]

    def _update_model_variables_moving_average(self, variables: Sequence[keras.Variable]) -> None:
        update = super()._update_model_variables_moving_average  # type: ignore[misc]
        batches = self.gradient_accumulation_steps  # type: ignore[attr-defined]
        if batches:
            made = (self._iterations + 1) % batches == 0  # type: ignore[attr-defined]
            keras.ops.cond(made, lambda: update(variables), lambda: None)
        else:
            update(variables)


class _WithHeadRate:
    """Multiplies the learning rate of new variables; mixed into one of Keras' optimizers.

    Keras names a scope of the graph by the optimizer's class, which therefore can't begin with an underscore.

    Scaling the gradients instead would change nothing: Adam divides by their size.
    """

    head_rate = 1.0
    new_variables: Collection[str] = ()

    def update_step(self, gradient: keras.KerasTensor, variable: tf.Variable, learning_rate: keras.KerasTensor) -> None:
        # What comes here is TensorFlow's variable, which knows nothing of Keras' paths.
        path = self._trainable_variables[self._get_variable_index(variable)].path  # type: ignore[attr-defined]
        factor = self.head_rate if path in self.new_variables else 1.0
        super().update_step(gradient, variable, learning_rate * factor)  # type: ignore[misc]


class AdamWithHeadRate(_WithHeadRate, _OfTheWholeBatch, keras.optimizers.Adam):
    """Adam (Kingma and Ba, 2015)."""


class AdamWWithHeadRate(_WithHeadRate, _OfTheWholeBatch, keras.optimizers.AdamW):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""


def optimizer(settings: TrainerSettings, steps: int, new_variables: Collection[str]) -> keras.optimizers.Optimizer:
    """Returns the optimizer.

    Args:
        settings: the `trainer` section.
        steps: batches of the whole training.
        new_variables: paths of the variables that learn at `head_rate` times the rate of the others.
    """
    common: dict[str, Any] = {
        "global_clipnorm": settings.gradient_norm or None,
        "use_ema": bool(settings.ema_momentum),
        "ema_momentum": settings.ema_momentum or 0.99,
        "gradient_accumulation_steps": settings.accumulate_batches if settings.accumulate_batches > 1 else None,
    }
    rate = schedule(settings, steps)
    if settings.optimizer == "adam":
        made = AdamWithHeadRate(rate, **common)
    else:
        made = AdamWWithHeadRate(rate, weight_decay=settings.weight_decay, **common)
        # Decay pulls weights towards zero; offsets and the scales of normalisation have no reason to be there.
        made.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    made.head_rate, made.new_variables = settings.head_rate, frozenset(new_variables)
    return made
