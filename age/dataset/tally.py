"""Counts what goes through ingestion, batch by batch: rows, splits, rejects, ages, sizes, brightness, attributes.

A tally is a dictionary of sections, each a dictionary from what is counted to its number. Batches make small ones and
`Total` adds them up, so that one element a batch goes into the sum and not several a row.
"""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import apache_beam as beam

from age.dataset import data_facts

if TYPE_CHECKING:
    from age.dataset.image_checks import Measurements

Section = tuple[str, ...]
Tally = dict[Section, dict[Any, int]]

LABELS = data_facts.LABELS
BRIGHTNESS_BINS = 20
_BRIGHTNESS_UNIT = 1_000_000
_TENTHS = 10
_LISTED_SIZES = 20
_LISTED_VALUES = 30
_VALUE_LENGTH = 200

# Sizes and attribute values can be as many as there are rows. Of those, a section that grows past the first number is cut to
# the most frequent ones; what is listed in the end is far less.
_LARGEST_SECTION = 20_000
_KEPT_OF_IT = 5_000
_CUT = frozenset({"sizes", "attributes"})

_ROWS, _SPLITS, _REJECTS, _DUPLICATES, _SIZES = ("rows",), ("splits",), ("rejects",), ("duplicates",), ("sizes",)
_NEAR_DUPLICATES, _GROUPS = ("near_duplicates",), ("groups",)


def _add(tally: Tally, section: Section, key: Any, number: int = 1) -> None:
    counts = tally.setdefault(section, {})
    counts[key] = counts.get(key, 0) + number


def add_rows(tally: Tally, number: int) -> None:
    _add(tally, _ROWS, "", number)


def add_reject(tally: Tally, reason: str) -> None:
    _add(tally, _REJECTS, reason)


def add_duplicate(tally: Tally) -> None:
    _add(tally, _DUPLICATES, "")


def add_near_duplicates(tally: Tally, pairs: int, apart: int, different_ages: int) -> None:
    """Counts pairs of near-duplicates, those that their own hashes would put in two splits, and those whose ages differ."""
    for key, number in (("pairs", pairs), ("apart", apart), ("different_ages", different_ages)):
        _add(tally, _NEAR_DUPLICATES, key, number)


def add_group(tally: Tally, apart: bool) -> None:
    """Counts a group, such as a person, and whether the hashes of its photographs would put them in two splits."""
    _add(tally, _GROUPS, "groups")
    _add(tally, _GROUPS, "apart", int(apart))


def add_age(tally: Tally, where: str, age: float) -> None:
    """Counts an age, to a tenth of a year, under a split or `LABELS`."""
    _add(tally, ("ages", where), round(age * _TENTHS))


def add_example(tally: Tally, split: str, age: float, measured: "Measurements", attributes: Iterable[tuple[str, str]]) -> None:
    """Counts a picture that is used.

    Args:
        tally: what is added to.
        split: where the picture went.
        age: years.
        measured: its `image_checks.Measurements`.
        attributes: names and values of the attribute columns.
    """
    _add(tally, _SPLITS, split)
    add_age(tally, split, age)
    _add(tally, _SIZES, (measured.width, measured.height))
    brightness = ("brightness", split)
    _add(tally, brightness, min(int(measured.brightness * BRIGHTNESS_BINS), BRIGHTNESS_BINS - 1))
    # A whole number, so that the sum does not depend on the order.
    _add(tally, brightness, "sum", round(measured.brightness * _BRIGHTNESS_UNIT))
    for name, value in attributes:
        _add(tally, ("attributes", name), value[:_VALUE_LENGTH])


class Total(beam.CombineFn):
    """Adds tallies up."""

    def create_accumulator(self) -> Tally:
        return {}

    def add_input(self, total: Tally, tally: Tally) -> Tally:
        for section, counts in tally.items():
            into = total.setdefault(section, {})
            for key, number in counts.items():
                into[key] = into.get(key, 0) + number
            if len(into) > _LARGEST_SECTION and section[0] in _CUT:
                total[section] = dict(_most_frequent(into, _KEPT_OF_IT))
        return total

    def merge_accumulators(self, totals: Iterable[Tally]) -> Tally:
        merged = self.create_accumulator()
        for total in totals:
            self.add_input(merged, total)
        return merged

    def extract_output(self, total: Tally) -> Tally:
        return total


def _most_frequent(counts: dict[Any, int], number: int) -> list[tuple[Any, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:number]


def counts_json(total: Tally) -> str:
    """Returns the content of `counts.json`: what became of the rows."""
    splits = dict(sorted(total.get(_SPLITS, {}).items()))
    rejects = dict(sorted(total.get(_REJECTS, {}).items()))
    return json.dumps(
        {
            "rows": sum(total.get(_ROWS, {}).values()),
            "used": sum(splits.values()),
            "rejected": sum(rejects.values()),
            "duplicates": sum(total.get(_DUPLICATES, {}).values()),
            "splits": splits,
            "rejects": rejects,
        },
        indent=2,
    )


def _brightness(counts: dict[Any, int]) -> dict[str, Any]:
    bins = [counts.get(number, 0) for number in range(BRIGHTNESS_BINS)]
    return {
        "edges": [number / BRIGHTNESS_BINS for number in range(BRIGHTNESS_BINS + 1)],
        "counts": bins,
        "mean": counts.get("sum", 0) / _BRIGHTNESS_UNIT / sum(bins),
    }


def summary_json(total: Tally) -> str:
    """Returns the content of `summary.json`: what the labels and the used pictures are like.

    Its keys are `ages` (for `labels` and each split, the number of rows or pictures by age in years), `sizes` (the most
    common ones, then how many others), `brightness` (of each split: histogram and mean), `attributes` (the most
    common values of each column), and `near_duplicates` and `groups`, null where they were not looked for.
    """
    sections: dict[str, dict[str, dict[Any, int]]] = {"ages": {}, "brightness": {}, "attributes": {}}
    for section, counts in sorted(total.items()):
        if section[0] in sections:
            sections[section[0]][section[1]] = counts
    sizes = _most_frequent(total.get(_SIZES, {}), _LISTED_SIZES)
    others = sum(total.get(_SPLITS, {}).values()) - sum(number for _, number in sizes)
    return json.dumps(
        {
            "ages": {
                where: {f"{tenths / _TENTHS:g}": number for tenths, number in sorted(counts.items())}
                for where, counts in sections["ages"].items()
            },
            "sizes": [{"width": width, "height": height, "count": number} for (width, height), number in sizes]
            + ([{"other": others}] if others else []),
            "brightness": {split: _brightness(counts) for split, counts in sections["brightness"].items()},
            "attributes": {
                name: [{"value": value, "count": number} for value, number in _most_frequent(counts, _LISTED_VALUES)]
                for name, counts in sections["attributes"].items()
            },
            "near_duplicates": total.get(_NEAR_DUPLICATES),
            "groups": total.get(_GROUPS),
        },
        indent=2,
    )
