"""YuNet finds faces in photographs of any size, and what is no detector is told of in a sentence."""

import io
import pathlib
import pickle

import matplotlib
import numpy as np
import pytest
from PIL import Image

pytest.importorskip("cv2", reason="OpenCV is not installed")

from age.faces import framing as framings
from age.faces import measured_framing
from age.faces.detection import FaceDetector
from age.faces.face_reader import FaceReader
from age.faces.framing import UTKFACE
from age.image_header import UnusableImage
from schemas.bad_input import BadInput
from tests.age.faces.composed_photographs import SIDE, Placed, photograph


@pytest.fixture(scope="module")
def crops(shared_data) -> list[pathlib.Path]:
    return sorted((shared_data / "utkface_small" / "final_files").iterdir())[:60]


def _opened(file) -> Image.Image:
    with Image.open(file) as picture:
        return picture.convert("RGB")


def jpeg(picture, **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=95, **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def farthest(face_detector):
    """Returns how far a face's points are from where the same are in the crop that was put there, in shares of the crop's side."""

    def measure(face, path, placed) -> float:
        (own,) = face_detector.find(np.asarray(_opened(path)))
        expected = placed.of_crop(np.array(own.points))
        return float(np.hypot(*(np.array(face.points) - expected).T).max() / (SIDE * placed.scale))

    return measure


@pytest.mark.parametrize(
    "width, height, placed",
    [
        (1200, 900, Placed((700, 400), 1.0, 12)),
        (4000, 3000, Placed((1000, 2000), 2.0, -10)),
        (3000, 3000, Placed((1500, 1500), 14.0)),
        (1600, 1200, Placed((400, 300), 0.4)),
    ],
    ids=["ordinary", "large", "face fills it", "small face"],
)
def test_a_face_is_found_where_it_was_put(face_detector, crops, farthest, width, height, placed):
    picture = photograph(width, height, [(crops[3], placed)])

    (face,) = face_detector.find(np.asarray(picture))

    assert farthest(face, crops[3], placed) < 0.1
    assert 0.6 <= face.score <= 1


def test_of_several_faces_the_largest_comes_first(face_detector, crops, farthest):
    faces = [(crops[3], Placed((250, 300), 0.8)), (crops[5], Placed((800, 300), 1.2)), (crops[9], Placed((250, 650), 0.5))]

    found = face_detector.find(np.asarray(photograph(1100, 800, faces)))

    assert len(found) == 3
    assert all(farthest(face, *put) < 0.1 for face, put in zip(found, (faces[1], faces[0], faces[2])))


def test_the_face_of_a_real_photograph_is_cut_out_as_the_crops_of_utkface_are(face_detector):
    path = pathlib.Path(matplotlib.__file__).parent / "mpl-data" / "sample_data" / "grace_hopper.jpg"
    reader = FaceReader(face_detector, UTKFACE)

    assert "0.34 times as large" in reader.warning(path.read_bytes())
    (found,) = reader.faces(path.read_bytes())

    assert found.face.box == pytest.approx((183, 120, 170, 212), abs=10)
    again = face_detector.find(np.asarray(_opened(io.BytesIO(found.encoded))))
    assert framings.warning_about(again, 200, 200, UTKFACE) == ""


def test_a_picture_without_a_face_has_none(face_detector):
    assert face_detector.find(np.asarray(photograph(640, 480, []))) == []
    assert face_detector.find(np.zeros((1, 1, 3), np.uint8)) == []


def test_a_detector_that_was_sent_to_another_process_finds_the_same(face_detector, crops):
    pixels = np.asarray(photograph(500, 500, [(crops[3], Placed((250, 250)))]))

    sent = pickle.loads(pickle.dumps(face_detector))

    assert sent.find(pixels) == face_detector.find(pixels) and sent.digest == face_detector.digest


def test_what_is_no_detector_is_told_of_in_a_sentence(tmp_path):
    (tmp_path / "other.onnx").write_bytes(b"no model")

    with pytest.raises(BadInput, match="other.onnx: not a face detector that OpenCV can use"):
        FaceDetector.load(str(tmp_path / "other.onnx"))
    with pytest.raises(BadInput, match="absent.onnx: the face detector can't be read.*YuNet"):
        FaceDetector.load(str(tmp_path / "absent.onnx"))


def test_the_framing_of_utkface_is_what_its_crops_say(face_detector, crops):
    measured = measured_framing.measure((path.read_bytes() for path in crops), face_detector)

    assert np.array(measured.points) == pytest.approx(np.array(UTKFACE.points), abs=0.015)
    assert measured.side == UTKFACE.side


def test_pictures_without_faces_have_no_framing(face_detector):
    assert measured_framing.measure([jpeg(photograph(64, 64, []))] * 40, face_detector) is None


def test_a_face_is_cut_out_of_the_upright_photograph_as_its_crop_was(face_detector, crops, farthest):
    reader = FaceReader(face_detector, UTKFACE)
    placed = Placed((500, 400), 1.5, 10)
    upright = photograph(1000, 800, [(crops[3], placed)])
    exif = upright.getexif()
    exif[0x0112] = 6  # stored turned, to be shown a quarter to the right

    (plain,) = reader.faces(jpeg(upright))
    (turned,) = reader.faces(jpeg(upright.rotate(90, expand=True), exif=exif))

    assert farthest(turned.face, crops[3], placed) < 0.1
    assert turned.face.box == pytest.approx(plain.face.box, abs=12)
    (again,) = face_detector.find(np.asarray(_opened(io.BytesIO(plain.encoded))))
    left = framings.difference(again, 200, 200, UTKFACE)
    assert left.scale == pytest.approx(1, abs=0.1) and max(abs(left.right), abs(left.down)) < 0.03 and left.tilt < 4


def test_a_face_that_is_turned_is_cut_out_upright(face_detector, crops):
    reader = FaceReader(face_detector, UTKFACE)

    tilts = []
    for path in crops[3:9]:
        (own,) = face_detector.find(np.asarray(_opened(path)))
        (turned,) = reader.faces(jpeg(photograph(1000, 800, [(path, Placed((500, 400), 1.5, 30))])))
        there = framings.similarity(own.points, turned.face.points)
        tilts.append(np.degrees(np.arctan2(there[1, 0], there[0, 0])))

    assert np.mean(tilts) == pytest.approx(30, abs=5)


def test_the_main_face_is_the_largest_by_far_and_its_absence_has_a_reason(face_detector, crops):
    reader = FaceReader(face_detector, UTKFACE)
    large, small = (crops[3], Placed((300, 300), 1.5)), (crops[5], Placed((700, 300), 0.5))

    assert (
        reader.main_face(jpeg(photograph(900, 600, [large, small]))).face
        == reader.faces(jpeg(photograph(900, 600, [large, small])))[0].face
    )
    for faces, reason in (
        ([], "no_face"),
        ([large, (crops[5], Placed((700, 300), 1.5))], "several_faces"),
        ([(crops[9], Placed((300, 300), 0.22))], "face_too_small"),
    ):
        with pytest.raises(UnusableImage) as refused:
            reader.main_face(jpeg(photograph(900, 600, faces)))
        assert refused.value.reason == reason
