"""The page about all runs says how error and data went, and what is being served."""

import copy

import pytest

from age.reporting import trend
from schemas.verdict import Verdict


def runs_of(generated) -> list[trend.TrendRun]:
    """Five runs: pushed, refused, stopped, on other data, and one whose verdict can't be read."""

    def run(number: int, outcome: str, **changes) -> trend.TrendRun:
        verdict = Verdict.from_content({**copy.deepcopy(generated.verdict), **changes})
        return trend.TrendRun(f"2026010{number}", outcome, f"2026-01-0{number} 12:00", verdict, f"2026010{number}/report.html")

    return [
        run(1, "blessed", model_version="17", data_fingerprint="a" * 64),
        run(2, "not blessed", blessed=False, model_version=None, data_fingerprint="a" * 64),
        run(3, "stopped by DataGate", blessed=False, model_version=None, metrics=None, slices=[], data_fingerprint="b" * 64),
        run(4, "blessed", model_version="18", data_fingerprint="b" * 64),
        trend.TrendRun("<i>5", "no verdict", "-", Verdict(reasons=[]), None),
    ]


@pytest.fixture
def opened(generated, reader, tmp_path):
    path = tmp_path / trend.INDEX_FILE
    path.write_text(trend.render(runs_of(generated), 18, "/runs/serving/age"), encoding="utf-8")
    return reader.open(path)


def rows(opened) -> list[str]:
    return opened.eval_on_selector_all("#runs tbody tr", "all => all.map(one => one.innerText.replace(/\\s+/g, ' ').trim())")


def test_every_run_has_a_row_the_latest_first_with_a_link_to_its_report(opened, generated):
    mae = f"{generated.verdict['metrics']['mae']:.2f}"
    shown = rows(opened)

    assert [row.split()[0] for row in shown] == ["<i>5", "3", "20260103", "2", "1"]
    assert "20260104 blessed, being served 18" in shown[1] and mae in shown[1]
    assert "20260102 not blessed" in shown[3] and mae in shown[3]
    assert "stopped by DataGate" in shown[2] and mae not in shown[2]
    assert opened.eval_on_selector_all("#runs a", "all => all.map(one => one.getAttribute('href'))") == [
        f"2026010{number}/report.html" for number in (4, 3, 2, 1)
    ]


def test_what_is_being_served_and_who_pushed_it_stand_first(opened):
    head = opened.inner_text("header")
    assert "Version 18 is being served" in head and "Run 20260104 pushed it to /runs/serving/age." in head


def test_where_the_data_changed_is_told_once_in_table_and_chart(opened):
    assert [row.split()[0] for row in rows(opened) if "(changed)" in row] == ["20260103"]
    points = opened.eval_on_selector_all("svg [id^=trend-mae_of_run_]", "all => all.length")
    assert points == 3


def test_page_asks_for_nothing_and_has_no_complaint(opened, reader):
    assert (reader.complaints, reader.outside_requests()) == ([], [])


def test_nothing_being_served_is_said_and_a_version_of_unknown_origin_too(generated):
    known = runs_of(generated)
    assert "Nothing is being served" in trend.render(known, None, "/s")
    assert "none of these runs pushed it" in trend.render(known, 99, "/s")
    assert "<svg" not in trend.render(known[4:], None, "/s")


def test_data_that_changed_in_a_run_without_a_model_are_told_in_the_chart_at_the_next_one_with_one(generated):
    measured = [run for run in runs_of(generated) if run.is_measured]
    assert trend.changed_data(measured) == [False, False, True]
