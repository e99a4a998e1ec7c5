"""Says for whom a model may serve and for whom not, from a verdict's groups."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from schemas import features
from schemas.verdict import ADEQUATE, Group, Verdict

MAX_NAMED = 4
"""Groups that a sentence names before it says how many more there are."""

MAX_SENTENCES = 8
"""Groups that get a sentence of their own."""


def named(group: Group) -> str:
    """Returns the name of a group, such as `70 and over`, `20 to 39` or `gender=female`."""
    if group.attribute is not None:
        return f"{group.attribute}={group.value or '(blank)'}"
    if group.highest_age is None and not group.lowest_age:
        return "any age alone"
    if group.highest_age is None:
        return f"{group.lowest_age} and over"
    if group.lowest_age == 0 and group.evidence != ADEQUATE:
        return f"under {group.highest_age + 1}"
    return f"{group.lowest_age} to {group.highest_age}"


def _listed(names: Sequence[str]) -> str:
    shown = [*names[:MAX_NAMED], *([f"{len(names) - MAX_NAMED} more"] if len(names) > MAX_NAMED else [])]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def served(verdict: Verdict) -> str | None:
    """Returns for whom the evidence is adequate, such as `for ages 0 to 69 and every gender`; None where that was not judged."""
    ranges = [group for group in verdict.groups if group.attribute is None]
    if not ranges:
        return None
    ages = [named(group) for group in ranges if group.evidence == ADEQUATE]
    whole, single = [], []
    values = (group for group in verdict.groups if group.attribute is not None)
    for attribute, found in groupby(values, key=lambda group: group.attribute):
        members = list(found)
        good = [named(group) for group in members if group.evidence == ADEQUATE]
        if len(good) == len(members):
            whole.append(f"every {attribute}")
        else:
            single += good
    attributes = _listed([*whole, *single]) if whole or single else ""
    if not ages:
        return f"over all ages together{f', for {attributes}' if attributes else ''}"
    if not attributes:
        return f"for ages {_listed(ages)}"
    joint = ", and " if len(ages) > 1 else ", " if len(whole) + len(single) > 1 else " and "
    return f"for ages {_listed(ages)}{joint}{attributes}"


def _off(group: Group) -> str:
    """Says by how much the answers for a group are off, in which direction where there is one."""
    mae, bias = group.mae, group.bias
    if mae is None or bias is None:
        return "without an answer for every one"
    if abs(bias) >= max(mae / 2, 1):
        return f"on average {_years(abs(bias))} too {'young' if bias < 0 else 'old'}"
    return f"off by {_years(mae)} on average"


def _years(value: float) -> str:
    return f"{value:.0f} {'year' if round(value) == 1 else 'years'}"


def _said_of(group: Group) -> str:
    if not group.example_count:
        return f"Not for {named(group)}: no photographs."
    photographs = f"{group.example_count:,} photograph{'' if group.example_count == 1 else 's'}"
    return f"Not for {named(group)}: {photographs}, {_off(group)}."


def exceptions(verdict: Verdict) -> list[str]:
    """Says for whom a blessed model is not, such as `Not for 70 and over: 31 photographs, on average 13 years too young.`

    Returns:
        A sentence for each range of ages, then for each value of an attribute; nothing for a model that is not blessed.
    """
    if not verdict.blessed:
        return []
    found = [group for group in verdict.groups if group.evidence != ADEQUATE]
    sentences = [_said_of(group) for group in found]
    decades = [entry for entry in verdict.slices if entry.feature == features.AGE_DECADE]
    if decades and all(entry.small for entry in decades):
        counts = [entry.example_count or 0 for entry in decades]
        sentences = [f"Not for any decade of age alone: {min(counts)} to {max(counts)} photographs each are too few."]
        sentences += [_said_of(group) for group in found if group.attribute is not None]
    if len(sentences) <= MAX_SENTENCES:
        return sentences
    return [*sentences[:MAX_SENTENCES], f"Nor for {len(sentences) - MAX_SENTENCES} other groups."]


def exceptions_without_numbers(verdict: Verdict) -> list[str]:
    """Says the same without a number or a value that could point at single people."""
    if not verdict.blessed:
        return []
    found = [group for group in verdict.groups if group.evidence != ADEQUATE]
    ages = [named(group) for group in found if group.attribute is None]
    values = Counter(group.attribute for group in found if group.attribute is not None)
    return [
        *([f"Not for {_listed(ages)}: the evidence is not enough."] if ages else []),
        *(
            f"Nor for {number} {'value' if number == 1 else 'values'} of {attribute}, for which it is not either."
            for attribute, number in values.items()
        ),
    ]
