"""How many wrong labels the list of labels worth a second look begins with: some are drawn anew, and then looked for.

    make bench ARGS='label_errors --data faces --config configs/faces-pretrained.yaml --set trainer.weights=FILE --seeds 5'

A twentieth of the labels is drawn anew from all labels, so that some of the new ones are near the old ones and can't be told by anybody.
Beside the list as it is made, the first twentieth of which is counted, stands one by the plain residual of the same predictions.
"""

import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from benchmarks.options import Options

SHARE = 0.05
OLD = 60


class Found(NamedTuple):
    """What the first twentieth of two lists holds.

    Attributes:
        by_quality: share of the wrong labels, in the list as it is made.
        by_residual: share of them, in a list by the plain residual.
        old_by_quality: share of people of 60 and over in it, by the labels before.
        old_by_residual: likewise.
        flagged: how many labels are called an issue.
        precision: share of these that are wrong.
        wrong_share: share of wrong labels that was estimated.
        seconds: that judging took.
    """

    by_quality: float
    by_residual: float
    old_by_quality: float
    old_by_residual: float
    flagged: int
    precision: float
    wrong_share: float
    seconds: float


def with_errors(labels: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the labels with a twentieth of them drawn anew, and which ones were, bool[n]."""
    random = np.random.default_rng(seed)
    wrong = np.zeros(len(labels), bool)
    wrong[random.choice(len(labels), int(SHARE * len(labels)), replace=False)] = True
    changed = labels.copy()
    changed[wrong] = random.choice(labels, int(wrong.sum()))
    return changed, wrong


def found(features: np.ndarray, labels: np.ndarray, groups: list[str], seed: int) -> Found:
    """Returns what the lists of one draw hold."""
    from age.dataset.labels_to_check import ISSUE_BELOW
    from age.model import label_quality

    changed, wrong = with_errors(labels, seed)
    started = time.monotonic()
    judged = label_quality.judge(features, changed, groups)
    seconds = time.monotonic() - started
    count = int(wrong.sum())

    def first(score):
        return np.argsort(score, kind="stable")[:count]

    by_quality, by_residual = first(judged.quality), first(-np.abs(judged.predicted - changed))
    issues = judged.quality < ISSUE_BELOW
    return Found(
        by_quality=float(wrong[by_quality].sum()) / count,
        by_residual=float(wrong[by_residual].sum()) / count,
        old_by_quality=float((labels[by_quality] >= OLD).mean()),
        old_by_residual=float((labels[by_residual] >= OLD).mean()),
        flagged=int(issues.sum()),
        precision=float(wrong[issues].mean()) if issues.any() else 1.0,
        wrong_share=judged.wrong_share,
        seconds=seconds,
    )


def measure(data: str, scratch: str, told: Options) -> Iterator[str]:
    """Yields a line for each seed, and the means."""
    from age.model.pooled_features import PooledFeatures
    from benchmarks import faces

    splits = faces.splits(data, scratch, told.faces)
    settings = told.settings().networks()[0]
    started = time.monotonic()
    pooled = PooledFeatures(settings, splits.training.labels, scratch)
    features = np.concatenate([pooled.of(split) for split in splits])
    labels = np.concatenate([split.labels.ages for split in splits]).astype(np.float64)
    names = [digest.hex() for split in splits for digest in split.labels.sha256]
    yield f"{len(labels)} photographs looked at in {time.monotonic() - started:.0f} s, nothing of them cached"
    rows = []
    for seed in range(told.seeds):
        rows.append(found(features, labels, names, seed))
        yield _line(f"seed {seed}", rows[-1])
    yield _line("mean", Found(*np.mean(rows, axis=0)))


def _line(name: str, row: Found) -> str:
    return (
        f"{name:7} {100 * row.by_quality:5.1f} % of the wrong labels in the first {100 * SHARE:g} %, {100 * row.by_residual:5.1f} % by the "
        f"residual; people of {OLD} and over there {100 * row.old_by_quality:4.1f} %, {100 * row.old_by_residual:4.1f} %; "
        f"{row.flagged:.0f} called an issue, {100 * row.precision:.0f} % rightly; {100 * row.wrong_share:.1f} % estimated; "
        f"{row.seconds:.0f} s"
    )
