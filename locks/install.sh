#!/bin/sh
# Make the project's environment: one stack's locked packages, and this checkout installed editable.
#
# Usage: locks/install.sh VENV [STACK] [VARIANT]
#
# VENV is the directory of the environment, STACK what stack.sh takes, and VARIANT cpu or gpu, which brings the CUDA
# packages that TensorFlow needs. Does nothing when VENV already holds what the lock file and setup.py ask for; mends or
# remakes it otherwise. Never touches an environment that it did not make.
# Exit status: 0; 2 for bad arguments; 1 when something that it needs can't be had.
set -eu

locks=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
checkout=$(dirname -- "$locks")

fail() {
    echo "$1" >&2
    exit "${2:-1}"
}

[ -n "${1:-}" ] || fail "VENV is empty: name a directory for the environment, such as VENV=.venv." 2
case $1 in
    /*) venv=$1 ;;
    *) venv=$(pwd)/$1 ;;
esac
case ${3:-cpu} in
    cpu) beside= ;;
    gpu) beside=-cuda ;;
    *) fail "VARIANT=$3 is none of this project: use cpu or gpu." 2 ;;
esac
stack=$(sh "$locks/stack.sh" "${2:-}")
lock=locks/$stack$beside.txt
case $stack in
    current) versions='3.13 3.12 3.11' ;;
    compatible) versions='3.10' ;;
esac

# What the caller's shell has active is neither read nor changed.
unset VIRTUAL_ENV CONDA_PREFIX PYTHONHOME PYTHONPATH PYENV_VERSION UV_PYTHON UV_SYSTEM_PYTHON UV_PROJECT_ENVIRONMENT

# In every environment that this script makes: empty while it is being made, then what it was made from.
stamp=$venv/.age-pipeline
made_from="$stack $(cat "$checkout/$lock" "$checkout/setup.py" "$locks/install.sh" | cksum) $checkout"

works() {
    "$venv/bin/python" -c '' 2>/dev/null
}

if [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$made_from" ] && works; then
    echo "Environment: $1 is up to date."
    exit 0
fi

# Print the interpreter of the version $1 that this machine has, complete enough to build packages with.
find_python() {
    for candidate in "python$1" python3 "/usr/bin/python$1" "/usr/local/bin/python$1" \
        "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1"*/bin/python; do
        "$candidate" - "$1" 2>/dev/null <<'PYTHON' && return 0
import bz2, ctypes, lzma, os, sqlite3, ssl, sys, sysconfig, zlib
if "%d.%d" % sys.version_info[:2] != sys.argv[1]:
    sys.exit(1)
if not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")):
    sys.exit(1)
print(sys._base_executable)
PYTHON
    done
    return 1
}

make_empty_environment() {
    python=
    for version in $versions; do
        if python=$(find_python "$version"); then
            echo "Environment: making $1 with Python $version from $python."
            break
        fi
    done
    newest=${versions%% *}
    if [ -z "$python" ]; then
        echo "Environment: making $1 with Python $newest, which uv downloads."
    fi
    find "$venv" -mindepth 1 -maxdepth 1 ! -name .uv ! -name .age-pipeline -exec rm -rf {} +
    "$uv" venv --quiet --no-project --allow-existing --prompt age-pipeline \
        --python-preference "$([ -n "$python" ] && echo system || echo only-managed)" \
        --python "${python:-$newest}" "$venv" ||
        fail "No complete Python $newest was found and uv could not download one (its reason is above): install Python \
$newest with its header files, for example with 'pyenv install $newest' or 'apt install python$newest-dev', and run this \
again."
}

if [ ! -e "$stamp" ] && [ -d "$venv" ] && [ -n "$(ls -A "$venv")" ]; then
    fail "VENV=$1 is a directory with something else in it: name one that does not exist yet." 2
fi
mkdir -p "$venv" || fail "VENV=$1 can't be made: name a directory that you may write to." 2
previous=$(cat "$stamp" 2>/dev/null || true)
: >"$stamp"

uv=$(sh "$locks/uv.sh" "$venv")

# The machine may say in pip's terms where packages are and which certificates to trust; uv reads other names.
if [ -n "${PIP_INDEX_URL:-}" ]; then export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$PIP_INDEX_URL}"; fi
if [ -n "${PIP_CERT:-}" ]; then export SSL_CERT_FILE="${SSL_CERT_FILE:-$PIP_CERT}"; fi

# A finished environment of the same stack needs only what changed; one that was cut off may be broken anywhere.
case $previous in
    "$stack "*) works || make_empty_environment "$1" ;;
    *) make_empty_environment "$1" ;;
esac

started=$(date +%s)
echo "Environment: installing $(grep -c '^[a-z0-9].*==' "$checkout/$lock") packages from $lock (several minutes where" \
    "they must be downloaded first)."
cd -- "$checkout" # relative names from here: versions of uv before 0.9 split some arguments at spaces
"$uv" pip sync --quiet --require-hashes --build-constraints "$lock" --python "$venv/bin/python" "$lock" || {
    command -v c++ >/dev/null || command -v g++ >/dev/null ||
        echo "Some packages are compiled here, and there is no C++ compiler: install one (apt install g++)." >&2
    fail "The packages could not be installed (the reason is above). Run this again when that is mended."
}
"$uv" pip install --quiet --no-deps --no-build-isolation --python "$venv/bin/python" --editable . ||
    fail "The project itself could not be installed (the reason is above)."
"$uv" pip check --quiet --python "$venv/bin/python" ||
    fail "The packages of $lock don't fit together or don't fit setup.py (above): run 'make lock'."

echo "$made_from" >"$stamp"
echo "Environment: $1 is ready ($(($(date +%s) - started)) s)."
