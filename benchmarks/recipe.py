"""A recipe of this project's against the one that students are taught, on the same faces: test error over minutes."""

import os
import statistics
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.options import Options

GOALS = (8.0, 6.0, 5.0)
"""Years of error that both are timed to."""

_STUDENTS_BATCH, _STUDENTS_RATE, _STUDENTS_ROTATION = 32, 1e-4, 10
_TRUNK_IMAGES = 320


def measure(data: str, scratch: str, options: Options, students: str = "resnet50") -> Iterator[str]:
    """Yields both curves, the minutes to each goal, and how near our computations come to bare ones.

    Both start from the same weights and see images of one size. The test split is measured in between and at the end, while the
    clocks stand; ingestion counts for neither. What our recipe computes and keeps of frozen layers counts.

    Args:
        data: faces.
        scratch: an empty directory.
        options: what is trained, and for how long.
        students: the backbone of the other recipe.
    """
    import keras

    from benchmarks import faces, feeding

    splits = faces.splits(data, scratch, options.faces)
    settings = options.settings()
    yield f"{len(splits.training.labels)} faces to learn from, {len(splits.test.labels)} to measure on, {options.minutes:g} minutes each"
    net, points = _ours(settings, splits, scratch, options.minutes)
    yield from _curve("ours", points)
    yield _precision(net, settings, splits)
    del net
    keras.backend.clear_session()
    yield from _curve("the students'", _students(settings, splits, students, options.minutes))
    yield from _trunk(settings, splits, scratch, options.repeats)
    yield from feeding.trained(settings, scratch, options.repeats)


def _curve(name: str, points: list) -> Iterator[str]:
    yield f"{name}: " + ", ".join(f"{point.minutes:.1f} min {point.mae:.2f}" for point in points)
    yield f"{name}: {_goals(points)}"


def _goals(points: list) -> str:
    from benchmarks import error_over_time

    reached = {goal: error_over_time.minutes_to(points, goal) for goal in GOALS}
    return ", ".join(
        f"{goal:g} years " + ("not reached" if minutes is None else f"after {minutes:.1f} min")
        for goal, minutes in reached.items()
    )


def _ours(settings: Any, splits: Any, scratch: str, minutes: float) -> tuple[Any, list]:
    """Trains our recipe; returns the network and the curve."""
    import tensorflow as tf

    from age.model import export, fitting, training
    from benchmarks import error_over_time

    net = training.build_network(settings, splits.training.labels)
    whole = tf.function(lambda images: net.whole(images, training=False), reduce_retracing=True)

    def mae() -> float:
        return error_over_time.mean_absolute_error(
            lambda images: export.mirror_averaged(whole, images, settings.mirror_averaging), splits.test, settings.image_size
        )

    curve = error_over_time.ErrorOverTime(mae, minutes)
    fitting.train(net, settings, splits.training, splits.validation, os.path.join(scratch, "cache"), callbacks=[curve])
    return net, curve.points


def _precision(net: Any, settings: Any, splits: Any) -> str:
    """Returns how far a trained network's answers in the precision of its training are from those in float32."""
    import numpy as np

    from age.model import precision

    policy = precision.chosen(settings.precision, net.backbone)
    net.whole.predict_function = None
    with precision.computing_in(policy, net.backbone):
        trained_in = net.predict(splits.test)
    net.whole.predict_function = None
    apart = np.abs(trained_in - net.predict(splits.test))
    return f"answers in {policy} and in float32 are {apart.mean():.3f} years apart on average, {apart.max():.3f} at most"


def _students(settings: Any, splits: Any, name: str, minutes: float) -> list:
    """Trains a whole backbone on images of an ImageDataGenerator, as courses on this task do with ResNet50."""
    import keras
    import numpy as np
    import tensorflow as tf
    from tensorflow.keras.preprocessing.image import ImageDataGenerator

    from age.model import backbone, example_reading
    from benchmarks import error_over_time

    size = settings.image_size
    split = splits.training
    decoded = example_reading.decoded_images(split.file_patterns, size, 64)
    images = np.concatenate([batch.numpy() for batch in decoded])
    ages = split.labels.ages[split.labels.rank]
    # Our weights where they fit, so that both begin with the same.
    weights = (settings.weights, settings.weights_partial) if settings.backbone == name else ("imagenet", False)
    pretrained = backbone.build(name, size, *weights, "none").network
    x = keras.layers.GlobalAveragePooling2D()(pretrained.output)
    model = keras.Model(pretrained.input, keras.layers.Dense(1, activation="relu")(x))
    model.compile(keras.optimizers.Adam(_STUDENTS_RATE), loss="mae", jit_compile=False)
    batches = ImageDataGenerator(rescale=1 / 255, horizontal_flip=True, rotation_range=_STUDENTS_ROTATION).flow(
        images, ages, batch_size=_STUDENTS_BATCH, seed=settings.seed
    )
    answer = tf.function(lambda seen: model(seen / 255, training=False), reduce_retracing=True)
    curve = error_over_time.ErrorOverTime(lambda: error_over_time.mean_absolute_error(answer, splits.test, size), minutes)
    model.fit(batches, epochs=10_000, verbose=0, callbacks=[curve])
    return curve.points


def _trunk(settings: Any, splits: Any, scratch: str, repeats: int) -> Iterator[str]:
    """Yields how fast the frozen layers are computed into the cache, against the same computation in a bare loop."""
    import numpy as np
    import tensorflow as tf

    from age.model import example_reading, feature_cache, precision, training

    net = training.build_network(settings, splits.training.labels)
    if net.stem is None:
        yield "nothing is frozen: no trunk to compute"
        return
    patterns = splits.training.file_patterns
    images = next(iter(example_reading.decoded_images(patterns, settings.image_size, 32)))
    labels = splits.validation.labels
    count, ratios = min(_TRUNK_IMAGES, len(labels)), []
    with precision.computing_in(precision.chosen(settings.precision, net.backbone), net.backbone):
        forward = tf.function(lambda seen: tf.cast(net.stem(seen, training=False), tf.float16))
        batch = tf.cast(images, tf.float32)
        forward(batch)
        source = feature_cache.Source(splits.validation.file_patterns, labels, views=1)
        for number in range(repeats):
            directory = os.path.join(scratch, f"trunk{number}")
            (split,) = feature_cache.cached_splits(directory, net.stem, net.stem_digest(), settings, [source])
            cached = len(labels) / split.seconds
            began = time.perf_counter()
            for _ in range(-(-count // len(images))):
                np.asarray(forward(batch))
            bare = -(-count // len(images)) * len(images) / (time.perf_counter() - began)
            ratios.append(cached / bare)
            yield f"trunk: {cached:.0f} images/s from files into the cache, {bare:.0f} in a bare loop, ratio {ratios[-1]:.2f}"
    yield f"median: the trunk's features are computed at {statistics.median(ratios):.2f} of the rate of a bare loop"
