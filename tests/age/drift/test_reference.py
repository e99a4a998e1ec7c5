"""What lies beside a model for later photographs to be compared with."""

import numpy as np
import pytest

from age.drift import reference
from schemas.bad_input import BadInput
from tests.age.drift.seen import photographs

FILE = "assets.extra/drift_reference.npz"


def test_what_was_written_is_read(tmp_path):
    seen = photographs(500, seed=0)

    reference.write(str(tmp_path), seen)
    kept = reference.read(str(tmp_path))

    np.testing.assert_allclose(kept.features, seen.features, rtol=1e-3)
    for column in ("predicted_ages", "brightness", "widths", "heights", "real_ages"):
        np.testing.assert_array_equal(getattr(kept, column), getattr(seen, column))
    assert (tmp_path / FILE).stat().st_size < 200_000


def test_a_model_of_an_earlier_version_is_told_in_a_sentence(tmp_path):
    with pytest.raises(BadInput, match="exported by an earlier version. Run the pipeline again"):
        reference.read(str(tmp_path))


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x05\x06" + bytes(18)])
def test_a_damaged_file_is_told_in_a_sentence(tmp_path, content):
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / FILE).write_bytes(content)

    with pytest.raises(BadInput, match=r"drift_reference.npz: not a reference, or damaged"):
        reference.read(str(tmp_path))


def test_a_file_that_would_run_code_is_not_read(tmp_path):
    (tmp_path / "assets.extra").mkdir()
    np.savez(tmp_path / FILE, features=np.array([{"code": print}], dtype=object))

    with pytest.raises(BadInput, match="not a reference"):
        reference.read(str(tmp_path))
