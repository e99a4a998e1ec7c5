"""Says how to make a run again: one command with the whole configuration in it."""

from typing import Any

import yaml

_FILE = "run.yaml"
_END = "END_OF_CONFIGURATION"


def command(configuration: dict[str, Any], verb: str = "run") -> str:
    """Returns shell commands that write the configuration of a run to `run.yaml` and go by it.

    The configuration is given in full, so that a later version with other defaults does the same. It is ASCII, with every
    other character escaped, and stands in a quoted here-document, in which the shell expands nothing.

    Args:
        configuration: of the verdict.
        verb: the command of `age-pipeline`: `run` or `explore`.
    """
    text = yaml.safe_dump(configuration, sort_keys=False, allow_unicode=False, width=10**9)
    end = _END
    while end in text:
        end += "_"
    return f"cat > {_FILE} <<'{end}'\n{text}{end}\nage-pipeline {verb} --config {_FILE}"
