"""Several trained networks as one model, which answers with the mean of what they say.

Networks that start from the same weights and are trained on the same photographs err differently where chance had a part in it:
the mean of what they say is closer to the truth than most of them (Lakshminarayanan et al., 2017, Simple and Scalable Predictive
Uncertainty Estimation using Deep Ensembles).
"""

import dataclasses
from collections.abc import Sequence

import keras
import numpy as np

from age.model import age_distribution, backbone, objective
from age.model.network import AgeNetwork
from age.model.settings import TrainerSettings


@dataclasses.dataclass(frozen=True)
class Ensemble:
    """Networks joined into one.

    Attributes:
        trained: images `[n, s, s, 3]` (0 to 255) to what the loss sees: the mean age `[n, 1]` in years, or the logits over years of
            the mean distribution `[n, 121]`.
        whole: images to ages `[n, 1]` in years.
        seeing: images to these ages, and to the penultimate features of all members beside each other `[n, d]`.
    """

    trained: keras.Model
    whole: keras.Model
    seeing: keras.Model


def _frozen_count(member: AgeNetwork) -> int:
    """Returns how many of the layers of a member's backbone are frozen; they are its first ones."""
    return 1 + [layer.name for layer in member.backbone].index(member.cut)


def _begin_alike(shallow: AgeNetwork, deep: AgeNetwork) -> bool:
    """Whether what one network has frozen is in what another one of the same backbone has frozen, with the same weights.

    Keras numbers layers that have no name of their own through all networks of a process, so that names say nothing here.
    """
    ours, theirs = (
        [weight for layer in member.backbone[: _frozen_count(shallow)] for weight in layer.get_weights()]
        for member in (shallow, deep)
    )
    return all(np.array_equal(one, other) for one, other in zip(ours, theirs, strict=True))


def _features(pixels: keras.KerasTensor, members: Sequence[AgeNetwork]) -> dict[int, keras.KerasTensor]:
    """Returns what the tail of each member with frozen layers is given, by the member's number; what several have frozen is run once."""
    frozen_counts = {number: _frozen_count(member) for number, member in enumerate(members) if member.cut is not None}
    left = sorted(frozen_counts, key=lambda number: frozen_counts[number])
    seen: dict[int, keras.KerasTensor] = {}
    while left:
        deepest = members[left[-1]]
        alike = [number for number in left if _begin_alike(members[number], deepest)]
        cuts = {number: deepest.backbone[frozen_counts[number] - 1] for number in alike}
        layers = {layer.name: layer.output for layer in cuts.values()}
        given = keras.Model(deepest.backbone[0].output, layers, name=f"frozen_{len(seen)}")(pixels, training=False)
        for number in alike:
            stride = members[number].cut_stride
            seen[number] = given[cuts[number].name][:, ::stride, ::stride, :]
        left = [number for number in left if number not in alike]
    return seen


def joined(members: Sequence[AgeNetwork], settings: TrainerSettings) -> Ensemble:
    """Joins trained networks into one that answers with the mean of their answers.

    Args:
        members: of the same backbone, trained; their variables are those of the result.
        settings: the `trainer` section that they come from.
    """
    images = keras.Input((settings.image_size, settings.image_size, 3), name="images")
    seen = _features(backbone.preprocess(images, settings.backbone), members)
    tails = [
        keras.Model(member.tail.input, member.tail.output, name=f"member_{number}")
        for number, member in enumerate(members, start=1)
    ]
    answers = [tail(seen.get(number, images)) for number, tail in enumerate(tails)]
    with_features = [member.tail_with_features()(seen.get(number, images)) for number, member in enumerate(members)]
    features = keras.layers.Concatenate(name="features_of_members")([each for _, each in with_features])
    if settings.loss not in objective.DISTRIBUTIONS:
        average = keras.layers.Average(name="mean_age")
        mean = keras.Model(images, average(answers), name="age_network")
        seen_ages = average([answer for answer, _ in with_features])
        return Ensemble(trained=mean, whole=mean, seeing=keras.Model(images, [seen_ages, features], name="seeing"))
    joint = age_distribution.MeanDistribution(name="mean_distribution")
    trained = keras.Model(images, joint(answers), name="trained")
    expected = age_distribution.ExpectedAge(name="expected_age")
    seen_ages = expected(joint([answer for answer, _ in with_features]))
    return Ensemble(
        trained=trained,
        whole=keras.Model(images, expected(trained(images)), name="age_network"),
        seeing=keras.Model(images, [seen_ages, features], name="seeing"),
    )
