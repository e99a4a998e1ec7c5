"""Joins the records of several trainings that make one model together."""

from collections.abc import Iterable, Sequence

from age.model.settings import TrainerSettings
from schemas.verdict import FeatureCache, TrainedMember, Training


def _caches(records: Sequence[Training]) -> FeatureCache | None:
    """Returns what was kept on disk for several trainings together; what they share is counted once, when it was computed."""
    caches = [record.feature_cache for record in records if record.feature_cache]
    if not caches:
        return None
    computed = [cache for cache in caches if cache.computed] or caches[:1]
    return FeatureCache(
        computed=any(cache.computed for cache in caches),
        views=max(cache.views for cache in caches),
        bytes=sum(cache.bytes for cache in computed),
        seconds=sum(cache.seconds for cache in caches),
    )


def _sum(seconds: Iterable[float | None]) -> float | None:
    known = [each for each in seconds if each is not None]
    return sum(known) if known else None


def of_members(records: Sequence[Training], settings: TrainerSettings, validation_mae: float) -> Training:
    """Returns what the training of an ensemble was like.

    Args:
        records: what the training of each member was like.
        settings: the `trainer` section.
        validation_mae: of the mean of the members, years.
    """
    members = [
        TrainedMember(differs=member.model_dump(exclude_none=True), **each.model_dump(include=set(TrainedMember.model_fields)))
        for member, each in zip(settings.members, records)
    ]
    return records[0].model_copy(
        update={
            "members": members,
            "validation_mae": validation_mae,
            "feature_cache": _caches(records),
            "fit_seconds": _sum(each.fit_seconds for each in records),
            "checkpoint_seconds": _sum(each.checkpoint_seconds for each in records),
            "time_was_up": any(each.time_was_up for each in records),
        }
    )


def of_stages(records: Sequence[Training]) -> Training:
    """Returns what the training of a network was like that went on in stages; the weights are those of the last one's best epoch.

    Args:
        records: what each stage was like.
    """
    before, last = [sum(each.epochs_run or 0 for each in records[:number]) for number in range(len(records))], records[-1]
    resumed = [start + each.resumed_after for start, each in zip(before, records) if each.resumed_after]
    return last.model_copy(
        update={
            "history": {name: [value for each in records for value in each.history[name]] for name in last.history},
            "best_epoch": before[-1] + (last.best_epoch or 0),
            "epochs_run": before[-1] + (last.epochs_run or 0),
            "stage_epochs": [each.epochs_run for each in records],
            "feature_cache": _caches(records),
            "seconds": _sum(each.seconds for each in records),
            "fit_seconds": _sum(each.fit_seconds for each in records),
            "checkpoint_seconds": _sum(each.checkpoint_seconds for each in records),
            "resumed_after": max(resumed, default=None),
            "time_was_up": any(each.time_was_up for each in records),
        }
    )
