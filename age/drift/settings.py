"""The `drift` section of the configuration."""

import pydantic


class DriftSettings(pydantic.BaseModel):
    """When photographs are taken to have drifted.

    Attributes:
        significance: how often drift may be found where there is none, all comparisons together; 0 to 1.
        max_photographs: how many of a folder are looked at, drawn at random; more find smaller differences and take longer.
        min_photographs: fewer are refused: they would tell nothing but the largest drift.
        permutations: that each comparison counts.
    """

    model_config = pydantic.ConfigDict(extra="forbid")

    significance: float = pydantic.Field(0.05, gt=0, le=0.5)
    max_photographs: int = pydantic.Field(1000, ge=20, le=10_000)
    min_photographs: int = pydantic.Field(50, ge=20)
    permutations: int = pydantic.Field(999, ge=199, le=100_000)

    @pydantic.model_validator(mode="after")
    def _possible(self) -> "DriftSettings":
        if self.min_photographs > self.max_photographs:
            raise ValueError(f"min_photographs is {self.min_photographs}, more than max_photographs ({self.max_photographs})")
        return self
