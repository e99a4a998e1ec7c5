"""Ranks the labels of a run's photographs by how likely they are right, and writes the list and its page beside the run's report."""

import dataclasses
import os

import numpy as np
import pydantic

from age import storage
from age.dataset import label_file, labels_to_check
from age.dataset.labels_to_check import JudgedLabel
from age.model import example_reading, label_quality
from age.model.pooled_features import PooledFeatures
from age.model.settings import TrainerSettings
from age.reporting import labels_page
from pipeline.terminal.past_runs import PastRun
from schemas import features
from schemas.bad_input import BadInput


@dataclasses.dataclass(frozen=True)
class Checked:
    """What was found.

    Attributes:
        list: path of `labels_to_check.csv`.
        page: path of the gallery.
        photographs: how many labels were judged.
        issues: how many of them are more likely wrong than right.
        wrong_share: share of wrong labels that was estimated, 0 to 1.
    """

    list: str
    page: str
    photographs: int
    issues: int
    wrong_share: float


def check(run: PastRun, feature_cache_dir: str) -> Checked:
    """Judges every label of a run's photographs, of all splits.

    Args:
        run: a run of this workdir, whose examples are still there.
        feature_cache_dir: where its Trainer kept the outputs of frozen layers.

    Raises:
        BadInput: the run says too little of itself, its examples are gone, there are too few photographs, or as `PooledFeatures`.
    """
    settings, examples = _settings(run), run.verdict.paths.examples
    if not examples or not storage.is_directory(examples):
        raise BadInput(f"{run.name}: its examples ({examples}) are not there any more. Run the pipeline again.")
    splits = {}
    for name in features.SPLITS:
        pattern = os.path.join(examples, f"Split-{name}", "*")
        if storage.is_directory(os.path.dirname(pattern)) and storage.list_directory(os.path.dirname(pattern)):
            splits[name] = example_reading.Split.read([pattern])
    labels = np.concatenate([split.labels.ages for split in splits.values()])
    names = [name for split in splits.values() for name in example_reading.read_file_names(split.file_patterns, split.labels)]
    if len(labels) < label_quality.LEAST_PHOTOGRAPHS:
        raise BadInput(
            f"{run.name}: {len(labels)} photographs; at least {label_quality.LEAST_PHOTOGRAPHS} are needed to judge labels."
        )
    pooled = PooledFeatures(settings, next(iter(splits.values())).labels, feature_cache_dir)
    seen = np.concatenate([pooled.of(split) for split in splits.values()])
    try:
        judged = label_quality.judge(seen, labels, _groups(run, names))
    except ValueError as error:
        raise BadInput(f"{run.name}: {error}") from error
    of_split = [name for name, split in splits.items() for _ in range(len(split.labels))]
    rows = labels_to_check.worst_first(
        JudgedLabel(*found)
        for found in zip(names, judged.quality, map(float, labels), judged.predicted, of_split, strict=True)
    )
    listed = os.path.join(run.directory, labels_to_check.FILE_NAME)
    labels_to_check.write(listed, rows)
    page = labels_page.write(run.directory, run.name, rows, examples, run.verdict.setting("report.faces") is True)
    return Checked(listed, page, len(rows), sum(row.is_issue for row in rows), judged.wrong_share)


def _settings(run: PastRun) -> TrainerSettings:
    configured = run.verdict.setting("trainer")
    if not isinstance(configured, dict):
        raise BadInput(f"{run.name}: its verdict does not say how it was configured; expected a run of this version.")
    try:
        return TrainerSettings.model_validate(configured).networks()[0]
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise BadInput(f"{run.name}: trainer.{where}: {first['msg']}: another version made this run. Run it again.") from error


def _groups(run: PastRun, names: list[str]) -> list[str]:
    """Returns whom or what each photograph belongs to, where `data.group_column` says it; else itself."""
    column, directory = run.verdict.setting("data.group_column"), run.verdict.data.directory
    if not column or not directory:
        return names
    rows = label_file.read_fields(storage.join(directory, features.LABEL_FILE))
    columns = [name.strip() for name in next(rows)]
    if column not in columns:
        raise BadInput(f"{directory}: {features.LABEL_FILE} has no column {column!r} (data.group_column) any more.")
    group_at, name_at = columns.index(column), columns.index(features.FILE_NAME_COLUMN)
    groups = {fields[name_at]: fields[group_at].strip() for fields in rows if len(fields) == len(columns)}
    # Of another kind than file names, which may be called like a person.
    return [f"group {groups[name]}" if groups.get(name) else f"photograph {name}" for name in names]
