"""What all tests share."""

import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# TensorFlow Transform sets it to 1 when it is imported, for every process that a test starts afterwards.
os.environ["TF_USE_LEGACY_KERAS"] = "0"

import pytest

SHARED = pathlib.Path(os.environ.get("AGE_PIPELINE_SHARED", pathlib.Path(__file__).parents[2] / "shared"))


@pytest.fixture(scope="session")
def shared_data() -> pathlib.Path:
    """The folder of real faces, or a skip that says what is missing."""
    if not (SHARED / "data").is_dir():
        pytest.skip(f"no real faces: {SHARED / 'data'} is missing (set AGE_PIPELINE_SHARED)")
    return SHARED / "data"


@pytest.fixture(scope="session")
def shared_weights() -> pathlib.Path:
    """The folder of pretrained weights, or a skip that says what is missing."""
    if not (SHARED / "weights").is_dir():
        pytest.skip(f"no pretrained weights: {SHARED / 'weights'} is missing (set AGE_PIPELINE_SHARED)")
    return SHARED / "weights"


@pytest.fixture(scope="session")
def face_detector_file(shared_weights) -> pathlib.Path:
    """YuNet's model file, or a skip that says what is missing."""
    pytest.importorskip("cv2", reason="OpenCV is not installed")
    return next(shared_weights.glob("face_detection_yunet_*.onnx"))


@pytest.fixture(scope="session")
def face_detector(face_detector_file):
    """Finds faces."""
    from age.faces.detection import FaceDetector

    return FaceDetector.load(str(face_detector_file))


@pytest.fixture
def one_face(tmp_path) -> pathlib.Path:
    """A data directory with one photograph."""
    from PIL import Image

    folder = tmp_path / "faces"
    folder.mkdir()
    Image.new("RGB", (32, 32)).save(folder / "a.png")
    (folder / "labels.csv").write_text("file_name,real_age\na.png,30\n")
    return folder
