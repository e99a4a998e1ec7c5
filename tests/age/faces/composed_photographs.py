"""Ordinary photographs, made of real faces: crops of UTKFace, turned and reduced, somewhere in a larger picture."""

import dataclasses
import pathlib

import numpy as np
from PIL import Image

SIDE = 200


@dataclasses.dataclass(frozen=True)
class Placed:
    """Where a crop is put.

    Attributes:
        middle: of the crop, pixels of the photograph.
        scale: pixels of the photograph to one of the crop.
        tilt: degrees, clockwise.
    """

    middle: tuple[float, float]
    scale: float = 1.0
    tilt: float = 0.0

    def of_crop(self, points: np.ndarray) -> np.ndarray:
        """Returns where points of the crop, `[n, 2]`, lie in the photograph."""
        angle = np.radians(self.tilt)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return (points - SIDE / 2) @ turn.T * self.scale + self.middle


def photograph(
    width: int, height: int, faces: list[tuple[pathlib.Path, Placed]], shades: tuple[int, int] = (60, 200)
) -> Image.Image:
    """Returns a photograph with faces before a background of soft, coloured light of these shades, 0 to 255."""
    soft = np.random.default_rng(0).integers(*shades, (4, 5, 3), dtype=np.uint8)
    whole = Image.fromarray(soft).resize((width, height), Image.Resampling.BICUBIC)
    for path, placed in faces:
        angle = np.radians(placed.tilt)
        cos, sin = np.cos(angle) / placed.scale, np.sin(angle) / placed.scale
        (x, y), half = placed.middle, SIDE / 2
        # PIL asks for each pixel of the photograph where it comes from.
        inverse = (cos, sin, half - cos * x - sin * y, -sin, cos, half + sin * x - cos * y)
        with Image.open(path) as crop:
            picture = crop.convert("RGB")
        if placed.scale < 1:
            small = max(1, round(SIDE * placed.scale))
            picture = picture.resize((small, small), Image.Resampling.LANCZOS).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        arguments = ((width, height), Image.Transform.AFFINE, inverse, Image.Resampling.BICUBIC)
        mask = Image.new("L", (SIDE, SIDE), 255).transform(*arguments)
        whole.paste(picture.transform(*arguments), (0, 0), mask)
    return whole
