"""Decodes and resizes face photographs: one function for ingestion, training, evaluation and serving.

Everything here is TensorFlow, so that it runs eagerly on one file and becomes part of the exported graph alike: what a
model was trained on is what it is served.
"""

import tensorflow as tf

JPEG = "jpeg"
PNG = "png"
JPEG_MAGIC = b"\xff\xd8\xff"
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"

MAX_PIXELS = 8192 * 8192
"""Largest picture that is decoded, in pixels (200 MB as RGB): what a small file can claim to hold is unbounded."""

DCT_METHOD = "INTEGER_ACCURATE"
"""How JPEG is decoded: to the pixels that Pillow and browsers show. TensorFlow's default, INTEGER_FAST, is off by up to 15 of
255 at high qualities and overflows in CMYK."""

_PARALLEL_DECODES = 8

_EXIF_SEARCH_BYTES = 4096
_IFD_SEARCH_BYTES = 1024
_EXIF_MARK = b"Exif\0\0"
# TIFF 6.0: tag 0x0112 (Orientation), type 3 (SHORT), count 1, in the two byte orders.
_ORIENTATION_LITTLE_ENDIAN = b"\x12\x01\x03\x00\x01\x00\x00\x00"
_ORIENTATION_BIG_ENDIAN = b"\x01\x12\x00\x03\x00\x00\x00\x01"


def _is_png(encoded: tf.Tensor) -> tf.Tensor:
    return tf.equal(tf.strings.substr(encoded, 0, len(PNG_MAGIC)), PNG_MAGIC)


def encoded_size(encoded: tf.Tensor) -> tf.Tensor:
    """Reads height and width from a file's header, without decoding it and before EXIF orientation.

    Args:
        encoded: scalar string, the bytes of a JPEG or PNG file.

    Returns:
        int32 tensor `[height, width]`, pixels.

    Raises:
        tf.errors.InvalidArgumentError: the header can't be read.
    """

    def png_size() -> tf.Tensor:
        # Zeros stand in for what a file that is cut off lacks. Taking a substring past its end would fail too, but with a
        # message that quotes the file, which Python can't read as text.
        head = tf.io.decode_raw(tf.strings.substr(encoded, 0, 24), tf.int32, little_endian=False, fixed_length=24)
        return tf.stack([head[5], head[4]])

    def jpeg_size() -> tf.Tensor:
        return tf.io.extract_jpeg_shape(encoded)[:2]

    return tf.cond(_is_png(encoded), png_size, jpeg_size)


def _find(haystack: tf.Tensor, needle: bytes) -> tf.Tensor:
    """Returns the position of `needle` in a uint8 vector, or -1."""
    count = tf.maximum(tf.size(haystack) - len(needle) + 1, 0)
    matches = tf.ones([count], tf.bool)
    for offset, value in enumerate(needle):
        matches = tf.logical_and(matches, tf.equal(haystack[offset : offset + count], value))
    found = tf.where(matches)
    return tf.cond(tf.size(found) > 0, lambda: tf.cast(found[0, 0], tf.int32), lambda: -1)


def exif_orientation(encoded: tf.Tensor) -> tf.Tensor:
    """Reads the EXIF orientation of a JPEG file.

    Looks where the Exif standard (JEITA CP-3451, 4.5.4 and 4.6.2) puts it: an APP1 segment at the file's beginning whose
    first directory holds the Orientation tag.

    Args:
        encoded: scalar string, the file's bytes.

    Returns:
        int32 scalar, 1 (upright) to 8; 1 where the file says nothing or nonsense.
    """
    head = tf.io.decode_raw(tf.strings.substr(encoded, 0, _EXIF_SEARCH_BYTES), tf.uint8)
    exif = _find(head, _EXIF_MARK)

    def read() -> tf.Tensor:
        tiff = head[exif + len(_EXIF_MARK) : exif + len(_EXIF_MARK) + _IFD_SEARCH_BYTES]
        little, big = _find(tiff, _ORIENTATION_LITTLE_ENDIAN), _find(tiff, _ORIENTATION_BIG_ENDIAN)
        value_at = tf.where(little >= 0, little + 8, big + 9)
        known = tf.logical_and(tf.maximum(little, big) >= 0, value_at < tf.size(tiff))
        value = tf.cond(known, lambda: tf.cast(tiff[value_at], tf.int32), lambda: 1)
        return tf.where(tf.logical_and(value >= 1, value <= 8), value, 1)

    return tf.cond(exif >= 0, read, lambda: 1)


