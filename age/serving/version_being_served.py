"""Keeps the version being served loaded: takes up what is pushed, rolled back, withdrawn or restored in a serving directory."""

import dataclasses
import time
from collections.abc import Callable

import numpy as np

from age.serving import serving_directory
from age.serving.predictor import BATCH, Predictor
from age.serving.serving_directory import ServedModel
from schemas.bad_input import BadInput

_RETRY_SECONDS = 30.0
_WARM_UP_SIDE = 200


@dataclasses.dataclass(frozen=True)
class Refused:
    """A version that can't answer.

    Attributes:
        version: the version.
        why: in a sentence.
        when: time.monotonic().
    """

    version: int
    why: str
    when: float


def _nothing(event: str, **facts: object) -> None:
    """Takes what happened, and does nothing with it."""


class VersionBeingServed:
    """The newest version of a serving directory that loads and answers.

    One thread looks, any number of threads ask `current`, which changes at once from one warm model to another. Whoever holds
    a predictor may go on asking it.

    Args:
        serving_dir: the directory with the numbered versions; it need not be there yet.
        tell: is told what happened: `loading`, `serving`, `refused` and `withdrawn`, with `version` and further facts.

    Attributes:
        current: the model that answers; None where there is none.
        loading: the version that is being loaded; 0 for none.
        refused: versions that are in the directory and can't answer, by version.
    """

    def __init__(self, serving_dir: str, tell: Callable[..., None] = _nothing):
        self._serving_dir = serving_dir
        self._tell = tell
        self.current: Predictor | None = None
        self.loading = 0
        self.refused: dict[int, Refused] = {}

    def look(self) -> None:
        """Looks at the directory once, and returns when what is served there answers.

        Until then the model before it answers, also where it was withdrawn.

        Raises:
            OSError: the directory can't be listed; what answered goes on.
        """
        served = serving_directory.served_models(self._serving_dir)
        there = {one.version for one in served}
        self.refused = {version: refused for version, refused in self.refused.items() if version in there}
        before = self.current
        for one in served:
            if before is not None and one.version == before.version:
                return
            if self._may_try(one.version) and self._take_up(one):
                return
        if before is not None and before.version not in there:
            self.current = None
            self._tell("withdrawn", version=before.version)

    def _may_try(self, version: int) -> bool:
        refused = self.refused.get(version)
        return refused is None or time.monotonic() - refused.when > _RETRY_SECONDS

    def _take_up(self, served: ServedModel) -> bool:
        self.loading, began = served.version, time.monotonic()
        self._tell("loading", version=served.version)
        try:
            predictor = Predictor(served)
            _warm_up(predictor)
        except Exception as error:
            # Whatever is wrong with one version must not end what looks for the next one, nor be tried every second.
            known = isinstance(error, (BadInput, OSError))
            why = str(error) if known else f"{served.path}: the model can't be used: {type(error).__name__}: {error}"
            self.refused[served.version] = Refused(served.version, why, time.monotonic())
            self._tell("refused", version=served.version, why=why)
            return False
        finally:
            self.loading = 0
        self.refused.pop(served.version, None)
        self.current = predictor
        self._tell("serving", version=served.version, seconds=round(time.monotonic() - began, 3))
        return True


def _warm_up(predictor: Predictor) -> None:
    """Asks a model about noise, so that the first who ask in earnest don't wait for what happens once.

    Raises:
        BadInput: it does not answer.
    """
    import tensorflow as tf

    noise = np.random.default_rng(0).integers(0, 256, (_WARM_UP_SIDE, _WARM_UP_SIDE, 3), dtype=np.uint8)
    jpeg, png = tf.io.encode_jpeg(noise).numpy(), tf.io.encode_png(noise).numpy()
    try:
        answers = [*predictor.answer([jpeg]), *predictor.answer([png]), *predictor.answer([jpeg] * BATCH)]
    except tf.errors.OpError as error:
        raise BadInput(f"{predictor.path}: the model fails when it is asked: {str(error).splitlines()[0]}") from error
    if any(answer.age is None for answer in answers):
        raise BadInput(f"{predictor.path}: the model does not answer with a number.")
