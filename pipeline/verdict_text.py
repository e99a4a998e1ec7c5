"""Says a verdict in a terminal."""

from typing import Any, Dict


def _years(value) -> str:
    return "not a number" if value is None else f"{value:.2f}"


def verdict_text(verdict: Dict[str, Any]) -> str:
    """Returns the verdict of a run (see `components.verdict`) as a few lines for a person."""
    data, paths, metrics = verdict["data"], verdict["paths"], verdict["metrics"]
    lines = ["", "BLESSED: this model may serve." if verdict["blessed"] else "NOT BLESSED: this model may not serve."]
    lines.extend(f"  - {reason}" for reason in verdict["reasons"])
    rows = [
        (
            "MAE",
            f"{_years(metrics['mae'])} years on {metrics['example_count']} test photographs "
            f"(at most {verdict['thresholds']['max_mae']:g} allowed)",
        ),
        ("bias", f"{_years(metrics['bias'])} years; {100 * (metrics['within_5_years'] or 0):.0f} % within 5 years"),
    ]
    champion = verdict["champion"]
    if champion and champion["metrics"]:
        rows.append(("champion", f"version {champion['version']}, MAE {_years(champion['metrics']['mae'])} years"))
    rejects = ", ".join(f"{number} {reason.replace('_', ' ')}" for reason, number in data["rejects"].items())
    rows += [
        (
            "rows",
            f"{data['used']} used, {data['rejected']} rejected{f' ({rejects})' if rejects else ''}, "
            f"{data['duplicates']} duplicates, of {data['rows']}",
        ),
        ("model", paths["model"] or "none pushed"),
        ("report", paths["report"]),
        ("rejects", paths["rejects"]),
        ("metadata", paths["metadata"]),
    ]
    lines.extend(f"  {name:<9} {text}" for name, text in rows)
    return "\n".join(lines)
