"""The verdict of a run: what `blessing.json` holds, written once when a run ends and read by everything that shows runs.

    verdict = Verdict.from_json(open("blessing.json").read())
    if verdict.blessed:
        print(verdict.metrics.mae, "years on", verdict.metrics.example_count, "photographs")

`schemas/verdict.schema.json` says the same as JSON Schema (`make schema` writes it). Ages and errors are in years, errors are
predicted minus real age, shares are 0 to 1, and null stands for what is not a number or was not measured.
"""

import json
import math
from collections.abc import Iterable
from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field

SCHEMA_VERSION = 2
"""Goes up when a key changes its meaning or goes away; further keys do not raise it."""

BLESSING_FILE = "blessing.json"
EVALUATION_FILE = "evaluation.json"
"""What `blessing.json` is called where nothing is blessed: for a model that was measured on other data than its own."""

REPORTS_DIR = "reports"
"""The folder of a workdir in which every run leaves one of its name."""

Evidence = Literal["adequate", "not_enough", "bad"]
"""What the test photographs say of a group: that the model serves it, too little, or that it does not."""
ADEQUATE: Evidence = "adequate"
NOT_ENOUGH: Evidence = "not_enough"
BAD: Evidence = "bad"

Kind = Literal["run", "explore", "evaluate"]
RUN: Kind = "run"
EXPLORE: Kind = "explore"
EVALUATE: Kind = "evaluate"

Push = Literal["pending", "awaiting_approval", "pushed"]
PENDING: Push = "pending"
AWAITING_APPROVAL: Push = "awaiting_approval"
PUSHED: Push = "pushed"


def _null_unless_finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


Measured = Annotated[float | None, pydantic.BeforeValidator(_null_unless_finite)]
"""A measured number; null where it is not a number, which JSON can't say otherwise."""


def _may_be_absent(names: Iterable[str]) -> Any:
    """Returns what takes keys that are not written in every case out of a JSON Schema's `required`."""
    absent = frozenset(names)

    def loosen(schema: dict[str, Any]) -> None:
        schema["required"] = [name for name in schema.get("required", ()) if name not in absent]

    return loosen


class Part(pydantic.BaseModel):
    """A part of a verdict. Keys that a later version added are passed over; those that an earlier one lacked have defaults."""

    model_config = pydantic.ConfigDict(
        extra="ignore", strict=True, protected_namespaces=(), json_schema_serialization_defaults_required=True
    )


class Interval(Part):
    """A confidence interval of a mean absolute error."""

    low: float = Field(description="Lower end, years.")
    high: float = Field(description="Upper end, years.")
    confidence: float = Field(description="Share of such intervals that hold the true value, 0 to 1.")
    resamples: int | None = Field(None, description="Resamples of the bootstrap; 0 for the normal approximation.")
    method: str | None = Field(None, description="How it was computed: `percentile bootstrap` or `normal approximation`.")


class Metrics(Part):
    """What was measured on photographs of the test split."""

    model_config = pydantic.ConfigDict(json_schema_extra=_may_be_absent(["mae_interval"]))

    mae: Measured = Field(None, description="Mean absolute error, years.")
    rmse: Measured = Field(None, description="Root mean squared error, years.")
    bias: Measured = Field(None, description="Mean of predicted minus real age, years; above 0, people are taken for older.")
    within_5_years: Measured = Field(None, description="Share of predictions that are at most 5 years off, 0 to 1.")
    example_count: int | None = Field(None, description="Number of photographs.")
    mae_interval: Interval | None = Field(
        None, description="Confidence interval of the MAE; absent for small slices and the champion."
    )


class Difference(Part):
    """By how much the candidate is worse than the champion on the same photographs, with the paired bootstrap's interval."""

    mean: Measured = Field(
        description="MAE of the candidate minus that of the champion, years; above 0 the candidate is worse."
    )
    low: Measured = Field(description="Lower end of its confidence interval, years.")
    high: Measured = Field(description="Upper end, years.")
    confidence: float = Field(description="Share of such intervals that hold the true value, 0 to 1: 0.95, for slices 0.99.")
    example_count: int = Field(description="Number of photographs that both models could answer for.")
    detectable: Measured = Field(
        description="What truly is so many years worse would be refused in 90 % of draws of as many photographs."
    )


