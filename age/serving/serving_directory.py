"""Owns a serving directory: numbered versions of a model, as TensorFlow Serving lays them out, and the history beside them.

    <serving directory>/
        1790000000/                 a version; the one with the highest number is served
        .age-pipeline/history/      what happened to versions, one file for each event
        .age-pipeline/announced     what is being done to a version just now, or was when a process died
        .age-pipeline/withdrawn/    versions that were taken away and can be restored
        .age-pipeline/waiting/      models that a person has yet to approve
        .age-pipeline/unfinished/   what is being written or removed
        .age-pipeline/lock          held by whoever changes the directory

Whatever reads versions never sees half of one. On a local disk a version is written in a hidden folder, brought to the disk,
and renamed. On an object store, which can't rename folders, `saved_model.pb` comes last and goes first, which is what
TensorFlow Serving waits for.
"""

import contextlib
import dataclasses
import datetime
import functools
import math
import os
import time
import uuid
from collections.abc import Callable, Iterator

from age import storage
from age.serving import approval, directory_lock, history
from age.serving.model_digest import EXTRA_ASSETS, MODEL_FILE, PROVENANCE_FILE, content_digest, is_model
from schemas.bad_input import BadInput

__all__ = ["EXTRA_ASSETS", "PROVENANCE_FILE", "Champion", "ServedModel", "ServingDirectory", "served_models"]

OWN_FOLDER = ".age-pipeline"

_LARGEST_VERSION = 2**63 - 1
_UNFINISHED_SECONDS = 24 * 3600


@dataclasses.dataclass(frozen=True)
class ServedModel:
    """A complete version in a serving directory.

    Attributes:
        version: the directory's number.
        path: the directory.
    """

    version: int
    path: str

    @functools.cached_property
    def digest(self) -> str:
        """Digest of the model's content, read when it is first asked for."""
        return content_digest(self.path)


@dataclasses.dataclass(frozen=True)
class Champion:
    """The model that a candidate was compared with.

    Attributes:
        version: its version, 0 where nothing was being served.
        digest: of its content; empty where nothing was being served.
    """

    version: int = 0
    digest: str = ""


@dataclasses.dataclass(frozen=True)
class Publication:
    """A model that is in the directory as its newest version.

    Attributes:
        served: where it is, seen to be complete.
        new: False where it had been there before.
    """

    served: ServedModel
    new: bool


@dataclasses.dataclass(frozen=True)
class Change:
    """A step that changes which versions are in the directory.

    Attributes:
        what: `withdrawn`, `restored` or `pruned`.
        version: the version.
        path: where it is before.
    """

    what: history.What
    version: int
    path: str


class Withdrawn(Exception):
    """A model is not published because this very model was withdrawn before.

    Attributes:
        event: the withdrawal.
    """

    def __init__(self, event: history.Event):
        super().__init__(
            f"Version {event.version}, this very model, was withdrawn from serving on {event.when:%Y-%m-%d %H:%M} UTC by "
            f"{event.by or 'somebody'}{f' ({event.why})' if event.why else ''}; it is not pushed again. To serve it after all: "
            f"age-pipeline serving restore {event.version}."
        )
        self.event = event


class Declined(Withdrawn):
    """A model is not kept for approval because a person declined this very model before."""

    def __init__(self, event: history.Event):
        Exception.__init__(
            self,
            f"{event.by or 'Somebody'} declined this very model on {event.when:%Y-%m-%d %H:%M} UTC"
            f"{f' ({event.why})' if event.why else ''}; it does not wait for approval again. To have it served after all, run once "
            "with pusher.approval=automatic.",
        )
        self.event = event


def served_models(serving_dir: str) -> list[ServedModel]:
    """Returns the complete versions in `serving_dir`, newest first; none when the directory does not exist.

    What is not named by a number or holds no SavedModel (such as a version that is just being copied to an object store) is
    passed over, as TensorFlow Serving does.
    """
    versions = [
        ServedModel(version=int(name), path=storage.join(serving_dir, name))
        for name in storage.list_directory(serving_dir)
        if _is_version(name) and is_model(storage.join(serving_dir, name))
    ]
    return sorted(versions, key=lambda served: served.version, reverse=True)


