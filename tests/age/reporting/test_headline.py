"""What came of a run, in sentences."""

import pytest

from age.reporting import headline
from schemas.verdict import Verdict

DIFFERENCE = {"mean": 0.5, "low": 0.25, "high": 0.75, "confidence": 0.95, "example_count": 90, "detectable": 0.6}


@pytest.fixture
def sentences(generated):
    """Returns what is said in comparison, for a champion that differs from the generated run's."""

    def say(**changes):
        content = generated.with_changes()
        content["champion"] = {**content["champion"], "difference": DIFFERENCE, **changes.pop("champion", {})}
        return headline.comparisons(Verdict.from_content({**content, **changes}))

    return say


def test_a_model_that_waits_for_approval_may_not_serve_yet(generated):
    said = headline.headline(Verdict.from_content(generated.with_changes(push="awaiting_approval")))

    assert (said.answer, said.tone) == ("Not yet", headline.NEUTRAL)
    served = "Blessed for ages 0 to 69 and every gender, and waiting for a person's approval. Its mean absolute error is "
    assert said.sentence.startswith(served)
    assert said.exceptions == ["Not for 70 and over: 26 photographs, on average 13 years too young."]


def test_photographs_that_the_champion_learnt_from_are_said_to_be_left_out(sentences):
    assert "3 test photographs are left out of the comparison with version 1790000000, which learnt from them." in sentences(
        champion={"learnt_from": 3}
    )
    assert not any("left out" in sentence for sentence in sentences(champion={"learnt_from": 0}))


def test_a_champion_that_does_not_tell_what_it_learnt_from_is_said_to_be_one(sentences):
    said = "Whether version 1790000000 learnt from some of these photographs could not be told"

    assert any(sentence.startswith(said) for sentence in sentences(champion={"learnt_from": None}))
    assert not any(sentence.startswith(said) for sentence in sentences()), "an earlier version did not look"


def test_the_best_version_is_told_beside_the_champion(sentences):
    best = {"version": 1780000000, "metrics": {"mae": 4.0}, "difference": DIFFERENCE, "learnt_from": 1}

    said = " ".join(sentences(best_version=best))

    assert "Version 1780000000 is the best one that is still in the serving directory, by its own record: on the same " in said
    assert "this model is 0.50 years worse." in said
    assert "1 test photograph is left out of the comparison with version 1780000000" in said