class Slice(Metrics):
    """What was measured on the photographs with one value of an attribute, or of one decade of age."""

    model_config = pydantic.ConfigDict(json_schema_extra=_may_be_absent(["mae_interval", "difference", "evidence", "ceiling"]))

    feature: str = Field(description="The attribute column, or `age_decade`.")
    value: str = Field(description="Its value, such as `female` or `20-29`; empty where the labels have a blank.")
    small: bool = Field(False, description="Whether it has too few photographs to be judged (evaluator.min_slice_examples).")
    difference: Difference | None = Field(None, description="From the champion; absent where there is none.")
    evidence: Evidence | None = Field(
        None,
        description="`adequate`: photographs enough, and the interval of the MAE at most at its ceiling; `bad`: the interval above "
        "it; `not_enough`: neither can be said. Absent in verdicts of earlier versions.",
    )
    ceiling: float | None = Field(None, description="Largest MAE that this slice may have, years; null for none.")


class Group(Part):
    """People of whom the evidence says one thing: neighbouring decades of age, or those with one value of an attribute."""

    attribute: str | None = Field(description="The attribute column; null for a range of ages.")
    value: str | None = Field(description="Its value, empty where the labels have a blank; null for a range of ages.")
    lowest_age: int | None = Field(description="First age of the range, years; null for an attribute.")
    highest_age: int | None = Field(description="Last age of the range, years; null for an attribute and for `and over`.")
    evidence: Evidence = Field(description="As in `slices`; ages without any photograph are `not_enough`.")
    example_count: int = Field(description="Number of test photographs.")
    mae: Measured = Field(description="Mean absolute error, years.")
    bias: Measured = Field(description="Mean of predicted minus real age, years.")


class ConstantBaseline(Part):
    """What always giving the same answer comes to on the test split."""

    answer: Literal["median", "mean"] = Field(
        description="The constant: the median of the training ages, which no other constant's MAE is below on these; the mean in "
        "verdicts of earlier versions."
    )
    age: Measured = Field(None, description="The constant, years; null in verdicts of earlier versions.")
    mae: Measured = Field(description="Its MAE, years.")


class Coverage(Part):
    """How the intervals that a model answers with compare with real ages."""

    coverage: Measured = Field(description="Share of the photographs whose real age the interval holds, 0 to 1.")
    mean_width: Measured = Field(description="Mean of upper minus lower end, years.")
    example_count: int = Field(description="Number of photographs.")


class SliceCoverage(Coverage):
    """The same for the photographs with one value of an attribute, or of one decade of real age."""

    feature: str = Field(description="The attribute column, or `age_decade`.")
    value: str = Field(description="Its value, such as `female` or `20-29`; empty where the labels have a blank.")


class Intervals(Part):
    """How far the intervals can be trusted that a model answers with, `age_low` to `age_high`."""

    promised: float | None = Field(None, description="Share of real ages that they are made to hold, 0 to 1.")
    whole: Coverage = Field(description="Measured on the whole test split.")
    slices: list[SliceCoverage] = Field([], description="By attribute value and decade of age.")


class CorruptedMetrics(Part):
    """What was measured on test photographs that were made worse in one way."""

    name: str = Field(description="Such as `blurred_strong` or `left_covered`.")
    description: str = Field(description="What was done to the photographs, in words.")
    mae: Measured = Field(description="Mean absolute error, years.")
    mae_interval: Interval | None = Field(None, description="Its confidence interval.")
    bias: Measured = Field(description="Mean of predicted minus real age, years.")
    increase: Measured = Field(description="MAE minus that of the same photographs as they are, years.")
    increase_interval: Interval | None = Field(None, description="Its confidence interval, photograph by photograph.")
    ceiling: float | None = Field(
        None, description="Largest MAE that is allowed (evaluator.robustness_ceilings); null for none."
    )


