"""What can be chosen about training: the `trainer` section of the configuration."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pydantic

from age.model import backbone_table
from schemas.verdict import Search


class Augmentation(pydantic.BaseModel):
    """How training images are varied.

    Attributes:
        mirror: mirror left and right.
        rotation: largest rotation either way, degrees.
        zoom: largest enlargement or reduction, as a fraction.
        shift: largest shift in each direction, as a fraction of the side.
        brightness: largest change of brightness, as a fraction of the full range.
        contrast: largest change of contrast, as a fraction.
        saturation: largest change of saturation, as a fraction; 1 reaches from grey to twice as colourful.
        erasing: share of the images in which a random rectangle of 2 to 20 % of the area becomes grey (Zhong et al., 2020).
    """

    model_config = pydantic.ConfigDict(extra="forbid")

    mirror: bool = True
    rotation: float = pydantic.Field(10.0, ge=0, le=180)
    zoom: float = pydantic.Field(0.1, ge=0, lt=1)
    shift: float = pydantic.Field(0.05, ge=0, lt=1)
    brightness: float = pydantic.Field(0.08, ge=0, le=1)
    contrast: float = pydantic.Field(0.2, ge=0, lt=1)
    saturation: float = pydantic.Field(0.0, ge=0, le=1)
    erasing: float = pydantic.Field(0.0, ge=0, le=1)


class Stage(pydantic.BaseModel):
    """What a stage of a training does otherwise than the `trainer` section says; null is what the section says.

    Attributes:
        freeze_through: the last layer that is not trained.
        epochs: how often every training image is seen at most.
        learning_rate: at the end of the stage's own warm-up; it then falls to zero along the stage's own cosine.
        head_rate: learning rate of the head as a multiple.
        augmentation: how training images are varied, in place of all that the section says of it.
    """

    model_config = pydantic.ConfigDict(extra="forbid")

    freeze_through: str | None = None
    epochs: int | None = None
    learning_rate: float | None = None
    head_rate: float | None = None
    augmentation: Augmentation | None = None


class Member(pydantic.BaseModel):
    """What a member of an ensemble does otherwise than the `trainer` section says; null is what the section says.

    Attributes:
        seed: of everything random but the varied views, which all members share.
        freeze_through: the last layer that is not trained.
        pooled_layers: further layers whose pooled outputs the head sees.
        dense_units: width of the dense layer.
        dropout: share of its outputs that is dropped.
        label_sigma: standard deviation of the Gaussian around the label, years.
        label_density_strength: how much more rare ages count.
        learning_rate: at the end of the warm-up.
        head_rate: learning rate of the head as a multiple.
        batch_size: images in a step.
        epochs: how often every training image is seen at most.
        stages: trainings one after another, each of which goes on from the one before.
    """

    model_config = pydantic.ConfigDict(extra="forbid")

    seed: int | None = None
    freeze_through: str | None = None
    pooled_layers: list[str] | None = None
    dense_units: int | None = None
    dropout: float | None = None
    label_sigma: float | None = None
    label_density_strength: float | None = None
    learning_rate: float | None = None
    head_rate: float | None = None
    batch_size: int | None = None
    epochs: int | None = None
    stages: list[Stage] | None = None


class TrainerSettings(pydantic.BaseModel):
    """The network, how it is trained, and on what.

    Attributes:
        hyperparameters: path of the file in which a search left its best values (`age-pipeline tune` names it), which are taken in
            place of what stands here; `--set` has the last word.
        backbone: which network looks at the image: one of keras.applications, `resnet50_vggface2` for weights files of
            keras-vggface, `resnet20`, a small one for small images that has no pretrained weights, or one that another package
            registers.
        image_size: side of the square that it sees, pixels.
        weights: `imagenet` (downloaded by Keras), `none` (random), or the path of a weights file without the top.
        weights_partial: accept a file that lacks some layers; those start from random weights.
        freeze_through: the last layer that is not trained. `auto` takes the end of the last stage but one when there are
            pretrained weights, and freezes nothing otherwise; `none` trains everything; `all` trains the head alone.
        views: how many varied views of each training image are computed when layers are frozen: the image itself, its
            mirror image, then random variations. Without frozen layers every epoch draws new variations.
        feature_cache: keep on disk what frozen layers make of the images (or the decoded images, when nothing is frozen). False
            takes no disk, and decodes and computes everything in each epoch, with new variations each time.
        pooled_layers: further layers of the backbone whose pooled outputs the head sees beside that of the last; none of them
            below `freeze_through`.
        dense_units: width of the dense layer between pooling and output; 0 leaves it out.
        dropout: share of its outputs that is dropped in training.
        batch_norm_momentum: of the moving averages in trained batch normalisation; Keras' 0.99 is too slow for short runs.
        loss: what is minimised: an error of the age (`mae`, `mse`, `huber`), or with age as a distribution over years, whose
            expectation is the answer, `label_distribution` (DLDL-v2) or `mean_variance`.
        huber_delta: where the Huber loss turns from squared to absolute error, years.
        label_sigma: for `label_distribution`: standard deviation of the Gaussian around the label, years.
        expectation_weight: for `label_distribution`: weight of the expectation's absolute error beside the cross-entropy.
        mean_weight: for `mean_variance`: weight of the expectation's squared error.
        variance_weight: for `mean_variance`: weight of the variance.
        interval_coverage: for the losses with a distribution: share of real ages that the intervals shall hold with which the model
            answers beside the age.
        label_density_strength: how much more rare ages count: the weight of a photograph is one over the smoothed density of its
            age to this power.
        mixup: each photograph, or its features, is mixed with another one, and its age with the other's; the share is drawn from the
            beta distribution with this for both parameters. 0 mixes nothing.
        optimizer: Adam, or Adam with decoupled weight decay.
        learning_rate: at the end of the warm-up; it then falls to zero along a cosine.
        warmup_fraction: share of all steps in which the learning rate rises.
        head_rate: learning rate of the head, and of layers that a partial weights file lacks, as a multiple of the others'.
        weight_decay: for adamw.
        gradient_norm: the gradient is shortened to this norm where it is longer; 0 leaves it.
        ema_momentum: what is kept and exported is the moving average of the weights with this momentum; 0 keeps the weights.
        batch_size: images in a step, those of all GPUs together.
        accumulate_batches: how many steps make one update of the weights, by their mean gradient: what a batch so many times as
            large does, in the memory of one. Batch normalisation still sees one batch at a time. Not with several GPUs.
        epochs: how often every training image is seen at most.
        early_stopping_patience: epochs without a better validation MAE after which training ends.
        precision: in which numbers the backbone computes in training: `float32`, `mixed_bfloat16`, or `mixed_float16` (GPUs
            alone). `auto` takes 16 bits where they are faster: on a CPU with AVX512-BF16 or AMX for networks of wide, dense
            convolutions, on GPUs from Volta on. The exported model computes in float32.
        max_minutes: minutes after which training ends with the epoch that is going on, what the features of frozen layers took among
            them; 0 for no limit. The learning rate falls by `epochs`, which the time should be enough for.
        logit_adjustment: for the losses with a distribution: how far the answer is moved away from the ages that are many: probabilities
            are divided by the smoothed density of the training ages to this power (Menon et al., 2021). After training, so that the
            validation error in its history knows nothing of it.
        mirror_averaging: the model answers with the mean for the photograph and its mirror image, which takes twice as long.
        seed: of everything random; two runs on the same CPU agree.
        views_seed: of the varied views that are computed once; null takes `seed`.
        augmentation: how training images are varied.
        stages: trainings one after another, each of which goes on from the weights of the one before: first of the head and the
            upper layers, from features that are computed once, then of more, slowly. Each is that of this section but for the keys
            that it names, such as `[{freeze_through: all, epochs: 3}, {epochs: 5, learning_rate: 1e-4}]`; empty for a single one.
        members: an ensemble: networks that are trained one after another and answer as one model with the mean of what they say.
            Each is the network of this section but for the keys that it names, such as `[{seed: 0}, {seed: 1}]`; empty for a single
            network.
    """

    model_config = pydantic.ConfigDict(extra="forbid", protected_namespaces=())

    # It has been applied when settings are there: what a model depends on are the values.
    hyperparameters: str | None = pydantic.Field(None, min_length=1, exclude=True)
    backbone: str = "resnet50"
    image_size: int = pydantic.Field(128, ge=32, le=1024)
    weights: str = pydantic.Field("imagenet", min_length=1)
    weights_partial: bool = False
    freeze_through: str = pydantic.Field("auto", min_length=1)
    views: int = pydantic.Field(4, ge=1, le=32)
    feature_cache: bool = True
    pooled_layers: list[str] = []
    dense_units: int = pydantic.Field(256, ge=0, le=8192)
    dropout: float = pydantic.Field(0.4, ge=0, lt=1)
    batch_norm_momentum: float = pydantic.Field(0.9, gt=0, lt=1)
    loss: Literal["mae", "mse", "huber", "label_distribution", "mean_variance"] = "mae"
    huber_delta: float = pydantic.Field(5.0, gt=0)
    label_sigma: float = pydantic.Field(2.5, gt=0, le=30)
    expectation_weight: float = pydantic.Field(0.3, ge=0)
    mean_weight: float = pydantic.Field(0.2, ge=0)
    variance_weight: float = pydantic.Field(0.05, ge=0)
    interval_coverage: float = pydantic.Field(0.9, gt=0, lt=1)
    label_density_strength: float = pydantic.Field(0.0, ge=0, le=1)
    mixup: float = pydantic.Field(0.0, ge=0, le=10)
    optimizer: Literal["adam", "adamw"] = "adamw"
    learning_rate: float = pydantic.Field(1e-3, gt=0, le=1)
    warmup_fraction: float = pydantic.Field(0.08, ge=0, lt=1)
    head_rate: float = pydantic.Field(1.0, gt=0, le=100)
    weight_decay: float = pydantic.Field(0.01, ge=0, le=1)
    gradient_norm: float = pydantic.Field(0.0, ge=0)
    ema_momentum: float = pydantic.Field(0.0, ge=0, lt=1)
    batch_size: int = pydantic.Field(64, ge=1, le=4096)
    accumulate_batches: int = pydantic.Field(1, ge=1, le=1024)
    epochs: int = pydantic.Field(10, ge=1, le=10000)
    early_stopping_patience: int = pydantic.Field(4, ge=1)
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = "auto"
    max_minutes: float = pydantic.Field(0.0, ge=0)
    logit_adjustment: float = pydantic.Field(0.0, ge=0, le=1)
    mirror_averaging: bool = False
    seed: int = pydantic.Field(0, ge=0, lt=2**31)
    views_seed: int | None = pydantic.Field(None, ge=0, lt=2**31)
    augmentation: Augmentation = Augmentation()
    # The last ones, because they are held against all others.
    stages: list[Stage] = []
    members: list[Member] = []

    @pydantic.field_validator("backbone")
    @classmethod
    def _known_backbone(cls, name: str) -> str:
        if name not in backbone_table.names():
            raise ValueError(f"expected one of {', '.join(backbone_table.names())}")
        return name

    @pydantic.field_validator("stages")
    @classmethod
    def _that_can_be(cls, stages: list[Stage], info: pydantic.ValidationInfo) -> list[Stage]:
        if set(cls.model_fields) - {"stages", "members"} <= set(info.data):
            _in_stages(info.data, stages)
        return stages

    @pydantic.field_validator("members")
    @classmethod
    def _that_differ(cls, members: list[Member], info: pydantic.ValidationInfo) -> list[Member]:
        networks = _networks(info.data, members) if set(cls.model_fields) - {"members"} <= set(info.data) else []
        for number, network in enumerate(networks):
            if network in networks[:number]:
                raise ValueError(
                    f"members {networks.index(network) + 1} and {number + 1} are the same network, whose mean is either of them; "
                    "expected members that differ, such as by their seed"
                )
        return members

    def networks(self) -> list["TrainerSettings"]:
        """Returns the settings of each network that is to be trained: those of the members, or these where there are none.

        `max_minutes` is shared out evenly.
        """
        return _networks(self._but("members"), self.members) or [self]

    def in_stages(self) -> list["TrainerSettings"]:
        """Returns the settings of each stage of a network's training, or these where there is only one.

        `max_minutes` is shared out by the stages' epochs.
        """
        return _in_stages(self._but("stages", "members"), self.stages) or [self]

    def _but(self, *left_out: str) -> dict[str, Any]:
        return {name: getattr(self, name) for name in type(self).model_fields if name not in left_out}


def _networks(whole: Mapping[str, Any], members: Sequence[Member]) -> list[TrainerSettings]:
    """Returns the settings of each member, made of those of the whole but `members`.

    Raises:
        ValueError: a member's value is out of range.
    """
    shared = {
        "views_seed": whole["seed"] if whole["views_seed"] is None else whole["views_seed"],
        "max_minutes": whole["max_minutes"] / max(1, len(members)),
    }
    return [_changed({**whole, **shared}, member, f"member {number}") for number, member in enumerate(members, start=1)]


def _in_stages(whole: Mapping[str, Any], stages: Sequence[Stage]) -> list[TrainerSettings]:
    """Returns the settings of each stage, made of those of the whole but `stages` and `members`.

    Raises:
        ValueError: a stage's value is out of range.
    """
    whole = {**whole, "stages": [], "members": []}
    found = [_changed(whole, stage, f"stage {number}") for number, stage in enumerate(stages, start=1)]
    minutes_for_an_epoch = whole["max_minutes"] / max(1, sum(each.epochs for each in found))
    return [each.model_copy(update={"max_minutes": minutes_for_an_epoch * each.epochs}) for each in found]


def _changed(whole: Mapping[str, Any], part: Member | Stage, named: str) -> TrainerSettings:
    try:
        return TrainerSettings(**{**whole, **part.model_dump(exclude_none=True)})
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        raise ValueError(
            f"{named}: {'.'.join(map(str, first['loc']))} is {first['input']!r}; {first['msg'].lower()}"
        ) from error


class TrainerInputs(pydantic.BaseModel):
    """What the graph hands to `run_fn` beside the settings.

    Attributes:
        settings: the `trainer` section.
        feature_cache_dir: where the outputs of frozen layers are kept.
        checkpoint_dir: where a training that may be interrupted keeps what it needs to go on; empty for nowhere.
        weights_digest: SHA-256 of the weights file, so that TFX's cache notices another content under the same path.
        provenance: written into the exported model as it is.
        search: that of the hyperparameters in `settings`, for the report; None where there was none.
    """

    model_config = pydantic.ConfigDict(extra="forbid")

    settings: TrainerSettings
    feature_cache_dir: str
    checkpoint_dir: str = ""
    weights_digest: str | None = None
    provenance: dict[str, object] = {}
    search: Search | None = None
