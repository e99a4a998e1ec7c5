"""The list of labels worth a second look."""

import csv

import pytest

from age.dataset import labels_to_check
from age.dataset.labels_to_check import JudgedLabel
from schemas.bad_input import BadInput

ROWS = [
    JudgedLabel("fine.jpg", 0.99, 30.0, 31.25, "train"),
    JudgedLabel("=HYPERLINK(1).jpg", 0.01, 2.0, 55.5, "test"),
    JudgedLabel("near.jpg", 0.25, 20.0, 30.0, "train"),
    JudgedLabel("far.jpg", 0.25, 20.0, 60.0, "validation"),
]


def test_worst_comes_first_and_of_equals_what_is_further_off():
    names = [row.file_name for row in labels_to_check.worst_first(ROWS)]

    assert names == ["=HYPERLINK(1).jpg", "far.jpg", "near.jpg", "fine.jpg"]


def test_file_has_the_columns_of_cleanlab_and_no_formulas_and_is_read_again(tmp_path):
    path = str(tmp_path / labels_to_check.FILE_NAME)

    labels_to_check.write(path, labels_to_check.worst_first(ROWS))

    with open(path, newline="") as file:
        written = list(csv.DictReader(file))
    assert list(written[0]) == ["file_name", "is_label_issue", "label_quality", "given_label", "predicted_label", "split"]
    assert written[0]["file_name"].startswith("'=")
    assert [row["is_label_issue"] for row in written] == ["True", "True", "True", "False"]
    assert list(labels_to_check.read(path)) == labels_to_check.worst_first(ROWS)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "were not checked. `age-pipeline labels check` does it"),
        ("a,b\n1,2\n", "the columns are 'a, b'; expected file_name, is_label_issue"),
        (",".join(labels_to_check.COLUMNS) + "\nx.jpg,True,often,1,2,train\n", "line 2: not a row of this file"),
        (",".join(labels_to_check.COLUMNS) + "\nx.jpg\n", "line 2: not a row of this file"),
    ],
)
def test_another_file_is_refused_with_a_sentence(tmp_path, content, said):
    path = tmp_path / "labels_to_check.csv"
    if content is not None:
        path.write_text(content)

    with pytest.raises(BadInput, match=said.replace("`", ".")):
        list(labels_to_check.read(str(path)))
