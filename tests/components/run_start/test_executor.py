"""What RunStart refuses before anything is ingested."""

import pytest

from age.model.settings import TrainerSettings
from components.run_start import executor
from schemas.bad_input import BadInput


def _settings(**given):
    return TrainerSettings.model_validate({"backbone": "resnet20", "image_size": 32, "weights": "none", **given})


def test_a_backbone_that_the_trainer_can_build():
    executor._require_backbone(_settings())


@pytest.mark.parametrize(
    "given, said",
    [
        ({"freeze_through": "no_such_layer"}, "'no_such_layer' is no layer of resnet20"),
        ({"weights": "imagenet"}, "there are no ImageNet weights for this backbone"),
    ],
)
def test_what_the_trainer_would_refuse_after_the_ingestion(given, said):
    with pytest.raises(BadInput, match=said):
        executor._require_backbone(_settings(**given))
