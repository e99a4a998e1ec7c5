"""Writes a verdict into a folder: `blessing.json` for machines and `report.html` for people."""

import os
from typing import Any, Dict

import jinja2

from components import storage, verdict

REPORT_FILE = "report.html"
_TEMPLATE = "report_page.html.j2"


def _years(value) -> str:
    return "not a number" if value is None or value != value else f"{value:.2f}"


def _percent(value) -> str:
    return "not a number" if value is None or value != value else f"{100 * value:.1f} %"


def render(made: Dict[str, Any]) -> str:
    """Returns the page of a verdict: one file that needs nothing else.

    Everything that comes from the data (file names, attribute values) is escaped.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("components", "."), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters.update(years=_years, percent=_percent)
    return environment.get_template(_TEMPLATE).render(verdict=made)


def write(made: Dict[str, Any], directory: str) -> None:
    """Writes `blessing.json` and `report.html` of a verdict into `directory`."""
    storage.make_directory(directory)
    storage.write_text(os.path.join(directory, REPORT_FILE), render(made))
    storage.write_text(os.path.join(directory, verdict.BLESSING_FILE), verdict.to_json(made))
