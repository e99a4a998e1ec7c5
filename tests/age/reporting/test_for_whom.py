"""Who is named in the first sentence of a verdict."""

import pytest

from age.reporting import for_whom
from schemas.verdict import Verdict


def ages(lowest, highest, evidence="adequate", count=100, mae=4.0, bias=0.0):
    return {
        "attribute": None,
        "value": None,
        "lowest_age": lowest,
        "highest_age": highest,
        "evidence": evidence,
        "example_count": count,
        "mae": mae,
        "bias": bias,
    }


def people(attribute, value, evidence="adequate", **measured):
    return {**ages(None, None, evidence, **measured), "attribute": attribute, "value": value}


def verdict(*groups, **changes):
    return Verdict.from_content({"reasons": [], "blessed": True, "groups": list(groups), **changes})


def test_ages_and_attributes_with_enough_evidence_are_named():
    assert for_whom.served(verdict(ages(0, 69), ages(70, None, "not_enough"))) == "for ages 0 to 69"
    assert for_whom.served(verdict(ages(0, 9), ages(10, 19, "bad"), ages(20, 69))) == "for ages 0 to 9 and 20 to 69"
    parted = verdict(ages(0, 9), ages(10, 19, "not_enough"), ages(20, 69), people("gender", "female"))
    assert for_whom.served(parted) == "for ages 0 to 9 and 20 to 69, and every gender"
    both = verdict(
        ages(0, 69), people("gender", "female"), people("gender", "male"), people("race", "a"), people("race", "b", "bad")
    )
    assert for_whom.served(both) == "for ages 0 to 69, every gender and race=a"


def test_where_no_decade_has_photographs_enough_it_is_over_all_ages_together():
    small = [
        {"feature": "age_decade", "value": f"{age}-{age + 9}", "small": True, "example_count": age + 9} for age in (0, 10)
    ]
    found = verdict(ages(0, None, "not_enough", 28), people("gender", "female"), slices=small)

    assert for_whom.served(found) == "over all ages together, for every gender"
    assert for_whom.exceptions(found) == ["Not for any decade of age alone: 9 to 19 photographs each are too few."]


def test_a_verdict_of_an_earlier_version_names_nobody():
    assert for_whom.served(verdict()) is None and for_whom.exceptions(verdict()) == []


@pytest.mark.parametrize(
    "group, sentence",
    [
        (ages(70, None, "not_enough", 31, 13.0, -13.0), "Not for 70 and over: 31 photographs, on average 13 years too young."),
        (ages(0, 9, "not_enough", 4, 6.0, 5.6), "Not for under 10: 4 photographs, on average 6 years too old."),
        (ages(30, 39, "not_enough", 1, 6.0, 1.0), "Not for 30 to 39: 1 photograph, off by 6 years on average."),
        (ages(90, None, "not_enough", 0, None, None), "Not for 90 and over: no photographs."),
        (people("gender", "", "not_enough", count=7), "Not for gender=(blank): 7 photographs, off by 4 years on average."),
        (people("race", "a", "bad", mae=None, bias=None), "Not for race=a: 100 photographs, without an answer for every one."),
    ],
)
def test_who_is_not_named_is_said_with_the_reason(group, sentence):
    assert for_whom.exceptions(verdict(ages(10, 29), group)) == [sentence]


def test_many_groups_are_counted():
    few = [people("camera", str(number), "not_enough") for number in range(20)]

    sentences = for_whom.exceptions(verdict(ages(0, 69), *few))

    assert len(sentences) == 9 and sentences[-1] == "Nor for 12 other groups."
    many = [people("camera", str(number)) for number in range(9)]
    assert for_whom.served(verdict(ages(0, 69), *many, few[-1])) == (
        "for ages 0 to 69, camera=0, camera=1, camera=2, camera=3 and 5 more"
    )


def test_of_a_model_that_is_not_blessed_nothing_is_said():
    assert for_whom.exceptions(verdict(ages(0, 69, "bad"), blessed=False)) == []
