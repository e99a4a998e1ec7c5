"""The page of labels worth a second look."""

import pathlib

from age.dataset.labels_to_check import JudgedLabel
from age.reporting import labels_page


def rows(generated):
    found = [JudgedLabel(row.file_name, 0.1, row.age, 80.0, "train") for row in generated.splits["train"][:3]]
    return [*found, JudgedLabel("<script>alert(1)</script>.png", 0.9, 30.0, 31.0, "test")]


def written(directory, found, examples, faces=True):
    return pathlib.Path(labels_page.write(str(directory), "20260101", found, str(examples), faces)).read_text(encoding="utf-8")


def test_page_shows_the_worst_labels_with_their_photographs_of_every_split(generated, tmp_path):
    text = written(tmp_path, rows(generated), generated.verdict["paths"]["examples"])

    assert text.count('<img src="data:image/jpeg;base64,') == 3 and "3 of 4" in text
    assert "expected 80<br><strong>right: 10 %</strong>" in text and 'href="labels_to_check.csv"' in text
    assert "<script" not in text and "&lt;script&gt;" in text and "default-src 'none'" in text


def test_no_face_is_shown_when_they_are_switched_off(generated, tmp_path):
    text = written(tmp_path, rows(generated), "nowhere", faces=False)

    assert "<img" not in text and "report.faces" in text


def test_photographs_that_are_gone_are_said_to_be(generated, tmp_path):
    text = written(tmp_path, rows(generated), tmp_path / "gone")

    assert "<img" not in text and "The photographs can&#39;t be shown" in text
