"""Any photograph becomes upright RGB, the same eagerly and in a graph, and a bad one spoils no other."""

import io
import struct
import time
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from age import image_decoding

HEIGHT, WIDTH = 24, 40
JPEG_TOLERANCE = 8
"""By how much JPEG may change a pixel, of 255."""


def quarters() -> Image.Image:
    """A picture with another colour in each quarter: no rotation or mirror image of it looks the same."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), "uint8")
    pixels[:12, :20], pixels[:12, 20:] = (250, 10, 10), (10, 250, 10)
    pixels[12:, :20], pixels[12:, 20:] = (10, 10, 250), (240, 240, 240)
    return Image.fromarray(pixels)


def encoded_as(image: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    if kind == "JPEG":
        options = {"quality": 98, "subsampling": 0, **options}
    image.save(file, kind, **options)
    return file.getvalue()


def exif(orientation: int, order: str) -> bytes:
    """An Exif block with a maker's name before the orientation; `order` is `<` (II) or `>` (MM)."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    directory = struct.pack(order + "H", 2)
    directory += struct.pack(order + "HHI", 0x010F, 2, 4) + b"cam\0"
    directory += struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    return b"Exif\0\0" + mark + struct.pack(order + "I", 8) + directory + struct.pack(order + "I", 0)


def png_header_claiming(width: int, height: int) -> bytes:
    """A small PNG file whose header, checksum and all, claims another size."""
    png = bytearray(encoded_as(quarters(), "PNG"))
    png[16:24] = struct.pack(">II", width, height)
    png[29:33] = struct.pack(">I", zlib.crc32(bytes(png[12:29])))
    return bytes(png)


def jpeg_header_claiming(width: int, height: int) -> bytes:
    """A JPEG file whose frame header claims another size."""
    jpeg = bytearray(encoded_as(quarters(), "JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(jpeg)


def decoded(encoded: bytes) -> np.ndarray:
    return image_decoding.decode_image(tf.constant(encoded)).numpy()


def pillow(encoded: bytes) -> np.ndarray:
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(encoded))).convert("RGB"))


def assert_alike(found: np.ndarray, expected: np.ndarray, tolerance: int = 0):
    assert found.shape == expected.shape
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= tolerance


