"""Asks a model about photographs on Beam's workers, on this machine or on a cluster: `predict --runner`.

What is asked about is written down as parts of some hundred to some thousand photographs. A worker answers a whole part and then writes
what it found, so that a part is there whole or not at all: whoever dies on the way, the next attempt writes the same.

    DIR/predictions-00003-of-00031.jsonl    a line for each photograph that was answered, in the order in which they were asked about
    DIR/dead_letters.jsonl                  a line for each that could not be read, and why
"""

import contextlib
import dataclasses
import hashlib
import itertools
import json
import os
import threading
from collections.abc import Iterator

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.utils import shared

from age import progress, storage
from age.serving import Predictor
from age.serving import predictor as predictors
from age.serving.serving_directory import ServedModel
from components.run_start import beam_check
from pipeline.beam import beam_options, loopback
from pipeline.configuration import Configuration
from pipeline.prediction import inputs, outputs
from schemas import features
from schemas.bad_input import BadInput
from schemas.failures import Failure, RunStopped

DEAD_LETTERS = "dead_letters.jsonl"
VERSION = "model_version"
RUNNERS = {"direct": "DirectRunner", "flink": "FlinkRunner", "spark": "SparkRunner", "dataflow": "DataflowRunner"}

_ASKED, _WHAT = ".asked", "asked.json"
_PARTS, _SMALLEST, _LARGEST = 200, 250, 5000
_LOOK_SECONDS = 2.0
_DOING, _UNIT = "Asking the model", "photographs"


class JobFailed(Failure):
    """The Beam job ended before all photographs were answered; the message says what is kept."""


