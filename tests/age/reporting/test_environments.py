"""What processes consisted of, side by side."""

from age.reporting import environments
from schemas.verdict import Environment, Training, Verdict

TRAINED = Environment(
    commit="ab" * 20,
    clean=False,
    stack="current",
    python="3.13.5",
    device="NVIDIA H100",
    versions={"tfx": "1.21.0", "keras": "3.15"},
)
WROTE = Environment(python="3.13.5", stack="current", device="CPU", versions={"tfx": "1.21.0"})


def test_rows_are_told_for_each_process_and_what_is_not_known_plainly():
    assert environments.side_by_side([TRAINED, WROTE]) == [
        ("commit of the code", [f"{'ab' * 20}, with changes that were not committed", "not known"]),
        ("stack", ["current", "current"]),
        ("Python", ["3.13.5", "3.13.5"]),
        ("system", ["not known", "not known"]),
        ("device", ["NVIDIA H100", "CPU"]),
        ("tfx", ["1.21.0", "1.21.0"]),
        ("keras", ["3.15", "not installed"]),
    ]
    assert environments.side_by_side([]) == []


def test_a_process_that_loaded_no_tensorflow_has_no_device():
    rows = environments.side_by_side([TRAINED, WROTE.model_copy(update={"device": None})])

    assert "device" not in dict(rows)


def test_a_verdict_has_the_process_that_trained_and_the_one_that_wrote_it_or_neither():
    both = Verdict(reasons=[], training=Training(environment=TRAINED), environment=WROTE)

    assert environments.processes(both) == {"training": TRAINED, "this verdict": WROTE}
    assert environments.processes(Verdict(reasons=[], environment=WROTE)) == {"this verdict": WROTE}
    assert environments.processes(Verdict(reasons=[])) == {}
