"""A loaded model answers for paths, bytes and pixels, in order, and says what it can't read."""

import struct
import tracemalloc
import zlib

import numpy as np
import pytest

from age.serving import Prediction, Predictor
from age.serving.serving_directory import ServingDirectory
from schemas.bad_input import BadInput
from tests import brightness_model
from tests.brightness_model import age_of, grey

YEARS = 1e-3


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return brightness_model.write_model(tmp_path_factory.mktemp("model") / "exported")


@pytest.fixture(scope="module")
def predictor(model) -> Predictor:
    return Predictor.load(model)


def png_that_claims(width, height) -> bytes:
    """Returns a PNG of a few hundred bytes whose header says that it is of this size."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


def test_paths_bytes_and_pixels_of_one_photograph_get_the_same_answer(predictor, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    file = tmp_path / "face.png"
    from PIL import Image

    Image.fromarray(pixels).save(file)

    answers = predictor.predict([str(file), file, file.read_bytes(), pixels])

    assert answers[0].age is not None and answers == [answers[0]] * 4
    assert predictor.predict(np.stack([pixels, pixels])) == answers[:2]


def test_grey_pixels_are_a_photograph_too(predictor):
    (answer,) = predictor.predict([np.full((10, 10), 51, np.uint8)])

    assert answer.age == pytest.approx(age_of(51), abs=YEARS)


def test_answers_are_in_order_over_many_batches(predictor):
    shades = [number % 256 for number in range(150)]

    answers = predictor.predict(grey(shade) for shade in shades)

    assert [answer.age for answer in answers] == pytest.approx([age_of(shade) for shade in shades], abs=YEARS)


def test_what_cannot_be_read_says_why_and_leaves_the_others_alone(predictor, tmp_path):
    whole = grey(102, kind="JPEG", side=64)

    answers = predictor.predict(
        [whole, tmp_path / "absent.jpg", b"", b"GIF89a...", whole[:300], tmp_path, png_that_claims(9000, 9000), whole]
    )

    assert answers[0] == answers[-1] and answers[0].age == pytest.approx(age_of(102), abs=YEARS)
    errors = [answer.error for answer in answers]
    assert errors[1:-1] == [
        "No such file or directory",
        "the file has no bytes",
        "neither JPEG nor PNG: the file begins with b'GIF89a..'",
        "300 bytes of JPEG that don't decode: cut off or damaged",
        "Is a directory",
        "9000x9000 pixels; at most 67,108,864 are decoded",
    ]
    assert all(answer.age is None for answer in answers[1:-1])


def test_large_photographs_go_in_batches_of_bounded_pixels(predictor, monkeypatch):
    asked = []
    answer = predictor.answer
    monkeypatch.setattr(predictor, "answer", lambda batch: asked.append(len(batch)) or answer(batch))
    large = grey(200, side=4000)

    answers = predictor.predict([large] * 6 + [grey(10)])

    assert max(asked) <= 4 and sum(asked) == 7
    assert [found.age for found in answers] == pytest.approx([age_of(200)] * 6 + [age_of(10)], abs=YEARS)


def test_memory_does_not_grow_with_the_number_of_photographs(predictor):
    def most_while_asking(count):
        tracemalloc.start()
        answered = sum(1 for _ in predictor.stream(range(count), lambda number: grey(number % 256)))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert answered == count
        return peak

    few = most_while_asking(200)
    assert most_while_asking(2000) < few + 500_000


@pytest.mark.parametrize("alone", ["face.jpg", b"\xff\xd8\xff"])
def test_a_single_photograph_is_asked_for_in_a_list(predictor, alone):
    with pytest.raises(TypeError, match="Expected several photographs"):
        predictor.predict(alone)


@pytest.mark.parametrize("wrong", [3, np.zeros((4, 4, 3), "float32"), np.zeros((2, 4, 4, 3), "uint8")])
def test_what_is_no_photograph_is_a_type_error(predictor, wrong):
    with pytest.raises(TypeError, match="Expected a path, bytes, or an array of uint8"):
        predictor.predict([wrong])


def test_a_model_is_found_in_a_serving_directory_and_in_a_workdir(model, tmp_path):
    serving = ServingDirectory(str(tmp_path / "work" / "serving" / "age"))
    version = serving.publish(model).served.version

    found = [Predictor.load(tmp_path / "work"), Predictor.load(serving.path), Predictor.load(f"{serving.path}/{version}")]

    assert [one.version for one in found] == [version] * 3
    assert Predictor.load(model).version == 0


def test_the_interval_is_in_the_answer_where_the_model_gives_one(model, predictor, tmp_path):
    with_interval = Predictor.load(brightness_model.write_model_with_interval(model, tmp_path / "interval"))

    (answer,) = with_interval.predict([grey(153)])

    assert with_interval.outputs == ("age", "age_low", "age_high") and predictor.outputs == ("age",)
    assert (answer.age, answer.age_low, answer.age_high) == pytest.approx((60, 55, 65), abs=YEARS)
    assert predictor.predict([grey(153)])[0].age_low is None
    assert with_interval.predict([b"?"]) == [Prediction(error="neither JPEG nor PNG: the file begins with b'?'")]


def test_what_is_no_model_of_ages_is_refused_in_a_sentence(tmp_path):
    import tensorflow as tf

    with pytest.raises(BadInput, match="no SavedModel there"):
        Predictor.load(tmp_path)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "saved_model.pb").write_bytes(b"not a model")
    with pytest.raises(BadInput, match="the model can't be loaded"):
        Predictor.load(tmp_path / "broken")
    other = tf.Module()
    other.double = tf.function(lambda x: {"y": 2 * x}, input_signature=[tf.TensorSpec([], tf.float32, name="x")])
    tf.saved_model.save(other, str(tmp_path / "other"), signatures=other.double)
    with pytest.raises(BadInput, match=r"takes 'image_bytes' and gives 'age'; found \['x'\] and \['y'\]"):
        Predictor.load(tmp_path / "other")
