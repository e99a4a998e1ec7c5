"""`age-pipeline drift` says whether photographs, or a server's answers, are still like those that the model was made for."""

import functools
import hashlib
import http.server
import io
import json
import pathlib
import threading

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from age.drift import reference, seen_photographs
from age.drift.detection import Drift
from age.drift.settings import DriftSettings
from age.serving import predictor, training_images
from pipeline import drift
from pipeline.cli import cli
from pipeline.server.metrics import Metrics
from schemas import exit_status
from schemas.bad_input import BadInput
from tests import brightness_model

COUNT = 60


def pictures(seed: int, brighter: int = 0) -> list[bytes]:
    """Draws photographs of faint colours; the model's age is their brightness."""
    random = np.random.default_rng(seed)
    encoded = []
    for shade in random.normal(110, 20, COUNT) + brighter:
        file = io.BytesIO()
        colour = np.clip(shade + random.normal(0, 10, 3), 0, 255).astype("uint8")
        Image.fromarray(np.full((16, 16, 3), colour, "uint8")).save(file, "PNG")
        encoded.append(file.getvalue())
    return encoded


def folder(place: pathlib.Path, photographs: list[bytes], ages: list[float] | None = None) -> str:
    place.mkdir()
    names = [f"{number:03d}.png" for number in range(len(photographs))]
    for name, encoded in zip(names, photographs):
        (place / name).write_bytes(encoded)
    if ages:
        (place / "labels.csv").write_text("file_name,real_age\n" + "".join(f"{n},{a}\n" for n, a in zip(names, ages)))
    return str(place)


@pytest.fixture(scope="module")
def workdir(tmp_path_factory) -> pathlib.Path:
    """A workdir in which a model is being served that was made for the pictures of seed 0, and learnt from those of seed 1."""
    workdir = tmp_path_factory.mktemp("work")
    model = brightness_model.write_model(workdir / "serving" / "age" / "7", tells_features=True)
    see = tf.saved_model.load(model).signatures[seen_photographs.SIGNATURE]
    photographs = ((30.0, predictor.loaded(encoded, bytes, None)) for encoded in pictures(0))
    seen, _ = seen_photographs.look(see, photographs, lambda real_age: real_age)
    reference.write(model, seen)
    hashes = np.sort(np.array([hashlib.sha256(encoded).digest() for encoded in pictures(1)], "S32"))
    training_images.write(model, [hashes])
    return workdir


def run(*arguments) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(["drift", *map(str, arguments)], standalone_mode=False)
    return ended.value.code


def test_photographs_like_the_models_own_have_not_drifted(workdir, tmp_path, capsys):
    status = run(folder(tmp_path / "photographs", pictures(2)), "--workdir", workdir)

    assert status == exit_status.DONE
    printed = capsys.readouterr().out
    assert printed.startswith("No drift was found.\n")
    assert f"60 compared with {COUNT} photographs that version 7 was made for" in printed


def test_brighter_photographs_have_drifted(workdir, tmp_path, capsys):
    directory = folder(tmp_path / "photographs", pictures(2, brighter=40))

    status = run(directory, "--workdir", workdir, "--json", tmp_path / "drift.json", "--page", tmp_path / "drift.html")

    assert status == exit_status.DRIFTED
    sentence = "Drift was found in what the model sees in the photographs, predicted ages and brightness."
    assert capsys.readouterr().out.startswith(sentence)
    found = Drift.model_validate_json((tmp_path / "drift.json").read_text())
    assert found.drifted and found.model_version == 7 and found.photographs == COUNT
    assert {each.name for each in found.comparisons if each.drifted} == {"features", "predicted_ages", "brightness"}
    page = (tmp_path / "drift.html").read_text()
    assert sentence in page and page.count("<svg") == 4


def test_the_ages_of_labels_are_compared_where_there_are_any(workdir, tmp_path, capsys):
    directory = folder(tmp_path / "photographs", pictures(2), [60.0] * COUNT)

    assert run(directory, "--workdir", workdir) == exit_status.DRIFTED
    assert "Drift was found in ages in the labels." in capsys.readouterr().out


