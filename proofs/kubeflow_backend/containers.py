"""A stand-in for the kubelet: containers with a file system, mounts and an environment of their own.

A container's root is this machine's, with an overlay that takes what it writes and is gone with it. What an image would
bring is on this machine already, so a container is told where: an image is an environment and mounts. Containers share the
network namespace. Requests and limits are not enforced; the time limit is.
"""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
import subprocess

_MESSAGE_BYTES = 4096  # what Kubernetes keeps of /dev/termination-log

# /dev is the container's own: what a step writes there is a file like any other.
_ENTER = """
container=$1 mounts=$2; shift 2
root=$container/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$container/written,workdir=$container/work" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/dev"
for device in null zero full random urandom; do : >"$root/dev/$device"; mount --bind "/dev/$device" "$root/dev/$device"; done
ln -s /proc/self/fd "$root/dev/fd"
mkdir "$root/dev/shm"
printf '%s' "$mounts" | while IFS='\t' read -r origin target; do
    if [ "$origin" = tmpfs ]; then
        mkdir -p "$root$target"
        mount -t tmpfs tmpfs "$root$target"
        continue
    fi
    if [ -d "$origin" ]; then mkdir -p "$root$target"; else mkdir -p "$(dirname "$root$target")"; : >>"$root$target"; fi
    mount --rbind "$origin" "$root$target"
done
chroot=$(command -v chroot) PATH=$PATH_INSIDE
unset PATH_INSIDE
exec "$chroot" "$root" "$@"
"""
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


@dataclasses.dataclass(frozen=True)
class Image:
    """What a container image brings.

    Attributes:
        environment: its variables.
        mounts: path in the container -> file or directory of this machine.
    """

    environment: dict
    mounts: dict


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a container ended.

    Attributes:
        status: its exit status; 137 when its time was over.
        message: what it left at `/dev/termination-log`.
        written: a directory with what it wrote outside of its mounts.
    """

    status: int
    message: str
    written: pathlib.Path


class Kubelet:
    """Runs pods.

    Args:
        directory: for their files.
        images: name of an image -> the image.
        claims: name of a persistent volume claim -> the volume's directory.
        secret: gives the value of a secret's key.
        mounts: what every container sees.
        environment: variables of every container.
    """

    def __init__(self, directory: pathlib.Path, images: dict, claims: dict, secret, mounts: dict, environment: dict):
        self._directory = directory
        self._images = images
        self._claims = claims
        self._secret = secret
        self._mounts = mounts
        self._environment = environment

    def run(self, name: str, uid: str, specification: dict, log: pathlib.Path) -> Ended:
        """Runs a pod's init containers and then its main container, each to its end.

        Args:
            name: the pod's.
            uid: the pod's.
            specification: Kubernetes' `PodSpec`.
            log: a file for what they write.
        """
        pod = self._directory / name
        volumes = {volume["name"]: self._volume(pod, volume) for volume in specification.get("volumes", [])}
        ended = Ended(1, "the pod has no container", pod)
        for container in [*specification.get("initContainers", []), *specification["containers"]]:
            place = pod / container["name"]
            for part in ("root", "written", "work"):
                (place / part).mkdir(parents=True)
            ended = self._run(place, name, uid, container, volumes, specification.get("activeDeadlineSeconds"), log)
            if ended.status:
                break
        return ended

    def forget(self, name: str) -> None:
        """Removes a pod's files."""
        shutil.rmtree(self._directory / name)

    def _volume(self, pod: pathlib.Path, volume: dict) -> str:
        if "persistentVolumeClaim" in volume:
            return str(self._claims[volume["persistentVolumeClaim"]["claimName"]])
        if volume.get("emptyDir", {}).get("medium") == "Memory":
            return "tmpfs"
        if "emptyDir" not in volume:
            raise ValueError(f"a volume of a kind that this stand-in does not have: {volume}")
        directory = pod / "volumes" / volume["name"]
        directory.mkdir(parents=True)
        return str(directory)

    def _variables(self, name: str, uid: str, container: dict) -> dict:
        fields = {"metadata.name": name, "metadata.uid": uid}
        variables = {}
        for variable in container.get("env", []):
            source = variable.get("valueFrom", {})
            if "fieldRef" in source:
                variables[variable["name"]] = fields[source["fieldRef"]["fieldPath"]]
            elif "secretKeyRef" in source:
                variables[variable["name"]] = self._secret(source["secretKeyRef"]["name"], source["secretKeyRef"]["key"])
            else:
                variables[variable["name"]] = variable.get("value", "")
        return variables

    def _run(self, place, name, uid, container, volumes, deadline, log) -> Ended:
        image = self._images[container["image"]]
        termination_log = place / "termination-log"
        termination_log.touch()
        mounts = {**self._mounts, **image.mounts, "/dev/termination-log": str(termination_log)}
        for mount in container.get("volumeMounts", []):
            mounts[mount["mountPath"]] = volumes[mount["name"]]
        lines = "".join(f"{origin}\t{target}\n" for target, origin in mounts.items())
        entered = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", _ENTER, "sh", str(place), lines]
        variables = {**self._environment, **image.environment, **self._variables(name, uid, container)}
        with log.open("ab") as output:
            try:
                status = subprocess.run(
                    [*entered, *container["command"], *container.get("args", [])],
                    env={**variables, "PATH": _PATH, "PATH_INSIDE": variables["PATH"]},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd="/",
                    timeout=deadline,
                ).returncode
            except subprocess.TimeoutExpired:
                status = 137
        message = termination_log.read_bytes()[:_MESSAGE_BYTES].decode(errors="replace")
        return Ended(status, message, place / "written")
