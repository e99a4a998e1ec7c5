"""Runs the Dockerfile's own commands one by one in a fresh Debian 13 tree, where there is no container engine.

    python -m proofs.image /var/tmp/age-image [--variant gpu] [--check]

Needs root, `debootstrap` and a package index. The stages that lead to the image are run one after the other in the one
tree, so it ends up with the image's files and what made them; what they copy from one another is in place. Then it looks
at the content (nothing that only tests need, a complete bill of materials, nothing that the image's user may change), says
the size, and lets the user run the pipeline on a read-only root file system. `--check` then runs the compiled containers'
commands inside the tree (tests/kubeflow/test_containers.py). `--target serving` makes the server's tree instead, puts a model
there that this environment exports, and lets the user serve it with nothing that can be written but /tmp, until the image's own HEALTHCHECK
passes.
"""

import argparse
import json
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

from proofs import debian_tree
from proofs.debian_tree import CHECKOUT

_NEEDS_BASE = "debian:13-slim"
TARGETS = ("image", "serving")
_LOCKS = {"image": "current-image.txt", "serving": "serving.txt"}


def instructions(text: str) -> list:
    """Returns `(word, rest)` for each instruction of a Dockerfile, continued lines joined."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [tuple(line.split(None, 1)) for line in joined.splitlines()]


def stages(text: str, arguments: dict) -> dict:
    """Returns name -> (base, instructions) for each stage; `arguments` replace those of the Dockerfile."""
    found, name, values = {}, None, {}
    for word, rest in instructions(text):
        if word == "ARG":
            key, _, default = rest.partition("=")
            values[key] = arguments.get(key, default or values.get(key, ""))
            if name is not None:
                # Within a stage, the shell of its commands has it.
                found[name][1].append(("ENV", f"{key}={values[key]}"))
        elif word == "FROM":
            base, _, name = re.sub(r"\$\{(\w+)\}", lambda match: values[match[1]], rest).split()
            found[name] = (base, [])
        else:
            found[name][1].append((word, rest))
    return found


def in_order(found: dict, last: str) -> list:
    """Returns the stages that lead to `last`, by their bases and by what they copy from one another."""
    order = []

    def visit(name):
        if name in order or name not in found:
            return
        base, body = found[name]
        visit(base)
        for word, rest in body:
            if word == "COPY" and rest.startswith("--from="):
                visit(rest.split()[0].partition("=")[2])
        order.append(name)

    visit(last)
    return order


def run_in(tree: pathlib.Path, command: str, environment: dict) -> None:
    print(f"RUN {command}", flush=True)
    variables, mounts = debian_tree.network()
    status = debian_tree.run_in(tree, command, {**environment, **variables}, mounts)
    if status:
        sys.exit(f"The command ended with status {status}: {command}")


def copy_into(tree: pathlib.Path, rest: str) -> None:
    *sources, destination = rest.split()
    if sources[0].startswith("--from="):
        return
    for source in sources:
        origin, target = CHECKOUT / source, tree / destination.lstrip("/")
        print(f"COPY {source} {destination}", flush=True)
        if origin.is_dir():
            shutil.copytree(origin, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target = target / origin.name if destination.endswith("/") else target
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(origin, target)


def _commit() -> str:
    """Returns what the Dockerfile has one say of the commit."""
    describe = ["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
    return subprocess.run(describe, cwd=CHECKOUT, check=True, capture_output=True, text=True).stdout.strip()


def build(tree: pathlib.Path, variant: str, target: str) -> tuple[dict, int]:
    """Makes the tree and returns the environment that the image ends with, and the bytes of its Debian part."""
    found = stages((CHECKOUT / "Dockerfile").read_text(encoding="utf-8"), {"VARIANT": variant, "COMMIT": _commit()})
    debian_tree.make(tree, "trixie")
    environment, base_size = {"PATH": debian_tree.PATH, "HOME": "/root"}, 0
    for name in in_order(found, target):
        base, body = found[name]
        print(f"FROM {base} AS {name}", flush=True)
        if base not in found and base.partition("@")[0] != _NEEDS_BASE:
            sys.exit(f"The stage {name} begins with {base}; this program makes {_NEEDS_BASE} only.")
        for word, rest in body:
            if word == "ENV":
                for assignment in shlex.split(rest):
                    key, _, value = assignment.partition("=")
                    environment[key] = value.replace("$PATH", environment["PATH"])
            elif word == "COPY":
                copy_into(tree, rest)
            elif word == "RUN":
                run_in(tree, rest, environment)
        if base not in found:
            base_size = _size(tree)
    return environment, base_size


def _distributions(tree: pathlib.Path) -> dict[str, pathlib.Path]:
    """Returns the metadata directories of the installed Python packages by name, spelt as PyPI compares them."""
    found = {}
    for directory in tree.glob("opt/age/lib/python3*/site-packages/*.dist-info"):
        name = directory.name.removesuffix(".dist-info").rsplit("-", 1)[0]
        found[re.sub(r"[-_.]+", "-", name).lower()] = directory
    return found


def _size(path: pathlib.Path) -> int:
    """Returns the bytes of the files below a path, each inode once."""
    seen = {
        (entry.lstat().st_dev, entry.lstat().st_ino): entry.lstat().st_size for entry in path.rglob("*") if entry.is_file()
    }
    return sum(seen.values())


def inspect(tree: pathlib.Path, base_size: int, target: str) -> None:
    """Ends the program unless the content is what an image should have, and says how large it is unpacked.

    Args:
        tree: the finished tree.
        base_size: bytes of the tree with nothing but Debian's packages.
        target: `image` or `serving`.
    """
    installed = _distributions(tree)
    lock = (CHECKOUT / "locks" / "current.txt").read_text(encoding="utf-8")
    image_lock = (CHECKOUT / "locks" / _LOCKS[target]).read_text(encoding="utf-8")
    names = [set(re.findall(r"^([a-z0-9][a-z0-9.-]*)==", text, re.MULTILINE)) for text in (lock, image_lock)]
    unwanted = sorted((names[0] - names[1]) & set(installed))
    if unwanted:
        sys.exit(f"The image has what it does not need: {', '.join(unwanted)}.")
    listed = json.loads((tree / "opt/age/sbom.cdx.json").read_text(encoding="utf-8"))["components"]
    missing = sorted(set(installed) - {re.sub(r"[-_.]+", "-", one["name"]).lower() for one in listed})
    if missing:
        sys.exit(f"The bill of materials lacks {', '.join(missing)}.")
    (built_from,) = tree.glob("opt/age/lib/python3*/site-packages/age/built_from.txt")
    if built_from.read_text(encoding="ascii").strip() != _commit():
        sys.exit(f"The image says that it was built from {built_from.read_text(encoding='ascii').strip()}, not {_commit()}.")
    writable = [path for path in (tree / "opt/age").rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o022]
    if writable:
        sys.exit(f"The image's user may change {writable[0]} and {len(writable) - 1} more.")
    environment = _size(tree / "opt/age")
    print(
        f"Image, unpacked: {(base_size + environment) / 1e9:.2f} GB: Debian with Python {base_size / 1e6:.0f} MB, "
        f"{len(installed)} Python packages {environment / 1e9:.2f} GB, all of them in /opt/age/sbom.cdx.json.",
        flush=True,
    )


_READ_ONLY = """
mount --bind / /media && mount -o remount,ro,bind /media
mount -t tmpfs -o mode=1777 tmpfs /media/tmp && mount -t tmpfs -o uid=1000,gid=1000 tmpfs /media/home/age
mount --rbind /dev /media/dev && mount -t proc proc /media/proc
cd / && exec chroot /media setpriv --reuid=1000 --regid=1000 --clear-groups --no-new-privs env HOME=/home/age sh -ec '
  cd /home/age
  if touch /opt/age/x 2>/dev/null; then echo "The root file system can be written."; exit 1; fi
  age-pipeline run --config /opt/age/configs/demo.yaml --workdir /tmp/runs --set data.sample.count=300 --set trainer.epochs=1 \
    --set evaluator.max_mae=200 --set evaluator.min_examples=1
  test -s /tmp/runs/reports/*/report.html
'
"""
"""As a pod with `readOnlyRootFilesystem` has it, with a volume at /tmp and one at the home directory."""


_SERVED_READ_ONLY = """
mount --bind / /media && mount -o remount,ro,bind /media
mount -t tmpfs -o mode=1777 tmpfs /media/tmp && mount --rbind /dev /media/dev && mount -t proc proc /media/proc
cd / && exec chroot /media setpriv --reuid=1000 --regid=1000 --clear-groups --no-new-privs sh -ec '
  if touch /home/age/x 2>/dev/null; then echo "The root file system can be written."; exit 1; fi
  began=$(date +%s)
  age-pipeline serve --host 127.0.0.1 --serving-dir /models/age &
  server=$!
  until {health}; do kill -0 $server; sleep 0.2; done 2>/dev/null
  echo "Ready after $(($(date +%s) - began)) s; $(grep VmHWM /proc/$server/status)"
  {ask}
  kill $server && wait $server
'
"""
"""As a pod with `readOnlyRootFilesystem` has it, with the models and a volume at /tmp."""

_EXPORT = """
import sys
import keras, numpy, tensorflow as tf
from age.model import export
from age.serving.serving_directory import ServingDirectory
inputs = keras.Input((16, 16, 3))
answer = keras.layers.Dense(1)
network = keras.Model(inputs, answer(keras.layers.GlobalAveragePooling2D()(inputs)))
answer.set_weights([numpy.full((3, 1), 100 / 255 / 3, "float32"), numpy.zeros(1, "float32")])
models = sys.argv[1]
export.export(network, 16, False, models + "/exported", {})
ServingDirectory(models + "/age").publish(models + "/exported")
tf.io.write_file(models + "/face.png", tf.io.encode_png(tf.fill([20, 20, 3], tf.constant(51, tf.uint8))))
"""

_ASK = """
import base64, json, urllib.request
photograph = base64.b64encode(open("/models/face.png", "rb").read()).decode()
body = json.dumps({"instances": [{"b64": photograph}]}).encode()
answer = json.load(urllib.request.urlopen("http://127.0.0.1:8501/v1/models/age:predict", body))
assert abs(answer["predictions"][0] - 20) < 1e-3, answer
print("Answered:", answer)
"""


def serve(tree: pathlib.Path, environment: dict, python: str) -> None:
    """Serves a model in the tree as the image's user, with a root file system that nobody can write."""
    (tree / "build/ask.py").write_text(_ASK)
    # Here: the image has what serves models, and not what exports them.
    subprocess.run([python, "-c", _EXPORT, str(tree / "models")], cwd=CHECKOUT, check=True)
    run_in(tree, "chmod -R a+rX /models /build", environment)
    (health,) = [
        rest
        for word, rest in stages((CHECKOUT / "Dockerfile").read_text(encoding="utf-8"), {})["serving"][1]
        if word == "HEALTHCHECK"
    ]
    command = shlex.join(json.loads(health.partition("CMD ")[2]))
    script = _SERVED_READ_ONLY.replace("{ask}", "python /build/ask.py").replace("{health}", command.replace("'", "'\\''"))
    run_in(tree, script, environment)


def check(tree: pathlib.Path, environment: dict) -> None:
    """Runs the compiled containers' commands in the tree, with the package that is installed there, as the image's user."""
    shutil.copytree(
        CHECKOUT / "tests", tree / "home/age/check/tests", ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True
    )
    shutil.copy(CHECKOUT / "pytest.ini", tree / "home/age/check")
    # The image has no test packages: they lie beside the tests, in the versions that are locked.
    shutil.copy(CHECKOUT / "locks" / "current.txt", tree / "home/age/check")
    run_in(
        tree,
        "/build/uv/bin/uv pip install --python /opt/age/bin/python --target /home/age/check/packages "
        "--constraint /home/age/check/current.txt --no-deps pytest pluggy iniconfig",
        environment,
    )
    run_in(tree, "chown -R age /home/age && chmod 1777 /tmp", environment)
    command = (
        "cd /home/age/check && AGE_PIPELINE_INSTALLED=1 HOME=/home/age PYTHONPATH=/home/age/check/packages "
        "setpriv --reuid=1000 --regid=1000 --clear-groups python -m pytest -q -x -m containers tests/kubeflow/test_containers.py"
    )
    run_in(tree, command, environment)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tree", type=pathlib.Path, help="a directory that does not exist yet")
    parser.add_argument("--variant", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument("--target", choices=TARGETS, default="image", help="which of the Dockerfile's images")
    parser.add_argument("--python", default=".venv/bin/python", help="of the environment that exports the model to be served")
    parser.add_argument("--check", action="store_true", help="run the compiled containers' commands in the tree")
    given = parser.parse_args()
    debian_tree.require("Making the image's tree")
    if given.tree.exists():
        sys.exit(f"{given.tree} exists already: name a directory that does not.")
    if given.target == "serving" and not (CHECKOUT / given.python).exists():
        sys.exit(f"{given.python}: no such file. `make setup` makes the environment that exports the model to be served.")
    environment, base_size = build(given.tree.absolute(), given.variant, given.target)
    run_in(given.tree.absolute(), "setpriv --reuid=1000 --regid=1000 --clear-groups age-pipeline --help", environment)
    inspect(given.tree.absolute(), base_size, given.target)
    if given.target == "serving":
        serve(given.tree.absolute(), environment, given.python)
        return
    run_in(given.tree.absolute(), _READ_ONLY, environment)
    if given.check:
        check(given.tree.absolute(), environment)


if __name__ == "__main__":
    main()