def _upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Applies an EXIF orientation (1-8) to an image `[height, width, 3]`."""
    image = tf.cond(orientation >= 5, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
    mirrored = tf.reduce_any(tf.equal(orientation, [2, 3, 6, 7]))
    upside_down = tf.reduce_any(tf.equal(orientation, [3, 4, 7, 8]))
    image = tf.cond(mirrored, lambda: tf.reverse(image, [1]), lambda: image)
    return tf.cond(upside_down, lambda: tf.reverse(image, [0]), lambda: image)


def decode_image(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes one JPEG or PNG file to upright RGB.

    Args:
        encoded: scalar string, the file's bytes. Greyscale, CMYK, palette and 16-bit pictures become RGB; an alpha
            channel is dropped; the EXIF orientation is applied.

    Returns:
        uint8 tensor `[height, width, 3]`.

    Raises:
        tf.errors.InvalidArgumentError: the bytes are no such picture, are cut off, or claim more than `MAX_PIXELS`.
    """
    height_width = tf.cast(encoded_size(encoded), tf.int64)
    too_large = tf.debugging.assert_less_equal(
        tf.reduce_prod(height_width), tf.constant(MAX_PIXELS, tf.int64), message="too many pixels"
    )
    with tf.control_dependencies([] if too_large is None else [too_large]):
        is_png = tf.identity(_is_png(encoded))
    image = tf.cond(
        is_png,
        lambda: tf.io.decode_png(encoded, channels=3),
        lambda: tf.io.decode_jpeg(encoded, channels=3, dct_method=DCT_METHOD),
    )
    orientation = tf.cond(is_png, lambda: 1, lambda: exif_orientation(encoded))
    image = _upright(image, orientation)
    image.set_shape([None, None, 3])
    return image


def resize_image(image: tf.Tensor, size: int) -> tf.Tensor:
    """Fits an image into a square, keeping its proportions and filling the rest with black.

    As `tf.image.resize_with_pad`, except that a strip, however long, stays at least one pixel wide: that function fails on
    it.

    Args:
        image: uint8 or float tensor `[height, width, 3]`, 0 to 255.
        size: side of the square, pixels.

    Returns:
        float32 tensor `[size, size, 3]`, 0 to 255.
    """
    sides = tf.cast(tf.shape(image)[:2], tf.int64)
    fitted = tf.cast(tf.maximum(sides * size // tf.reduce_max(sides), 1), tf.int32)
    resized = tf.image.resize(image, fitted, method="bilinear", antialias=True)
    margin = (size - fitted) // 2
    return tf.image.pad_to_bounding_box(resized, margin[0], margin[1], size, size)


def decode_to_square(encoded: tf.Tensor, size: int) -> tf.Tensor:
    """Decodes one file and fits it into a square: what the network sees of a photograph.

    Args:
        encoded: scalar string, the bytes of a JPEG or PNG file.
        size: side of the square, pixels.

    Returns:
        uint8 tensor `[size, size, 3]`.

    Raises:
        tf.errors.InvalidArgumentError: as `decode_image`.
    """
    return tf.cast(tf.round(resize_image(decode_image(encoded), size)), tf.uint8)


def _readable(encoded: tf.Tensor) -> tf.Tensor:
    """Returns bool `[n]`: can each file be decoded?

    Only tf.data can go on after an operation has failed in a graph. What it maps is kept as small as can be, because a
    dataset that lives for one request is instantiated every time: decoding the readable files once more outside is ten
    times faster for a single photograph than doing everything inside.
    """

    def check(index: tf.Tensor, one: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        claimed = tf.reduce_prod(tf.cast(encoded_size(one), tf.int64))
        with tf.control_dependencies([tf.debugging.assert_less_equal(claimed, tf.constant(MAX_PIXELS, tf.int64))]):
            image = tf.raw_ops.DecodeImage(contents=tf.identity(one), channels=3, expand_animations=False)
        return index, tf.size(image)

    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    count = tf.shape(encoded)[0]
    decoded = (
        tf.data.Dataset.from_tensor_slices((tf.range(count), encoded))
        .map(check, num_parallel_calls=_PARALLEL_DECODES, deterministic=False)
        .ignore_errors()
        .with_options(options)
    )
    # What is never written stays False.
    readable = tf.TensorArray(tf.bool, size=count, element_shape=[])
    for index, _ in decoded:
        readable = readable.write(index, True)
    return readable.stack()


def decode_batch(encoded: tf.Tensor, size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes and resizes a batch in which some files may be unreadable.

    Args:
        encoded: string tensor `[n]`, the bytes of JPEG or PNG files.
        size: side of the resulting squares, pixels.

    Returns:
        `(images, readable)`: uint8 `[n, size, size, 3]`, and bool `[n]` that is False where the file could not be decoded
        (its image is black).
    """
    readable = _readable(encoded)
    images = tf.map_fn(
        lambda one: tf.cond(one[1], lambda: decode_to_square(one[0], size), lambda: tf.zeros([size, size, 3], tf.uint8)),
        (encoded, readable),
        fn_output_signature=tf.TensorSpec([size, size, 3], tf.uint8),
        parallel_iterations=_PARALLEL_DECODES,
    )
    return images, readable
