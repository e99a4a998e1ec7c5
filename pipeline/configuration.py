"""The configuration of a run: one YAML file, validated as a whole, and overrides from the command line."""

import os
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

import pydantic
import yaml

from age import storage
from age.drift.settings import DriftSettings
from age.evaluation.settings import EvaluatorSettings
from age.model import search_space
from age.model.search_space import TunerSettings
from age.model.settings import TrainerSettings
from age.serving.approval import AUTOMATIC, Mode
from pipeline.beam import beam_options
from pipeline.kubeflow.settings import KubeflowSettings
from pipeline.server.settings import ServeSettings
from schemas import age_schema, features
from schemas.bad_input import BadInput
from schemas.verdict import REPORTS_DIR

if TYPE_CHECKING:
    from age.dataset.split_groups import Grouping


class _Section(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")


class Splits(_Section):
    """Shares of the splits, 0 to 1, summing to 1."""

    train: float = pydantic.Field(0.8, gt=0, lt=1)
    validation: float = pydantic.Field(0.1, gt=0, lt=1)
    test: float = pydantic.Field(0.1, gt=0, lt=1)

    @pydantic.model_validator(mode="after")
    def _sum_to_one(self):
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"the shares sum to {total:g}; expected 1")
        return self


class SampleData(_Section):
    """The synthetic demo set that is drawn when no data are given.

    Attributes:
        count: number of faces.
        image_size: side, pixels.
        seed: of the drawing.
    """

    count: int = pydantic.Field(1500, ge=50, le=1_000_000)
    image_size: int = pydantic.Field(64, ge=32, le=1024)
    seed: int = pydantic.Field(0, ge=0)


class Data(_Section):
    """The `data` section.

    Attributes:
        dir: directory with `labels.csv` and the images.
        schema_file: the age schema, `schemas/age.pbtxt` unless another one is given.
        splits: shares of the splits.
        group_column: column of the label file whose photographs stay in one split, such as that of the person.
        near_duplicates: `together`: pictures that look the same stay in one split; `together_mirrored`: mirror images too;
            `ignore`: nobody looks for them.
        max_reject_fraction: share of rows that may be rejected.
        face_detector: model file of OpenCV's YuNet, which finds faces; null for none.
        align: whether the main face of each photograph is cut out, and learnt from in place of the photograph.
        sample: the demo set to draw when `dir` is not given; null for none.
    """

    dir: str | None = pydantic.Field(None, min_length=1)
    schema_file: str | None = pydantic.Field(None, min_length=1)
    splits: Splits = Splits()
    group_column: str | None = pydantic.Field(None, min_length=1)
    near_duplicates: Literal["together", "together_mirrored", "ignore"] = "together"
    max_reject_fraction: float = pydantic.Field(0.05, ge=0, le=1)
    face_detector: str | None = pydantic.Field(None, min_length=1)
    align: bool = False
    sample: SampleData | None = None

    @pydantic.model_validator(mode="after")
    def _aligned_by_something(self):
        if self.align and not self.face_detector:
            raise ValueError("align needs face_detector, the model file of OpenCV's YuNet")
        return self

    @property
    def grouping(self) -> "Grouping":
        """What stays in one split."""
        from age.dataset.split_groups import Grouping  # Beam loads with it

        return Grouping(
            column=self.group_column,
            near_duplicates=self.near_duplicates != "ignore",
            mirrored=self.near_duplicates == "together_mirrored",
        )


class Report(_Section):
    """The `report` section.

    Attributes:
        faces: whether reports may show photographs of people.
    """

    faces: bool = True


class Beam(_Section):
    """The `beam` section.

    Attributes:
        runner: the Beam runner of ingestion, statistics and evaluation.
        options: what the runner is told, such as `direct_num_workers: 2`; `pipeline.beam.beam_options` lists all of it.
    """

    runner: Literal["DirectRunner", "FlinkRunner", "SparkRunner", "DataflowRunner"] = "DirectRunner"
    options: dict[str, Any] = pydantic.Field({}, validate_default=True)

    @pydantic.field_validator("options")
    @classmethod
    def _known_to_the_runner(cls, options, info):
        if "runner" in info.data:
            beam_options.check(info.data["runner"], options)
        return options


class Pusher(_Section):
    """The `pusher` section.

    Attributes:
        approval: `automatic`, or `manual`: a blessed model then waits for `age-pipeline serving approve`.
        canary_timeout: seconds that the process may take that tries the exported model before it is pushed.
        model_server: TensorFlow Serving's binary that tries it, path or name on the `PATH`; TensorFlow alone unless given.
    """

    approval: Mode = AUTOMATIC
    canary_timeout: float = pydantic.Field(300.0, gt=0)
    model_server: str | None = pydantic.Field(None, min_length=1)


class Serving(_Section):
    """The `serving` section.

    Attributes:
        dir: where blessed models are pushed; `<workdir>/serving/age` unless given.
    """

    dir: str | None = pydantic.Field(None, min_length=1)


