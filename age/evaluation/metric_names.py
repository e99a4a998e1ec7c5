"""What the metrics of an evaluation are called in TFMA's files; reading those takes neither TFMA nor Beam."""

MEAN_ABSOLUTE_ERROR = "mean_absolute_error"
ROOT_MEAN_SQUARED_ERROR = "root_mean_squared_error"
MEAN_ERROR = "mean_error"
WITHIN_FIVE_YEARS = "within_five_years"
EXAMPLE_COUNT = "example_count"
