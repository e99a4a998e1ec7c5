"""Photographs that arrive together share a call of the model, and one that fails leaves all the others' answers alone."""

import asyncio
import dataclasses
import time

import pytest

from age.serving import Prediction, Predictor
from age.serving.predictor import BATCH, BATCH_PIXELS
from pipeline.server.batching import Batcher, Photograph
from pipeline.server.metrics import Metrics
from tests.brightness_model import age_of, grey

YEARS = 1e-3
# What no model can be asked about: TensorFlow raises, as it would where memory is short or a disk is gone.
UNASKABLE = Photograph(object(), 1)


def photograph(shade: int, pixels: int = 256) -> Photograph:
    return Photograph(grey(shade), pixels)


@pytest.fixture(scope="module")
def predictor(models) -> Predictor:
    return Predictor.load(models(0))


@dataclasses.dataclass
class Called:
    """Passes calls on to a model, and keeps how large they were."""

    predictor: Predictor
    sizes: list[int] = dataclasses.field(default_factory=list)

    def answer(self, encoded: list[bytes]) -> list[Prediction]:
        self.sizes.append(len(encoded))
        return self.predictor.answer(encoded)


def asked(*questions: tuple[object, list[Photograph]]) -> list:
    """Asks all questions at once, and returns ages, or what was raised, for each."""

    async def ask() -> list:
        used = Batcher(0.002, Metrics())
        try:
            answers = await asyncio.wait_for(
                asyncio.gather(*(used.answer(model, given) for model, given in questions), return_exceptions=True), 30
            )
        finally:
            used.close()
        return [one if isinstance(one, BaseException) else [prediction.age for prediction in one] for one in answers]

    return asyncio.run(ask())


def test_each_is_answered_in_its_order_by_batches_of_bounded_size(predictor):
    called = Called(predictor)
    questions = [(called, [photograph((7 * number + place) % 256) for place in range(number)]) for number in range(1, 20)]

    answers = asked(*questions)

    for number, ages in zip(range(1, 20), answers):
        assert ages == pytest.approx([age_of((7 * number + place) % 256) for place in range(number)], abs=YEARS)
    assert max(called.sizes) == BATCH and len(called.sizes) < 19


def test_those_who_were_answered_together_and_ask_again_one_after_the_other_are_answered_together(predictor):
    class Slow(Called):
        def answer(self, encoded):
            time.sleep(0.5)
            return super().answer(encoded)

    async def ask() -> None:
        batcher = Batcher(0.02, Metrics())

        async def twice(number: int) -> None:
            await batcher.answer(called, [photograph(number)])
            await asyncio.sleep(0.004 * number)
            await batcher.answer(called, [photograph(number)])

        await asyncio.wait_for(asyncio.gather(*(twice(number) for number in range(8))), 30)
        batcher.close()

    called = Slow(predictor)
    asyncio.run(ask())

    assert called.sizes[-1] >= 6


def test_large_photographs_are_not_decoded_together(predictor):
    called = Called(predictor)

    asked(*[(called, [photograph(9, BATCH_PIXELS // 2)]) for _ in range(6)])

    assert max(called.sizes) <= 2 and sum(called.sizes) == 6


def test_no_batch_mixes_two_models(predictor, models):
    other = Predictor.load(models(1))

    answers = asked(*[(model, [photograph(51)]) for _ in range(20) for model in (predictor, other)])

    assert [age for (age,) in answers] == pytest.approx([age_of(51), age_of(51, 1)] * 20, abs=YEARS)


def test_nothing_to_answer_is_answered(predictor):
    assert asked((predictor, []), (predictor, [photograph(51)]))[0] == []


def test_a_batch_that_fails_fails_its_own_requests_and_what_comes_later_is_answered(predictor):
    async def ask() -> None:
        batcher = Batcher(0.002, Metrics())
        for _ in range(5):
            with pytest.raises(ValueError, match="to Tensor"):
                await asyncio.wait_for(batcher.answer(predictor, [photograph(51), UNASKABLE]), 30)
            await asyncio.wait_for(batcher.answer(predictor, []), 30)
            (answer,) = await asyncio.wait_for(batcher.answer(predictor, [photograph(51)]), 30)
            assert answer.age == pytest.approx(age_of(51), abs=YEARS)
        batcher.close()

    asyncio.run(ask())


def test_a_model_that_answers_too_little_fails_and_leaves_nobody_waiting(predictor):
    class Forgetful(Called):
        def answer(self, encoded):
            return super().answer(encoded)[1:]

    failed, answered = asked((Forgetful(predictor), [photograph(1), photograph(2)]), (predictor, [photograph(51)]))

    assert "1 answers about 2 photographs" in str(failed)
    assert answered == pytest.approx([age_of(51)], abs=YEARS)


def test_a_caller_that_dies_is_followed_by_another_one(predictor, monkeypatch):
    """Whatever ends the task that asks models, photographs that wait are answered by the next one."""
    honest, deaths = Batcher._next_batch, [1, 2, 3]

    def dying(batcher):
        if deaths:
            deaths.pop()
            raise MemoryError
        return honest(batcher)

    monkeypatch.setattr(Batcher, "_next_batch", dying)

    assert asked((predictor, [photograph(51)]))[0] == pytest.approx([age_of(51)], abs=YEARS)
    assert deaths == []


def test_who_goes_away_takes_nobody_elses_answer_along(predictor):
    async def ask() -> list[Prediction]:
        batcher = Batcher(0.002, Metrics())
        gone = [asyncio.create_task(batcher.answer(predictor, [photograph(1)] * 3)) for _ in range(10)]
        await asyncio.sleep(0)
        for one in gone:
            one.cancel()
        answers = await asyncio.wait_for(batcher.answer(predictor, [photograph(51)]), 30)
        batcher.close()
        return answers

    (answer,) = asyncio.run(ask())

    assert answer.age == pytest.approx(age_of(51), abs=YEARS)
