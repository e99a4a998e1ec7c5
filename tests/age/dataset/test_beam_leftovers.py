"""What failed attempts leave in output directories."""

from age.dataset import beam_leftovers


def test_what_failed_attempts_left_is_removed_and_nothing_else(tmp_path):
    (tmp_path / "beam-temp-rejects.csv-0f" / "deeper").mkdir(parents=True)
    (tmp_path / "beam-temp-rejects.csv-0f" / "half").write_text("half")
    (tmp_path / "rejects.csv").write_text("line,file_name")

    beam_leftovers.remove(str(tmp_path))

    assert [path.name for path in tmp_path.iterdir()] == ["rejects.csv"]
