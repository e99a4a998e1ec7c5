"""How far a model is off on photographs made worse, and what the gate makes of it."""

import hashlib
import math
import re

import numpy as np
import pytest

from age.evaluation import corruptions, predictions_file, robustness
from age.evaluation.settings import EvaluatorSettings
from tests import brightness_model

SHADES = (110, 140, 180, 0)
AGES = (30.0, 60.0, 70.0, 20.0)
OFF = EvaluatorSettings(robustness=False)


def settings(**given):
    return EvaluatorSettings(robustness_examples=3, **given)


def digest(shade):
    # In the order of the shades, but for the one that gets no answer, which comes first.
    return f"{shade:02x}" + hashlib.sha256(bytes([shade])).hexdigest()[2:]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Answers with the brightness of a photograph, in per cent."""
    return brightness_model.write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory):
    """Three photographs that were answered for and one that was not, in two files; and one more than is asked about."""
    import tensorflow as tf

    directory = tmp_path_factory.mktemp("evaluation")
    split = directory / "Split-test"
    split.mkdir()

    def text(value):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    shades = [*SHADES, 250]
    for number, part in enumerate((shades[1:], shades[:1])):
        with tf.io.TFRecordWriter(str(split / f"data-{number:05d}"), "GZIP" if number else "") as writer:
            for shade in part:
                found = {"image/encoded": text(brightness_model.grey(shade)), "image/sha256": text(digest(shade).encode())}
                writer.write(tf.train.Example(features=tf.train.Features(feature=found)).SerializeToString())
    (split / "data-00001").rename(split / "data-00001.gz")
    lines = [predictions_file.header([])]
    for shade, age in sorted(zip(shades, [*AGES, 1.0]), key=lambda pair: digest(pair[0])):
        answer = math.nan if shade == 0 else brightness_model.age_of(shade)
        lines.append(predictions_file.line([f"{shade}.png", digest(shade), str(age), str(answer)]))
    (directory / predictions_file.PREDICTIONS_FILE).write_text("".join(lines))
    return str(directory)


@pytest.fixture(scope="module")
def measured(model, evaluation):
    return robustness.measure(model, evaluation, evaluation, settings(robustness_ceilings={"left_covered": 12.0}))


def test_the_model_is_asked_for_the_first_photographs_that_it_answered_for_as_they_are_and_made_worse(measured):
    ages = np.array(AGES[:3])
    errors = np.array([brightness_model.age_of(shade) for shade in SHADES[:3]]) - ages
    found = {entry.name: entry for entry in measured.corrupted}

    assert list(found) == [way.name for way in corruptions.CORRUPTIONS]
    assert measured.unchanged.example_count == 3
    assert measured.unchanged.mae == pytest.approx(np.abs(errors).mean(), abs=1e-3)
    assert measured.unchanged.mae_interval.low < measured.unchanged.mae < measured.unchanged.mae_interval.high
    # What is one shade of grey stays as it is when it is blurred, turned or shifted, and JPEG can't harm it much.
    for name in ("blurred_strong", "turned_mild", "shifted_strong"):
        assert found[name].mae == pytest.approx(measured.unchanged.mae, abs=1e-3) and abs(found[name].increase) < 1e-3
    assert found["compressed_strong"].mae == pytest.approx(measured.unchanged.mae, abs=2)
    for name, change in (("darkened_mild", -20), ("darkened_strong", -40), ("brightened_mild", 20)):
        assert found[name].bias == pytest.approx((errors + change).mean(), abs=0.2)
        assert found[name].mae == pytest.approx(np.abs(errors + change).mean(), abs=0.2)
    covered = np.array([brightness_model.age_of((shade + 128) / 2) for shade in SHADES[:3]]) - ages
    entry = found["left_covered"]
    assert entry.mae == pytest.approx(np.abs(covered).mean(), abs=0.01)
    assert entry.increase == pytest.approx((np.abs(covered) - np.abs(errors)).mean(), abs=0.01)
    assert entry.increase_interval.low <= entry.increase <= entry.increase_interval.high
    assert (entry.ceiling, found["right_covered"].ceiling) == (12.0, None)


def test_nothing_is_asked_where_it_is_switched_off_or_nothing_was_answered(evaluation, tmp_path):
    (tmp_path / predictions_file.PREDICTIONS_FILE).write_text(predictions_file.header([]))

    assert robustness.measure("no model", evaluation, evaluation, OFF) is None
    assert robustness.measure("no model", evaluation, str(tmp_path), settings()) is None


@pytest.mark.parametrize(
    ("ceilings", "said"),
    [
        ({}, []),
        ({"blurred_mild": 50.0, "darkened_strong": 80.0}, []),
        ({"darkened_strong": 10.0}, [r"MAE on 3 test photographs, darker by 0\.4 .*, is \d\d\.\d\d years; allowed .* 10 \("]),
        ({"top_covered": 0.1, "blurred_mild": 0.1}, [r"blurred a little.*, blurred_mild\)", r"top half.*, top_covered\)"]),
    ],
)
def test_gate_refuses_a_model_that_is_above_the_ceiling_of_a_corruption(measured, ceilings, said, tmp_path):
    given = settings(robustness_ceilings=ceilings)
    judged = measured.model_copy(
        update={"corrupted": [entry.model_copy(update={"ceiling": ceilings.get(entry.name)}) for entry in measured.corrupted]}
    )

    reasons = robustness.refusals(judged, given)
    robustness.write(str(tmp_path), judged, reasons)

    assert len(reasons) == len(said) and all(map(re.search, said, reasons))
    read = robustness.read(str(tmp_path))
    assert (read.robustness, read.reasons) == (judged, reasons)


def test_a_photograph_made_worse_without_an_answer_is_above_every_ceiling():
    errors = np.ones((1 + len(corruptions.CORRUPTIONS), 4))
    errors[1, 2] = math.nan
    given = settings(robustness_ceilings={"blurred_mild": 50.0})

    found = robustness.summary(errors, given)

    assert found.corrupted[0].mae is found.corrupted[0].mae_interval is None and found.corrupted[1].mae == 1
    assert ["is not a number" in reason for reason in robustness.refusals(found, given)] == [True]


def test_ceilings_are_not_met_where_nothing_could_be_asked():
    assert len(robustness.refusals(None, settings(robustness_ceilings={"blurred_mild": 50.0}))) == 1
    assert robustness.refusals(None, settings()) == []


def test_an_evaluation_from_before_has_none(tmp_path):
    assert robustness.read(str(tmp_path)).robustness is None