class Configuration(_Section):
    """Everything that can be chosen about a run.

    Attributes:
        workdir: where the run keeps its metadata, artifacts, reports and served models.
        tuner: a search for hyperparameters before the training; null for none.
    """

    workdir: str = pydantic.Field("runs/age", min_length=1)
    data: Data = Data()
    trainer: TrainerSettings = TrainerSettings()
    tuner: TunerSettings | None = None
    evaluator: EvaluatorSettings = EvaluatorSettings()
    report: Report = Report()
    beam: Beam = Beam()
    pusher: Pusher = Pusher()
    serving: Serving = Serving()
    serve: ServeSettings = ServeSettings()
    drift: DriftSettings = DriftSettings()
    kubeflow: KubeflowSettings = KubeflowSettings()

    @pydantic.field_validator("tuner")
    @classmethod
    def _of_a_single_stage(cls, tuner, info):
        if tuner and "trainer" in info.data and info.data["trainer"].stages:
            raise ValueError(
                "a search tries trainings of a single stage, and trainer.stages has several; leave out either of them"
            )
        return tuner

    @property
    def serving_dir(self) -> str:
        return self.serving.dir or os.path.join(self.workdir, "serving", "age")

    @property
    def metadata_path(self) -> str:
        return os.path.join(self.workdir, "metadata.sqlite")

    @property
    def reports_dir(self) -> str:
        return os.path.join(self.workdir, REPORTS_DIR)

    @property
    def feature_cache_dir(self) -> str:
        return os.path.join(self.workdir, "feature_cache")

    @property
    def checkpoint_dir(self) -> str:
        return os.path.join(self.workdir, "checkpoints")

    @property
    def search_dir(self) -> str:
        return os.path.join(self.workdir, "searches")

    @property
    def remembered_digests(self) -> str:
        return os.path.join(self.workdir, "image_digests.bin")

    def described(self) -> dict[str, Any]:
        """Returns it as reports show it, without what no run depends on: Kubeflow and where steps run there, the server, and drift."""
        return self.model_dump(exclude={"kubeflow", "serve", "drift"} | (set() if self.tuner else {"tuner"}))

    def schema_text(self) -> str:
        """Returns the curated age schema.

        Raises:
            BadInput: it can't be read or is none.
        """
        path = self.data.schema_file or str(age_schema.DEFAULT_SCHEMA)
        try:
            text = storage.read_bytes(path).decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"data.schema_file: {path}: the schema can't be read: {error}.") from error
        age_schema.parse(text, path)
        return text

    def beam_args(self) -> list[str]:
        """Returns the command line of Beam's pipelines."""
        return beam_options.arguments(self.beam.runner, self.beam.options)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _sentence(error: dict[str, Any], source: str) -> str:
    key = ".".join(str(part) for part in error["loc"]) or "the file"
    if error["type"] == "extra_forbidden":
        return f"{source}: {key}: there is no such key. {_neighbours(error['loc'])}"
    found = "" if error["type"] == "missing" else f" is {_shown(error['input'])}"
    if error["type"] == "model_type":
        keys = ", ".join(sorted(_keys_at(error["loc"])))
        return f"{source}: {key}{found}; expected keys below it ({keys}). Remove {key} to take the defaults."
    message = str(error["ctx"]["error"]) if error["type"] == "value_error" else error["msg"]
    return f"{source}: {key}{found}; {message[0].lower()}{message[1:]}."


def _keys_at(location) -> Iterable[str]:
    """Names the keys that the configuration has at a place; none where it takes any."""
    model = Configuration
    for part in location:
        field = getattr(model, "model_fields", {}).get(part)
        model = getattr(field, "annotation", None)
        nested = [kind for kind in getattr(model, "__args__", ()) if hasattr(kind, "model_fields")]
        model = nested[0] if nested else model
    return getattr(model, "model_fields", None) or ()


def _neighbours(location) -> str:
    """Names the keys that exist where an unknown one was found."""
    keys = _keys_at(location[:-1])
    return f"Expected one of {', '.join(sorted(keys))}." if keys else "Remove it."


class _Loader(yaml.SafeLoader):
    """Reads YAML without Python objects, without keys that silently replace each other, and with `1e-4` as a number."""


def _mapping_without_repeats(loader, node, deep=False):
    seen = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if isinstance(key, (str, int, float)) and key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} occurs twice", key_node.start_mark)
        seen.add(key if isinstance(key, (str, int, float)) else None)
    return yaml.SafeLoader.construct_mapping(loader, node, deep)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping_without_repeats)
# YAML 1.1, which PyYAML reads, wants a point and a signed exponent: 1.0e-4.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$"), list("-+.0123456789")
)