class Robustness(Part):
    """How far a model is off on photographs that are worse than those of the test split."""

    unchanged: Metrics = Field(
        description="Of the photographs as they are: some or all of the test split (evaluator.robustness_examples)."
    )
    corrupted: list[CorruptedMetrics] = Field(description="Of the same photographs, made worse in every way.")


class Champion(Part):
    """A model of the serving directory that the candidate was compared with."""

    model_config = pydantic.ConfigDict(json_schema_extra=_may_be_absent(["difference", "learnt_from"]))

    version: int = Field(description="Its number in the serving directory.")
    metrics: Metrics | None = Field(None, description="Measured on the same photographs as the candidate's.")
    difference: Difference | None = Field(
        None, description="Of the candidate from it; absent in verdicts of earlier versions."
    )
    learnt_from: int | None = Field(
        None,
        description="How many of the test photographs it learnt from, which the difference leaves out; null where it does not "
        "tell which photographs it learnt from.",
    )

    def left_out(self) -> str:
        """Returns a sentence on the test photographs that it learnt from; nothing where there are none, or nobody looked."""
        if self.difference is None or "learnt_from" not in self.model_fields_set:
            return ""
        if self.learnt_from is None:
            return (
                f"Whether version {self.version} learnt from some of these photographs could not be told: it was exported before "
                "models kept that, or by something else."
            )
        if not self.learnt_from:
            return ""
        were = "photograph is" if self.learnt_from == 1 else "photographs are"
        return (
            f"{self.learnt_from} test {were} left out of the comparison with version {self.version}, which learnt from them."
        )


class Canary(Part):
    """What a process that has nothing of this project made of the exported model, before it was pushed."""

    model_config = pydantic.ConfigDict(
        json_schema_extra=_may_be_absent(["server", "largest_difference", "load_seconds", "latency_seconds", "peak_memory"])
    )

    passed: bool = Field(description="Whether it loaded the model and was answered as the evaluation was.")
    reasons: list[str] = Field(description="Why not, in sentences.")
    photographs: int = Field(description="How many photographs of the test split it asked for.")
    server: str | None = Field(None, description="What loaded the model, such as `TensorFlow 2.16.2`.")
    largest_difference: Measured = Field(
        None, description="Largest difference from what was measured, asked for one photograph at a time, years."
    )
    load_seconds: Measured = Field(None, description="How long loading took, seconds.")
    latency_seconds: Measured = Field(None, description="Median time of a request for one photograph, seconds.")
    peak_memory: int | None = Field(None, description="The most memory that the process held, bytes.")


class Thresholds(Part):
    """What a model must reach to be blessed."""

    max_mae: float | None = Field(None, description="Largest mean absolute error on the test split, years.")
    max_regression: float | None = Field(
        None, description="By how much the MAE may be above that of the model being served, years."
    )
    min_examples: int | None = Field(None, description="Fewest photographs that the test split must have.")
    max_slice_mae: float | None = Field(
        None, description="Largest MAE of every slice with enough photographs, as a multiple of `max_mae`; null for none."
    )
    slice_ceilings: dict[str, float] = Field(
        {}, description="Largest MAE, years, by slice, such as `gender=female`, in place of the multiple."
    )
    min_coverage: float | None = Field(
        None,
        description="Least share of real ages that the model's intervals must hold, 0 to 1; null where none is asked for.",
    )
    robustness_ceilings: dict[str, float] = Field(
        {}, description="Largest MAE, years, on photographs made worse, such as `blurred_strong`."
    )


class Histogram(Part):
    """Numbers of values between edges."""

    edges: list[float] = Field(description="n + 1 edges of the bins, ascending, in the unit of what is counted.")
    counts: list[int] = Field(description="n numbers; a value on an edge counts above it.")


