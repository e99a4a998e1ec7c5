"""Says in a terminal what a data set is like."""

from age.untrusted_text import harmless
from schemas import features
from schemas.verdict import AgeStatistics, AttributeValue, ImageSize, OtherSizes, Verdict

_SHOWN_VALUES = 8
_SHOWN_REJECTS = 2
_SHOWN_LENGTH = 160


def _in_words(reason: str) -> str:
    return reason.replace("_", " ")


def _ages(ages: AgeStatistics) -> str:
    if not ages.count:
        return "none"
    spread = "" if ages.std is None else f", standard deviation {ages.std:.2f}"
    return (
        f"mean {ages.mean:.2f}{spread}, quartiles {ages.q25:g} / {ages.median:g} / {ages.q75:g}, "
        f"{ages.min:g} to {ages.max:g} years, of {ages.count}"
    )


def _sizes(sizes: list[ImageSize | OtherSizes]) -> str:
    listed = [entry for entry in sizes if isinstance(entry, ImageSize)]
    named = [f"{entry.width}x{entry.height} ({entry.count})" for entry in listed[:_SHOWN_VALUES]]
    others = sum(entry.count for entry in listed[_SHOWN_VALUES:])
    others += sum(entry.other for entry in sizes if isinstance(entry, OtherSizes))
    return ", ".join(named + ([f"others ({others})"] if others else []))


def _values(values: list[AttributeValue], used: int) -> str:
    shown = values[:_SHOWN_VALUES]
    others = used - sum(entry.count for entry in shown)
    named = [f"{_shortened(entry.value) or '(blank)'} ({entry.count})" for entry in shown]
    return ", ".join(named + ([f"others ({others})"] if others else []))


def _shortened(text: str) -> str:
    return harmless(text, _SHOWN_LENGTH)


def data_text(verdict: Verdict) -> str:
    """Returns what a look at the data found as lines for a person."""
    data = verdict.data
    rows = [
        ("rows", f"{data.rows}: {data.used} used, {data.rejected} rejected, {data.duplicates} duplicates"),
        ("splits", ", ".join(f"{split} {data.splits.get(split, 0)}" for split in features.SPLITS)),
        ("ages", _ages(data.ages["labels"])),
    ]
    if data.near_duplicates:
        near = data.near_duplicates
        rows.insert(
            1,
            (
                "looks alike",
                f"{near.pairs} pairs of pictures, each in one split ({near.apart} would be in two), "
                f"{near.different_ages} with two ages",
            ),
        )
    if data.groups:
        rows.insert(1, ("groups", f"{data.groups.groups}, each in one split ({data.groups.apart} would be in several)"))
    rows += [(f"  {split}", _ages(data.ages[split])) for split in features.SPLITS]
    if data.sizes:
        rows.append(("pixels", _sizes(data.sizes)))
        means = ", ".join(
            f"{split} {data.brightness[split].mean:.2f}" for split in features.SPLITS if split in data.brightness
        )
        rows.append(("brightness", f"mean (0 black, 1 white): {means}"))
    rows += [(_shortened(name), _values(values, data.used)) for name, values in data.attributes.items()]
    for reason, number in sorted(data.rejects.items(), key=lambda item: -item[1]):
        rows.append(("rejected", f"{number} {harmless(_in_words(reason))}"))
        rows += [
            ("", f"line {row.line}, {_shortened(row.file_name)}: {_shortened(row.detail)}")
            for row in data.reject_examples
            if row.reason == reason
        ][:_SHOWN_REJECTS]
    rows += [("report", harmless(verdict.paths.report)), ("rejects", harmless(verdict.paths.rejects))]
    width = max(len(name) for name, _ in rows) + 2
    lines = ["", *(f"  {name:<{width}}{text}" for name, text in rows), ""]
    if verdict.stopped_by:
        lines += ["The data gate would stop a run:", *(f"  - {harmless(reason)}" for reason in verdict.reasons)]
    else:
        lines.append("The data gate would let a run go on.")
    return "\n".join(lines)