@pytest.mark.parametrize("order", ["<", ">"], ids=["little-endian", "big-endian"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_as_pillow_applies_it(orientation, order):
    encoded = encoded_as(quarters(), "JPEG", exif=exif(orientation, order))
    assert Image.open(io.BytesIO(encoded)).getexif()[0x0112] == orientation
    assert int(image_decoding.exif_orientation(tf.constant(encoded))) == orientation
    assert_alike(decoded(encoded), pillow(encoded))


@pytest.mark.parametrize("order", ["<", ">"], ids=["little-endian", "big-endian"])
@pytest.mark.parametrize("orientation", [0, 9, 255, 6 * 256 + 9])
def test_impossible_orientation_leaves_the_picture_as_it_is(orientation, order):
    encoded = encoded_as(quarters(), "JPEG", exif=exif(orientation, order))
    assert_alike(decoded(encoded), np.asarray(quarters()), JPEG_TOLERANCE)


@pytest.mark.parametrize("block", [b"Exif\0\0", b"Exif\0\0II*\0", exif(6, "<")[:-8], exif(6, ">")[:30]])
def test_exif_block_that_is_cut_off_leaves_the_picture_as_it_is(block):
    encoded = encoded_as(quarters(), "JPEG", exif=block)
    assert decoded(encoded).shape == (HEIGHT, WIDTH, 3)


def test_rgb_png_is_decoded_exactly():
    assert_alike(decoded(encoded_as(quarters(), "PNG")), np.asarray(quarters()))


def test_rgb_jpeg_is_decoded():
    assert_alike(decoded(encoded_as(quarters(), "JPEG")), np.asarray(quarters()), JPEG_TOLERANCE)


def test_progressive_jpeg_is_decoded():
    encoded = encoded_as(quarters(), "JPEG", progressive=True)
    assert_alike(decoded(encoded), np.asarray(quarters()), JPEG_TOLERANCE)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_greyscale_and_cmyk_jpeg_become_rgb(mode):
    encoded = encoded_as(quarters().convert(mode), "JPEG")
    assert Image.open(io.BytesIO(encoded)).mode == mode
    assert_alike(decoded(encoded), pillow(encoded), tolerance=1)


@pytest.mark.parametrize("mode", ["L", "1", "P"])
def test_greyscale_black_and_white_and_palette_png_become_rgb(mode):
    encoded = encoded_as(quarters().convert(mode), "PNG")
    assert Image.open(io.BytesIO(encoded)).mode == mode
    assert_alike(decoded(encoded), pillow(encoded), tolerance=1)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_channel_of_a_png_is_dropped(mode):
    image = quarters().convert(mode)
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    assert_alike(decoded(encoded_as(image, "PNG")), np.asarray(quarters().convert(mode[:-1]).convert("RGB")))


def test_sixteen_bit_png_keeps_its_high_bytes():
    shades = np.arange(256, dtype=np.uint16).reshape(16, 16)
    encoded = encoded_as(Image.fromarray(shades * 257), "PNG")
    assert encoded[24] == 16, "bits of each sample, in the header"
    assert_alike(decoded(encoded), np.repeat(shades[..., np.newaxis], 3, axis=2).astype("uint8"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_size_is_read_from_the_header_before_orientation(kind):
    options = {"exif": exif(6, "<")} if kind == "JPEG" else {}
    encoded = encoded_as(quarters(), kind, **options)
    assert image_decoding.encoded_size(tf.constant(encoded)).numpy().tolist() == [HEIGHT, WIDTH]


@pytest.mark.parametrize("height, width", [(10, 20), (20, 10), (30, 30), (7, 100), (1, 1), (64, 32), (333, 100)])
def test_resizing_keeps_proportions_and_centres_the_picture_on_black(height, width):
    size = 32
    resized = image_decoding.resize_image(tf.fill([height, width, 3], tf.constant(200, tf.uint8)), size).numpy()
    fitted = [max(1, side * size // max(height, width)) for side in (height, width)]
    top, left = (size - fitted[0]) // 2, (size - fitted[1]) // 2
    expected = np.zeros((size, size, 3), np.float32)
    expected[top : top + fitted[0], left : left + fitted[1]] = 200
    np.testing.assert_allclose(resized, expected, atol=1e-3)


def test_resizing_agrees_with_tensorflows_own_where_that_works():
    image = np.random.default_rng(0).integers(0, 256, (90, 60, 3)).astype("uint8")
    own = tf.image.resize_with_pad(image, 30, 30, method="bilinear", antialias=True)
    np.testing.assert_array_equal(image_decoding.resize_image(image, 30), own)


@pytest.mark.parametrize("height, width", [(16, 8192), (8192, 16), (1, 5000)])
def test_longest_strip_stays_a_line_of_one_pixel(height, width):
    resized = image_decoding.resize_image(tf.fill([height, width, 3], tf.constant(100, tf.uint8)), 32).numpy()
    lit = resized[..., 0] > 99
    assert resized.shape == (32, 32, 3)
    assert sorted((lit.any(axis=0).sum(), lit.any(axis=1).sum())) == [1, 32]


def good_files():
    return [
        encoded_as(quarters(), "PNG"),
        encoded_as(quarters(), "JPEG", exif=exif(6, ">")),
        encoded_as(quarters().convert("L"), "JPEG"),
    ]


def unreadable_files():
    png, jpeg = encoded_as(quarters(), "PNG"), encoded_as(quarters(), "JPEG")
    return {
        "junk": b"these are words, not pixels",
        "empty": b"",
        "truncated PNG": png[: len(png) // 2],
        "truncated JPEG": jpeg[: len(jpeg) // 2],
        "PNG cut in its header": png[:20],
        "PNG mark alone": png[:8],
        "JPEG mark alone": jpeg[:3],
        "PNG claiming 20,000 x 20,000": png_header_claiming(20_000, 20_000),
        "PNG claiming what no integer holds": png_header_claiming(2**32 - 1, 1000),
        "PNG claiming nothing": png_header_claiming(0, 0),
        "JPEG claiming 65,500 x 65,500": jpeg_header_claiming(65_500, 65_500),
        "TIFF": encoded_as(quarters(), "TIFF"),
    }


@pytest.mark.parametrize("name", unreadable_files())
def test_unreadable_file_raises_when_decoded_alone(name):
    with pytest.raises(tf.errors.InvalidArgumentError):
        decoded(unreadable_files()[name])


def test_unreadable_files_in_a_batch_are_marked_and_leave_the_others_as_if_alone():
    good, bad = good_files(), list(unreadable_files().values())
    batch = bad[:4] + [good[0]] + bad[4:8] + good[1:] + bad[8:]
    expected = [file in good for file in batch]

    images, readable = image_decoding.decode_batch(tf.constant(batch), 32)

    assert readable.numpy().tolist() == expected
    assert images.dtype == tf.uint8 and images.shape == (len(batch), 32, 32, 3)
    for image, file, can in zip(images.numpy(), batch, expected):
        if can:
            alone = image_decoding.resize_image(image_decoding.decode_image(tf.constant(file)), 32)
            np.testing.assert_array_equal(image, np.round(alone.numpy()).astype("uint8"))
        else:
            assert not image.any(), "an unreadable file's image is black"


def test_batch_of_unreadable_files_alone_is_answered():
    images, readable = image_decoding.decode_batch(tf.constant(list(unreadable_files().values())), 32)
    assert not readable.numpy().any()
    assert not images.numpy().any()


@pytest.mark.parametrize("how", ["eagerly", "in a graph"])
def test_batch_without_files_is_answered_with_none(how):
    decode = tf.function(image_decoding.decode_batch) if how == "in a graph" else image_decoding.decode_batch
    images, readable = decode(tf.zeros([0], tf.string), 32)
    assert (images.shape, images.dtype) == ((0, 32, 32, 3), tf.uint8)
    assert (readable.shape, readable.dtype) == ((0,), tf.bool)


def test_graph_and_eager_give_the_same_pixels():
    random = np.random.default_rng(0)
    noise = [Image.fromarray(random.integers(0, 256, shape).astype("uint8")) for shape in ((50, 31, 3), (17, 90, 3))]
    batch = tf.constant(good_files() + [b"junk"] + [encoded_as(image, kind) for image in noise for kind in ("JPEG", "PNG")])
    in_graph = tf.function(image_decoding.decode_batch)

    eager_images, eager_readable = image_decoding.decode_batch(batch, 48)
    graph_images, graph_readable = in_graph(batch, 48)

    np.testing.assert_array_equal(eager_images, graph_images)
    np.testing.assert_array_equal(eager_readable, graph_readable)
    assert eager_readable.numpy().sum() == 7


def _peak_memory() -> int:
    """The most memory that this process has held since it was last set back, in bytes."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))


def _set_peak_memory_back() -> None:
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


def test_picture_of_20000_by_20000_pixels_is_refused_without_being_decoded():
    try:
        _set_peak_memory_back()
    except OSError as error:
        pytest.skip(f"the system does not tell the peak of memory: {error}")
    encoded = encoded_as(Image.new("1", (20_000, 20_000)), "PNG")
    assert len(encoded) < 1_000_000, "a small file that Pillow wrote whole"
    decode = tf.function(image_decoding.decode_image, input_signature=[tf.TensorSpec([], tf.string)])
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode(tf.constant(b"junk"))  # traced beforehand: what is timed is the refusal

    _set_peak_memory_back()
    before, started = _peak_memory(), time.monotonic()
    with pytest.raises(tf.errors.InvalidArgumentError, match="too many pixels"):
        decode(tf.constant(encoded))
    with pytest.raises(tf.errors.InvalidArgumentError, match="too many pixels"):
        decoded(encoded)
    images, readable = image_decoding.decode_batch(tf.constant([encoded]), 32)

    assert not readable.numpy().any() and not images.numpy().any()
    assert time.monotonic() - started < 5, "decoding 400 million pixels three times takes longer"
    assert _peak_memory() - before < 200e6, "decoded, it would take 1.2 GB"


def test_of_many_large_pictures_no_more_are_held_than_are_decoded_at_once(monkeypatch):
    try:
        _set_peak_memory_back()
    except OSError as error:
        pytest.skip(f"the system does not tell the peak of memory: {error}")
    monkeypatch.setattr(image_decoding, "_PARALLEL_DECODES", 1)
    encoded = encoded_as(Image.new("1", (8192, 8192)), "PNG")
    decode = tf.function(image_decoding.decode_batch)
    decode(tf.constant([b"junk"]), 32)  # traced beforehand: what is measured is the decoding

    _set_peak_memory_back()
    before = _peak_memory()
    _, readable = decode(tf.constant([encoded] * 5), 32)

    assert len(encoded) < 200_000 and readable.numpy().all()
    assert _peak_memory() - before < 2.5 * 3 * 8192**2, "decoded together, they would take 1 GB"
