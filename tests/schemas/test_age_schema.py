"""The curated schema says what the design says, and a wrong one is refused in a sentence."""

import re

import pytest
from tensorflow_metadata.proto.v0 import schema_pb2

from schemas import age_schema, features
from schemas.bad_input import BadInput

TEXT = age_schema.DEFAULT_SCHEMA.read_text(encoding="utf-8")


@pytest.fixture
def curated():
    return age_schema.parse(TEXT, "age.pbtxt")


def feature(schema, name):
    (found,) = [feature for feature in schema.feature if feature.name == name]
    return found


def complaint(text):
    with pytest.raises(BadInput) as raised:
        age_schema.parse(text, "mine.pbtxt")
    message = str(raised.value)
    assert message.startswith("mine.pbtxt: "), "the message says where"
    assert "a copy of schemas/age.pbtxt" in message, "the message says what to do"
    assert message.endswith(".") and ".." not in message, "the message is made of sentences"
    return message


def test_curated_schema_describes_every_feature_of_the_examples_and_no_other(curated):
    assert sorted(feature.name for feature in curated.feature) == sorted(features.EXAMPLE_FEATURES)


@pytest.mark.parametrize("name", features.EXAMPLE_FEATURES)
def test_every_feature_is_present_once_in_every_example(curated, name):
    found = feature(curated, name)
    assert (found.presence.min_fraction, found.presence.min_count) == (1.0, 1)
    assert [dim.size for dim in found.shape.dim] == [1]


@pytest.mark.parametrize(
    "name, kind",
    [
        (features.AGE, schema_pb2.FLOAT),
        (features.IMAGE_BRIGHTNESS, schema_pb2.FLOAT),
        (features.IMAGE_HEIGHT, schema_pb2.INT),
        (features.IMAGE_WIDTH, schema_pb2.INT),
        (features.IMAGE_ENCODED, schema_pb2.BYTES),
        (features.IMAGE_FORMAT, schema_pb2.BYTES),
        (features.IMAGE_FILENAME, schema_pb2.BYTES),
        (features.IMAGE_SHA256, schema_pb2.BYTES),
    ],
)
def test_every_feature_has_the_type_that_ingestion_writes(curated, name, kind):
    assert feature(curated, name).type == kind


def test_ages_are_numbers_from_0_to_116(curated):
    domain = feature(curated, features.AGE).float_domain
    assert (domain.min, domain.max) == (0, 116)
    assert domain.disallow_nan and domain.disallow_inf


def test_brightness_is_a_share(curated):
    domain = feature(curated, features.IMAGE_BRIGHTNESS).float_domain
    assert (domain.min, domain.max) == (0, 1)


def test_formats_are_those_that_are_decoded(curated):
    assert list(feature(curated, features.IMAGE_FORMAT).string_domain.value) == ["jpeg", "png"]


def test_image_bytes_are_marked_as_an_image_so_that_statistics_leave_them_alone(curated):
    assert feature(curated, features.IMAGE_ENCODED).HasField("image_domain")


@pytest.mark.parametrize("name", [features.AGE, features.IMAGE_BRIGHTNESS])
def test_skew_between_splits_is_bounded(curated, name):
    assert 0 < feature(curated, name).skew_comparator.jensen_shannon_divergence.threshold < 1


def test_limits_of_the_curated_schema(curated):
    assert age_schema.limits(curated) == age_schema.Limits(min_age=0, max_age=116, min_side=16, max_side=8192)


def test_limits_follow_a_schema_of_ones_own():
    text = TEXT.replace("max: 116.0", "max: 21.0").replace("min: 0.0 max: 21.0", "min: 18.0 max: 21.0")
    text = text.replace('name: "pixels_high" min: 16 max: 8192', 'name: "pixels_high" min: 64 max: 1000')
    limits = age_schema.limits(age_schema.parse(text, "mine.pbtxt"))
    assert (limits.min_age, limits.max_age) == (18, 21)
    assert (limits.min_side, limits.max_side) == (16, 8192), "a side may be either: the wider of the two domains"


def test_limits_never_accept_an_image_without_pixels():
    text = TEXT.replace("min: 16", "min: -5")
    assert age_schema.limits(age_schema.parse(text, "mine.pbtxt")).min_side == 1


def test_attribute_columns_become_strings_that_are_present_in_every_example(curated):
    extended = age_schema.with_attributes(curated, ["gender", "ethnicity"])
    for name in ("gender", "ethnicity"):
        added = feature(extended, name)
        assert added.type == schema_pb2.BYTES
        assert (added.presence.min_fraction, added.presence.min_count) == (1.0, 1)
        assert [dim.size for dim in added.shape.dim] == [1]
    assert len(extended.feature) == len(curated.feature) + 2


def test_adding_attributes_leaves_the_schema_that_was_given_as_it_was(curated):
    before = curated.SerializeToString(deterministic=True)
    age_schema.with_attributes(curated, ["gender"])
    assert curated.SerializeToString(deterministic=True) == before


def test_attribute_that_the_schema_names_keeps_its_own_entry():
    text = TEXT + 'feature { name: "gender" type: BYTES string_domain { value: "female" value: "male" } }\n'
    extended = age_schema.with_attributes(age_schema.parse(text, "mine.pbtxt"), ["gender"])
    assert list(feature(extended, "gender").string_domain.value) == ["female", "male"]


@pytest.mark.parametrize("text", ["these are words", "feature {", 'feature { nmae: "age" }', 'feature { type: "FLOAT" }'])
def test_text_that_is_no_schema_is_refused_with_its_place(text):
    message = complaint(text)
    assert "not a TensorFlow Metadata schema in text form" in message
    assert re.search(r"\d+:\d+", message), "the message says line and column"


def test_empty_schema_is_refused_with_every_missing_feature():
    message = complaint("")
    assert all(name in message for name in features.EXAMPLE_FEATURES)


def test_missing_feature_is_named_and_others_are_not():
    message = complaint(TEXT.replace('name: "image/sha256"', 'name: "image/sha1"'))
    assert "says nothing about image/sha256, which" in message


@pytest.mark.parametrize(
    "old, new, name, domain",
    [
        ("max: 116.0", "", "age", "float_domain"),
        ("min: 0.0 max: 116.0", "max: 116.0", "age", "float_domain"),
        (re.search(r"float_domain \{ name: \"years\".*\}", TEXT).group(), "", "age", "float_domain"),
        ('int_domain { name: "pixels_high" min: 16 max: 8192 }', "", "image/height", "int_domain"),
        ('name: "pixels_wide" min: 16 max: 8192', "min: 16", "image/width", "int_domain"),
    ],
)
def test_missing_bound_is_refused_because_it_would_read_as_zero(old, new, name, domain):
    assert old in TEXT
    assert f"{name} has no {domain} with both min and max" in complaint(TEXT.replace(old, new))


@pytest.mark.parametrize("age, decade", [(0, "0-9"), (9.99, "0-9"), (10, "10-19"), (34, "30-39"), (116, "110-119")])
def test_decade_of_an_age(age, decade):
    assert features.age_decade(age) == decade
