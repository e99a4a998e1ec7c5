"""What the terminal says of a verdict."""

from pipeline.terminal.verdict_text import verdict_text
from schemas.verdict import CorruptedMetrics, Metrics, Robustness, Verdict


def measured(*errors):
    corrupted = [
        CorruptedMetrics(name=f"way{number}", description=f"made worse in way {number}", mae=mae, bias=0.0, increase=mae)
        for number, mae in enumerate(errors)
    ]
    metrics = Metrics(mae=4.75, bias=0.0, within_5_years=0.5, example_count=300)
    robustness = Robustness(unchanged=metrics, corrupted=corrupted)
    return verdict_text(Verdict(reasons=[], metrics=metrics, robustness=robustness))


def test_worst_way_of_making_photographs_worse_is_named():
    said = measured(5.0, 9.25, 7.0)

    assert "MAE at most 9.25 years on photographs made worse (made worse in way 1); as they are, 4.75 on the same 300" in said


def test_photographs_made_worse_without_an_answer_are_said():
    assert "the model could not answer for every photograph that was made worse" in measured(5.0, None)
