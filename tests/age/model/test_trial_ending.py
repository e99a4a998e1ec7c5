"""Which trials are given up."""

from age.model.trial_ending import is_behind

OTHERS = [[20.0, 12.0, 9.0], [22.0, 13.0, 8.0], [30.0, 18.0, 11.0]]


def test_a_trial_above_the_median_of_the_others_is_given_up():
    assert is_behind([25.0, 14.0], OTHERS, epochs=3)


def test_a_trial_at_the_median_or_below_goes_on():
    assert not is_behind([25.0, 13.0], OTHERS, epochs=3)
    assert not is_behind([11.0, 40.0], OTHERS, epochs=3), "its least error counts"


def test_nothing_is_given_up_in_the_first_third_of_the_epochs():
    assert not is_behind([90.0], OTHERS, epochs=3)
    assert not is_behind([90.0, 90.0], OTHERS, epochs=6)


def test_fewer_than_three_others_that_came_so_far_are_no_measure():
    assert not is_behind([90.0, 90.0], OTHERS[:2], epochs=3)
    assert not is_behind([90.0, 90.0], [*OTHERS[:2], [10.0]], epochs=3)
