"""How weights are changed."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from age.model import optimizer
from age.model.settings import TrainerSettings


def trained(**changes) -> dict:
    """Trains two layers for one step whose gradients are alike; returns how far each kernel moved."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((1,))
    body, head = keras.layers.Dense(1, name="body"), keras.layers.Dense(1, name="head")
    model = keras.Model(inputs, keras.layers.Add()([body(inputs), head(inputs)]))
    settings = TrainerSettings(warmup_fraction=0, weight_decay=0, learning_rate=0.01, **changes)
    paths = {variable.path for variable in head.variables}
    model.compile(optimizer=optimizer.optimizer(settings, steps=10, new_variables=paths), loss="mse")
    before = {layer.name: layer.get_weights()[0].copy() for layer in (body, head)}
    model.fit(np.array([[1.0]]), np.array([[100.0]]), verbose=0)
    return {layer.name: abs(float((layer.get_weights()[0] - before[layer.name]).item())) for layer in (body, head)}


@pytest.mark.parametrize("kind", ["adam", "adamw"])
def test_the_head_learns_at_its_own_rate(kind):
    moved = trained(optimizer=kind, head_rate=3.0)

    assert moved["head"] / moved["body"] == pytest.approx(3, rel=0.01)


@pytest.mark.parametrize("kind", ["adam", "adamw"])
def test_its_name_can_be_that_of_a_scope_of_the_graph(kind):
    made = optimizer.optimizer(TrainerSettings(optimizer=kind), 1, [])

    with tf.Graph().as_default(), tf.name_scope(made.name):
        pass


def test_all_learn_alike_unless_asked():
    moved = trained()

    assert moved["head"] == pytest.approx(moved["body"], rel=0.01)


def test_a_long_gradient_is_shortened_to_its_norm():
    made = optimizer.optimizer(TrainerSettings(gradient_norm=5.0), steps=10, new_variables=())

    assert made.global_clipnorm == 5.0
    assert optimizer.optimizer(TrainerSettings(), steps=10, new_variables=()).global_clipnorm is None


def test_learning_rate_warms_up_and_falls_to_zero():
    schedule = optimizer.schedule(TrainerSettings(learning_rate=0.01, warmup_fraction=0.25), steps=100)

    rates = [float(schedule(step)) for step in range(101)]

    assert rates[0] == 0 and rates[25] == pytest.approx(0.01) and rates[100] == pytest.approx(0, abs=1e-9)
    assert rates == sorted(rates[:26]) + sorted(rates[26:], reverse=True)


def fitted(batch_size: int, **changes):
    """Trains a network without batch normalisation for two epochs; returns its weights, and the averages of them."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)])
    examples = np.random.default_rng(0).normal(size=(64, 5)).astype("float32")
    settings = TrainerSettings(learning_rate=0.01, warmup_fraction=0.25, gradient_norm=0.5, ema_momentum=0.9, **changes)
    made = optimizer.optimizer(settings, steps=2 * 64 // batch_size, new_variables=())
    model.compile(optimizer=made, loss="mse")
    model.fit(examples[:, :4], examples[:, 4:], batch_size, epochs=2, shuffle=False, verbose=0)
    return model.get_weights(), [average.numpy() for average in made._model_variables_moving_average]


@pytest.mark.parametrize("kind", ["adam", "adamw"])
def test_accumulated_batches_change_weights_as_one_large_batch_does(kind):
    accumulated = fitted(8, accumulate_batches=4, optimizer=kind)
    large = fitted(32, optimizer=kind)

    for ours, expected in zip(accumulated, large):
        for one, other in zip(ours, expected):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_accumulated_batches_share_the_learning_rate_of_their_update():
    settings = TrainerSettings(learning_rate=0.01, warmup_fraction=0.25, accumulate_batches=4)
    updates = optimizer.schedule(settings.model_copy(update={"accumulate_batches": 1}), steps=25)

    schedule = optimizer.schedule(settings, steps=100)

    assert [float(schedule(batch)) for batch in range(100)] == [float(updates(batch // 4)) for batch in range(100)]