def _is_version(name: str) -> bool:
    return name.isascii() and name.isdigit() and int(name) <= _LARGEST_VERSION


class ServingDirectory:
    """A serving directory, and all that changes it.

        directory = ServingDirectory("runs/faces/serving/age")
        directory.publish("model", compared_with=directory.champion(content_digest("model")), run="20261124-101500")

    Args:
        path: the directory with the numbered versions; made when something is published.
    """

    def __init__(self, path: str):
        self.path = path.rstrip("/") or path

    def versions(self) -> list[ServedModel]:
        """Returns the complete versions, newest first: the first one is being served."""
        return served_models(self.path)

    def withdrawn(self) -> list[ServedModel]:
        """Returns the versions that were withdrawn and can be restored, newest first."""
        return served_models(self._own("withdrawn"))

    def events(self) -> list[history.Event]:
        """Returns what happened, in order, with what a process did and could not record any more.

        Raises:
            BadInput: an event can't be read.
        """
        # In this order: between the two, whoever announced it may record it.
        announced = history.announced(self._own("announced"))
        events = history.read(self._own("history"))
        if announced is not None and announced not in events and self._has_come_about(announced):
            events.append(announced)
        return events

    def champion(self, candidate: str) -> Champion:
        """Returns what a candidate has to stand up to: the newest version being served that is not this very model.

        Args:
            candidate: digest of the candidate's content. A rerun finds the model that it pushed; comparing that with itself
                would say nothing.
        """
        for served in self.versions():
            if served.digest != candidate:
                return Champion(served.version, served.digest)
        return Champion()

    def best(self, candidate: str, champion: Champion) -> Champion:
        """Returns the version with the least error by its own record, where that is less than the champion's.

        A chain of pushes, each a little worse than the one before, could else end anywhere. The record is the error that the
        version's own run measured, on its own photographs: it says which version is worth comparing with, and no more.

        Args:
            candidate: digest of the candidate's content.
            champion: that of the candidate.

        Returns:
            A champion of version 0 where there is none.
        """
        records = {event.digest: event.mae for event in self.events() if event.mae is not None}
        least, best = records.get(champion.digest, math.inf), Champion()
        for served in self.versions():
            mae = records.get(served.digest, math.inf)
            if mae < least and served.digest not in (candidate, champion.digest):
                least, best = mae, Champion(served.version, served.digest)
        return best

    def publish(
        self,
        model: str,
        compared_with: Champion | None = None,
        run: str = "",
        by: str = "",
        why: str = "",
        mae: float | None = None,
    ) -> Publication:
        """Makes a model the newest version, unless it is that already.

        Args:
            model: directory of the SavedModel.
            compared_with: what the candidate was compared with; None for no such condition.
            run: name of the run that publishes it.
            by: who does, the user of this process unless given.
            why: the reason, for the history.
            mae: what its run measured, years; for later candidates (see `best`).

        Returns:
            Where the model is.

        Raises:
            Withdrawn: this very model was withdrawn before and is in the directory no more.
            BadInput: what is being served is not what the candidate was compared with, or `model` is no SavedModel.
        """
        if not is_model(model):
            raise BadInput(f"{model}: there is no SavedModel to publish. Expected a directory with {MODEL_FILE}.")
        digest = content_digest(model)
        staged = None
        if not self._is_newest(digest):
            staged = self._stage(model, digest)
        with self._changing() as still_mine:
            if self._is_newest(digest):
                if staged:
                    storage.remove_tree(staged)
                return Publication(self.versions()[0], new=False)
            try:
                self._require_publishable(digest, compared_with)
                staged = staged or self._stage(model, digest)
                version = self._next_version()
                path = storage.join(self.path, str(version))
                with self._recorded(_event("published", version, digest, run, by, why, mae)):
                    self._appear(staged, path, still_mine)
            except BaseException:
                if staged and storage.is_directory(staged):
                    storage.remove_tree(staged)
                raise
        return Publication(ServedModel(version, path), new=True)

    def hold(
        self, model: str, compared_with: Champion, run: str, report_dir: str, mae: float | None = None
    ) -> Publication | None:
        """Keeps a model until a person approves it, unless it is the newest version already.

        Args:
            model: directory of the SavedModel.
            compared_with: what the candidate was compared with.
            run: name of the run that made it.
            report_dir: the folder of its report.
            mae: what the run measured, years.

        Returns:
            Where the model is being served already; None where it waits now.

        Raises:
            Withdrawn, BadInput: as `publish` does.
            Declined: a person declined this very model before.
        """
        if not is_model(model):
            raise BadInput(f"{model}: there is no SavedModel to keep. Expected a directory with {MODEL_FILE}.")
        digest = content_digest(model)
        with self._changing():
            if self._is_newest(digest):
                return Publication(self.versions()[0], new=False)
            self._require_publishable(digest, compared_with)
            self._require_not_declined(digest)
            candidate = approval.Candidate(
                run=run,
                digest=digest,
                champion_version=compared_with.version,
                champion_digest=compared_with.digest,
                report_dir=report_dir,
                mae=mae,
                since=datetime.datetime.now(datetime.timezone.utc),
            )
            try:
                approval.sweep(self._own("waiting"))
                approval.keep(self._own("waiting"), self._own("unfinished", uuid.uuid4().hex), model, candidate)
            except OSError as error:
                raise BadInput(f"{self.path}: the model can't be written there: {error.strerror or error}.") from error
            self._remove_outdated(candidate)
        return None

    def waiting(self) -> list[approval.Waiting]:
        """Returns the models that a person has yet to approve, by the name of their runs.

        Raises:
            BadInput: what is known of one can't be read.
        """
        return approval.read(self._own("waiting"))

    def require_approvable(self, waiting: approval.Waiting) -> None:
        """Looks whether a model that waits would be pushed now.

        Raises:
            Withdrawn: this very model was withdrawn before.
            BadInput: what is being served is not what it was compared with, or the model is not the one that was blessed.
        """
        candidate = waiting.candidate
        if not is_model(waiting.model) or content_digest(waiting.model) != candidate.digest:
            raise BadInput(
                f"{waiting.model}: this is not the model that was blessed: its content is another one. Nothing was pushed. Remove "
                f"{waiting.path} and run again: the model comes from the cache."
            )
        if not self._is_newest(candidate.digest):
            self._require_publishable(candidate.digest, Champion(candidate.champion_version, candidate.champion_digest))

    def approve(
        self,
        waiting: approval.Waiting,
        by: str,
        why: str,
        tell: Callable[[ServedModel], None] = lambda served: None,
    ) -> Publication:
        """Makes a model that waits the newest version.

        Args:
            waiting: from `waiting`.
            by: who approves.
            why: the reason.
            tell: is told where it is served while it still waits: where telling fails, it can be approved again.

        Raises:
            Withdrawn, BadInput: what `require_approvable` raises.
        """
        self.require_approvable(waiting)
        candidate = waiting.candidate
        publication = self.publish(
            waiting.model,
            compared_with=Champion(candidate.champion_version, candidate.champion_digest),
            run=candidate.run,
            by=by,
            why=why,
            mae=candidate.mae,
        )
        tell(publication.served)
        self._remove_waiting(waiting)
        return publication

    def decline(self, waiting: approval.Waiting, by: str, why: str) -> None:
        """Removes a model that waits, for good; the same model is not kept for approval again.

        Args:
            waiting: from `waiting`.
            by: who declines.
            why: the reason.
        """
        self._remove_waiting(waiting, _event("declined", 0, waiting.candidate.digest, waiting.candidate.run, by, why))

    def planned_withdrawal(self, version: int) -> list[Change]:
        """Returns what withdrawing a version changes.

        Raises:
            BadInput: there is no such version.
        """
        return [self._withdrawal(self._find(version))]

    def planned_rollback(self, version: int | None = None) -> list[Change]:
        """Returns what makes an older version the one being served: all that are newer are withdrawn.

        Args:
            version: to which one; None for the one before the newest.

        Raises:
            BadInput: there is no such version.
        """
        versions = self.versions()
        if version is None:
            if len(versions) < 2:
                raise BadInput(
                    f"{self.path}: {'one version is' if versions else 'no version is'} being served, and none before it to go back "
                    "to. Withdraw it, or restore one that was withdrawn (age-pipeline serving list)."
                )
            version = versions[1].version
        self._find(version)
        return [self._withdrawal(served) for served in versions if served.version > version]

    def planned_restoring(self, version: int) -> list[Change]:
        """Returns what brings a withdrawn version back.

        Raises:
            BadInput: no such version was withdrawn.
        """
        for served in self.withdrawn():
            if served.version == version:
                return [Change("restored", version, served.path)]
        raise BadInput(f"{self.path}: version {version} can't be restored. {_those_there_are('withdrawn', self.withdrawn())}")

    def planned_pruning(self, keep: int) -> list[Change]:
        """Returns what removes all but the newest versions for good; withdrawn ones stay.

        Args:
            keep: how many stay; the version being served and its predecessor always do.
        """
        kept = max(2, keep)
        return [Change("pruned", served.version, served.path) for served in reversed(self.versions()[kept:])]

    def carry_out(self, plan: Callable[[], list[Change]], by: str = "", why: str = "") -> list[Change]:
        """Plans once more while nobody else changes the directory, does what was planned, and records it.

        Args:
            plan: one of the planning methods, such as `lambda: directory.planned_rollback()`.
            by: who does it, the user of this process unless given.
            why: the reason, for the history.

        Returns:
            What was done.

        Raises:
            BadInput: what `plan` raises.
        """
        with self._changing() as still_mine:
            changes = plan()
            for change in changes:
                with self._recorded(_event(change.what, change.version, content_digest(change.path), by=by, why=why)):
                    if change.what == "pruned":
                        self._disappear(change.path)
                    else:
                        self._move(change.path, self._destination(change.what, change.version), still_mine)
        return changes

    def _own(self, *parts: str) -> str:
        return storage.join(self.path, OWN_FOLDER, *parts)

    def _destination(self, what: history.What, version: int) -> str:
        """Returns where a version is after it was withdrawn or restored."""
        return storage.join(self._own("withdrawn") if what == "withdrawn" else self.path, str(version))

    def _is_newest(self, digest: str) -> bool:
        versions = self.versions()
        return bool(versions) and versions[0].digest == digest

    def _find(self, version: int) -> ServedModel:
        for served in self.versions():
            if served.version == version:
                return served
        raise BadInput(f"{self.path}: there is no version {version}. {_those_there_are('there', self.versions())}")

    def _withdrawal(self, served: ServedModel) -> Change:
        return Change("withdrawn", served.version, served.path)

    def _require_publishable(self, digest: str, compared_with: Champion | None) -> None:
        self._require_not_withdrawn(digest)
        self._require_champion(digest, compared_with)

    def _require_not_withdrawn(self, digest: str) -> None:
        if any(served.digest == digest for served in self.versions()):
            return
        last = next((event for event in reversed(self.events()) if event.version and event.digest == digest), None)
        if last is not None and last.what == "withdrawn":
            raise Withdrawn(last)

    def _require_champion(self, digest: str, compared_with: Champion | None) -> None:
        if compared_with is None:
            return
        now = self.champion(digest)
        if now.digest != compared_with.digest:
            raise BadInput(
                f"{self.path}: {_said(now)} is being served by now, and the candidate was compared with {_said(compared_with)}. "
                "Nothing was pushed. Run it again: up to the evaluation it comes from the cache, and the comparison is made anew."
            )

    def _require_not_declined(self, digest: str) -> None:
        last = next((event for event in reversed(self.events()) if event.digest == digest and event.what != "outdated"), None)
        if last is not None and last.what == "declined":
            raise Declined(last)

    def _remove_waiting(self, waiting: approval.Waiting, event: history.Event | None = None) -> None:
        with self._changing():
            if event is not None:
                self._record(event)
            approval.remove(waiting.path)

    def _remove_outdated(self, kept: approval.Candidate) -> None:
        """Removes, of the models that wait beside one that was just put there, those that nobody needs to decide on any more."""
        others = [one for one in self.waiting() if one.candidate.run != kept.run]
        for place, one in enumerate(sorted(others, key=lambda other: other.candidate.since, reverse=True), start=1):
            candidate = one.candidate
            if candidate.digest == kept.digest:
                why = f"the same model waits, of run {kept.run}"
            elif self.champion(candidate.digest).digest != candidate.champion_digest:
                why = "another model is being served than the one that it was compared with"
            elif place >= approval.MOST:
                why = f"{approval.MOST} newer ones wait"
            else:
                continue
            self._record(_event("outdated", 0, candidate.digest, candidate.run, why=why))
            approval.remove(one.path)

    def _next_version(self) -> int:
        """Returns a number above all that there ever were; the seconds since 1970, as TFX's Pusher has it, if it can be."""
        names = storage.list_directory(self.path) + storage.list_directory(self._own("withdrawn"))
        used = [int(name) for name in names if _is_version(name)]
        used += [event.version for event in self.events()]
        return max(int(time.time()), max(used, default=0) + 1)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[directory_lock.StillMine]:
        """Keeps everybody else from changing the directory, with its history brought up to date first."""
        try:
            storage.make_directory(self._own())
        except OSError as error:
            raise BadInput(f"{self.path}: the serving directory can't be made: {error.strerror or error}.") from error
        with directory_lock.locked(self._own("lock")) as still_mine:
            self._settle(still_mine)
            self._catch_up()
            self._sweep()
            yield still_mine

    def _stage(self, model: str, digest: str) -> str:
        """Copies a model into a hidden folder, and returns it when the disk has it."""
        staged = self._own("unfinished", uuid.uuid4().hex)
        try:
            storage.make_directory(self._own("unfinished"))
            storage.link_or_copy_tree(model, staged)
            if not storage.is_remote(staged):
                storage.sync_tree(staged)
        except OSError as error:
            raise BadInput(f"{self.path}: the model can't be written there: {error.strerror or error}.") from error
        if content_digest(staged) != digest:
            raise OSError(f"{staged}: the copy of {model} is not like it.")
        return staged

    def _appear(self, staged: str, path: str, still_mine: directory_lock.StillMine) -> None:
        if not storage.is_remote(path):
            storage.rename(staged, path)
            storage.sync(self.path)
            return
        self._move_files(staged, path, still_mine)

    def _move_files(self, source: str, destination: str, still_mine: directory_lock.StillMine) -> None:
        """Moves a version on an object store; what is served ends with the first file, and begins with the last."""
        ends = os.path.dirname(source) == self.path
        for name in sorted(storage.list_tree(source), key=lambda name: (name == MODEL_FILE) is not ends):
            if name == MODEL_FILE and not ends and not still_mine():
                raise OSError(f"{destination}: copying the model took longer than the directory may be locked.")
            storage.make_directory(os.path.dirname(storage.join(destination, name)))
            storage.rename(storage.join(source, name), storage.join(destination, name))
        storage.remove_tree(source)

    def _move(self, source: str, destination: str, still_mine: directory_lock.StillMine) -> None:
        """Moves a whole version between the served and the withdrawn ones."""
        if storage.is_directory(destination):
            raise BadInput(
                f"{destination}: there is such a version already, so {source} can't be moved there. Remove one of them."
            )
        if storage.is_remote(source):
            self._move_files(source, destination, still_mine)
            return
        storage.make_directory(os.path.dirname(destination))
        storage.rename(source, destination)
        storage.sync(os.path.dirname(source))
        storage.sync(os.path.dirname(destination))

    def _disappear(self, path: str) -> None:
        if storage.is_remote(path):
            storage.remove_file(storage.join(path, MODEL_FILE))
            storage.remove_tree(path)
            return
        gone = self._own("unfinished", uuid.uuid4().hex)
        storage.make_directory(self._own("unfinished"))
        storage.rename(path, gone)
        storage.sync(self.path)
        storage.remove_tree(gone)

    @contextlib.contextmanager
    def _recorded(self, event: history.Event) -> Iterator[None]:
        """Announces what the block does, and records it."""
        history.announce(self._own("announced"), event)
        yield
        self._record(event)
        history.settle(self._own("announced"))

    def _record(self, event: history.Event) -> None:
        history.record(self._own("history"), event)

    def _has_come_about(self, event: history.Event) -> bool:
        """Whether what was announced is to be seen: on a local disk it is done then, on an object store all but done."""
        served = is_model(storage.join(self.path, str(event.version)))
        if event.what in history.PRESENT:
            return served
        return not served and is_model(self._destination("withdrawn", event.version)) is (event.what == "withdrawn")

    def _settle(self, still_mine: directory_lock.StillMine) -> None:
        """Finishes and records what a process announced that died before it could, or forgets it where nothing came of it."""
        event = history.announced(self._own("announced"))
        if event is None:
            return
        if event not in history.read(self._own("history")):
            self._move_the_rest(event, still_mine)
            if self._has_come_about(event):
                self._record(event)
        history.settle(self._own("announced"))

    def _move_the_rest(self, event: history.Event, still_mine: directory_lock.StillMine) -> None:
        """Moves or removes, on an object store, what a process left of a version that it was moving or removing."""
        version = str(event.version)
        served, withdrawn = storage.join(self.path, version), storage.join(self._own("withdrawn"), version)
        if not storage.is_remote(self.path):
            return
        if event.what == "withdrawn" and not is_model(served) and is_model(withdrawn) and storage.is_directory(served):
            self._move_files(served, withdrawn, still_mine)
        elif event.what == "restored" and storage.is_directory(served) and storage.is_directory(withdrawn):
            self._move_files(withdrawn, served, still_mine)
        elif event.what == "pruned" and not is_model(served) and storage.is_directory(served):
            storage.remove_tree(served)

    def _catch_up(self) -> None:
        """Records what somebody did to the directory by hand."""
        last = {event.version: event for event in self.events()}
        present = self.versions()
        withdrawn = {served.version: served for served in self.withdrawn()}
        for served in present:
            if served.version not in last or last[served.version].what not in history.PRESENT:
                self._record(
                    _event(
                        "found", served.version, served.digest, by="unknown", why="in the directory, and not published here"
                    )
                )
        for version in sorted(set(last) - {served.version for served in present}):
            if last[version].what not in history.PRESENT:
                continue
            if version in withdrawn:
                why = "found among the withdrawn versions"
                self._record(_event("withdrawn", version, withdrawn[version].digest, by="unknown", why=why))
            else:
                self._record(_event("gone", version, last[version].digest, by="unknown", why="not in the directory any more"))

    def _sweep(self) -> None:
        """Removes what dead processes left unfinished long ago."""
        if storage.is_remote(self.path):
            return
        for name in storage.list_directory(self._own("unfinished")):
            path = self._own("unfinished", name)
            if time.time() - os.path.getmtime(path) > _UNFINISHED_SECONDS:
                storage.remove_tree(path)


def _event(
    what: history.What, version: int, digest: str, run: str = "", by: str = "", why: str = "", mae: float | None = None
) -> history.Event:
    return history.Event(
        when=datetime.datetime.now(datetime.timezone.utc),
        what=what,
        version=version,
        digest=digest,
        run=run,
        by=by or history.whoever_this_is(),
        why=why,
        mae=mae,
    )


def _said(champion: Champion) -> str:
    return f"version {champion.version}" if champion.version else "nothing"


def _those_there_are(what: str, versions: list[ServedModel]) -> str:
    if not versions:
        return f"None is {what}."
    numbers = ", ".join(str(served.version) for served in versions)
    return f"{'This is' if len(versions) == 1 else 'These are'} {what}: {numbers}."
