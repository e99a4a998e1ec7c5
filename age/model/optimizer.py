"""How weights are changed: Adam or AdamW under a warm-up and a cosine, with a learning rate of its own for what is new."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import keras

from age.model.settings import TrainerSettings

if TYPE_CHECKING:
    import tensorflow as tf


def schedule(settings: TrainerSettings, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Returns warm-up, then cosine decay to zero (Loshchilov and Hutter, 2017, SGDR, without restarts).

    Args:
        settings: the `trainer` section.
        steps: of the whole training.
    """
    warmup_steps = int(settings.warmup_fraction * steps)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup_steps else settings.learning_rate,
        decay_steps=max(1, steps - warmup_steps),
        warmup_target=settings.learning_rate if warmup_steps else None,
        warmup_steps=warmup_steps,
    )


class _WithHeadRate:
    """Multiplies the learning rate of new variables; mixed into one of Keras' optimizers.

    Keras names a scope of the graph by the optimizer's class, which therefore can't begin with an underscore.

    Scaling the gradients instead would change nothing: Adam divides by their size.
    """

    head_rate = 1.0
    new_variables: Collection[str] = ()

    def update_step(self, gradient: keras.KerasTensor, variable: "tf.Variable", learning_rate: keras.KerasTensor) -> None:
        # What comes here is TensorFlow's variable, which knows nothing of Keras' paths.
        path = self._trainable_variables[self._get_variable_index(variable)].path  # type: ignore[attr-defined]
        factor = self.head_rate if path in self.new_variables else 1.0
        super().update_step(gradient, variable, learning_rate * factor)  # type: ignore[misc]


class AdamWithHeadRate(_WithHeadRate, keras.optimizers.Adam):
    """Adam (Kingma and Ba, 2015)."""


class AdamWWithHeadRate(_WithHeadRate, keras.optimizers.AdamW):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""


def optimizer(settings: TrainerSettings, steps: int, new_variables: Collection[str]) -> keras.optimizers.Optimizer:
    """Returns the optimizer.

    Args:
        settings: the `trainer` section.
        steps: of the whole training.
        new_variables: paths of the variables that learn at `head_rate` times the rate of the others.
    """
    common: dict[str, Any] = {
        "global_clipnorm": settings.gradient_norm or None,
        "use_ema": bool(settings.ema_momentum),
        "ema_momentum": settings.ema_momentum or 0.99,
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
