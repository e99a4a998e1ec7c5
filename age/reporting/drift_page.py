"""The page of `age-pipeline drift`: one file that needs nothing else and asks for nothing."""

import markupsafe

from age.drift.detection import Comparison, Drift
from age.reporting import page, svg
from age.untrusted_text import harmless_throughout

_TEMPLATE = "drift.html.j2"
_PER_CENT = range(10, 100, 10)


def render(found: Drift) -> str:
    """Returns the page.

    Args:
        found: what was found.
    """
    shown = Drift.model_validate(harmless_throughout(found.model_dump()))
    charts = {each.name: markupsafe.Markup(_spread(each)) for each in shown.comparisons if each.reference and each.found}
    return page.environment().get_template(_TEMPLATE).render(drift=shown, charts=charts)


def _spread(comparison: Comparison) -> str:
    """Draws which share of the photographs lies below each value, then and now."""
    assert comparison.reference and comparison.found
    label = f"{comparison.what}: median {comparison.reference.median:.4g} then, {comparison.found.median:.4g} now"
    with svg.drawing(comparison.name, label, 2.6) as chart:
        axes = chart.figure.subplots()
        axes.plot(comparison.reference.deciles, _PER_CENT, color=svg.FIRST, marker="o", markersize=4, label="then")
        axes.plot(comparison.found.deciles, _PER_CENT, color=svg.SECOND, marker="s", markersize=4, linestyle="--", label="now")
        axes.set_ylim(0, 100)
        axes.set_xlabel(comparison.what)
        axes.set_ylabel("% at or below")
        axes.legend(loc="lower right")
    return chart.svg
