"""Package the age pipeline.

The ranges below hold for both stacks, current and compatible; what is really installed comes from a lock file in
`locks/`, which pins every package of one stack. `make lock` resolves these ranges together with `locks/<stack>.in`.
"""

import os
import pathlib
import re
import subprocess

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py


def _commit():
    """Returns the commit that is built, `-dirty` behind it where the code is not as committed; nothing where nobody knows.

    `AGE_PIPELINE_COMMIT` says it where the code is no checkout, as in an image's build.
    """
    said = os.environ.get("AGE_PIPELINE_COMMIT", "").strip()
    if not said:
        here = pathlib.Path(__file__).parent.resolve()
        try:
            if pathlib.Path(_git(here, "rev-parse", "--show-toplevel").strip()) == here:
                said = _git(here, "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty").strip()
        except (OSError, subprocess.CalledProcessError):
            return ""
    return said if re.fullmatch(r"[0-9a-f]{40,64}(-dirty)?", said) else ""


def _git(directory, *arguments):
    return subprocess.run(["git", "-C", str(directory), *arguments], check=True, capture_output=True, text=True).stdout


class BuildWithCommit(build_py):
    """Writes the commit into the built package, for `age/environment.py`; an editable installation asks git each time."""

    def run(self):
        super().run()
        commit = "" if getattr(self, "editable_mode", False) else _commit()
        if commit:
            built_from = pathlib.Path(self.build_lib, "age", "built_from.txt")
            built_from.parent.mkdir(parents=True, exist_ok=True)
            built_from.write_text(f"{commit}\n", encoding="ascii")


setup(
    name="age-pipeline",
    # The one place where the version is said: CONTRIBUTING.md, "A release".
    version="0.1.0",
    description="From a folder of face photographs with ages to a gated, served age regressor (TFX).",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.10,<3.14",
    cmdclass={"build_py": BuildWithCommit},
    packages=find_packages(
        include=["schemas", "schemas.*", "age", "age.*", "components", "components.*", "pipeline", "pipeline.*"]
    ),
    package_data={
        "schemas": ["*.pbtxt", "*.json"],
        "age": ["**/*.j2"],
        "pipeline": ["server/page/*"],
    },
    entry_points={"console_scripts": ["age-pipeline = pipeline.cli:main"]},
    # Lower bound: the compatible stack's version. Upper bound: the first one that the current stack was not tried with.
    install_requires=[
        "tfx>=1.16.0,<1.22",
        "tensorflow>=2.16.2,<2.22",
        "keras>=3.3,<4",
        "h5py>=3.11,<4",
        "tensorboard>=2.16.2,<2.22",  # TensorFlow writes its summaries with it, and 2.21 no longer brings it
        "tensorflow-data-validation>=1.16.1,<1.22",
        "tensorflow-model-analysis>=0.47.1,<0.53",
        "apache-beam>=2.62.0,<2.78",
        "tensorflow-serving-api>=2.16.1,<2.20",  # the messages of warm-up requests
        "tensorflow-metadata>=1.16.0,<1.22",
        "ml-metadata>=1.16.0,<1.22",
        "kfp>=2.5.0,<2.17",
        "kfp-kubernetes>=1.0.0,<2.17",
        "kfp-server-api>=2.0.5,<2.18",
        "urllib3>=1.26,<3",
        "absl-py>=1.4,<3",
        "protobuf>=3.20.3,<7",
        "numpy>=1.26,<3",
        "scipy>=1.12,<2",
        "pydantic>=2,<3",
        "click>=8.1,<9",
        "PyYAML>=6,<7",
        "Jinja2>=3.1,<4",
        "Pillow>=10",
        "cyclonedx-python-lib>=11,<12",
        "packaging>=22",
        "matplotlib>=3.8,<4",
        "rich>=13,<16",
        "starlette>=0.40,<2",
        "uvicorn>=0.30,<1",
        "prometheus-client>=0.20,<1",
    ],
    extras_require={
        "faces": ["opencv-python-headless>=4.11,<6"],  # finding faces in photographs
        "test": [
            "pytest>=8",
            "playwright>=1.49,<2",
            "jsonschema>=4.26,<5",
            "kubernetes>=26.1,<27",
            "tritonclient[http]>=2.41,<3",
        ],
        "lint": ["ruff>=0.14,<1", "mypy>=1.18,<2", "import-linter>=2.5,<3", "types-PyYAML>=6"],
    },
)