def test_photographs_that_the_model_learnt_from_are_left_out_and_counted(workdir, tmp_path, capsys):
    learnt, new = pictures(1), pictures(2)

    run(
        folder(tmp_path / "photographs", [*learnt, *new, b"no image"]), "--workdir", workdir, "--json", tmp_path / "drift.json"
    )

    found = json.loads((tmp_path / "drift.json").read_text())
    assert (found["photographs"], found["learnt_from"], found["unread"]) == (COUNT, COUNT, 1)
    with pytest.raises(BadInput, match=r"0 photographs can be compared.* learnt from 60 others"):
        run(folder(tmp_path / "learnt", learnt), "--workdir", workdir)


def test_no_more_photographs_are_looked_at_than_are_configured(workdir, tmp_path):
    directory = folder(tmp_path / "photographs", pictures(2))
    limits = ("--set", "drift.max_photographs=30", "--set", "drift.min_photographs=20")

    run(directory, "--workdir", workdir, "--json", tmp_path / "drift.json", *limits)

    assert json.loads((tmp_path / "drift.json").read_text())["photographs"] == 30


@pytest.mark.parametrize("shift, status", [(0, exit_status.DONE), (20, exit_status.DRIFTED)])
def test_the_answers_of_a_server_are_compared_from_a_file_and_from_its_address(workdir, tmp_path, shift, status):
    metrics = Metrics()
    for shade in np.random.default_rng(2).normal(110, 20, 400):
        metrics.predicted_age.observe(brightness_model.age_of(shade, shift))
    (tmp_path / "metrics").write_bytes(metrics.text())
    handler = functools.partial(_Quiet, directory=str(tmp_path))

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            address = f"http://127.0.0.1:{server.server_address[1]}/metrics"
            assert run("--metrics", address, "--workdir", workdir) == status
        finally:
            server.shutdown()
            thread.join()
    assert run("--metrics", tmp_path / "metrics", "--against", 7, "--workdir", workdir) == status


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def test_a_model_of_an_earlier_version_is_told_in_a_sentence(workdir, tmp_path):
    directory = folder(tmp_path / "photographs", pictures(2))
    earlier = brightness_model.write_model(tmp_path / "earlier")

    with pytest.raises(BadInput, match="exported by an earlier version. Run the pipeline again"):
        cli.main(["drift", directory, "--model", earlier], standalone_mode=False)
    reference.write(earlier, reference.read(str(workdir / "serving" / "age" / "7")))
    with pytest.raises(BadInput, match="no signature 'features'"):
        cli.main(["drift", directory, "--model", earlier], standalone_mode=False)


def test_what_can_not_be_looked_at_is_told_in_a_sentence(workdir, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "metrics").write_bytes(Metrics().text())
    few = folder(tmp_path / "few", pictures(2)[:10])

    for arguments, said in (
        ((tmp_path / "empty",), "there is no photograph"),
        ((tmp_path / "missing",), "there is no such folder"),
        ((few,), r"10 photographs can be compared; at least 50 are needed"),
        (("--metrics", tmp_path / "metrics"), "has answered with 0 ages; at least 50"),
        (("--metrics", tmp_path / "nowhere"), "the metrics can't be read: No such file"),
        (("--metrics", "http://127.0.0.1:9/metrics"), "the metrics can't be read: .*refused"),
    ):
        with pytest.raises(BadInput, match=said):
            cli.main(["drift", *map(str, arguments), "--workdir", str(workdir)], standalone_mode=False)


def test_a_label_file_does_not_lead_out_of_its_folder(workdir, tmp_path):
    directory = folder(tmp_path / "photographs", pictures(2), [30.0] * COUNT)
    (tmp_path / "secret.png").write_bytes(pictures(3)[0])
    with (tmp_path / "photographs" / "labels.csv").open("a") as labels:
        labels.write("../secret.png,30\n")

    found = drift.of_folder(directory, predictor.find(str(workdir)), DriftSettings(permutations=199))

    assert (found.photographs, found.unread) == (COUNT, 1)
