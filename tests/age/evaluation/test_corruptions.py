"""What is done to photographs to make them worse."""

import io

import numpy as np
import pytest
from PIL import Image

from age.evaluation.corruptions import CORRUPTIONS, SIDE, as_png, canvas

BY_NAME = {way.name: way for way in CORRUPTIONS}


def photograph(width=60, height=40):
    """Noise around a colour that differs from quarter to quarter."""
    random = np.random.default_rng(0)
    pixels = random.integers(60, 120, (height, width, 3))
    pixels[: height // 2] += 60
    pixels[:, : width // 2, 0] += 40
    return Image.fromarray(pixels.astype(np.uint8))


def pixels_of(encoded):
    return np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"), np.float64)


def made(name, image, number=0):
    return pixels_of(BY_NAME[name].encoded(image, number))


def test_a_photograph_that_nothing_is_done_to_keeps_every_pixel():
    image = photograph()

    assert (pixels_of(as_png(image)) == np.asarray(image)).all()


def test_large_photographs_are_reduced_in_their_proportions_and_small_ones_stay():
    large, small = np.zeros((2 * SIDE, 4 * SIDE, 3), np.uint8), np.zeros((20, 30, 3), np.uint8)

    assert canvas(large).size == (SIDE, SIDE // 2)
    assert canvas(small).size == (30, 20)


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_a_changed_photograph_is_another_of_the_same_size(name):
    image = photograph()

    changed = made(name, image)

    assert changed.shape == (40, 60, 3) and np.abs(changed - np.asarray(image)).mean() > 1


@pytest.mark.parametrize("kind", ["blurred", "darkened", "brightened", "compressed", "turned", "shifted"])
def test_strong_is_further_from_the_photograph_than_mild(kind):
    coarse = np.random.default_rng(0).integers(60, 200, (4, 4, 3)).astype(np.uint8)
    image = Image.fromarray(coarse).resize((160, 160), Image.Resampling.BICUBIC)
    far = [np.abs(made(f"{kind}_{strength}", image) - np.asarray(image)).mean() for strength in ("mild", "strong")]

    assert far[1] > 1.15 * far[0]


@pytest.mark.parametrize(("name", "added"), [("brightened_mild", 51), ("darkened_mild", -51), ("darkened_strong", -102)])
def test_brightness_changes_the_value_and_keeps_the_hue(name, added):
    image = Image.new("RGB", (8, 8), (160, 120, 80))

    changed = made(name, image)[0, 0]

    assert changed[0] == 160 + added
    assert changed[1:] / changed[0] == pytest.approx([0.75, 0.5], abs=0.01)


@pytest.mark.parametrize("shade", [0, 255])
@pytest.mark.parametrize("name", ["brightened_strong", "darkened_strong"])
def test_brightness_stays_within_what_a_pixel_holds(name, shade):
    changed = made(name, Image.new("RGB", (8, 8), (shade,) * 3))

    assert changed.min() == changed.max() == np.clip(shade + (102 if name.startswith("b") else -102), 0, 255)


def test_turning_and_shifting_take_turns_in_their_directions():
    column = np.broadcast_to(2 * np.arange(100)[None, :, None], (100, 100, 3))
    lighter_to_the_right = Image.fromarray(column.astype(np.uint8))

    right, left = (made("shifted_mild", lighter_to_the_right, number)[50, 50, 0] for number in (0, 1))
    assert right < 100 < left
    one, other = (made("turned_mild", lighter_to_the_right, number)[10, 50, 0] for number in (0, 1))
    assert (one < 100) != (other < 100)


@pytest.mark.parametrize(
    ("name", "rows", "columns"),
    [
        ("top_covered", slice(0, 20), slice(None)),
        ("bottom_covered", slice(20, None), slice(None)),
        ("left_covered", slice(None), slice(0, 30)),
        ("right_covered", slice(None), slice(30, None)),
    ],
)
def test_half_a_photograph_is_covered_and_the_other_half_is_as_it_was(name, rows, columns):
    image = photograph()
    expected = np.array(image)
    expected[rows, columns] = 128

    assert (made(name, image) == expected).all()


def test_compressed_photographs_are_jpeg_files_of_the_strengths_that_are_promised():
    found = [Image.open(io.BytesIO(BY_NAME[f"compressed_{one}"].encoded(photograph(), 0))) for one in ("mild", "strong")]

    # The quantisation of the luminance's mean: 16 at quality 50, times 50 / quality.
    assert [image.quantization[0][0] for image in found] == [round(16 * 50 / 18), 80]
