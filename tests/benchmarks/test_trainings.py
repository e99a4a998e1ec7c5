"""Recipes are compared on the same faces, and their clocks stand while they are measured."""

import re
import time

import pytest

from age.dataset.sources import sample_data
from age.model.settings import TrainerSettings
from benchmarks import ablation, recipe
from benchmarks.error_over_time import ErrorOverTime, Point, minutes_to
from benchmarks.options import Options

SMALL = (
    "trainer.backbone=resnet20",
    "trainer.weights=none",
    "trainer.freeze_through=stage3_block2_out",
    "trainer.image_size=32",
    "trainer.views=2",
    "trainer.epochs=2",
    "trainer.mirror_averaging=true",
)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    directory = str(tmp_path_factory.mktemp("drawn") / "faces")
    sample_data.write_sample_data(directory, count=80, image_size=32)
    return directory


def test_both_recipes_have_a_curve_and_the_minutes_to_each_goal(drawn, tmp_path):
    options = Options(faces=60, minutes=0.05, overrides=SMALL, repeats=1)

    said = list(recipe.measure(drawn, str(tmp_path), options, students="resnet20"))

    learnt_from, measured_on = map(int, re.match(r"(\d+) faces to learn from, (\d+) to measure on", said[0]).groups())
    assert 30 < learnt_from < 60 and measured_on >= 1
    for name in ("ours", "the students'"):
        curve, goals = [line for line in said if line.startswith(f"{name}: ")]
        times = [float(point.split()[0]) for point in curve.removeprefix(f"{name}: ").split(", ")]
        assert times == sorted(times) and times
        assert re.fullmatch(rf"{name}: 8 years (.+), 6 years (.+), 5 years (.+)", goals)
    assert re.search(r"the trunk's features are computed at [\d.]+ of the rate of a bare loop", " ".join(said))
    assert re.search(r"trained from the cache at [\d.]+ of the rate from memory", " ".join(said))
    assert re.fullmatch(r"waiting for the cache: [\d.]+ % of the time of training", said[-1])


def test_an_ablation_trains_the_recipe_and_variants_of_it_and_writes_a_table(drawn, tmp_path, monkeypatch):
    monkeypatch.setattr(ablation, "VARIANTS", {"the recipe": {}, "without dropout": {"dropout": 0.0}})
    out = tmp_path / "table.md"

    said = list(ablation.measure(drawn, str(tmp_path), Options(overrides=SMALL, minutes=1, out=str(out))))

    assert [line.split(":")[0] for line in said[1:]] == ["the recipe", "without dropout"]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in out.read_text().splitlines()]
    assert [row[0] for row in rows[2:]] == ["the recipe", "without dropout"]
    assert rows[2][3] == "+0.00"
    assert float(rows[3][1]) - float(rows[2][1]) == pytest.approx(float(rows[3][3]), abs=0.011)


def test_variants_that_are_the_recipe_itself_are_left_out():
    settings = TrainerSettings(dropout=0, loss="label_distribution")

    found = ablation.variants(settings)

    assert "the recipe" in found and "without dropout" not in found and "without age as a distribution (mae)" in found
    for changes in ablation.VARIANTS.values():
        TrainerSettings.model_validate({**settings.model_dump(), **changes})


def test_the_spread_over_seeds_is_told():
    rows = [ablation.Row("the recipe", [5.0, 5.2], 10), ablation.Row("without it", [5.5, 5.9], 10)]

    assert ablation.line(rows[1], rows[0]) == "without it: 5.70 years (5.50 to 5.90), +0.60, 10 s"
    assert "| without it | 5.70 | 5.50 to 5.90 | +0.60 |" in ablation.table(rows)


def test_the_clock_stands_while_it_is_measured():
    def measure():
        time.sleep(0.2)
        return 7.0

    curve = ErrorOverTime(measure, minutes=10)
    for epoch in range(3):
        curve.on_epoch_end(epoch)

    assert [point.mae for point in curve.points] == [7.0] * 3
    assert 60 * curve.points[-1].minutes < 0.2


def test_a_goal_is_reached_at_the_first_measurement_that_is_not_above_it():
    points = [Point(1.0, 9.0), Point(2.0, 7.5), Point(3.0, 8.5)]

    assert minutes_to(points, 8.0) == 2.0 and minutes_to(points, 6.0) is None
