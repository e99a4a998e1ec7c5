"""Commands that make data sets: they say what they wrote."""


def test_sample_data_and_importers_say_what_they_wrote(age_pipeline, tmp_path):
    drawn = age_pipeline("sample-data", tmp_path / "drawn", "--count", 60, "--image-size", 32)
    picture = next((tmp_path / "drawn" / "final_files").iterdir()).read_bytes()
    (tmp_path / "UTKFace").mkdir()
    for number, name in enumerate(("18_0_0_20170117140129888.jpg.chip.jpg", "no_age.jpg")):
        (tmp_path / "UTKFace" / name).write_bytes(picture + bytes([number]))
    imported = age_pipeline("import-utkface", tmp_path / "UTKFace", tmp_path / "faces")

    assert drawn.returncode == imported.returncode == 0, drawn.stderr + imported.stderr
    assert "60 faces" in drawn.stdout
    assert "1 rows" in imported.stdout and "no_age.jpg" in imported.stdout
    assert (tmp_path / "faces" / "labels.csv").read_text().splitlines()[1].startswith("18_0_0")
