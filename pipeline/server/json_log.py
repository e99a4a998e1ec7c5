"""Writes the server's log as JSON, one object a line: neither photographs nor names nor addresses are in it."""

import datetime
import json
import logging
import logging.config
from typing import Any


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON; what was given as `extra={"facts": …}` becomes keys of its own."""

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.datetime.fromtimestamp(record.created, datetime.timezone.utc)
        line: dict[str, Any] = {
            "time": when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


_CONFIGURATION: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": JsonLines}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        name: {"handlers": ["stderr"], "level": "INFO", "propagate": False}
        for name in ("age.server", "uvicorn", "uvicorn.error")
    },
}
"""`age.server.access` is a part of `age.server`."""


def start() -> None:
    """Writes what this process logs, and what it warns of, to standard error from now on."""
    logging.config.dictConfig(_CONFIGURATION)
    logging.captureWarnings(True)
