"""Answers photographs that arrive together in one call of the model."""

import asyncio
import collections
import dataclasses
import time
from concurrent import futures

from age.serving import Prediction, Predictor
from age.serving.predictor import BATCH, BATCH_PIXELS
from pipeline.server.metrics import Metrics

# While one batch is in the network another one is decoded.
_CALLS = 2

# A network takes sixteen photographs for an eighth less time each than eight, so a tenth of a call is well spent on a fuller one.
_LONGEST_WAIT = 0.1


@dataclasses.dataclass(frozen=True)
class Photograph:
    """A photograph that can be decoded: its bytes, and how many pixels they claim."""

    encoded: bytes
    pixels: int


@dataclasses.dataclass(frozen=True)
class _Waiting:
    predictor: Predictor
    photograph: Photograph
    answer: "asyncio.Future[Prediction]"
    since: float


class Batcher:
    """Gathers photographs and asks models about batches of them. One of them lives as long as the server does.

    A photograph waits for others only where others are about: where the batch before had several. So whoever asks alone is
    answered at once. Clients that were answered together ask again together, one shortly after the other: a batch goes on waiting
    while they arrive, for a tenth of the time that the call before took.

    Args:
        wait: seconds within which the next photograph must arrive for a batch to go on waiting.
        metrics: that are kept.
    """

    def __init__(self, wait: float, metrics: Metrics):
        self._wait = wait
        self._metrics = metrics
        self._queue: collections.deque[_Waiting] = collections.deque()
        self._executor = futures.ThreadPoolExecutor(_CALLS, thread_name_prefix="model")
        self._callers: set[asyncio.Task[None]] = set()
        self._others_are_about = False
        self._last_call = 0.0  # seconds

    async def answer(self, predictor: Predictor, photographs: list[Photograph]) -> list[Prediction]:
        """Returns what a model says of photographs, in their order.

        Args:
            predictor: the model, which answers for all of them.
            photographs: that it is asked about.

        Raises:
            Exception: what the model failed with. Whoever shared the batch gets it too, and nobody else.
        """
        loop, now = asyncio.get_running_loop(), time.perf_counter()
        waiting = [_Waiting(predictor, one, loop.create_future(), now) for one in photographs]
        self._queue.extend(waiting)
        self._see_that_somebody_calls()
        return list(await asyncio.gather(*(one.answer for one in waiting)))

    def close(self) -> None:
        """Ends the threads that ask models."""
        for caller in self._callers:
            caller.cancel()
        self._executor.shutdown(wait=False)

    def _see_that_somebody_calls(self) -> None:
        if self._queue and len(self._callers) < _CALLS:
            caller = asyncio.create_task(self._call_until_nobody_waits())
            self._callers.add(caller)
            caller.add_done_callback(self._ended)

    def _ended(self, caller: "asyncio.Task[None]") -> None:
        """However a caller ended, another one follows where photographs wait: none of them is left alone."""
        self._callers.discard(caller)
        if not caller.cancelled():
            self._see_that_somebody_calls()

    async def _call_until_nobody_waits(self) -> None:
        while self._queue:
            if self._others_are_about:
                await self._wait_while_others_arrive()
                if not self._queue:
                    return
            batch = self._next_batch()
            self._see_that_somebody_calls()
            await self._call(batch)

    async def _wait_while_others_arrive(self) -> None:
        until = time.perf_counter() + _LONGEST_WAIT * self._last_call
        seen = 0
        while seen < len(self._queue) < BATCH and time.perf_counter() < until:
            seen = len(self._queue)
            await asyncio.sleep(self._wait)

    def _next_batch(self) -> list[_Waiting]:
        """Takes what one call may have: one model's, of bounded number and pixels."""
        batch = [self._queue.popleft()]
        pixels = batch[0].photograph.pixels
        while self._queue and len(batch) < BATCH:
            one = self._queue[0]
            pixels += one.photograph.pixels
            if one.predictor is not batch[0].predictor or pixels > BATCH_PIXELS:
                break
            batch.append(self._queue.popleft())
        return batch

    async def _call(self, batch: list[_Waiting]) -> None:
        """Answers each photograph of a batch, or fails each."""
        try:
            answers = await self._answers(batch)
        except Exception as error:
            for one in batch:
                if not one.answer.done():
                    one.answer.set_exception(error)
            return
        for one, answer in zip(batch, answers):
            if not one.answer.done():
                one.answer.set_result(answer)

    async def _answers(self, batch: list[_Waiting]) -> list[Prediction]:
        began = time.perf_counter()
        for one in batch:
            self._metrics.queue_seconds.observe(began - one.since)
        self._metrics.batch_photographs.observe(len(batch))
        self._others_are_about = len(batch) > 1
        encoded = [one.photograph.encoded for one in batch]
        answers = await asyncio.get_running_loop().run_in_executor(self._executor, batch[0].predictor.answer, encoded)
        if len(answers) != len(batch):
            raise RuntimeError(f"The model gave {len(answers)} answers about {len(batch)} photographs.")
        self._last_call = time.perf_counter() - began
        self._metrics.model_seconds.observe(self._last_call)
        return answers
