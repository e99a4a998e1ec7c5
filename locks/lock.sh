#!/bin/sh
# Resolve the lock files again from their .in files and setup.py.
#
# Usage: locks/lock.sh VENV [OPTION of `uv pip compile`]...
#
# One complete file for each stack and variant. What is locked stays as it is unless a range forbids it; `--upgrade`
# moves everything to the newest that fits. All are resolved for other machines than this one, so it does not matter which stack loads here.
set -eu

cd -- "$(dirname -- "$0")/.."
venv=$1
uv=$(sh locks/uv.sh "$venv")
shift

# A lock file is for every machine: nothing of this one's settings may get into it.
unset UV_DEFAULT_INDEX UV_INDEX_URL UV_EXTRA_INDEX_URL UV_FIND_LINKS PIP_FIND_LINKS PIP_EXTRA_INDEX_URL UV_CONSTRAINT UV_OVERRIDE
unset VIRTUAL_ENV CONDA_PREFIX PYTHONHOME PYTHONPATH UV_PYTHON UV_SYSTEM_PYTHON
settings=$(sh locks/uv.sh "$venv" --settings)
eval "$settings"
export UV_CUSTOM_COMPILE_COMMAND='make lock'

compile() {
    output=$1
    shift
    "$uv" pip compile --config-file locks/uv.toml --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --output-file "$output" "$@"
    echo "$output: $(grep -c '^[a-z0-9].*==' "$output") packages."
}

compatible() { compile "$@" locks/compatible.in setup.py --extra faces --extra test --extra lint --python-version 3.10 --python-platform x86_64-manylinux_2_28; }
# Universal: one file for Python 3.11 to 3.13, with markers where they differ.
current() { compile "$@" locks/current.in setup.py --extra faces --extra test --extra lint --universal --python-version 3.11; }

for stack in compatible current; do
    $stack locks/$stack.txt "$@"
    # The same versions, and what the GPU needs beside them.
    $stack locks/$stack-cuda.txt locks/$stack-cuda.in --constraint locks/$stack.txt "$@"
done
# What the image has: the same versions without what only tests and lint need.
compile locks/current-image.txt locks/current.in setup.py --extra faces --constraint locks/current.txt --universal --python-version 3.11 "$@"
compile locks/current-image-cuda.txt locks/current.in locks/current-cuda.in setup.py --extra faces --constraint locks/current-cuda.txt \
    --universal --python-version 3.11 "$@"
# What a server of models has: no TFX, Beam or kfp.
compile locks/serving.txt locks/serving.in --constraint locks/current.txt --universal --python-version 3.11 "$@"
compile locks/uv.txt locks/uv.in --universal --python-version 3.8 "$@"
