"""What is served stays loaded: what can't answer is refused once, whatever is wrong with it, and the version before it goes on."""

import pytest

from age.serving.serving_directory import ServingDirectory
from age.serving.version_being_served import VersionBeingServed
from tests import brightness_model
from tests.brightness_model import age_of, grey

YEARS = 1e-3


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return brightness_model.write_model(tmp_path_factory.mktemp("model") / "exported")


@pytest.fixture
def directory(tmp_path) -> ServingDirectory:
    return ServingDirectory(str(tmp_path / "serving"))


@pytest.fixture
def events() -> list[tuple[str, int]]:
    return []


@pytest.fixture
def served(directory, events) -> VersionBeingServed:
    return VersionBeingServed(directory.path, lambda event, version, **facts: events.append((event, version)))


def write_model_with_two_ages_each(path) -> str:
    import tensorflow as tf

    class TwoAges(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
        def serve(self, image_bytes):
            return {"age": tf.zeros([tf.size(image_bytes), 2])}

    module = TwoAges()
    tf.saved_model.save(module, str(path), signatures={"serving_default": module.serve})
    return str(path)


def write_model_that_fails_when_asked(path) -> str:
    import tensorflow as tf

    class Failing(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
        def serve(self, image_bytes):
            with tf.control_dependencies([tf.debugging.assert_equal(tf.size(image_bytes), -1, message="never")]):
                return {"age": tf.zeros([tf.size(image_bytes)])}

    module = Failing()
    tf.saved_model.save(module, str(path), signatures={"serving_default": module.serve})
    return str(path)


def write_no_model(path) -> str:
    path.mkdir()
    (path / "saved_model.pb").write_bytes(b"not a model")
    return str(path)


@pytest.mark.parametrize(
    "write, sentence",
    [
        (write_no_model, "the model can't be loaded"),
        (write_model_that_fails_when_asked, "the model fails when it is asked"),
        (write_model_with_two_ages_each, "the model can't be used: TypeError"),
    ],
)
def test_what_cannot_answer_is_refused_once_and_the_one_before_it_goes_on(
    write, sentence, directory, served, events, model, tmp_path
):
    good = directory.publish(model).served.version
    served.look()
    bad = directory.publish(write(tmp_path / "bad")).served.version

    served.look()
    served.look()

    assert events == [("loading", good), ("serving", good), ("loading", bad), ("refused", bad)]
    assert sentence in served.refused[bad].why and served.loading == 0
    (answer,) = served.current.answer([grey(51)])
    assert served.current.version == good and answer.age == pytest.approx(age_of(51), abs=YEARS)


def test_a_directory_that_is_not_there_yet_has_nothing_to_serve(served, events):
    served.look()

    assert served.current is None and events == []


def test_what_is_withdrawn_is_served_no_more_and_whoever_holds_it_may_go_on(directory, served, events, model):
    version = directory.publish(model).served.version
    served.look()
    held = served.current

    directory.carry_out(lambda: directory.planned_withdrawal(version))
    served.look()

    assert served.current is None and events[-1] == ("withdrawn", version)
    assert held.answer([grey(51)])[0].age == pytest.approx(age_of(51), abs=YEARS)
