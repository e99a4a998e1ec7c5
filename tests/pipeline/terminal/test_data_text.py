"""What `explore` prints, from a verdict."""

from pipeline.terminal import data_text
from schemas.verdict import Verdict

HISTOGRAM = {"edges": [0.0, 200.0], "counts": [4]}
AGES = {
    "count": 4,
    "mean": 31.2,
    "std": 17.15,
    "min": 1.0,
    "q25": 20.0,
    "median": 29.0,
    "q75": 41.5,
    "max": 100.0,
    "histogram": HISTOGRAM,
}
NONE = {**dict.fromkeys(AGES), "count": 0, "histogram": HISTOGRAM}


def verdict(**data):
    return {
        "stopped_by": None,
        "reasons": [],
        "paths": {"report": "report.html", "rejects": "rejects.csv"},
        "data": {
            "rows": 4,
            "used": 3,
            "rejected": 1,
            "duplicates": 0,
            "splits": {"train": 3},
            "rejects": {"missing_file": 1},
            "ages": {"labels": AGES, "train": AGES, "validation": NONE, "test": NONE},
            "sizes": [{"width": 200, "height": 100, "count": 2}, {"other": 1}],
            "brightness": {"train": {"edges": [0, 1], "counts": [3], "mean": 0.456}},
            "attributes": {"gender": [{"value": "", "count": 2}]},
            "reject_examples": [
                {"line": 2, "file_name": "a.jpg", "real_age": "3", "reason": "missing_file", "detail": "no such file"}
            ],
            "anomalies": [],
            **data,
        },
    }


def test_data_are_said_in_lines():
    text = data_text.data_text(Verdict.from_content(verdict()))

    assert "mean 31.20, standard deviation 17.15, quartiles 20 / 29 / 41.5, 1 to 100 years, of 4" in text
    assert "train 3, validation 0, test 0" in text and "none" in text
    assert "200x100 (2), others (1)" in text
    assert "(blank) (2), others (1)" in text
    assert "1 missing file" in text and "line 2, a.jpg: no such file" in text
    assert text.endswith("The data gate would let a run go on.")


def test_what_is_kept_in_one_split_is_counted():
    near = {"pairs": 63, "apart": 25, "different_ages": 49, "examples": []}
    text = data_text.data_text(Verdict.from_content(verdict(near_duplicates=near, groups={"groups": 82, "apart": 70})))

    assert "63 pairs of pictures, each in one split (25 would be in two), 49 with two ages" in text
    assert "82, each in one split (70 would be in several)" in text


def test_what_stops_a_run_comes_last():
    stopped = {**verdict(), "stopped_by": "DataGate", "reasons": ["Every image is missing."]}

    assert data_text.data_text(Verdict.from_content(stopped)).endswith(
        "The data gate would stop a run:\n  - Every image is missing."
    )


def test_names_from_the_data_cannot_steer_the_terminal():
    reject = {"line": 2, "file_name": "\x1b[2J\nBLESSED", "real_age": "3", "reason": "missing_file", "detail": "\r"}

    found = verdict(reject_examples=[reject], attributes={"\x1b]0;": [{"value": "\x07", "count": 1}]})
    stopped = {**found, "stopped_by": "DataGate", "reasons": ["gender: unexpected \x1b[2J\nBLESSED"]}
    text = data_text.data_text(Verdict.from_content(stopped))

    assert not {"\x1b", "\r", "\x07"} & set(text)
    assert "\nBLESSED" not in text
