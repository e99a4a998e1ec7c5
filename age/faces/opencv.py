"""Loads OpenCV where faces are looked for, and nowhere else."""

from typing import TYPE_CHECKING

from schemas.bad_input import BadInput

if TYPE_CHECKING:
    from types import ModuleType

_ERRORS_ONLY = 2


def load() -> "ModuleType":
    """Returns the module `cv2`.

    Raises:
        BadInput: it is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise BadInput(
            f"Finding faces needs OpenCV, which can't be loaded here ({error}): pip install opencv-python-headless."
        ) from error
    # OpenCV 5 warns of a setting of its own whenever a network is loaded.
    cv2.setLogLevel(_ERRORS_ONLY)
    return cv2
