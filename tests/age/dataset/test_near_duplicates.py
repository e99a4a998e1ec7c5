"""Every pair of pictures that look the same is found, and no other."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from age.dataset import image_checks, near_duplicates, perceptual_hash
from schemas.age_schema import Limits

LIMITS = Limits(min_age=0, max_age=116, min_side=16, max_side=8192)


def scene(seed: int, side: int = 200) -> Image.Image:
    """A picture with large shapes and fine grain, as a photograph has."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (9, 9, 3), np.uint8)).resize((side, side), Image.Resampling.BICUBIC)
    grain = random.normal(0, 6, (side, side, 3))
    return Image.fromarray(np.clip(np.asarray(coarse) + grain, 0, 255).astype(np.uint8))


def encoded(image: Image.Image, image_format: str = "JPEG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, image_format, **options)
    return file.getvalue()


def looks(*images: bytes) -> np.ndarray:
    return np.stack([np.frombuffer(image_checks.measure(image, LIMITS, with_looks=True).looks, np.uint8) for image in images])


def found(hashes: np.ndarray, **options) -> set[tuple[int, int]]:
    pairs = near_duplicates.find(hashes, **options)
    return set(zip(pairs.first.tolist(), pairs.second.tolist()))


def upright_of(image: Image.Image, orientation: int) -> bytes:
    """The picture stored turned, with the note that says so."""
    note = Image.Exif()
    note[0x0112] = orientation
    return encoded(image.transpose(Image.Transpose.ROTATE_90), exif=note.tobytes(), quality=95)


OTHER_COPIES = {
    "compressed at quality 60": lambda image: encoded(image, quality=60),
    "half the size": lambda image: encoded(image.resize((100, 100), Image.Resampling.LANCZOS), quality=90),
    "half the size, as PNG": lambda image: encoded(image.resize((100, 100), Image.Resampling.BILINEAR), "PNG"),
    "darker": lambda image: encoded(image.point(lambda value: value * 3 // 4)),
    "grey": lambda image: encoded(image.convert("L")),
    "stored lying": lambda image: upright_of(image, 6),
}


@pytest.mark.parametrize("copy", OTHER_COPIES.values(), ids=OTHER_COPIES)
def test_another_copy_of_a_picture_is_found_among_many(copy):
    originals = [scene(seed) for seed in range(40)]
    hashes = looks(*(encoded(image, quality=95) for image in originals), *map(copy, originals))
    assert found(hashes) == {(number, number + 40) for number in range(40)}


def test_mirror_image_is_found_when_asked_for_and_only_then():
    originals = [scene(seed) for seed in range(20)]
    hashes = looks(*map(encoded, originals), *(encoded(ImageOps.mirror(image)) for image in originals))
    assert found(hashes) == set()
    assert found(hashes, mirrored=True) == {(number, number + 20) for number in range(20)}
    assert near_duplicates.find(hashes, mirrored=True).is_mirrored.all()


def test_search_finds_what_comparing_all_pairs_finds():
    """Hashes at every distance around the bounds, many of which share bytes."""
    random = np.random.default_rng(0)
    centres = random.integers(0, 2, (60, 256), np.uint8)
    flips = random.random((1200, 256)) < random.uniform(0, 0.12, (1200, 1))
    bits = centres[random.integers(0, 60, 1200)] ^ flips
    differ = bits[:, None] != bits[None]
    near = (differ[:, :, :64].sum(2) <= near_duplicates.COARSE_DISTANCE) & (differ.sum(2) <= near_duplicates.DISTANCE)
    expected = {(int(one), int(other)) for one, other in zip(*np.nonzero(np.triu(near, 1)))}

    hashes = np.packbits(bits, axis=1)
    by_band = [found(hashes, band=band) for band in range(near_duplicates.BANDS)]

    assert len(expected) > 1000
    assert found(hashes) == expected
    assert set.union(*by_band) == expected and sum(map(len, by_band)) == len(expected), "each pair is one band's alone"


def test_no_pictures_have_no_pairs():
    assert found(np.zeros((0, 32), np.uint8), mirrored=True) == set()


def test_picture_of_one_colour_has_no_hash():
    assert perceptual_hash.of(Image.new("L", (200, 200), 90)) is None


def test_real_faces_again_at_quality_60_and_at_half_their_size_are_found(shared_data):
    folder = shared_data / "utkface_small"
    if not folder.is_dir():
        pytest.skip(f"no real faces: {folder} is missing")
    faces = [Image.open(path) for path in sorted(folder.glob("*/*.jpg"))]
    smaller = [
        encoded(face.resize((face.width // 2, face.height // 2), Image.Resampling.LANCZOS), quality=90) for face in faces
    ]
    hashes = looks(*map(stored, faces), *(encoded(face, quality=60) for face in faces), *smaller)

    number = len(faces)
    assert number > 200
    again = {(face, face + copy * number) for face in range(number) for copy in (1, 2)}
    assert again <= found(hashes)


def stored(face: Image.Image) -> bytes:
    with open(face.filename, "rb") as file:
        return file.read()
