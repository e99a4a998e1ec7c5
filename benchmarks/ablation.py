"""What each ingredient of a recipe is worth: the recipe, and the recipe without one of them, or with one more, on the same faces."""

import os
import statistics
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from benchmarks.options import Options

_LEFT_OUT: dict[str, dict[str, Any]] = {
    "without age as a distribution (mae)": {"loss": "mae"},
    "without the image's mirror image in the answer": {"mirror_averaging": False},
    "without outputs of lower layers": {"pooled_layers": []},
    "without weight decay": {"weight_decay": 0.0},
    "without a limit of the gradient": {"gradient_norm": 0.0},
    "without a warm-up": {"warmup_fraction": 0.0},
    "without a higher rate for the head": {"head_rate": 1.0},
    "without dropout": {"dropout": 0.0},
}
_ADDED: dict[str, dict[str, Any]] = {
    "with moving averages of weights": {"ema_momentum": 0.99},
    "with weights for rare ages": {"label_density_strength": 0.5},
    "with mixed photographs": {"mixup": 0.2},
    "with a dense layer of 256": {"dense_units": 256},
}
_OTHER_FEATURES: dict[str, dict[str, Any]] = {
    "with the image and its mirror image alone": {"views": 2},
    "with one view of each image": {"views": 1},
    "in float32": {"precision": "float32"},
}
# Those that compute features of their own come last: only the newest few are kept.
VARIANTS: dict[str, dict[str, Any]] = {"the recipe": {}} | _LEFT_OUT | _ADDED | _OTHER_FEATURES


class Row(NamedTuple):
    """A variant of the recipe and what it came to.

    Attributes:
        name: of the variant.
        errors: MAE on the validation split, years, one for each seed.
        seconds: of all its trainings; features that had been computed are found.
    """

    name: str
    errors: list[float]
    seconds: float


def variants(settings: Any) -> dict[str, dict[str, Any]]:
    """Returns the variants that differ from the recipe."""
    return {
        name: changes
        for name, changes in VARIANTS.items()
        if not changes or any(getattr(settings, key) != value for key, value in changes.items())
    }


def measure(data: str, scratch: str, options: Options) -> Iterator[str]:
    """Yields a row for each variant, and writes all of them as a table.

    It is judged on the validation split, at the epoch that was best there, and the test split is not looked at. A training ends after
    `options.minutes`; frozen layers' features are computed once for all variants that share them, and for each seed, which varied views
    depend on.
    """
    from benchmarks import faces

    splits, rows = faces.splits(data, scratch, options.faces), []
    base = options.settings()
    yield f"{len(splits.training.labels)} faces to learn from, {len(splits.validation.labels)} to judge by, seed by seed"
    for name, changes in variants(base).items():
        began = time.perf_counter()
        errors = [
            _validation_mae(base.model_copy(update={**changes, "seed": seed}), splits, scratch, options.minutes)
            for seed in range(base.seed, base.seed + options.seeds)
        ]
        rows.append(Row(name, errors, time.perf_counter() - began))
        yield line(rows[-1], rows[0])
        if options.out:
            with open(options.out, "w", encoding="utf-8") as file:
                file.write(table(rows))


def line(row: Row, recipe: Row) -> str:
    """Returns a variant in a line, its difference to the recipe in it."""
    mean = statistics.mean(row.errors)
    spread = f" ({min(row.errors):.2f} to {max(row.errors):.2f})" if len(row.errors) > 1 else ""
    return f"{row.name}: {mean:.2f} years{spread}, {mean - statistics.mean(recipe.errors):+.2f}, {row.seconds:.0f} s"


def table(rows: list[Row]) -> str:
    """Returns all rows as a table in Markdown, the first one's being the recipe."""
    recipe = statistics.mean(rows[0].errors)
    lines = ["| variant | validation MAE, years | spread | against the recipe |", "|---|---|---|---|"]
    for row in rows:
        mean = statistics.mean(row.errors)
        spread = f"{min(row.errors):.2f} to {max(row.errors):.2f}" if len(row.errors) > 1 else "one seed"
        lines.append(f"| {row.name} | {mean:.2f} | {spread} | {mean - recipe:+.2f} |")
    return "\n".join(lines) + "\n"


def _validation_mae(settings: Any, splits: Any, scratch: str, minutes: float) -> float:
    """Trains a network and returns the error of what it would answer as an exported model, years."""
    import keras
    import tensorflow as tf

    from age.model import export, fitting, training
    from benchmarks import error_over_time

    keras.backend.clear_session()
    settings = settings.model_copy(update={"max_minutes": minutes})
    net = training.build_network(settings, splits.training.labels)
    fitting.train(net, settings, splits.training, splits.validation, os.path.join(scratch, "cache"))
    whole = tf.function(lambda images: net.whole(images, training=False), reduce_retracing=True)
    return error_over_time.mean_absolute_error(
        lambda images: export.mirror_averaged(whole, images, settings.mirror_averaging), splits.validation, settings.image_size
    )
