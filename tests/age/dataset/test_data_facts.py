"""What a verdict says of the data, from files as FaceExampleGen writes them."""

import csv
import json

from age.dataset import data_facts


def write(directory, rejects, ages):
    with open(directory / "rejects.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("line", "file_name", "real_age", "reason", "detail"))
        writer.writerows(rejects)
    counts = {"rows": 3, "used": 2, "rejected": 1, "duplicates": 0, "splits": {"train": 2}, "rejects": {"x": 1}}
    (directory / "counts.json").write_text(json.dumps(counts))
    summary = {"ages": ages, "sizes": [], "brightness": {}, "attributes": {}}
    (directory / "summary.json").write_text(json.dumps(summary))
    return counts


def test_first_five_rows_of_each_reason_stand_for_the_rest(tmp_path):
    lines = [30, 4, 12, 9, 8, 100, 2, 7]
    write(
        tmp_path,
        [(line, f"{line}.jpg", "30", "missing_file", "no such file") for line in lines]
        + [(5, "a\nb.jpg", "9" * 5000, "age_out_of_range", "x" * 5000)],
        {},
    )

    examples = data_facts.read(str(tmp_path), "faces").reject_examples

    assert [row.line for row in examples] == [5, 2, 4, 7, 8, 9]
    assert examples[0].file_name == "a\nb.jpg"
    assert all(len(value) <= 300 for value in examples[0].model_dump().values() if isinstance(value, str))
    assert set(examples[1].model_dump()) == {"line", "file_name", "real_age", "reason", "detail"}


def test_ages_of_labels_and_splits_share_their_edges_and_counts_come_along(tmp_path):
    counts = write(tmp_path, [], {"labels": {"3": 1, "40": 1, "91": 1}, "train": {"3": 1, "40": 1}})

    data = data_facts.read(str(tmp_path), "faces", ["age (train split): too old."])

    assert {key: getattr(data, key) for key in counts} == counts
    assert (data.directory, data.anomalies) == ("faces", ["age (train split): too old."])
    assert set(data.ages) == {"labels", "train", "validation", "test"}
    assert len({tuple(ages.histogram.edges) for ages in data.ages.values()}) == 1
    assert (data.ages["train"].mean, data.ages["test"].count) == (21.5, 0)
