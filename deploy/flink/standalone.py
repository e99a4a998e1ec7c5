"""Starts and stops a standalone Flink cluster that runs Beam, on this machine and for this machine alone.

    python deploy/flink/standalone.py up
    python deploy/flink/standalone.py status
    python deploy/flink/standalone.py down
    python deploy/flink/standalone.py jars

Five processes: a JobManager, two TaskManagers, Beam's job server, and a pool that starts Python workers. All of them listen on the
loopback interface alone, while jobs run too: who reaches one of them can run code as you. Beam has to be made to (`loopback.py`).

Their jars, configuration, logs and process ids are in one directory (`runs/flink` unless `--directory` says otherwise). `up`
starts what is not running, so that it also brings back a TaskManager that died; `down` stops what `up` started and nothing else;
`jars` downloads and starts nothing. Needs Java 17 or 21, and Maven.
"""

import argparse
import contextlib
import functools
import hashlib
import importlib.metadata
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable

import loopback

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
PORTS = {"rest": 8081, "rpc": 6123, "job": 8099, "artifact": 8098, "worker": 50000}
TASK_MANAGERS = 2
SLOTS_EACH = 2
# Debian 12 has the first, Debian 13 the second.
_JAVA = ("17", "21")
_INSTALL_JAVA = "install it (apt install openjdk-17-jre-headless, or openjdk-21-jre-headless)"
_READY_SECONDS = 90

# Two slots each: a job of two workers has one in each TaskManager, and room on the other one when one dies.
# A shuffle wants 512 buffers of 32 KiB unless told otherwise, and TFDV's graph has dozens of shuffles. The delay before a job is
# tried again is longer than Beam keeps a dead worker (pipeline/beam/beam_options.py). Parent first: a job brings Beam's jars along,
# and when it ends its class loader goes, while threads that still close its workers look for classes.
_FLINK = """
jobmanager.rpc.address: localhost
jobmanager.bind-host: localhost
jobmanager.rpc.port: {rpc}
jobmanager.memory.heap.size: 384m
rest.address: localhost
rest.bind-address: localhost
rest.port: {rest}
taskmanager.host: localhost
taskmanager.bind-host: localhost
taskmanager.numberOfTaskSlots: {slots}
taskmanager.load-balance.mode: SLOTS
taskmanager.cpu.cores: 1.0
taskmanager.memory.task.heap.size: 384m
taskmanager.memory.task.off-heap.size: 128m
taskmanager.memory.network.min: 512m
taskmanager.memory.network.max: 512m
taskmanager.memory.managed.size: 64m
taskmanager.memory.framework.heap.size: 128m
taskmanager.memory.framework.off-heap.size: 128m
taskmanager.memory.jvm-metaspace.size: 256m
taskmanager.memory.jvm-overhead.min: 192m
taskmanager.memory.jvm-overhead.max: 192m
heartbeat.interval: 1000
heartbeat.rpc-failure-threshold: 2
heartbeat.timeout: 30000
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 5
restart-strategy.fixed-delay.delay: 10s
taskmanager.network.sort-shuffle.min-buffers: 64
classloader.resolve-order: parent-first
io.tmp.dirs: {directory}/tmp
"""
_LOGGING = """
handlers=java.util.logging.ConsoleHandler
.level=INFO
java.util.logging.SimpleFormatter.format=%1$tF %1$tT %4$s %3$s %5$s%6$s%n
"""
# What Flink's own start scripts open to it under Java 17.
_OPENED = ("lang", "lang.reflect", "net", "io", "nio", "text", "time", "util", "util.concurrent", "util.concurrent.atomic",
           "util.concurrent.locks")  # fmt: skip
_JAVA_OPTIONS = [
    "--add-exports=java.base/sun.net.util=ALL-UNNAMED",
    "--add-exports=java.rmi/sun.rmi.registry=ALL-UNNAMED",
    "--add-exports=java.security.jgss/sun.security.krb5=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    *(f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in _OPENED),
]


_CLUSTER_ONLY = ("flink-rpc-akka-loader", "flink-shaded-zookeeper")


class Refused(Exception):
    """The cluster can't be had; the message is a sentence."""


