"""Names that every part of the pipeline agrees on: tf.Example features, splits, slices.

The image features carry the names that TensorFlow's own image data sets use.
"""

IMAGE_ENCODED = "image/encoded"
IMAGE_FILENAME = "image/filename"
IMAGE_FORMAT = "image/format"
IMAGE_HEIGHT = "image/height"
IMAGE_WIDTH = "image/width"
IMAGE_SHA256 = "image/sha256"
IMAGE_BRIGHTNESS = "image/brightness"
AGE = "age"

EXAMPLE_FEATURES = (
    IMAGE_ENCODED,
    IMAGE_FILENAME,
    IMAGE_FORMAT,
    IMAGE_HEIGHT,
    IMAGE_WIDTH,
    IMAGE_SHA256,
    IMAGE_BRIGHTNESS,
    AGE,
)

TRAIN = "train"
VALIDATION = "validation"
TEST = "test"
SPLITS = (TRAIN, VALIDATION, TEST)

AGE_DECADE = "age_decade"
"""Slice key derived from `age` when a model is evaluated, such as `20-29`; not stored in the examples."""

FILE_NAME_COLUMN = "file_name"
REAL_AGE_COLUMN = "real_age"
LABEL_FILE = "labels.csv"

AGE_BEFORE_COLUMN = "real_age_before"
AGE_CHANGED_BY_COLUMN = "real_age_changed_by"
CHANGE_COLUMNS = (AGE_BEFORE_COLUMN, AGE_CHANGED_BY_COLUMN)
"""Columns of a label file with corrected ages: what stood there before, and who changed it. They are no attributes."""

ATTRIBUTES_PROPERTY = "attributes"
"""Custom property of the Examples artifact: JSON list of the attribute columns."""

RESERVED_COLUMNS = frozenset(EXAMPLE_FEATURES) | {AGE_DECADE}
"""Column names of a label file that would collide with a feature or a slice of the pipeline's own."""


def age_decade(age: float) -> str:
    """Returns the decade that `age` (years) falls in: 7.5 -> `0-9`, 34 -> `30-39`, 101 -> `100-109`."""
    start = int(age // 10) * 10
    return f"{start}-{start + 9}"
