"""A residual network for small images, which learns from random weights in minutes on a processor."""

import keras

_WIDTHS = (16, 32, 64)
_BLOCKS = 3


def _convolution(x: keras.KerasTensor, width: int, name: str, kernel: int = 3, stride: int = 1) -> keras.KerasTensor:
    x = keras.layers.Conv2D(width, kernel, strides=stride, padding="same", use_bias=False, name=f"{name}_conv")(x)
    return keras.layers.BatchNormalization(name=f"{name}_bn")(x)


def _block(x: keras.KerasTensor, width: int, stride: int, name: str) -> keras.KerasTensor:
    branch = keras.layers.ReLU(name=f"{name}_1_relu")(_convolution(x, width, f"{name}_1", stride=stride))
    branch = _convolution(branch, width, f"{name}_2")
    if stride > 1:
        x = _convolution(x, width, f"{name}_0", kernel=1, stride=stride)
    x = keras.layers.Add(name=f"{name}_add")([x, branch])
    return keras.layers.ReLU(name=f"{name}_out")(x)


def resnet20(input_shape: tuple[int, int, int]) -> keras.Model:
    """Returns the ResNet-20 of He et al., 2016, Deep Residual Learning for Image Recognition, 4.2, without its top.

    Shortcuts that change the shape are 1x1 convolutions (their option B).

    Args:
        input_shape: `(s, s, 3)`.

    Returns:
        Model from images to features `[n, s / 4, s / 4, 64]`.
    """
    images = keras.Input(input_shape)
    x = keras.layers.ReLU(name="stem_relu")(_convolution(images, _WIDTHS[0], "stem"))
    for stage, width in enumerate(_WIDTHS, start=1):
        for block in range(1, _BLOCKS + 1):
            x = _block(x, width, 2 if stage > 1 and block == 1 else 1, f"stage{stage}_block{block}")
    return keras.Model(images, x, name="resnet20")