class AgeStatistics(Part):
    """What a set of ages is like; null where there are too few to tell."""

    count: int = Field(description="Number of ages.")
    mean: float | None = Field(None, description="Years.")
    std: float | None = Field(None, description="Standard deviation of a sample (n - 1), years.")
    min: float | None = Field(None, description="Least age, years.")
    q25: float | None = Field(None, description="First quartile, years.")
    median: float | None = Field(None, description="Years.")
    q75: float | None = Field(None, description="Third quartile, years.")
    max: float | None = Field(None, description="Greatest age, years.")
    histogram: Histogram = Field(description="Ages in bins of 5 years; all sets of a verdict share their edges.")


class Brightness(Histogram):
    """The mean brightness of each photograph of a split, 0 black to 1 white."""

    mean: float = Field(description="Mean over the photographs, 0 to 1.")


class ImageSize(Part):
    """How many photographs have a size."""

    width: int = Field(description="Pixels.")
    height: int = Field(description="Pixels.")
    count: int = Field(description="Number of photographs.")


class OtherSizes(Part):
    """How many photographs have none of the listed sizes."""

    other: int = Field(description="Number of photographs.")


class AttributeValue(Part):
    """How many photographs have a value of an attribute."""

    value: str = Field(description="The value; empty for a blank.")
    count: int = Field(description="Number of photographs.")


class RejectedRow(Part):
    """A row of the label file that can't be used."""

    line: int = Field(description="Line of the label file, counted from 1.")
    file_name: str = Field(description="As the label file has it, cut to 300 characters.")
    real_age: str = Field(description="As the label file has it, cut to 300 characters.")
    reason: str = Field(description="Why, in one word, such as `missing_file`.")
    detail: str = Field(description="Why, in a sentence, cut to 300 characters.")


class RowCounts(Part):
    """What became of the rows of the label file."""

    rows: int = Field(0, description="Number of rows.")
    used: int = Field(0, description="Rows that became examples.")
    rejected: int = Field(0, description="Rows that can't be used.")
    duplicates: int = Field(0, description="Rows with a picture and age that an earlier row has.")
    splits: dict[str, int] = Field({}, description="Examples by split.")
    rejects: dict[str, int] = Field({}, description="Rejected rows by reason.")


class NearDuplicatePair(Part):
    """Two pictures that look the same."""

    file_name: str = Field(description="Of the first one in the label file, cut to 300 characters.")
    real_age: float = Field(description="Years.")
    other_file_name: str = Field(description="Of the other one, cut to 300 characters.")
    other_real_age: float = Field(description="Years.")
    differing_bits: int = Field(description="How many of the 256 bits of their perceptual hashes differ.")
    mirrored: bool = Field(description="Whether one looks like the mirror image of the other.")
    apart: bool = Field(description="Whether their contents' hashes would have put them in two splits.")


class NearDuplicates(Part):
    """Pictures that look the same, which are kept in one split."""

    pairs: int = Field(0, description="Number of pairs; a picture in three versions makes three.")
    apart: int = Field(0, description="Pairs that their contents' hashes would have put in two splits.")
    different_ages: int = Field(0, description="Pairs whose ages differ.")
    examples: list[NearDuplicatePair] = Field(
        [], description="The first pairs of `near_duplicates.csv`: those that differ most in age."
    )


class KeptGroups(Part):
    """Groups of photographs, such as those of one person (`data.group_column`), which are kept in one split."""

    groups: int = Field(0, description="Number of groups.")
    apart: int = Field(0, description="Groups that the hashes of their photographs would have put in more than one split.")


class Data(RowCounts):
    """What the data are like."""

    model_config = pydantic.ConfigDict(json_schema_extra=_may_be_absent(["near_duplicates", "groups"]))

    directory: str | None = Field(None, description="The data directory.")
    ages: dict[str, AgeStatistics] = Field(
        {}, description="Of all rows with an allowed age (`labels`) and of the examples of each split."
    )
    sizes: list[ImageSize | OtherSizes] = Field([], description="The most common sizes first, then how many others.")
    brightness: dict[str, Brightness] = Field({}, description="By split.")
    attributes: dict[str, list[AttributeValue]] = Field({}, description="Most common values of each attribute column.")
    reject_examples: list[RejectedRow] = Field([], description="The first rows of each reason.")
    near_duplicates: NearDuplicates | None = Field(
        None, description="Null where nobody looked for them; absent in verdicts of earlier versions."
    )
    groups: KeptGroups | None = Field(
        None, description="Null where no column names any; absent in verdicts of earlier versions."
    )
    anomalies: list[str] | None = Field(
        None, description="What the data gate found against the schema, in sentences; null where it was not looked for."
    )


