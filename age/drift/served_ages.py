"""The ages that a server answered with, as its metrics count them."""

import math
import re

import numpy as np
import numpy.typing as npt

from schemas.bad_input import BadInput

HISTOGRAM = "age_predicted_age_years"

_BUCKET = re.compile(rf'{HISTOGRAM}_bucket\{{(?:[^}}]*,)?le="([^"]+)"[^}}]*\}}\s+(\S+)')


def read(text: str, source: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Reads the histogram of predicted ages; those of several servers, one after another, are added up.

    Args:
        text: metrics in Prometheus' text format.
        source: where they come from, for messages.

    Returns:
        `(ends, counts)`, both `[bins]`: up to which age each bin reaches, years, the last one infinite, and how many answers fall
        into each.

    Raises:
        BadInput: there is no such histogram, or it makes no sense.
    """
    cumulative: dict[float, float] = {}
    for end, count in _BUCKET.findall(text):
        try:
            cumulative[float(end)] = cumulative.get(float(end), 0.0) + float(count)
        except ValueError as error:
            raise BadInput(f"{source}: {HISTOGRAM}_bucket: {error}. Expected Prometheus' text format.") from error
    ends = np.array(sorted(cumulative))
    if not len(ends) or not math.isinf(ends[-1]):
        raise BadInput(
            f"{source}: no complete histogram {HISTOGRAM!r}. Expected what `age-pipeline serve` gives under /metrics, in Prometheus' "
            "text format."
        )
    counts = np.diff([cumulative[end] for end in ends], prepend=0.0)
    if not np.isfinite(counts).all() or (counts < 0).any() or (counts != np.round(counts)).any():
        raise BadInput(f"{source}: the buckets of {HISTOGRAM} do not count upwards in whole numbers.")
    return ends, counts.astype(np.int64)
