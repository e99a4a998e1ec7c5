"""The log is one JSON object a line, whatever is said in it."""

import json
import subprocess
import sys

SAYS = """
import logging, warnings
from pipeline.server import json_log

json_log.start()
logging.getLogger("age.server").info("two\\nlines", extra={"facts": {"version": 7}})
warnings.warn("old\\nPython", FutureWarning)
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("age.server").exception("failed")
"""


def test_events_warnings_and_failures_are_lines_of_json():
    done = subprocess.run([sys.executable, "-c", SAYS], capture_output=True, text=True, check=True)

    event, warning, failure = map(json.loads, done.stderr.splitlines())
    assert (event["message"], event["level"], event["version"]) == ("two\nlines", "info", 7)
    assert "FutureWarning: old\nPython" in warning["message"] and warning["level"] == "warning"
    assert failure["level"] == "error" and "ZeroDivisionError" in failure["traceback"]