@dataclasses.dataclass(frozen=True)
class _Asked:
    """What is asked about, as it is kept beside the parts.

    Attributes:
        model: the model's directory.
        digest: of its content.
        version: its version.
        photographs: how many there are.
        size: photographs of a part.
        names: digest of all of them, in order.
    """

    model: str
    digest: str
    version: int
    photographs: int
    size: int
    names: str

    @property
    def parts(self) -> int:
        return -(-self.photographs // self.size)


@dataclasses.dataclass(frozen=True)
class _Places:
    """Where the files of a directory are."""

    out: str
    parts: int

    @property
    def asked(self) -> str:
        return storage.join(self.out, _ASKED)

    def photographs(self, part: int) -> str:
        return storage.join(self.asked, f"{part:05d}.jsonl")

    def unread(self, part: int) -> str:
        return storage.join(self.asked, f"{part:05d}.unread.jsonl")

    def predictions(self, part: int) -> str:
        return storage.join(self.out, f"predictions-{part:05d}-of-{self.parts:05d}.jsonl")


def arguments(configured: Configuration, runner: str) -> list[str]:
    """Returns Beam's command line for a runner.

    Args:
        configured: whose section `beam` says where it is.
        runner: one of `RUNNERS`.

    Raises:
        BadInput: the section is about another one.
    """
    if configured.beam.runner == RUNNERS[runner]:
        return configured.beam_args()
    if runner == "direct":
        return beam_options.arguments(RUNNERS[runner], {})
    raise BadInput(
        f"--runner {runner}: beam.runner is {configured.beam.runner}, so nothing says where the cluster is. Name a configuration "
        f"with beam.runner {RUNNERS[runner]} and its beam.options, as --config configs/flink.yaml is for Flink."
    )


def to_directory(place: str, asked_about: list[str], out: str, beam_args: list[str], resume: bool) -> tuple[int, int]:
    """Asks about all photographs and writes the answers into a directory.

    Workers must find model, photographs and directory at the paths that they have here.

    Args:
        place: a SavedModel, a serving directory, or a workdir.
        asked_about: what is asked about (`inputs.photographs`), standard input excepted.
        out: the directory, made where it is not there.
        beam_args: from `arguments`.
        resume: go on with what an interrupted call left there.

    Returns:
        How many photographs there were, and how many of them could not be read.

    Raises:
        BadInput: there is no model, or no photograph; or the directory has something else in it.
        JobFailed: Beam's job failed.
        RunStopped: a person stopped it; the parts that were answered are kept.
    """
    if inputs.STANDARD_INPUT in asked_about:
        raise BadInput("-: workers can't read this command's standard input. Name a directory, images or a list.")
    out = _absolute(out)
    served = predictors.find(place)
    served = ServedModel(served.version, _absolute(served.path))
    asked = _what(served, asked_about)
    places = _Places(out, asked.parts)
    _prepare(asked, asked_about, places, resume)
    if any(word.removeprefix("--runner=") in beam_check.RUNNERS for word in beam_args):
        progress.report("Looking at the cluster")
        beam_check.check(beam_args)
    missing = [part for part in range(asked.parts) if not storage.exists(places.predictions(part))]
    again = f"What was answered is kept in {out}; the same command with --resume goes on."
    loopback.listen_there_only(beam_args)
    try:
        with _watching(asked, places), beam.Pipeline(options=PipelineOptions(beam_args)) as pipeline:
            _ = (
                pipeline
                | "Parts" >> beam.Create(missing, reshuffle=False)
                | "SpreadParts" >> beam.Reshuffle()
                | "AnswerPart" >> beam.ParDo(_AnswerPart(served, asked, places))
            )
    except KeyboardInterrupt as stopped:
        raise RunStopped(f"Stopped, as you asked. {again}") from stopped
    except Failure:
        raise
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise JobFailed(f"Beam's job failed: {lines[0][:500] if lines else type(error).__name__}\n{again}") from error
    return asked.photographs, _finish(asked, places)


def _absolute(path: str) -> str:
    return path if not path or storage.is_remote(path) else os.path.abspath(path)


def _what(served: ServedModel, asked_about: list[str]) -> _Asked:
    names, total = hashlib.sha256(), 0
    for photograph in inputs.photographs(asked_about):
        names.update(_line(photograph).encode())
        total += 1
    if not total:
        # It says what was expected.
        inputs.count(asked_about)
    size = min(max(-(-total // _PARTS), _SMALLEST), _LARGEST)
    return _Asked(served.path, served.digest, served.version, total, size, names.hexdigest())


def _line(photograph: inputs.Photograph) -> str:
    below = photograph.below if photograph.below is None else _absolute(photograph.below)
    found = dataclasses.replace(photograph, path=_absolute(photograph.path), below=below)
    return json.dumps(dataclasses.asdict(found)) + "\n"


def _prepare(asked: _Asked, asked_about: list[str], places: _Places, resume: bool) -> None:
    """Writes down what is asked about, or makes sure that it is what an interrupted call was asked.

    Raises:
        BadInput: there is something else.
    """
    what = storage.join(places.asked, _WHAT)
    if resume and storage.exists(what):
        if json.loads(storage.read_bytes(what)) != dataclasses.asdict(asked):
            raise BadInput(
                f"{places.out}: what was answered there comes from another model, or the photographs are others now. Ask the same "
                "model (--model) about the same photographs, or name another directory with --out."
            )
        return
    storage.make_directory(places.out)
    if storage.list_directory(places.out):
        raise BadInput(
            f"--out {places.out}: there is something in it already. Name a directory that is empty or not there yet, or add --resume to "
            "go on with what an interrupted call left."
        )
    storage.make_directory(places.asked)
    photographs = inputs.photographs(asked_about)
    for part in range(asked.parts):
        lines = map(_line, itertools.islice(photographs, asked.size))
        storage.write_text(places.photographs(part), "".join(lines))
    # The last one, so that what is there is whole.
    storage.write_text(what, json.dumps(dataclasses.asdict(asked)))


class _AnswerPart(beam.DoFn):
    """Answers a part, and writes its files. The workers of a process share one model."""

    def __init__(self, served: ServedModel, asked: _Asked, places: _Places):
        self._served, self._asked, self._places = served, asked, places
        self._models = shared.Shared()

    def setup(self) -> None:
        self._predictor = self._models.acquire(self._load)

    def _load(self) -> Predictor:
        found = predictors.find(self._served.path)
        if found.digest != self._asked.digest:
            raise BadInput(f"{found.path}: workers find another model there. Put it where all of them see it.")
        return Predictor(ServedModel(self._served.version, found.path))

    def process(self, part: int) -> None:
        content = storage.read_bytes(self._places.photographs(part)).decode()
        photographs = [inputs.Photograph(**json.loads(line)) for line in content.splitlines()]
        answered, unread = [], []
        for photograph, prediction in self._predictor.stream(photographs, inputs.Photograph.read):
            name = {features.FILE_NAME_COLUMN: photograph.file_name}
            if prediction.age is None:
                unread.append({**name, outputs.ERROR: prediction.error, VERSION: self._predictor.version})
            else:
                ages = outputs.years(prediction, self._predictor.outputs)
                answered.append({**name, **ages, VERSION: self._predictor.version})
        storage.write_text(self._places.unread(part), _lines(unread))
        # The last one: what has it is done.
        storage.write_text(self._places.predictions(part), _lines(answered))


def _lines(rows: list[dict]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


@contextlib.contextmanager
def _watching(asked: _Asked, places: _Places) -> Iterator[None]:
    """Reports while the context lasts how many photographs are answered, wherever the workers are."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_LOOK_SECONDS):
            with contextlib.suppress(OSError):
                done = sum(name.startswith("predictions-") for name in storage.list_directory(places.out))
                progress.report(_DOING, min(done * asked.size, asked.photographs), asked.photographs, _UNIT)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _finish(asked: _Asked, places: _Places) -> int:
    """Makes one file of what could not be read, and returns how many those are.

    Raises:
        JobFailed: photographs are missing from the answers, or there twice.
    """
    parts = range(asked.parts)
    unread = [places.unread(part) for part in parts]
    lines, refused = (
        sum(storage.read_bytes(path).count(b"\n") for path in paths) for paths in (map(places.predictions, parts), unread)
    )
    if lines + refused != asked.photographs:
        raise JobFailed(
            f"{places.out}: {lines + refused:,} answers for {asked.photographs:,} photographs. That is a fault of the pipeline's own."
        )
    storage.concatenate("", unread, storage.join(places.out, DEAD_LETTERS))
    storage.remove_tree(places.asked)
    return refused