class Approval(Part):
    """That a person had a model pushed which waited for it."""

    by: str = Field(description="Who it was, as they said.")
    reason: str = Field(description="Why, as they said.")
    when: str = Field(description="ISO 8601 in UTC.")


class Paths(Part):
    """Where things are, as paths or URIs; a key that is absent or null stands for what there is not."""

    metadata: str | None = Field(None, description="The metadata store; null where the runner keeps it elsewhere.")
    model: str | None = Field(None, description="The pushed model, a SavedModel.")
    rejects: str | None = Field(None, description="`rejects.csv`, every rejected row with its reason.")
    examples: str | None = Field(None, description="The examples, TFRecords by split.")
    evaluation: str | None = Field(None, description="TFMA's evaluation.")
    predictions: str | None = Field(None, description="`predictions.csv`, what was predicted for each test photograph.")
    report: str | None = Field(None, description="The report for people.")
    model_card: str | None = Field(None, description="The model card in the pushed model.")

    model_config = pydantic.ConfigDict(
        json_schema_extra=_may_be_absent(
            ["metadata", "model", "rejects", "examples", "evaluation", "predictions", "report", "model_card"]
        )
    )


class Stage(Part):
    """A step that had finished when the verdict was written."""

    name: str = Field(description="The component's name.")
    seconds: float | None = Field(None, description="How long it took, seconds.")
    cached: bool = Field(False, description="Whether its result came from the cache.")


class FeatureCache(Part):
    """What was kept of the frozen layers' outputs."""

    computed: bool = Field(description="Whether something had to be computed; otherwise all of it was found.")
    views: int = Field(description="Views of each training image.")
    bytes: int = Field(description="Size, bytes.")
    seconds: float = Field(description="How long it took, seconds.")


class Environment(Part):
    """What a process consisted of."""

    commit: str | None = Field(None, description="Of this project's code, in hexadecimal; null where it is not known.")
    clean: bool | None = Field(None, description="Whether the code was as committed; null where that is not known.")
    stack: str | None = Field(None, description="Which set of packages, `current` or `compatible`; null for another one.")
    python: str | None = Field(None, description="Version of Python.")
    system: str | None = Field(None, description="Operating system, processor and C library.")
    device: str | None = Field(
        None, description="What TensorFlow computed on: `CPU`, or the names of GPUs; null where it was not loaded."
    )
    versions: dict[str, str] = Field({}, description="Versions of this project and of the libraries that results depend on.")


class TrainedMember(Part):
    """The training of one network of an ensemble."""

    differs: dict[str, Any] = Field({}, description="What it does otherwise than the configuration's `trainer` section.")
    history: dict[str, list[Measured]] = Field({}, description="As that of a single network.")
    best_epoch: int | None = Field(None, description="The epoch whose weights were kept, counted from 1.")
    epochs_run: int | None = Field(None, description="Number of epochs.")
    validation_mae: Measured = Field(
        None, description="Of this network alone on the validation split in the best epoch, years."
    )
    frozen_through: str | None = Field(None, description="The last layer that was not trained; null when all were.")
    fit_seconds: float | None = Field(None, description="How long fitting took, seconds.")


TrialStatus = Literal["begun", "finished", "pruned", "diverged", "out_of_time"]