def _read_yaml(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            content = yaml.load(file, _Loader)
    except FileNotFoundError as error:
        raise BadInput(f"{path}: there is no such configuration file. The ready-made ones are in configs/.") from error
    except OSError as error:
        raise BadInput(f"{path}: the configuration can't be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: the configuration is not UTF-8 text. Save it again as UTF-8.") from error
    except yaml.YAMLError as error:
        raise BadInput(f"{path}: not YAML: {' '.join(str(error).split())}.") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise BadInput(f"{path}: found {type(content).__name__}; expected sections such as 'data:' and 'trainer:'.")
    return content


def _override(content: dict[str, Any], assignment: str) -> None:
    """Applies `a.b=c` to nested dictionaries; `c` is read as YAML."""
    key, equals, text = assignment.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise BadInput(f"--set {assignment}: expected a key and a value, such as --set trainer.epochs=5.")
    try:
        value = yaml.load(text, _Loader) if text.strip() else text
    except yaml.YAMLError as error:
        raise BadInput(f"--set {assignment}: the value is not YAML: {' '.join(str(error).split())}.") from error
    _assign(content, parts, value, f"--set {assignment}")


def _assign(content: dict[str, Any], parts: list[str], value: Any, said: str) -> None:
    """Sets a value in nested dictionaries, making those that are missing."""
    for part in parts[:-1]:
        below = content.get(part)
        content[part] = below = {} if below is None else below
        if not isinstance(below, dict):
            raise BadInput(f"{said}: {part} is {_shown(below)}, which has no keys below it.")
        content = below
    content[parts[-1]] = value


def _take_hyperparameters(content: dict[str, Any], overrides: Iterable[str]) -> None:
    """Puts the values of `trainer.hyperparameters` in their places; overrides have the last word.

    Raises:
        BadInput: the file can't be read or is none of a search.
    """
    trainer = content.get("trainer")
    named = trainer.get("hyperparameters") if isinstance(trainer, dict) else None
    if not isinstance(named, str) or not named:
        return
    path = os.path.expanduser(named)
    try:
        found = search_space.read(path, storage.read_bytes(path))
    except OSError as error:
        raise BadInput(
            f"trainer.hyperparameters: {named}: the file can't be read: {error.strerror or error}. `age-pipeline tune` says where "
            "it left the best hyperparameters."
        ) from error
    for key, value in found.items():
        _assign(content, key.split("."), value, f"trainer.hyperparameters: {named}")
    for assignment in overrides:
        _override(content, assignment)


def load(
    path: str | None = None,
    overrides: list[str] = (),
    data_dir: str | None = None,
    workdir: str | None = None,
    for_cluster: bool = False,
    for_run: bool = True,
) -> Configuration:
    """Loads and validates a configuration.

    Args:
        path: YAML file, or None for the defaults.
        overrides: texts `a.b=c`, applied in order.
        data_dir: replaces `data.dir`.
        workdir: replaces `workdir`.
        for_cluster: paths are those of containers and stay as they are; only `data.schema_file` and `trainer.hyperparameters` are
            read here.
        for_run: False for what only looks at what runs left; `workdir` may then be anywhere.

    Returns:
        The configuration, with absolute local paths.

    Raises:
        BadInput: the file can't be read, a key is unknown, or a value impossible; the message names the key, the value and
            what is allowed, for everything that is wrong.
    """
    content = _read_yaml(path) if path else {}
    for assignment in overrides:
        _override(content, assignment)
    if data_dir is not None:
        _assign(content, ["data", "dir"], data_dir, f"--data {data_dir}")
    if workdir is not None:
        content["workdir"] = workdir
    _take_hyperparameters(content, overrides)
    source = path or "the configuration"
    try:
        # Strict about types: 'yes' is no boolean and '8' no number, but 8 is a float.
        configuration = Configuration.model_validate(content, strict=True)
    except pydantic.ValidationError as error:
        raise BadInput("\n".join(_sentence(found, source) for found in error.errors())) from error
    if for_cluster:
        return configuration
    if for_run and "://" in configuration.workdir:
        raise BadInput(
            f"{source}: workdir is {configuration.workdir}; a run on this machine keeps its metadata store, cache and logs on "
            "a disk. Expected a local directory. What others shall reach can lie elsewhere: serving.dir for the models."
        )
    return _with_absolute_paths(configuration)


def _with_absolute_paths(configuration: Configuration) -> Configuration:
    def absolute(path):
        return path if path is None or "://" in path else os.path.abspath(os.path.expanduser(path))

    weights, server = configuration.trainer.weights, configuration.pusher.model_server
    return configuration.model_copy(
        update={
            "workdir": absolute(configuration.workdir),
            "data": configuration.data.model_copy(
                update={
                    "dir": absolute(configuration.data.dir),
                    "schema_file": absolute(configuration.data.schema_file),
                    "face_detector": absolute(configuration.data.face_detector),
                }
            ),
            "trainer": configuration.trainer.model_copy(
                update={"weights": weights if weights in ("imagenet", "none") else absolute(weights)}
            ),
            "pusher": configuration.pusher.model_copy(
                update={"model_server": absolute(server) if server and os.path.dirname(server) else server}
            ),
            "serving": configuration.serving.model_copy(update={"dir": absolute(configuration.serving.dir)}),
        }
    )


def splits_in_order(splits: Splits) -> dict[str, float]:
    """Returns the shares in the order in which they divide the hash."""
    return {split: getattr(splits, split) for split in features.SPLITS}
