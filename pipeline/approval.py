"""Decides on a model that waits for approval: has it served or removes it, and says so in the report of its run."""

import dataclasses
import datetime
import os

import pydantic

from age import storage
from age.reporting import model_card, page, verdicts
from age.serving.approval import Waiting
from age.serving.serving_directory import ServedModel, ServingDirectory
from schemas.bad_input import BadInput
from schemas.verdict import BLESSING_FILE, PENDING, Verdict


@dataclasses.dataclass(frozen=True)
class Approved:
    """A model that was approved.

    Attributes:
        served: where it is served.
        report: the folder of its run's report, which says so now; None where that can't be reached.
    """

    served: ServedModel
    report: str | None


def choose(directory: ServingDirectory, run: str) -> Waiting:
    """Returns the model that a person means.

    Args:
        directory: the serving directory.
        run: the name of the run that made it, or a beginning of it that no other has.

    Raises:
        BadInput: no model or several models of such runs wait.
    """
    waiting = directory.waiting()
    meant = [one for one in waiting if one.candidate.run == run] or [
        one for one in waiting if run and one.candidate.run.startswith(run)
    ]
    if len(meant) == 1:
        return meant[0]
    found = f"models of {len(meant)} runs that begin with {run!r} wait" if meant else f"no model of a run {run!r} waits"
    known = ", ".join(one.candidate.run for one in (meant or waiting)) or "none waits at all"
    raise BadInput(f"{directory.path}: {found} for approval. Expected one of these: {known} (age-pipeline serving list).")


def report_of(waiting: Waiting, reports_dir: str) -> str | None:
    """Returns the folder of the report of the run that made a model, or None where it can't be reached from here.

    Args:
        waiting: the model.
        reports_dir: where this machine's configuration has the reports; the run may have seen the same folder under another path.
    """
    for folder in (os.path.join(reports_dir, waiting.candidate.run), waiting.candidate.report_dir):
        try:
            if storage.exists(os.path.join(folder, BLESSING_FILE)):
                return folder
        except OSError:
            continue
    return None


def _verdict(folder: str) -> Verdict:
    path = os.path.join(folder, BLESSING_FILE)
    try:
        return Verdict.from_json(storage.read_bytes(path))
    except (ValueError, pydantic.ValidationError) as error:
        raise BadInput(
            f"{path}: the file is damaged. Nothing was pushed. Run again: the model comes from the cache."
        ) from error


def require_reported(report: str | None) -> Verdict | None:
    """Returns the verdict in a run's report.

    Args:
        report: from `report_of`.

    Returns:
        None where the report can't be reached.

    Raises:
        BadInput: the run has not written it yet, and would write over what is decided now.
    """
    verdict = _verdict(report) if report else None
    if verdict and verdict.push == PENDING:
        raise BadInput(
            f"{report}: the run has not written its report yet. Nothing was pushed. Wait for its end, or run again if it died."
        )
    return verdict


def approve(directory: ServingDirectory, waiting: Waiting, report: str | None, by: str, reason: str) -> Approved:
    """Pushes a model that waits, and completes the report of its run.

    Args:
        directory: the serving directory.
        waiting: the model.
        report: from `report_of`.
        by: who approves.
        reason: why.

    Raises:
        Withdrawn, BadInput: why nothing was pushed.
    """
    verdict = require_reported(report)

    def tell(served: ServedModel) -> None:
        if report and verdict:
            now = verdicts.pushed(verdicts.approved(verdict, by, reason), version=str(served.version), model=served.path)
            page.update(verdicts.with_paths(now, model_card=model_card.write(now)), report)

    return Approved(directory.approve(waiting, by=by, why=reason, tell=tell).served, report)


def decline(directory: ServingDirectory, waiting: Waiting, report: str | None, by: str, reason: str) -> None:
    """Removes a model that waits, and completes the report of its run.

    Args:
        directory: the serving directory.
        waiting: the model.
        report: from `report_of`.
        by: who declines.
        reason: why.

    Raises:
        BadInput: why it was not removed.
    """
    verdict = require_reported(report)
    if report and verdict:
        when = datetime.datetime.now(datetime.timezone.utc)
        page.update(verdicts.refused(verdict, f"{by} declined the model on {when:%Y-%m-%d %H:%M} UTC: {reason}"), report)
    directory.decline(waiting, by=by, why=reason)
