"""Whether photographs, or a server's answers, have drifted from what a model was made for: what `drift` does."""

import hashlib
import math
import random
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent import futures

import numpy as np

from age import progress, storage
from age.dataset import label_file
from age.drift import detection, reference, seen_photographs, served_ages
from age.drift.detection import Drift
from age.drift.settings import DriftSettings
from age.serving import predictor, training_images
from age.serving.predictor import Predictor, ReadPhotograph
from age.serving.serving_directory import ServedModel
from pipeline.prediction import inputs
from pipeline.prediction.inputs import Photograph
from schemas import features
from schemas.bad_input import BadInput

_DOING = "Looking at photographs"
_READERS = 8
_READ_AHEAD = 64
_SEED = 0
_MOST_METRICS = 16 << 20
_SECONDS = 30.0
_REMOTE = ("http://", "https://")


def of_folder(directory: str, served: ServedModel, settings: DriftSettings) -> Drift:
    """Compares the photographs of a folder with those that a model was made for.

    Photographs that the model learnt from, or that it was chosen by, are left out: to it they look unlike all others, and some of
    them are what is compared with.

    Args:
        directory: the folder. Where it has a `labels.csv`, what this names is looked at, and its ages are compared too.
        served: the model.
        settings: how many photographs, and how sure to be.

    Raises:
        BadInput: the model has nothing to compare with, or there are too few photographs.
    """
    before = reference.read(served.path)
    named = list(_photographs(directory))
    if not named:
        raise BadInput(
            f"{directory}: there is no photograph. Expected files that end in {', '.join(inputs.IMAGE_ENDINGS)}, or labels.csv with images."
        )
    # Drawn at random, and the same ones each time.
    random.Random(_SEED).shuffle(named)
    asked = Predictor(served)
    see = asked.signature(seen_photographs.SIGNATURE)
    if see is None:
        raise BadInput(
            f"{served.path}: the model has no signature {seen_photographs.SIGNATURE!r}, which tells what it sees: it was exported by "
            "an earlier version. Run the pipeline again, and compare with the model that it pushes."
        )
    known = training_images.read(served.path)
    learnt_from = 0

    def wanted() -> Iterator[tuple[tuple[Photograph, float], ReadPhotograph]]:
        nonlocal learnt_from
        kept = 0
        with futures.ThreadPoolExecutor(_READERS) as readers:
            for item, one in predictor.ahead(readers, _read, named, _READ_AHEAD):
                if one.encoded and known is not None and _is_among(one.encoded, known):
                    learnt_from += 1
                    continue
                yield item, one
                kept += not one.error
                if kept >= settings.max_photographs:
                    return

    total = min(len(named), settings.max_photographs)
    seen, unread = seen_photographs.look(
        see, wanted(), lambda item: item[1], lambda done: progress.report(_DOING, done=done, total=total, unit="photographs")
    )
    if len(seen) < settings.min_photographs:
        raise BadInput(
            f"{directory}: {len(seen)} photographs can be compared; at least {settings.min_photographs} are needed "
            f"(drift.min_photographs). {_left_out(learnt_from, [why for _, why in unread])}"
        )
    comparisons = detection.of_photographs(before, seen, settings)
    return _result(directory, served, settings, comparisons, len(seen), len(before), len(unread), learnt_from)


def of_metrics(source: str, served: ServedModel, settings: DriftSettings) -> Drift:
    """Compares the ages that a server answered with, with those that its model predicts for photographs that it was made for.

    Args:
        source: a file with the server's metrics, or their address.
        served: the model that the server answered with.
        settings: how sure to be.

    Raises:
        BadInput: the model has nothing to compare with, the metrics can't be had or hold no ages, or too few.
    """
    before = reference.read(served.path)
    ends, counts = served_ages.read(_metrics(source), source)
    answers = int(counts.sum())
    if answers < settings.min_photographs:
        raise BadInput(
            f"{source}: the server has answered with {answers} ages; at least {settings.min_photographs} are needed "
            "(drift.min_photographs)."
        )
    comparisons = detection.of_predicted_ages(before.predicted_ages, ends, counts, settings)
    return _result(source, served, settings, comparisons, answers, len(before), 0, 0)


def _result(source, served, settings, comparisons, photographs, reference_photographs, unread, learnt_from) -> Drift:
    return Drift(
        drifted=any(comparison.drifted for comparison in comparisons),
        sentence=detection.sentence(comparisons),
        source=inputs.printable(source),
        model=served.path,
        model_version=served.version,
        photographs=photographs,
        reference_photographs=reference_photographs,
        unread=unread,
        learnt_from=learnt_from,
        significance=settings.significance,
        comparisons=comparisons,
    )


def _photographs(directory: str) -> Iterator[tuple[Photograph, float]]:
    """Yields the photographs of a folder, with the age that a label says, NaN for none."""
    if not storage.is_directory(directory):
        raise BadInput(f"{directory}: there is no such folder. Expected one with photographs.")
    labels = storage.join(directory, features.LABEL_FILE)
    if not storage.exists(labels):
        for photograph in inputs.photographs([directory]):
            yield photograph, math.nan
        return
    for row in label_file.read_rows(labels):
        age = label_file.parse_age(row.age_text) if row.problem is None else None
        photograph = inputs.listed(directory, row.file_name)
        yield photograph, math.nan if age is None else age


def _read(item: tuple[Photograph, float]) -> tuple[tuple[Photograph, float], ReadPhotograph]:
    return item, predictor.loaded(item[0], Photograph.read, None)


def _is_among(encoded: bytes, known: training_images.Prefixes) -> bool:
    prefix = np.uint64(training_images.prefix(hashlib.sha256(encoded).hexdigest()))
    place = np.searchsorted(known, prefix)
    return bool(place < len(known) and known[place] == prefix)


def _left_out(learnt_from: int, reasons: list[str]) -> str:
    parts = []
    if learnt_from:
        parts.append(f"The model learnt from {learnt_from} others, or was chosen by them.")
    if reasons:
        parts.append(f"{len(reasons)} can't be read, the first: {reasons[0]}.")
    return " ".join(parts) or "Give more photographs."


def _metrics(source: str) -> str:
    """Returns the text of a server's metrics."""
    try:
        if source.startswith(_REMOTE):
            with urllib.request.urlopen(source, timeout=_SECONDS) as answer:
                content = answer.read(_MOST_METRICS)
        else:
            content = storage.read_plain_file(source, _MOST_METRICS)
    except urllib.error.HTTPError as error:
        raise BadInput(
            f"{source}: the server answers {error.code} {error.reason}. Where it wants a token, fetch the metrics with it into a file, "
            "and name that."
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise BadInput(
            f"{source}: the metrics can't be read: {reason}. Expected a file, or an address that ends in /metrics."
        ) from error
    return content.decode("utf-8", "replace")