class Trial(Part):
    """A training with hyperparameters that were tried out."""

    number: int = Field(description="Counted from 0.")
    values: dict[str, Any] = Field(
        description="By the keys of the configuration, such as `trainer.learning_rate`; lists as JSON."
    )
    status: TrialStatus = Field(
        description="`finished`; `pruned`: ended early, because others had left it behind; `diverged`: its loss was not a number any "
        "more; `out_of_time`: the search's time was up; `begun`: going on, or interrupted."
    )
    validation_mae: Measured = Field(None, description="The least after any epoch, years; null where there is none.")
    errors: list[float] = Field([], description="MAE on the validation split after each epoch, years.")
    seconds: float = Field(0.0, description="How long it took, seconds.")


class Search(Part):
    """The trials of a search for hyperparameters."""

    trials: list[Trial] = Field(description="In the order in which they began.")
    best: int | None = Field(None, description="Number of the finished trial with the least validation MAE; null for none.")
    seconds: float = Field(0.0, description="How long all of them took, seconds.")


class Training(Part):
    """What the Trainer recorded: `history.json`."""

    model_config = pydantic.ConfigDict(
        json_schema_extra=_may_be_absent(
            ["environment", "resumed_after", "checkpoint_seconds", "time_was_up", "members", "stage_epochs", "search"]
        )
    )

    history: dict[str, list[Measured]] = Field(
        {},
        description="After each epoch: `loss`, `mae` (years), and `val_` for the validation split. Of an ensemble, its first member's.",
    )
    best_epoch: int | None = Field(
        None, description="The epoch whose weights were kept, counted from 1; of an ensemble, its first member's."
    )
    epochs_run: int | None = Field(None, description="Number of epochs; of an ensemble, its first member's.")
    validation_mae: Measured = Field(
        None,
        description="MAE on the validation split in the best epoch, years; of an ensemble, that of the mean of its members.",
    )
    stage_epochs: list[int] = Field(
        [], description="Number of epochs of each stage, whose measurements stand one after another; empty for a single stage."
    )
    members: list[TrainedMember] = Field([], description="The networks of an ensemble; empty for a single network.")
    training_examples: int | None = Field(None, description="Number of photographs.")
    validation_examples: int | None = Field(None, description="Number of photographs.")
    mean_age: float | None = Field(None, description="Mean age of the training split, years.")
    frozen_through: str | None = Field(None, description="The last layer that was not trained; null when all were.")
    feature_cache: FeatureCache | None = Field(None, description="Null where nothing was kept.")
    fit_seconds: float | None = Field(
        None, description="How long fitting took, seconds; since the interruption, if there was one."
    )
    seconds: float | None = Field(None, description="How long all of it took, seconds, likewise.")
    resumed_after: int | None = Field(
        None, description="Epochs that had been done when the training was interrupted; null where it was not."
    )
    checkpoint_seconds: float | None = Field(None, description="How long writing checkpoints took, seconds, likewise.")
    time_was_up: bool = Field(False, description="Whether `trainer.max_minutes` ended it.")
    device: str | None = Field(None, description="`CPU` or `GPU`.")
    precision: str | None = Field(None, description="In what the backbone computed, such as `float32` or `mixed_bfloat16`.")
    environment: Environment | None = Field(
        None, description="Of the process that trained, which a later run may have taken from the cache."
    )
    search: Search | None = Field(
        None, description="The search whose best hyperparameters it was trained with; null where the run made none."
    )


