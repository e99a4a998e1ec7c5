"""Photographs made worse in ways in which cameras, light and people make them worse: what they are called, and how they are made.

Where there is an equivalent, the strengths are those of severity 2 (mild) and 4 (strong) in Hendrycks and Dietterich, Benchmarking
Neural Network Robustness to Common Corruptions and Perturbations, 2019: Gaussian blur of 2 and 4 pixels of 224, brightness by 0.2 and
0.4 of the HSV value, JPEG of quality 18 and 10. Darkening, which they do not have, takes off what brightening adds; turning, shifting
and covering have no equivalent there. What comes into sight beyond an edge repeats the edge.
"""

import dataclasses
import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

SIDE = 256
"""Pixels of the longer side at most: larger photographs are reduced to it first, so that a strength means the same for all."""

_REFERENCE_SIDE = 224
_GREY = 128

_Change = Callable[[Image.Image, int], bytes]
"""Makes the bytes of the changed photograph of a photograph and its place among all, by which directions take turns."""


@dataclasses.dataclass(frozen=True)
class Corruption:
    """A way in which a photograph is made worse.

    Attributes:
        name: such as `blurred_strong`.
        description: what is done, in words.
        encoded: returns the bytes of the changed photograph, PNG or JPEG.
    """

    name: str
    description: str
    encoded: _Change


def canvas(pixels: npt.NDArray[np.uint8]) -> Image.Image:
    """Returns a photograph, uint8 RGB `[height, width, 3]`, reduced to `SIDE` where it is larger."""
    image = Image.fromarray(pixels)
    image.thumbnail((SIDE, SIDE))
    return image


def as_png(image: Image.Image) -> bytes:
    """Returns the bytes of a PNG file with exactly these pixels."""
    file = io.BytesIO()
    # Not compressed: the bytes live until the model has decoded them.
    image.save(file, "PNG", compress_level=0)
    return file.getvalue()


def _changed(change: Callable[[Image.Image, int], Image.Image]) -> _Change:
    return lambda image, number: as_png(change(image, number))


def _blur(pixels_of_reference: float) -> _Change:
    return _changed(
        lambda image, _: image.filter(ImageFilter.GaussianBlur(pixels_of_reference * max(image.size) / _REFERENCE_SIDE))
    )


def _brightness(added: float) -> _Change:
    """Adds to the value of HSV, hue and saturation staying as they are."""

    def change(image: Image.Image, _: int) -> Image.Image:
        pixels = np.asarray(image, np.float32)
        value = pixels.max(axis=-1, keepdims=True)
        wanted = np.clip(value + 255 * added, 0, 255)
        scaled = np.where(value > 0, pixels * (wanted / np.maximum(value, 1)), wanted)
        return Image.fromarray(np.round(scaled).astype(np.uint8))

    return _changed(change)


def _jpeg(quality: int) -> _Change:
    def encoded(image: Image.Image, _: int) -> bytes:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        return file.getvalue()

    return encoded


def _with_edges_repeated(image: Image.Image, margin: int) -> Image.Image:
    return Image.fromarray(np.pad(np.asarray(image), ((margin, margin), (margin, margin), (0, 0)), mode="edge"))


def _turn(degrees: float) -> _Change:
    def change(image: Image.Image, number: int) -> Image.Image:
        width, height = image.size
        margin = max(image.size) // 2
        turned = _with_edges_repeated(image, margin).rotate(-degrees if number % 2 else degrees, Image.Resampling.BILINEAR)
        return turned.crop((margin, margin, margin + width, margin + height))

    return _changed(change)


def _shift(share: float) -> _Change:
    def change(image: Image.Image, number: int) -> Image.Image:
        width, height = image.size
        right, down = ((1, 0), (-1, 0), (0, 1), (0, -1))[number % 4]
        margin = max(image.size)
        left, top = margin - right * round(share * width), margin - down * round(share * height)
        return _with_edges_repeated(image, margin).crop((left, top, left + width, top + height))

    return _changed(change)


def _cover(left: float, top: float, right: float, bottom: float) -> _Change:
    """Puts mid-grey over a rectangle, whose sides are given as shares of the photograph's."""

    def change(image: Image.Image, _: int) -> Image.Image:
        width, height = image.size
        covered = image.copy()
        box = (round(left * width), round(top * height), round(right * width), round(bottom * height))
        covered.paste((_GREY, _GREY, _GREY), box)
        return covered

    return _changed(change)


CORRUPTIONS = (
    Corruption("blurred_mild", "blurred a little: sigma 0.9 % of the longer side", _blur(2)),
    Corruption("blurred_strong", "blurred much: sigma 1.8 % of the longer side", _blur(4)),
    Corruption("darkened_mild", "darker by 0.2 of the full value", _brightness(-0.2)),
    Corruption("darkened_strong", "darker by 0.4 of the full value", _brightness(-0.4)),
    Corruption("brightened_mild", "brighter by 0.2 of the full value", _brightness(0.2)),
    Corruption("brightened_strong", "brighter by 0.4 of the full value", _brightness(0.4)),
    Corruption("compressed_mild", "a JPEG of quality 18", _jpeg(18)),
    Corruption("compressed_strong", "a JPEG of quality 10", _jpeg(10)),
    Corruption("turned_mild", "turned by 15°, left and right in turns", _turn(15)),
    Corruption("turned_strong", "turned by 30°, left and right in turns", _turn(30)),
    Corruption("shifted_mild", "shifted by 10 % of the side, in four directions in turns", _shift(0.1)),
    Corruption("shifted_strong", "shifted by 20 % of the side, in four directions in turns", _shift(0.2)),
    Corruption("top_covered", "top half covered", _cover(0, 0, 1, 0.5)),
    Corruption("bottom_covered", "bottom half covered", _cover(0, 0.5, 1, 1)),
    Corruption("left_covered", "left half covered", _cover(0, 0, 0.5, 1)),
    Corruption("right_covered", "right half covered", _cover(0.5, 0, 1, 1)),
)
"""Every one that is measured, in the order in which reports show them."""
