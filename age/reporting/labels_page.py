"""The page of labels worth a second look: `labels_to_check.html`, the worst of the list with their photographs."""

import os
from collections.abc import Sequence

import jinja2

from age import storage
from age.dataset import labels_to_check
from age.dataset.labels_to_check import JudgedLabel
from age.reporting import page, thumbnails
from age.untrusted_text import harmless

PAGE_FILE = "labels_to_check.html"
SHOWN = 96
"""Photographs on the page; as many of the list's first ones."""


def write(directory: str, run_id: str, rows: Sequence[JudgedLabel], examples: str, faces: bool) -> str:
    """Writes the page into the folder of a run, and returns its path.

    Args:
        directory: of the run's report.
        run_id: the run's name.
        rows: of all labels, worst first.
        examples: directory of the examples, for the photographs.
        faces: whether it may show photographs of people.
    """
    path, shown, pictures, problem = os.path.join(directory, PAGE_FILE), rows[:SHOWN], {}, ""
    if faces:
        try:
            pictures = thumbnails.by_file_name(examples, [row.file_name for row in shown])
        except OSError as error:
            problem = f"The photographs can't be shown: {harmless(str(error), 300)}"
    storage.write_text(path, render(run_id, rows, shown, pictures, faces, problem))
    return path


def render(
    run_id: str,
    rows: Sequence[JudgedLabel],
    shown: Sequence[JudgedLabel],
    pictures: dict[str, str],
    faces: bool,
    problem: str = "",
) -> str:
    """Returns the page: one file that needs nothing else and asks for nothing.

    Args:
        run_id: the run's name.
        rows: of all labels.
        shown: those of them that are shown.
        pictures: thumbnails by file name, as `data:` addresses.
        faces: whether it may show photographs of people.
        problem: why photographs are missing, in a sentence; empty where they are not.
    """
    template: jinja2.Template = page.environment().get_template("labels_page.html.j2")
    return template.render(
        run_id=run_id,
        count=len(rows),
        issues=sum(row.is_issue for row in rows),
        shown=shown,
        pictures=pictures,
        faces=faces,
        problem=problem,
        list_file=labels_to_check.FILE_NAME,
    )
