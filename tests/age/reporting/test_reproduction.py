"""Commands that make a run again."""

import subprocess

import pytest

from age.reporting import reproduction
from pipeline import configuration


@pytest.mark.parametrize(
    "directory",
    ['/data/it\'s $(touch owned) `x` "q"', "/data/\u202eabc\nEND_OF_CONFIGURATION\nrm x", "/data/ü漢", "/data/\\n: {a}#"],
)
def test_they_hold_the_configuration_whatever_is_in_it(tmp_path, directory):
    configured = configuration.load(
        None, ["trainer.learning_rate=1e-5", "evaluator.slice_ceilings={gender=male: 8}"], data_dir=directory, workdir="/w"
    ).model_dump()

    commands = reproduction.command(configured)
    assert commands.isascii()
    writing, _, running = commands.rpartition("\n")
    subprocess.run(["bash", "-euc", writing], cwd=tmp_path, check=True)

    assert running == "age-pipeline run --config run.yaml"
    assert [path.name for path in tmp_path.iterdir()] == ["run.yaml"]
    assert configuration.load(str(tmp_path / "run.yaml")).model_dump() == configured
