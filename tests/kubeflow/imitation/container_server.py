"""Starts containers' commands as forks of one process that has imported what they need.

    python container_server.py MODULE[:FUNCTION]...

Importing TensorFlow and TFX takes longer than most steps. Each container is a process of its own all the same, with its own
environment, working directory, session and open files; what the fork shares with the others is imported modules, nothing
that a step did. One request a line on standard input, and two answers a line on standard output: the process that was
started, and how it ended.
"""

import gc
import importlib
import json
import os
import runpy
import sys
import tempfile
from typing import Any


def main() -> dict[str, Any] | None:
    """Serves until its input ends; in a fork, returns the request that the fork is for."""
    # What imports print is no answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    for name in sys.argv[1:]:
        module, _, function = name.partition(":")
        imported = importlib.import_module(module)
        if function:
            getattr(imported, function)()
    # A fork that ends would else touch, and so copy, everything that was imported: seconds instead of tenths.
    gc.collect()
    gc.freeze()
    answers.write(json.dumps({"modules": len(sys.modules)}) + "\n")
    for line in sys.stdin:
        request = json.loads(line)
        process = os.fork()
        if process == 0:
            answers.close()
            return request
        answers.write(json.dumps({"process": process}) + "\n")
        _, status, usage = os.wait4(process, 0)
        # Kilobytes on Linux.
        answer = {"status": os.waitstatus_to_exitcode(status), "peak_memory": usage.ru_maxrss * 1024}
        answers.write(json.dumps(answer) + "\n")
    return None


def become(request: dict[str, Any]) -> None:
    """Runs a container's command in this process, as the interpreter that it names would."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for descriptor, number in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(descriptor, number)
    os.chdir(request["directory"])
    os.environ.clear()
    os.environ.update(request["environment"])
    tempfile.tempdir = None
    sys.path[0] = request["directory"]
    interpreter, option, what, *arguments = request["command"]
    if (interpreter, option) == ("python", "-m"):
        sys.argv = [what, *arguments]
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    elif (interpreter, option) == ("python", "-c"):
        sys.argv = ["-c", *arguments]
        exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.exit(f"{interpreter} {option}: no such file")


if __name__ == "__main__":
    asked = main()
    if asked is not None:
        become(asked)
