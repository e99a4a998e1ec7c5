"""Two processes push into one serving directory at once, while somebody watches; and processes die while they push."""

import pathlib
import random
import signal
import subprocess
import sys
import time

from age.serving.model_digest import content_digest
from age.serving.serving_directory import Champion, ServingDirectory
from tests.age.serving.conftest import is_whole, write_model

ROOT = pathlib.Path(__file__).parents[3]
PUSHES = 100

PUSHING = """
import pathlib, sys
from age.serving.serving_directory import ServingDirectory
directory, models, start = ServingDirectory(sys.argv[1]), sorted(pathlib.Path(sys.argv[2]).iterdir()), pathlib.Path(sys.argv[3])
print("ready", flush=True)
while not start.exists():
    pass
for model in models:
    print(directory.publish(str(model), run=model.name).served.version, flush=True)
"""

COMPARING = """
import sys
from age.serving.serving_directory import Champion, ServingDirectory
from schemas.bad_input import BadInput
directory = ServingDirectory(sys.argv[1])
print("ready", flush=True)
for line in sys.stdin:
    model, version, digest = line.rstrip("\\n").split("\\t")
    try:
        print(directory.publish(model, compared_with=Champion(int(version), digest)).served.version, flush=True)
    except BadInput:
        print("refused", flush=True)
"""


def start(script, *arguments):
    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    return process


def versions_seen(serving):
    return sorted(int(path.name) for path in serving.iterdir() if path.name.isdigit()) if serving.is_dir() else []


def test_two_processes_that_push_a_hundred_times_each_leave_whole_rising_versions(tmp_path):
    serving, go = tmp_path / "serving", tmp_path / "go"
    for who in ("left", "right"):
        for number in range(PUSHES):
            write_model(tmp_path / who / f"{who}-{number:03d}", f"{who}-{number}")
    processes = [start(PUSHING, serving, tmp_path / who, go) for who in ("left", "right")]
    go.write_text("")

    seen, polls = [], 0
    while any(process.poll() is None for process in processes) or len(seen) < len(versions_seen(serving)):
        new = [version for version in versions_seen(serving) if version not in seen]
        assert all(version > max(seen, default=0) for version in new), "a version appeared below a newer one"
        assert all(is_whole(serving / str(version)) for version in new), "half a version was to be seen"
        seen += new
        polls += 1

    printed = [[int(line) for line in process.stdout] for process in processes]
    assert [process.wait() for process in processes] == [0, 0]
    for process in processes:
        process.stdin.close()
        process.stdout.close()
    assert all(versions == sorted(versions) and len(versions) == PUSHES for versions in printed)
    assert sorted(printed[0] + printed[1]) == seen and len(set(seen)) == 2 * PUSHES
    assert polls > 20, "somebody watched"
    events = ServingDirectory(str(serving)).events()
    assert [event.version for event in events] == seen
    assert {event.what for event in events} == {"published"}
    assert {event.run for event in events} == {f"{who}-{n:03d}" for who in ("left", "right") for n in range(PUSHES)}
    assert list((serving / ".age-pipeline" / "unfinished").iterdir()) == []


def test_of_two_candidates_that_were_compared_with_one_champion_only_one_is_pushed(tmp_path):
    directory = ServingDirectory(str(tmp_path / "serving"))
    directory.publish(write_model(tmp_path / "first", "first"))
    processes = [start(COMPARING, directory.path) for _ in range(2)]

    for number in range(25):
        champion = directory.champion("")
        models = [write_model(tmp_path / f"{number}-{side}", f"{number}-{side}") for side in range(2)]
        for process, model in zip(processes, models):
            process.stdin.write(f"{model}\t{champion.version}\t{champion.digest}\n")
        for process in processes:
            process.stdin.flush()
        answers = [process.stdout.readline().strip() for process in processes]
        assert answers.count("refused") == 1, answers
        (version,) = (int(answer) for answer in answers if answer != "refused")
        assert directory.versions()[0].version == version

    for process in processes:
        with process:
            process.stdin.close()
        assert process.returncode == 0
    assert len(directory.versions()) == 26


def test_a_process_that_is_killed_while_it_pushes_leaves_whole_versions_and_no_lock(tmp_path):
    directory, pick = ServingDirectory(str(tmp_path / "serving")), random.Random(13)
    for number in range(300):
        write_model(tmp_path / "models" / f"{number:03d}", str(number))
    go = tmp_path / "go"
    go.write_text("")

    for _ in range(10):
        with start(PUSHING, directory.path, tmp_path / "models", go) as process:
            time.sleep(pick.uniform(0, 0.2))
            process.send_signal(signal.SIGKILL)
        assert all(is_whole(pathlib.Path(served.path)) for served in directory.versions())

    last = write_model(tmp_path / "last", "last")
    published = directory.publish(last, compared_with=directory.champion(content_digest(last)))
    assert published.new and directory.versions()[0] == published.served
    known = {event.version: event for event in directory.events()}
    assert known.keys() == {served.version for served in directory.versions()}
    assert {event.what for event in known.values()} == {"published"}, "the dead pushed, and nobody else put versions there"
    assert all(event.run or event.digest == content_digest(last) for event in known.values())
    assert directory.champion(content_digest(last)) != Champion()
