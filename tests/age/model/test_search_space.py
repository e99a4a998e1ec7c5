"""What may be searched, and the sentence where it may not."""

import json

import pydantic
import pytest

from age.model import search_space
from age.model.search_space import Range, TunerSettings
from age.model.settings import TrainerSettings
from schemas.bad_input import BadInput


@pytest.mark.parametrize(
    "space, said",
    [
        ({"trainer.lerning_rate": [1e-3]}, r"trainer.lerning_rate: there is no such key. Expected one of trainer.backbone, "),
        ({"learning_rate": [1e-3]}, r"learning_rate: there is no such key. Expected one of trainer.backbone, "),
        ({"trainer.augmentation.zom": [0.1]}, r"Expected one of trainer.augmentation.mirror, trainer.augmentation.rotation, "),
        ({"trainer.dropout.rate": [0.1]}, r"trainer.dropout.rate: there is no such key. Expected one of trainer.dropout"),
        ({"trainer.dropout": [0.2, 1.5]}, r"trainer.dropout: 1.5 is not allowed: input should be less than 1"),
        (
            {"trainer.optimizer": ["adam", "sgd"]},
            r"trainer.optimizer: 'sgd' is not allowed: input should be 'adam' or 'adamw'",
        ),
        ({"trainer.batch_size": {"min": 0, "max": 64}}, r"trainer.batch_size: 0 is not allowed"),
        ({"trainer.batch_size": {"min": 8.5, "max": 64}}, r"trainer.batch_size: 8.5 is not allowed"),
        ({"trainer.dropout": []}, r"trainer.dropout has no values to choose from"),
        ({"trainer.dropout": 0.3}, r"trainer.dropout is 0.3; expected a list of values or a range"),
        ({"trainer.dropout": {"min": 0.5, "max": 0.2}}, r"min \(0.5\) is not below max \(0.2\)"),
        ({"trainer.weight_decay": {"min": 0, "max": 0.1, "log": True}}, r"min \(0\) is not above 0, where log begins"),
        ({"trainer.loss": {"min": 0, "max": 1}}, r"expected a list of values, because it is no number"),
        ({"trainer.mirror_averaging": {"min": 0, "max": 1}}, r"expected a list of values, because it is no number"),
        ({"trainer.weights": ["a.h5", "b.h5"]}, r"trainer.weights names a file and can't be searched"),
    ],
)
def test_what_can_not_be_searched_is_said_in_a_sentence(space, said):
    with pytest.raises(pydantic.ValidationError, match=said):
        TunerSettings(space=space)


def test_values_and_ranges_of_the_trainers_keys_are_searched():
    tuner = TunerSettings(
        space={
            "trainer.learning_rate": {"min": 1e-4, "max": 1e-2, "log": True},
            "trainer.batch_size": [32, 64],
            "trainer.dropout": [0, 0.4],
            "trainer.pooled_layers": [[], ["conv4_block6_out"]],
            "trainer.augmentation.rotation": {"min": 0, "max": 20},
        }
    )

    assert tuner.choices() == {
        "trainer.learning_rate": Range(min=1e-4, max=1e-2, log=True),
        "trainer.batch_size": [32, 64],
        "trainer.dropout": [0.0, 0.4],
        "trainer.pooled_layers": [[], ["conv4_block6_out"]],
        "trainer.augmentation.rotation": Range(min=0, max=20),
    }
    # KerasTuner wants the values of a choice to be of one type.
    assert {type(value) for value in tuner.choices()["trainer.dropout"]} == {float}


def test_values_replace_those_of_the_settings_at_any_depth():
    settings = TrainerSettings(epochs=3)
    kept = search_space.as_scalar(["conv4_block6_out"])

    applied = search_space.applied(
        settings, {"trainer.dropout": 0.1, "trainer.augmentation.zoom": 0.3, "trainer.pooled_layers": kept}
    )

    assert (applied.dropout, applied.augmentation.zoom, applied.pooled_layers) == (0.1, 0.3, ["conv4_block6_out"])
    assert applied.epochs == 3 and settings.dropout == 0.4


@pytest.mark.parametrize(
    "values, said",
    [
        ({"trainer.dropout": 7}, r"can't be trained with: input should be less than 1"),
        ({"trainer.drop": 0.1}, r"none of this version's: trainer.drop: there is no such key"),
    ],
)
def test_values_that_do_not_fit_are_said_in_a_sentence(values, said):
    with pytest.raises(BadInput, match=said):
        search_space.applied(TrainerSettings(), values)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"values": {"units": 3}}', '{"values": 3}'])
def test_a_file_that_no_search_of_this_pipeline_left_is_refused(text):
    with pytest.raises(
        BadInput, match=r"trainer.hyperparameters: best.txt: no hyperparameters of a search .*`age-pipeline tune`"
    ):
        search_space.read("best.txt", text)


def test_a_file_of_best_hyperparameters_is_read_as_keras_tuner_writes_it():
    text = json.dumps({"space": [], "values": {"trainer.dropout": 0.1, "trainer.pooled_layers": '["a"]'}})

    assert search_space.read("best.txt", text) == {"trainer.dropout": 0.1, "trainer.pooled_layers": ["a"]}
