"""What docs/library.md shows does what it says."""

import pathlib
import re

import numpy as np

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "library.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_ten_lines_and_the_export_run_and_give_ages(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    ten_lines, exporting = BLOCK.findall(DOCUMENT.read_text(encoding="utf-8"))
    named: dict = {}

    exec(compile(ten_lines, str(DOCUMENT), "exec"), named)
    first = capsys.readouterr().out
    exec(compile(exporting, str(DOCUMENT), "exec"), named)
    second = capsys.readouterr().out

    answered, refused = second.strip().splitlines()[-2:]
    errors = named["predicted"] - named["test"].labels.ages
    assert "300 rows; MAE " in first
    assert named["record"].epochs_run == 1 and named["record"].training_examples == len(named["train"].labels)
    assert len(errors) == len(named["test"].labels) > 10 and np.isfinite(errors).all()
    assert named["interval"].low <= np.abs(errors).mean() <= named["interval"].high
    assert answered.startswith("faces/final_files/face_00000.jpg ") and answered.endswith(" years")
    assert refused.startswith("faces/labels.csv not readable: ")
