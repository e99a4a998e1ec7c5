"""What a model must reach: the `evaluator` section of the configuration."""

import re

import pydantic

_SLICE = re.compile(r"[^=]+=.*", re.DOTALL)


class EvaluatorSettings(pydantic.BaseModel):
    """The gate.

    Attributes:
        max_mae: largest mean absolute error on the test split, years.
        min_examples: fewest examples that the test split must have for the error to mean anything.
        max_regression: by how many years the MAE may be worse than that of the model being served.
        min_coverage: least share of the real ages in the test split that the model's intervals must hold, 0 to 1; null asks for
            none. A model without intervals does not meet it.
        slice_attributes: attribute columns to slice by; null takes every column.
        max_slice_values: an attribute with more different values than this is not sliced by (it is said in the log).
        min_slice_examples: a slice with fewer examples is small: the evidence for it is not enough, and `max_slice_mae` does not
            refuse the model for it.
        max_slice_mae: largest MAE of every slice that is not small, as a multiple of `max_mae`; refused is what is clearly above,
            with the whole 95 % interval. null refuses nothing.
        slice_ceilings: largest MAE in years for slices such as `gender=female` or `age_decade=20-29`, in place of
            `max_slice_mae`; a named slice that the test split does not have counts as failed.
        robustness: whether the model is asked about test photographs made worse too: blurred, dark, turned, half covered.
        robustness_examples: on how many of them at most; for each the model is asked 17 times.
        robustness_ceilings: largest MAE in years on photographs made worse, such as `blurred_strong` or `left_covered`.
    """

    model_config = pydantic.ConfigDict(extra="forbid")

    max_mae: float = pydantic.Field(8.0, gt=0)
    min_examples: int = pydantic.Field(100, ge=1)
    max_regression: float = pydantic.Field(0.25, ge=0)
    min_coverage: float | None = pydantic.Field(None, gt=0, lt=1)
    slice_attributes: list[str] | None = None
    max_slice_values: int = pydantic.Field(30, ge=1)
    min_slice_examples: int = pydantic.Field(30, ge=1)
    max_slice_mae: float | None = pydantic.Field(1.5, gt=0)
    slice_ceilings: dict[str, pydantic.PositiveFloat] = {}
    robustness: bool = True
    robustness_examples: int = pydantic.Field(300, ge=1)
    robustness_ceilings: dict[str, pydantic.PositiveFloat] = {}

    @pydantic.field_validator("slice_ceilings")
    @classmethod
    def _named_slices(cls, ceilings: dict[str, float]) -> dict[str, float]:
        for name in ceilings:
            if not _SLICE.fullmatch(name):
                raise ValueError(f"{name!r} names no slice; expected 'column=value', such as 'gender=female'")
        return ceilings

    @pydantic.field_validator("robustness_ceilings")
    @classmethod
    def _named_corruptions(cls, ceilings: dict[str, float]) -> dict[str, float]:
        if ceilings:
            from age.evaluation import corruptions

            known = [way.name for way in corruptions.CORRUPTIONS]
            for name in ceilings:
                if name not in known:
                    raise ValueError(f"{name!r} is nothing that is done to photographs; expected one of {', '.join(known)}")
        return ceilings

    @pydantic.model_validator(mode="after")
    def _measured_where_judged(self) -> "EvaluatorSettings":
        if self.robustness_ceilings and not self.robustness:
            raise ValueError(
                "robustness_ceilings needs robustness, which is false: nothing would be measured to hold against them"
            )
        return self

    def ceiling(self, feature: str, value: str) -> float | None:
        """Returns the largest MAE, years, that a slice may have; None for none."""
        named = self.slice_ceilings.get(f"{feature}={value}")
        if named is not None or self.max_slice_mae is None:
            return named
        return self.max_slice_mae * self.max_mae
