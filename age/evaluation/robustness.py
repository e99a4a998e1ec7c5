"""How far a model is off on photographs that are worse than those it is judged by: blurred, dark, turned, half covered.

What was found lies beside an evaluation as `robustness.json`.
"""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pydantic
from PIL import Image

from age import progress, storage
from age.evaluation import corruptions, predictions_file
from age.evaluation.corruptions import Corruption
from age.evaluation.prediction_errors import mean_interval
from age.evaluation.settings import EvaluatorSettings
from age.serving.predictor import Predictor
from age.serving.serving_directory import ServedModel
from schemas import features
from schemas.verdict import CorruptedMetrics, Metrics, Robustness

ROBUSTNESS_FILE = "robustness.json"

_DOING = "Asking about photographs made worse"

_Asked = tuple[int, Corruption | None, Image.Image]
"""A photograph by its place in the order of predictions, and what is done to it; None for nothing."""


class MeasuredRobustness(pydantic.BaseModel):
    """What the file holds.

    Attributes:
        robustness: what was measured; None where it was not.
        reasons: why the model is refused for it, in sentences; empty where it is not.
    """

    robustness: Robustness | None
    reasons: list[str]


def measure(model: str, examples: str, evaluation: str, settings: EvaluatorSettings) -> Robustness | None:
    """Asks a model for some of the test photographs again, made worse in every way of `corruptions.CORRUPTIONS`.

    The photographs are the first in the order of their hashes, and so random ones and the same in every run. The model is asked as a
    server asks it, through `serving_default`. Memory does not grow with their number.

    Args:
        model: directory of the SavedModel.
        examples: the Examples artifact's directory, TFRecords of tf.Examples by split.
        evaluation: directory of the evaluation, with the predictions.
        settings: whether it is measured, on how many photographs, and the ceilings.

    Returns:
        None where it is not measured, or the model could answer for no photograph.
    """
    if not settings.robustness:
        return None
    predictions = predictions_file.rows(storage.join(evaluation, predictions_file.PREDICTIONS_FILE))
    answered = (row for row in predictions if np.isfinite(row.predicted_age))
    rows = list(itertools.islice(answered, settings.robustness_examples))
    if not rows:
        return None
    ways: list[Corruption | None] = [None, *corruptions.CORRUPTIONS]
    column = {way: number for number, way in enumerate(ways)}
    errors = np.full((len(ways), len(rows)), np.nan)
    asked = _asked(examples, {row.sha256: place for place, row in enumerate(rows)}, ways)
    total = errors.size
    progress.report(_DOING, done=0, total=total, unit="photographs")
    for done, ((place, way, _), answer) in enumerate(Predictor(ServedModel(0, model)).stream(asked, _encoded), 1):
        if answer.age is not None:
            errors[column[way], place] = answer.age - rows[place].real_age
        if done % len(ways) == 0:
            progress.report(_DOING, done=done, total=total, unit="photographs")
    return summary(errors, settings)


def _encoded(asked: _Asked) -> bytes:
    place, way, image = asked
    return way.encoded(image, place) if way else corruptions.as_png(image)


def _asked(examples: str, places: dict[str, int], ways: Sequence[Corruption | None]) -> Iterator[_Asked]:
    """Yields each photograph that is wanted with everything that is done to it; each is decoded once."""
    import tensorflow as tf

    from age import image_decoding

    decode = tf.function(image_decoding.decode_image, input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
    directory, missing = storage.join(examples, f"Split-{features.TEST}"), dict(places)
    for name in storage.list_directory(directory):
        compression = "GZIP" if name.endswith(".gz") else ""
        for record in tf.data.TFRecordDataset(storage.join(directory, name), compression_type=compression).as_numpy_iterator():
            example = tf.train.Example.FromString(record).features.feature
            place = missing.pop(example[features.IMAGE_SHA256].bytes_list.value[0].decode("ascii"), None)
            if place is not None:
                image = corruptions.canvas(decode(example[features.IMAGE_ENCODED].bytes_list.value[0]).numpy())
                yield from ((place, way, image) for way in ways)
            if not missing:
                return


def summary(errors: npt.NDArray[np.float64], settings: EvaluatorSettings) -> Robustness:
    """Returns what errors on photographs made worse come to.

    Args:
        errors: float64[1 + corruptions, n], predicted minus real age, years: those of the photographs as they are, and those of every
            corruption in order. NaN where the model could not answer.
        settings: the ceilings.
    """
    unchanged = errors[0]
    mae = float(np.abs(unchanged).mean())
    found = []
    for way, changed in zip(corruptions.CORRUPTIONS, errors[1:], strict=True):
        increases = np.abs(changed) - np.abs(unchanged)
        found.append(
            CorruptedMetrics(
                name=way.name,
                description=way.description,
                mae=float(np.abs(changed).mean()),
                mae_interval=mean_interval(np.abs(changed)),
                bias=float(changed.mean()),
                increase=float(increases.mean()),
                increase_interval=mean_interval(increases),
                ceiling=settings.robustness_ceilings.get(way.name),
            )
        )
    as_they_are = Metrics(
        mae=mae,
        rmse=float(np.sqrt((unchanged**2).mean())),
        bias=float(unchanged.mean()),
        within_5_years=float((np.abs(unchanged) <= 5).mean()),
        example_count=len(unchanged),
        mae_interval=mean_interval(np.abs(unchanged)),
    )
    return Robustness(unchanged=as_they_are, corrupted=found)


def refusals(robustness: Robustness | None, settings: EvaluatorSettings) -> list[str]:
    """Says for which corruptions a model is above its ceiling; nothing where it is for none.

    Args:
        robustness: from `measure`.
        settings: the ceilings.
    """
    if not settings.robustness_ceilings:
        return []
    if robustness is None:
        return [
            "No test photograph could be asked about again, and evaluator.robustness_ceilings sets ceilings for photographs that are "
            "made worse."
        ]
    reasons = []
    for entry in robustness.corrupted:
        if entry.ceiling is None or (entry.mae is not None and entry.mae <= entry.ceiling):
            continue
        mae = "not a number" if entry.mae is None else f"{entry.mae:.2f} years"
        reasons.append(
            f"The MAE on {robustness.unchanged.example_count} test photographs, {entry.description}, is {mae}; allowed is at most "
            f"{entry.ceiling:g} (evaluator.robustness_ceilings, {entry.name})."
        )
    return reasons


def write(directory: str, robustness: Robustness | None, reasons: Sequence[str]) -> None:
    """Writes beside an evaluation what was measured, and why the model is refused for it."""
    content = MeasuredRobustness(robustness=robustness, reasons=list(reasons))
    storage.write_text(storage.join(directory, ROBUSTNESS_FILE), content.model_dump_json(indent=2) + "\n")


def read(directory: str) -> MeasuredRobustness:
    """Reads what lies beside an evaluation; nothing measured where nothing does."""
    path = storage.join(directory, ROBUSTNESS_FILE)
    if not storage.exists(path):
        return MeasuredRobustness(robustness=None, reasons=[])
    return MeasuredRobustness.model_validate_json(storage.read_bytes(path))