class Verdict(Part):
    """The verdict of a run."""

    schema_version: int = Field(
        SCHEMA_VERSION,
        ge=0,
        description="Version of this schema; 0 for a file from before it was counted.",
        json_schema_extra={"const": SCHEMA_VERSION},
    )
    run_id: str = Field("", description="The run's name.")
    kind: Kind = Field(
        RUN, description="`run`, `explore` for a look at the data alone, or `evaluate` for a model on other data than its own."
    )
    blessed: bool | None = Field(None, description="May this model serve? Null where there is no model to judge.")
    stopped_by: str | None = Field(None, description="The component that ended the run early; null for none.")
    reasons: list[str] = Field(
        description="Why the model was not blessed or the run was stopped (for `explore`: would be), in sentences."
    )
    thresholds: Thresholds = Field(Thresholds(), description="What the model had to reach.")
    metrics: Metrics | None = Field(None, description="Measured on the whole test split; null when there is no model.")
    constant_baseline: ConstantBaseline | None = Field(
        None, description="What always giving one answer comes to on the test split; null when there is no model."
    )
    intervals: Intervals | None = Field(None, description="Null where the model answers with no intervals.")
    robustness: Robustness | None = Field(
        None, description="Null where it was not measured (evaluator.robustness); absent in verdicts of earlier versions."
    )
    champion: Champion | None = Field(None, description="The model being served; null when nothing was.")
    best_version: Champion | None = Field(
        None,
        description="The best version in the serving directory by its own record, where that is another one than the champion and "
        "better: a chain of pushes, each a little worse, ends here. Null where there is none.",
    )
    canary: Canary | None = Field(None, description="Null when no model was blessed; absent in verdicts of earlier versions.")
    slices: list[Slice] = Field([], description="Metrics by attribute value and decade of age.")
    groups: list[Group] = Field(
        [], description="For whom the model may serve, and for whom not: all ages in ranges, then attribute values."
    )
    weakest_slices: list[str] = Field(
        [], description="Sentences about slices, not small, whose MAE is clearly above the whole, worst first."
    )
    model_version: str | None = Field(None, description="The version that was pushed; null for none.")
    push: Push | None = Field(
        None,
        description="What became of a blessed model: `pending` from the verdict until the run's end, which a run that died in "
        "between never reached; `awaiting_approval` where a person decides (pusher.approval); `pushed`. Null for a model that "
        "may not serve, and in verdicts of earlier versions.",
    )
    approval: Approval | None = Field(None, description="Who approved the model; null where nobody was asked, or has yet to.")
    data_fingerprint: str | None = Field(None, description="SHA-256 over labels and images.")
    data: Data = Field(Data(), description="What the data are like.")
    paths: Paths = Field(Paths(), description="Where things are.")
    stages: list[Stage] = Field([], description="The steps that had finished, in the order in which they began.")
    training: Training | None = Field(None, description="Null when nothing was trained.")
    configuration: dict[str, Any] | None = Field(None, description="The run's configuration in full.")
    versions: dict[str, str] = Field({}, description="Those of `environment`; once the only ones that were told.")
    environment: Environment | None = Field(
        None, description="Of the process that wrote the verdict; absent in verdicts of earlier versions."
    )
    created: str | None = Field(None, description="When the verdict was written, ISO 8601 in UTC.")

    @pydantic.model_validator(mode="before")
    @classmethod
    def _mean_age_of_earlier_versions(cls, content: Any) -> Any:
        if not isinstance(content, dict) or "mean_age_mae" not in content:
            return content
        mae = content["mean_age_mae"]
        return {"constant_baseline": None if mae is None else {"answer": "mean", "mae": mae}, **content}

    @classmethod
    def from_json(cls, text: str | bytes) -> "Verdict":
        """Reads `blessing.json`, also as earlier versions wrote it.

        Raises:
            ValueError: it is not JSON, or (as `pydantic.ValidationError`) not a verdict.
        """
        return cls.from_content(json.loads(text))

    @classmethod
    def from_content(cls, content: Any) -> "Verdict":
        """Reads the content of `blessing.json`.

        Raises:
            pydantic.ValidationError: it is not that of a verdict.
        """
        return cls.model_validate({"schema_version": 0, **content} if isinstance(content, dict) else content)

    def to_json(self) -> str:
        """Returns the content of `blessing.json`. What was never set is left out."""
        content = {"schema_version": self.schema_version, **self.model_dump(exclude_unset=True)}
        return json.dumps(content, indent=2, allow_nan=False) + "\n"

    def setting(self, key: str) -> Any:
        """Returns a value of the run's configuration, such as that of `report.faces`; None where it does not say."""
        value: Any = self.configuration
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return value


def json_schema() -> str:
    """Returns the JSON Schema of what `to_json` writes, as text."""
    schema = Verdict.model_json_schema(mode="serialization")
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"
