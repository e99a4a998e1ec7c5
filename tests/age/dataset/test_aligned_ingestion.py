"""With `data.align`, the main face of each photograph becomes the example's image, cut out as a model shall see it."""

import csv
import io
import pathlib

import pytest
from PIL import Image

from age.dataset import example_folder
from age.faces.face_reader import FaceReader
from age.faces.framing import ALIGNED
from schemas import features
from tests.age.faces.composed_photographs import Placed, photograph
from tests.brightness_model import grey


@pytest.fixture(scope="module")
def faces(tmp_path_factory, shared_data) -> pathlib.Path:
    """Photographs with one face, a large and a small one, two alike, and none."""
    crops = sorted((shared_data / "utkface_small" / "final_files").iterdir())
    folder = tmp_path_factory.mktemp("faces")
    large = (crops[3], Placed((300, 300), 2.0, 10))
    photograph(900, 600, [large]).save(folder / "one.jpg", quality=95)
    photograph(900, 600, [large, (crops[5], Placed((750, 300), 0.6))]).save(folder / "main.jpg", quality=95)
    photograph(900, 600, [(crops[3], Placed((200, 300))), (crops[5], Placed((700, 300)))]).save(folder / "two.jpg")
    (folder / "none.png").write_bytes(grey(80, side=100))
    (folder / "cut.png").write_bytes(grey(80, side=100)[:60])
    names = ("one.jpg", "main.jpg", "two.jpg", "none.png", "cut.png")
    (folder / "labels.csv").write_text("file_name,real_age\n" + "".join(f"{name},30\n" for name in names))
    return folder


def examples(patterns):
    import tensorflow as tf

    files = [file for pattern in patterns for file in sorted(tf.io.gfile.glob(pattern))]
    for record in tf.data.TFRecordDataset(files).as_numpy_iterator():
        feature = tf.train.Example.FromString(record).features.feature
        yield {
            name: (one.bytes_list.value or one.int64_list.value or one.float_list.value)[0] for name, one in feature.items()
        }


def test_main_faces_become_the_images_and_what_has_none_is_rejected_with_the_reason(faces, face_detector, tmp_path):
    reader = FaceReader(face_detector, ALIGNED)

    files = example_folder.ingest_folder(str(faces), str(tmp_path), {features.TEST: 1.0}, reader=reader)

    found = {one[features.IMAGE_FILENAME].decode(): one for one in examples(files[features.TEST])}
    assert set(found) == {"one.jpg", "main.jpg"}
    for name, example in found.items():
        assert example[features.IMAGE_ENCODED] == reader.main_face((faces / name).read_bytes()).encoded
        assert Image.open(io.BytesIO(example[features.IMAGE_ENCODED])).size == (256, 256)
        assert (example[features.IMAGE_HEIGHT], example[features.IMAGE_WIDTH], example[features.AGE]) == (256, 256, 30)
    with open(tmp_path / "rejects" / "rejects.csv", newline="") as file:
        rejects = {row["file_name"]: row["reason"] for row in csv.DictReader(file)}
    assert rejects == {"two.jpg": "several_faces", "none.png": "no_face", "cut.png": "undecodable"}
