"""What is known of a run before its steps work: the part of its verdict that does not depend on what they find."""

from typing import Any

import pydantic

from schemas.verdict import RUN, Kind, Thresholds


class RunDescription(pydantic.BaseModel):
    """What the report of a run says of the run itself.

    Attributes:
        kind: `run`, or `explore` for a look at the data alone.
        thresholds: what a model must reach to be blessed.
        data_fingerprint: SHA-256 over labels and images.
        data_dir: the data directory.
        metadata_path: the SQLite file of ML Metadata; None on a runner whose store is elsewhere.
        configuration: the run's configuration in full.
    """

    model_config = pydantic.ConfigDict(extra="forbid")

    kind: Kind = RUN
    thresholds: Thresholds = Thresholds()
    data_fingerprint: str | None = None
    data_dir: str | None = None
    metadata_path: str | None = None
    configuration: dict[str, Any] | None = None
