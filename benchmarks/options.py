"""What a measurement that trains networks is told."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Options:
    """What a measurement that trains networks is told.

    Attributes:
        faces: how many of the data set's; None for all.
        minutes: for each training.
        config: a configuration file; None for the defaults.
        overrides: `a.b=c`, applied to it.
        repeats: how often each side of a comparison of rates runs.
        seeds: with how many seeds each network is trained.
        out: where a table goes; None for nowhere but the terminal.
    """

    faces: int | None = None
    minutes: float = 20.0
    config: str | None = None
    overrides: tuple[str, ...] = ()
    repeats: int = 3
    seeds: int = 1
    out: str | None = None

    def settings(self, *further: str) -> Any:
        """Returns the `trainer` section (`age.model.settings.TrainerSettings`), with further overrides."""
        from pipeline import configuration

        return configuration.load(self.config, [*self.overrides, *further]).trainer
