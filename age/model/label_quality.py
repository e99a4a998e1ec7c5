"""How likely each label is right, from what other photographs say.

Heads that learn a distribution over years from the pooled features of four fifths of the photographs say what they expect of the last
fifth (cross-validation: Stone, Cross-Validatory Choice and Assessment of Statistical Predictions, 1974). The labels are then taken for a
mixture: right ones, which are drawn from that distribution, and wrong ones, which are drawn from all labels whatever the photograph
shows. How many are wrong is found by expectation maximisation (Dempster, Laird and Rubin, 1977); the quality of a label is the
probability that it is a right one, as in confident learning (Northcutt, Jiang and Chuang, 2021), for ages in place of classes.

The distribution is narrow for a child and wide for a person of 70, so that the list is not one of old people, as a list by the residual
alone is.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from age import progress
from age.model import age_distribution, datasets

FOLDS = 5
"""Heads, each of which learns from the photographs of the other folds."""

LEAST_PHOTOGRAPHS = 100
"""Fewer say nothing of each other."""

_EPOCHS = 12
_LEAST_UPDATES = 300
_BATCH = 128
# Over the root of the number of features: an update then changes a probability by as much, however many there are.
_LEARNING_RATE = 0.05
_WEIGHT_DECAY = 0.02
_DROPOUT = 0.4
_LABEL_SIGMA = 2.5
_EXPECTATION_WEIGHT = 0.3
_WIDENING = 2.0
_UPDATES_AT_ONCE = 32
_STEPS = 100

Numbers = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class LabelQuality:
    """What is thought of n labels.

    Attributes:
        predicted: float64[n], what heads that did not see the label expect, years.
        quality: float64[n], the probability that the label is right, 0 to 1.
        wrong_share: share of wrong labels that was found, 0 to 1.
    """

    predicted: Numbers
    quality: Numbers
    wrong_share: float


def judge(features: npt.NDArray[np.float32], labels: npt.NDArray[np.floating[Any]], groups: Sequence[str]) -> LabelQuality:
    """Returns how likely each label is right.

    Args:
        features: float32[n, d], pooled features that no label has touched.
        labels: n ages, years.
        groups: n names; photographs of one name, such as a person's, are in one fold.

    Raises:
        ValueError: there are fewer photographs than `LEAST_PHOTOGRAPHS`, or fewer groups than folds.
    """
    fold = folds(groups)
    if len(labels) < LEAST_PHOTOGRAPHS or len(np.unique(fold)) < FOLDS:
        raise ValueError(
            f"{len(labels)} photographs of {len(set(groups))} groups; at least {LEAST_PHOTOGRAPHS} of {FOLDS} groups are needed."
        )
    expected = cross_validated(features, labels, fold)
    quality, wrong_share = right_probability(np.asarray(labels, np.float64), expected)
    return LabelQuality(expected @ age_distribution.years(), quality, wrong_share)


def folds(groups: Sequence[str]) -> npt.NDArray[np.intp]:
    """Returns the fold of each photograph, int[n], 0 to `FOLDS` - 1: groups are dealt out in a random order, always the same."""
    names, group = np.unique(np.asarray(groups, dtype=np.str_), return_inverse=True)
    dealt: npt.NDArray[np.intp] = np.random.default_rng(0).permutation(len(names))[group] % FOLDS
    return dealt


def cross_validated(
    features: npt.NDArray[np.float32], labels: npt.NDArray[np.floating[Any]], fold: npt.NDArray[np.intp]
) -> Numbers:
    """Returns the probability of every year for each photograph, float64 `[n, 121]`, by heads that did not see its fold.

    The same arguments give the same numbers: everything random is seeded, also for what follows in this process.

    Args:
        features: float32[n, d].
        labels: n ages, years.
        fold: int[n].
    """
    spread = features.std(axis=0)
    scaled = (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1)
    expected = np.empty((len(labels), len(age_distribution.years())))
    for number in range(FOLDS):
        progress.report("Expecting ages from the other folds", done=number, total=FOLDS, unit="folds")
        held_out = fold == number
        keras.utils.set_random_seed(number)
        head = _fitted_head(scaled[~held_out], np.asarray(labels[~held_out], np.float32))
        logits = head(scaled[held_out], training=False).numpy().astype(np.float64)
        exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
        expected[held_out] = exponents / exponents.sum(axis=1, keepdims=True)
    return expected


def _fitted_head(features: npt.NDArray[np.float32], ages: npt.NDArray[np.float32]) -> keras.Model:
    prior = keras.initializers.Constant(np.log(age_distribution.smoothed(ages)))
    head = keras.Sequential(
        [
            keras.Input(features.shape[1:]),
            keras.layers.Dropout(_DROPOUT),
            keras.layers.Dense(len(age_distribution.years()), kernel_initializer="zeros", bias_initializer=prior),
        ]
    )
    updates = -(-len(ages) // _BATCH)
    updates *= max(_EPOCHS, -(-_LEAST_UPDATES // updates))
    rate = keras.optimizers.schedules.CosineDecay(_LEARNING_RATE / features.shape[1] ** 0.5, updates)
    head.compile(
        optimizer=keras.optimizers.AdamW(rate, weight_decay=_WEIGHT_DECAY),
        loss=age_distribution.LabelDistribution(_LABEL_SIGMA, _EXPECTATION_WEIGHT),
        jit_compile=False,
        steps_per_execution=_UPDATES_AT_ONCE,
    )
    # One pass over repeated photographs: so small a head would spend its time on the beginnings and ends of epochs.
    photographs = tf.data.Dataset.from_tensor_slices((features, ages)).shuffle(len(ages), seed=0).repeat().batch(_BATCH)
    head.fit(datasets.untuned(photographs), steps_per_epoch=updates, epochs=1, verbose=0)
    return head


def right_probability(labels: Numbers, expected: Numbers) -> tuple[Numbers, float]:
    """Returns the probability of each label to be right, float64[n], and the share of wrong ones.

    Args:
        labels: float64[n], years.
        expected: float64 `[n, 121]`, the probability of every year by heads that did not see the label.
    """
    years = age_distribution.years().astype(np.float64)
    # A head is too sure of itself; labels are rounded, too.
    kernel = np.exp(-0.5 * ((years[:, None] - years) / _WIDENING) ** 2)
    right = _density(expected @ (kernel / kernel.sum(axis=1, keepdims=True)), labels)
    # Nobody knows how wrong labels come about: half of them like the others, half of them anything between the extremes.
    anything = 1 / (labels.max() - labels.min() + 1)
    wrong = 0.5 * _density(np.broadcast_to(age_distribution.smoothed(labels), expected.shape), labels) + 0.5 * anything
    share = 0.05
    for _ in range(_STEPS):
        quality = (1 - share) * right / ((1 - share) * right + share * wrong)
        share = min(max(1 - float(quality.mean()), 1e-4), 0.5)
    return quality, share


def _density(probabilities: npt.NDArray[np.floating[Any]], labels: Numbers) -> Numbers:
    """Returns the density at each label, 1/years, between whole years by the straight line."""
    within = np.clip(labels, 0, age_distribution.OLDEST)
    below = np.minimum(np.floor(within).astype(int), age_distribution.OLDEST - 1)
    part = within - below
    rows = np.arange(len(labels))
    density: Numbers = (1 - part) * probabilities[rows, below] + part * probabilities[rows, below + 1]
    return np.maximum(density, 1e-12)
