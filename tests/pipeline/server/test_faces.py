"""A server with a face detector answers for faces, or warns of photographs that are unlike what the model learnt from."""

import io
import pathlib

import pytest
import tritonclient.http

from age.serving.serving_directory import ServingDirectory
from tests.age.faces.composed_photographs import Placed, photograph
from tests.brightness_model import grey
from tests.pipeline.server.conftest import in_base64, instances, running
from tests.pipeline.server.test_page import browser  # noqa: F401

PREDICT = "/v1/models/age:predict"


@pytest.fixture(scope="module")
def crops(shared_data) -> list[pathlib.Path]:
    return sorted((shared_data / "utkface_small" / "final_files").iterdir())[:10]


@pytest.fixture(scope="module")
def serving_dir(models, tmp_path_factory) -> str:
    directory = ServingDirectory(str(tmp_path_factory.mktemp("serving") / "age"))
    directory.publish(models(0))
    return directory.path


@pytest.fixture(scope="module")
def server(serving_dir, face_detector_file):
    with running("--serving-dir", serving_dir, "--faces", "--face-detector", str(face_detector_file)) as server:
        server.logged("version serving")
        yield server


def png(picture) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def two_faces(crops) -> bytes:
    return png(photograph(900, 500, [(crops[3], Placed((250, 250), 0.8)), (crops[5], Placed((650, 250), 1.2))]))


def test_the_largest_face_is_answered_and_all_are_listed(server, crops, two_faces):
    _, of_crop, _ = server.post(PREDICT, instances(crops[5].read_bytes()))
    status, found, _ = server.post(PREDICT, instances(two_faces, crops[5].read_bytes(), grey(7, side=64)))

    assert status == 200
    assert found["predictions"][0] == pytest.approx(of_crop["predictions"][0], abs=5) and found["predictions"][2] is None
    assert found["warnings"] == ["2 faces were found; the age is that of the largest", None, None]
    assert found["errors"] == [None, None, "no face was found"]
    large, small = found["faces"][0]
    assert large["age"] == found["predictions"][0] and large["box"][0] > 450 > small["box"][0] and len(found["faces"][1]) == 1


def test_a_photograph_without_a_face_alone_is_422(server):
    status, found, _ = server.post(PREDICT, instances(grey(7, side=64)))

    assert (status, found) == (422, {"error": "No face was found in the photograph."})


def test_the_open_inference_protocol_has_the_warning_as_an_output(server, two_faces):
    client = tritonclient.http.InferenceServerClient(server.address.removeprefix("http://"))
    tensor = {"name": "image_bytes", "datatype": "BYTES", "shape": [1], "data": [in_base64(two_faces)]}

    _, found, _ = server.post("/v2/models/age/infer", {"inputs": [tensor]})

    assert [one["name"] for one in client.get_model_metadata("age")["outputs"]] == ["age", "warning", "error"]
    outputs = {one["name"]: one["data"][0] for one in found["outputs"]}
    assert outputs["warning"] == "2 faces were found; the age is that of the largest" and outputs["age"] > 0


def test_the_page_boxes_the_faces_and_says_the_age_of_each(server, browser, two_faces):  # noqa: F811
    page = browser.new_page(viewport={"width": 360, "height": 740})
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.goto(server.address)

    page.get_by_label("Choose photographs").set_input_files(
        [{"name": "family.png", "mimeType": "image/png", "buffer": two_faces}]
    )

    page.locator(".face").nth(1).wait_for()
    image = page.locator("#answers img").bounding_box()
    first, second = (page.locator(".face").nth(place).bounding_box() for place in (0, 1))
    assert first["x"] > image["x"] + image["width"] / 2 > second["x"] + second["width"]
    assert first["y"] >= image["y"] - 1 and first["height"] < image["height"]
    said = page.locator("#answers li").inner_text()
    assert "1: " in said and "2: " in said and "Beware: 2 faces were found" in said
    assert page.get_by_role("img", name="Photograph family.png, 2 faces boxed").is_visible()
    page.close()
    assert complaints == []


def test_with_a_detector_alone_whole_photographs_are_answered_with_a_warning(
    serving_dir, face_detector_file, crops, two_faces
):
    with running("--serving-dir", serving_dir, "--face-detector", str(face_detector_file)) as server:
        server.logged("version serving")
        _, found, _ = server.post(PREDICT, instances(two_faces, crops[5].read_bytes(), grey(51, side=64)))
        request = server.logged("request", photographs=3)

    assert found["warnings"] == ["2 faces were found; the model learnt from one at a time", None, "no face was found"]
    assert found["predictions"][2] == pytest.approx(20, abs=1e-3) and "faces" not in found
    assert request["warned"] == 2


def test_faces_without_a_detector_are_refused(serving_dir, age_pipeline_here):
    done = age_pipeline_here("serve", "--serving-dir", serving_dir, "--faces")

    assert done.returncode == 2 and "serve.faces needs a face detector" in done.stderr