def java() -> str:
    """Returns the path of a `java` that Flink runs on.

    Raises:
        Refused: there is none.
    """
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=os.path.join(home, "bin") if home else None)
    if found is None:
        raise Refused(
            f"There is no java {'in JAVA_HOME/bin' if home else 'here'}, and Flink 1.19 runs on Java {' or '.join(_JAVA)}: "
            f"{_INSTALL_JAVA} or set JAVA_HOME."
        )
    said = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or version[1] not in _JAVA:
        raise Refused(
            f"{found} is {said.splitlines()[0] if said else 'no Java that runs'}; Flink 1.19 runs on Java "
            f"{' or '.join(_JAVA)}: {_INSTALL_JAVA} and set JAVA_HOME to it."
        )
    return found


def maven(*words: str) -> subprocess.CompletedProcess:
    """Runs Maven on `pom.xml`; what it says is in `stdout`."""
    # --strict-checksums: what does not have the checksum that the repository gives fails.
    command = ["mvn", "--batch-mode", "--quiet", "--strict-checksums", "--file", str(HERE / "pom.xml"), *words]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")


def fetch_jars(directory: pathlib.Path) -> pathlib.Path:
    """Returns the directory with the jars of `pom.xml`, downloaded with Maven and verified when they are not there yet.

    Raises:
        Refused: there is no Maven, a jar can't be had, or one is not what `jars-<version>.sha256` says.
    """
    beam = importlib.metadata.version("apache-beam")
    jars = directory / f"jars-{beam}"
    if jars.is_dir():
        return jars
    directory.mkdir(parents=True, exist_ok=True)
    if shutil.which("mvn") is None:
        raise Refused("There is no mvn here, which downloads Flink and Beam's runner: install Maven (apt install maven).")
    print(f"Downloading Flink and Beam {beam}'s runner with Maven (120 MB; minutes the first time) ...", flush=True)
    unverified = directory / f"jars-{beam}.unverified"
    shutil.rmtree(unverified, ignore_errors=True)
    ended = maven(
        f"-Dbeam.version={beam}", "dependency:copy-dependencies", "-DincludeScope=runtime",
        f"-DoutputDirectory={unverified.absolute()}",
    )  # fmt: skip
    if ended.returncode:
        reasons = [line for line in ended.stdout.splitlines() if "ERROR" in line] or ["no reason given"]
        telling = [line for line in reasons if re.search("Could not (find|transfer) artifact", line)]
        raise Refused(f"Maven could not download the jars for Beam {beam}: {(telling or reasons)[0]}")
    verify(unverified, HERE / f"jars-{beam}.sha256")
    unverified.rename(jars)
    return jars


def digests(jars: pathlib.Path) -> str:
    """Returns the SHA-256 of every jar, in the format of `sha256sum`."""
    return "".join(f"{hashlib.sha256(jar.read_bytes()).hexdigest()}  {jar.name}\n" for jar in sorted(jars.glob("*.jar")))


def verify(jars: pathlib.Path, pinned: pathlib.Path) -> None:
    """Checks that a directory holds exactly the jars that a file pins; without such a file it says what is missing.

    Raises:
        Refused: a jar is another one, is missing, or is too many.
    """
    if not pinned.exists():
        print(
            f"{pinned.name}: there is no such file, so only Maven's own checksums were looked at. Write it with "
            f"`cd {jars} && sha256sum *.jar`.",
            flush=True,
        )
        return
    differing = set(digests(jars).splitlines()) ^ set(pinned.read_text().splitlines())
    if differing:
        names = sorted({line.split()[-1] for line in differing})
        raise Refused(f"{', '.join(names)}: not what {pinned} pins. Nothing was started; look at {jars}.")


