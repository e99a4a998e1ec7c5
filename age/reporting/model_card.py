"""Writes the model card that goes with a pushed model, after Mitchell et al., Model Cards for Model Reporting, 2019.

It says nothing about any one person: no file names, no paths, no photographs, and no numbers of slices that are small.
"""

import os
import re
from collections import Counter
from typing import Any

import markupsafe

from age import storage
from age.reporting import environments, for_whom, page
from age.serving.serving_directory import EXTRA_ASSETS
from age.untrusted_text import harmless
from schemas.verdict import Verdict

_TEMPLATE = "model_card.md.j2"
_SPECIAL = re.compile(r"([\\`*_\[\]|~]|^[#+=-]|(?<=^\d)[.)](?=\s)|(?<=:)//|(?<=www)\.)")


def _literal(text: Any, limit: int = 80) -> str:
    """Returns `text` with whatever Markdown or HTML could read as more than letters escaped."""
    return str(markupsafe.escape(_SPECIAL.sub(r"\\\1", harmless(str(text), limit).strip())))


def render(verdict: Verdict) -> str:
    """Returns the model card of a verdict with metrics, as Markdown."""
    shown = page.shown(verdict)
    environment = page.environment()
    environment.autoescape = False
    environment.filters["literal"] = _literal
    processes = environments.processes(shown)
    trained_by = processes.get("training")
    compared = environments.side_by_side(list(processes.values())) if len(processes) > 1 else []
    return environment.get_template(_TEMPLATE).render(
        verdict=shown,
        served=for_whom.served(shown),
        exceptions=for_whom.exceptions_without_numbers(shown),
        small=Counter(entry.feature for entry in shown.slices if entry.small),
        trained_by=trained_by,
        commit=environments.commit(trained_by) if trained_by else None,
        differing=[(name, here) for name, (there, here) in compared if there != here],
    )


def write(verdict: Verdict) -> str | None:
    """Writes the model card into the pushed model, unless it has one.

    A model that comes from the cache keeps the card of the run that pushed it.

    Args:
        verdict: of a run that pushed a model to `paths.model`, or of one that did not.

    Returns:
        The card's path; None where no model was pushed, or it has been removed since.
    """
    model = verdict.paths.model
    if not model or not storage.is_directory(model):
        return None
    extra = os.path.join(model, EXTRA_ASSETS)
    path = os.path.join(extra, page.MODEL_CARD_FILE)
    if not storage.exists(path):
        storage.make_directory(extra)
        storage.write_text(path, render(verdict))
    return path
