"""The trials of a search, as a table and as parallel coordinates."""

import re

from age.reporting import trials, trials_chart
from schemas.verdict import Search, Trial


def trial(number, rate, pooled, mae, status="finished"):
    values = {"trainer.learning_rate": rate, "trainer.pooled_layers": pooled}
    return Trial(number=number, values=values, status=status, validation_mae=mae, errors=[mae] if mae else [], seconds=61.7)


SEARCH = Search(
    trials=[
        trial(0, 0.001, "[]", 5.0),
        trial(1, 0.1, '["a"]', 4.5, "pruned"),
        trial(2, 0.01, '["a"]', 4.8),
        trial(3, 0.03, "[]", None, "diverged"),
    ],
    best=2,
)


def test_the_table_has_whole_trials_first_and_the_best_at_the_top():
    heading, *rows = trials.rows(SEARCH)

    assert heading == [
        "trial",
        "outcome",
        "validation_mae",
        "epochs",
        "seconds",
        "trainer.learning_rate",
        "trainer.pooled_layers",
    ]
    assert [row[0] for row in rows] == ["3", "1", "2", "4"]
    assert rows[0] == ["3", "finished", "4.800", "1", "62", "0.01", '["a"]']
    assert rows[-1][1:4] == ["diverged", "", "0"]


def test_the_chart_has_a_line_for_each_trial_that_came_to_an_error_and_says_which_is_best():
    drawn = trials_chart.parallel_coordinates(SEARCH)

    assert re.findall(r"trials-trial_(\d)_", drawn) == ["1", "0", "2"], "the best is drawn last"
    assert "best: trial 3, 4.80 years" in drawn
    assert 'aria-label="3 trials, each a line' in drawn


def test_one_trial_or_one_value_is_no_chart():
    assert trials_chart.parallel_coordinates(Search(trials=SEARCH.trials[:1], best=0)) is None
    alike = [SEARCH.trials[0], SEARCH.trials[0].model_copy(update={"number": 1})]
    assert trials_chart.parallel_coordinates(Search(trials=alike, best=0)) is None