class Cluster:
    """The processes of one directory.

    Args:
        directory: where jars, configuration, logs and process ids are.
        ports: by the names of `PORTS`.
        jars: where the directory of jars is, or goes; `directory` unless given.
    """

    def __init__(self, directory: pathlib.Path, ports: dict[str, int] | None = None, jars: pathlib.Path | None = None):
        self.directory = directory.absolute()
        self._jars = (jars or directory).absolute()
        self.ports = {**PORTS, **(ports or {})}

    @property
    def _loopback_jar(self) -> pathlib.Path:
        return self.directory / "loopback.jar"

    @property
    def names(self) -> list[str]:
        return ["jobmanager", *(f"taskmanager-{number + 1}" for number in range(TASK_MANAGERS)), "job-server", "worker-pool"]

    def pid(self, name: str) -> int | None:
        """Returns the process id of what `up` started under a name and still runs."""
        record = self._process_record(name)
        # A process id may belong to another process by now; the time at which it began tells.
        return record["pid"] if record and record["began"] == _began(record["pid"]) else None

    def _process_record(self, name: str) -> dict:
        with contextlib.suppress(OSError, ValueError):
            return json.loads((self.directory / f"{name}.pid").read_text())
        return {}

    def up(self) -> None:
        """Starts what is not running and waits until all of it answers.

        Raises:
            Refused: something can't be had or does not come up. What this call started is then stopped again.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        missing = [name for name in self.names if self.pid(name) is None]
        if not missing:
            print(self.describe())
            return
        found_java, jars = java(), fetch_jars(self._jars)
        commands = self._commands(found_java, jars)
        listening = {"jobmanager": ("rest", "rpc"), "job-server": ("job", "artifact"), "worker-pool": ("worker",)}
        for name in missing:
            for port in listening.get(name, ()):
                _refuse_taken(port, self.ports[port])
        (self.directory / "tmp").mkdir(exist_ok=True)
        (self.directory / "flink-conf.yaml").write_text(
            _FLINK.format(**self.ports, slots=SLOTS_EACH, directory=self.directory)
        )
        (self.directory / "logging.properties").write_text(_LOGGING)
        try:
            loopback.write_jar(jars, self._loopback_jar)
        except loopback.UnknownClass as error:
            raise Refused(f"Beam's servers would listen on every interface: {error} Nothing was started.") from error
        try:
            for name in missing:
                self._start(name, commands[name])
            for name, ready in self._readiness_checks().items():
                self._wait(name, ready)
        except BaseException:
            self.down(missing)
            raise
        print(self.describe())

    def _commands(self, java_path: str, jars: pathlib.Path) -> dict[str, list[str]]:
        logging = f"-Djava.util.logging.config.file={self.directory}/logging.properties"
        # What comes first on a class path counts.
        run = [java_path, logging, *_JAVA_OPTIONS, "-cp", f"{self._loopback_jar}:{jars}/*"]
        # Beam's job server sends its class path to Flink with every job: what only the cluster needs is left out.
        sent = [str(jar) for jar in sorted(jars.glob("*.jar")) if not jar.name.startswith(_CLUSTER_ONLY)]
        sent.insert(0, str(self._loopback_jar))
        flink = ["--configDir", str(self.directory)]
        task_manager = [*run, "-Xmx512m", "-XX:MaxDirectMemorySize=896m",
                        "org.apache.flink.runtime.taskexecutor.TaskManagerRunner", *flink]  # fmt: skip
        return {
            "jobmanager": [
                *run, "-Xmx384m", "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint", *flink
            ],
            **{name: task_manager for name in self.names if name.startswith("taskmanager")},
            "job-server": [
                java_path, logging, *_JAVA_OPTIONS, "-cp", ":".join(sent), "-Xmx384m", "org.apache.beam.runners.flink.FlinkJobServerDriver",
                f"--flink-master=localhost:{self.ports['rest']}", "--job-host=localhost", f"--job-port={self.ports['job']}",
                f"--artifact-port={self.ports['artifact']}", "--expansion-port=-1",
                f"--artifacts-dir={self.directory}/artifacts",
            ],
            "worker-pool": [sys.executable, "-m", "pipeline.beam.beam_worker_pool", f"--port={self.ports['worker']}"],
        }  # fmt: skip

    def _start(self, name: str, command: list[str]) -> None:
        identity = f"{name}-{time.time_ns():x}"
        if name.startswith("taskmanager"):
            command = [*command, f"-Dtaskmanager.resource-id={identity}"]
        with open(self.directory / f"{name}.log", "wb") as log:
            process = subprocess.Popen(
                command,
                cwd=self.directory,
                env={**os.environ, "PYTHONPATH": str(CHECKOUT), "TF_CPP_MIN_LOG_LEVEL": "2"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        (self.directory / f"{name}.pid").write_text(
            json.dumps({"pid": process.pid, "began": _began(process.pid), "id": identity})
        )

    def _readiness_checks(self) -> dict[str, Callable[[], bool]]:
        """Returns what tells that each process is ready, in the order in which they become so."""

        def registered(name):
            # The cluster may not have missed one that died yet, so that counting them tells nothing.
            managers = self.rest("/taskmanagers").get("taskmanagers", [])
            # Its slots come a moment after a TaskManager itself.
            return self._process_record(name)["id"] in [one["id"] for one in managers if one["slotsNumber"]]

        return {
            "jobmanager": lambda: bool(self.overview()),
            **{name: functools.partial(registered, name) for name in self.names if name.startswith("taskmanager")},
            "job-server": lambda: _answers(self.ports["job"]),
            "worker-pool": lambda: _answers(self.ports["worker"]),
        }

    def _wait(self, name: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not ready():
            log = self.directory / f"{name}.log"
            if self.pid(name) is None:
                raise Refused(f"{name} ended as soon as it was started. Its log is {log}")
            if time.monotonic() > deadline:
                raise Refused(f"{name} did not answer within {_READY_SECONDS} s. Its log is {log}")
            time.sleep(0.2)

    def overview(self) -> dict:
        """Returns what Flink's REST interface says of the cluster; nothing where it does not answer."""
        return self.rest("/overview")

    def rest(self, path: str) -> dict:
        try:
            with urllib.request.urlopen(f"http://localhost:{self.ports['rest']}{path}", timeout=5) as answer:
                return json.load(answer)
        except (OSError, ValueError):
            return {}

    def down(self, names: list[str] | None = None) -> list[str]:
        """Stops what runs of the named processes (all of them unless given), workers last; returns the names."""
        stopped = {name: pid for name in names or self.names if (pid := self.pid(name)) is not None}
        for number, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
            for pid in stopped.values():
                with contextlib.suppress(ProcessLookupError):
                    # Each is the head of a group of its own, to which the pool's workers belong.
                    os.killpg(pid, number)
            deadline = time.monotonic() + patience
            while any(map(_began, stopped.values())) and time.monotonic() < deadline:
                time.sleep(0.1)
        for name in names or self.names:
            (self.directory / f"{name}.pid").unlink(missing_ok=True)
        for left in ("tmp", "artifacts"):
            if names is None:
                shutil.rmtree(self.directory / left, ignore_errors=True)
        return list(stopped)

    def describe(self) -> str:
        """Returns which process runs under which id, and where the cluster answers."""
        lines = [f"{name:<15} {f'pid {pid}' if (pid := self.pid(name)) else 'not running'}" for name in self.names]
        overview = self.overview()
        if overview:
            lines.append(
                f"{overview['slots-available']} of {overview['slots-total']} slots free; REST localhost:{self.ports['rest']}, "
                f"job server localhost:{self.ports['job']}, worker pool localhost:{self.ports['worker']}\nLogs: {self.directory}"
            )
        return "\n".join(lines)


def _began(pid: int) -> str:
    """Returns when a process began, as text; empty where there is none, or only what is left of one."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return ""
    # Field 22 of proc(5), counted from the third: what stands before is a name in parentheses that may hold anything.
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state == "Z" else fields[18]


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("localhost", port), timeout=1):
        return True
    return False


def _refuse_taken(name: str, port: int) -> None:
    if _answers(port):
        raise Refused(f"Port {port} is taken by something else: choose another one with --{name}-port.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("up", "down", "status", "jars"))
    parser.add_argument("--directory", type=pathlib.Path, default=CHECKOUT / "runs" / "flink")
    for name, port in PORTS.items():
        parser.add_argument(f"--{name}-port", type=int, default=port)
    given = parser.parse_args()
    cluster = Cluster(given.directory, {name: getattr(given, f"{name}_port") for name in PORTS})
    try:
        if given.command == "up":
            cluster.up()
        elif given.command == "jars":
            print(fetch_jars(given.directory.absolute()))
        elif given.command == "down":
            stopped = cluster.down()
            print(f"Stopped {', '.join(stopped)}." if stopped else "Nothing was running.")
        else:
            print(cluster.describe())
    except Refused as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
