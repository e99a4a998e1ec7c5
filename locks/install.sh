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
    current) versions='3.13 3.12 3.11' compiled= ;;
    # What has no wheel for this Python on Linux and is written in C or C++.
    compatible) versions='3.10' compiled='pyfarmhash crcmod' ;;
esac

# What the caller's shell has active is neither read nor changed.
unset VIRTUAL_ENV CONDA_PREFIX PYTHONHOME PYTHONPATH PYENV_VERSION UV_PYTHON UV_SYSTEM_PYTHON UV_PROJECT_ENVIRONMENT

# In every environment that this script makes: empty while it is being made, then what it was made from.
stamp=$venv/.age-pipeline
made_from="$stack $(cat "$checkout/$lock" "$checkout/setup.py" "$locks/install.sh" "$locks/uv.toml" | cksum) $checkout"

works() {
    "$venv/bin/python" -c '' 2>/dev/null
}

if [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$made_from" ] && works; then
    echo "Environment: $1 is up to date."
    exit 0
fi

# Print the interpreter of the version $1 that this machine has: complete, and with its header files where $2 says so.
find_python() {
    for candidate in "python$1" python3 "/usr/bin/python$1" "/usr/local/bin/python$1" \
        "${PYENV_ROOT:-${HOME:-}/.pyenv}/versions/$1"*/bin/python; do
        "$candidate" - "$1" "$2" 2>/dev/null <<'PYTHON' && return 0
import bz2, ctypes, lzma, os, sqlite3, ssl, sys, sysconfig, zlib
if "%d.%d" % sys.version_info[:2] != sys.argv[1]:
    sys.exit(1)
if sys.argv[2] and not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")):
    sys.exit(1)
print(sys._base_executable)
PYTHON
    done
    return 1
}

# Sets `compiled` to what must be compiled here, `python` to the interpreter to use, empty for one that uv downloads, and
# ends with one line where the system lacks anything.
look_at_the_system() {
    cache=${UV_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-}/.cache}/uv}
    remaining=
    for package in $compiled; do
        find "$cache"/sdists-v* -name "$package-*-cp310-*.whl" 2>/dev/null | grep -q . || remaining="$remaining $package"
    done
    compiled=${remaining# }

    python=
    for version in $versions; do
        if python=$(find_python "$version" "$compiled"); then break; fi
    done

    missing=$(sh "$locks/uv.sh" "$venv" --needs)
    reason=
    if [ -n "$compiled" ] && ! command -v c++ >/dev/null && ! command -v g++ >/dev/null; then
        missing="$missing g++"
        reason=" (it compiles $(echo "$compiled" | sed 's/ / and /'))"
        if [ -z "$python" ] && find_python "$versions" '' >/dev/null; then
            missing="$missing python$versions-dev"
        elif [ -z "$python" ]; then
            reason="${reason%)}; uv will download its Python $versions)"
        fi
    fi
    [ -z "$missing" ] || fail "Missing here for the $stack stack$reason: apt install ${missing# }"
}

make_empty_environment() {
    newest=${versions%% *}
    if [ -n "$python" ]; then
        echo "Environment: making $1 with Python $version from $python."
    else
        echo "Environment: making $1 with Python $newest, which uv downloads."
    fi
    find "$venv" -mindepth 1 -maxdepth 1 ! -name .uv ! -name .age-pipeline -exec rm -rf {} +
    "$uv" venv --quiet --no-project --allow-existing --prompt age-pipeline \
        --python-preference "$([ -n "$python" ] && echo system || echo only-managed)" \
        --python "${python:-$newest}" "$venv" ||
        fail "No complete Python $newest was found and uv could not download one (its reason is above): install Python \
$newest with its header files, for example with 'apt install python$newest-dev' where the system has that version, or with \
'pyenv install $newest', or set UV_PYTHON_INSTALL_MIRROR to where your network keeps it, and run this again."
}

if [ ! -e "$stamp" ] && [ -d "$venv" ] && [ -n "$(ls -A "$venv")" ]; then
    fail "VENV=$1 is a directory with something else in it: name one that does not exist yet." 2
fi
previous=$(cat "$stamp" 2>/dev/null || true)
# A finished environment of the same stack needs only what changed; one that was cut off may be broken anywhere.
case $previous in
    "$stack "*) works && mend=yes || mend= ;;
    *) mend= ;;
esac
[ -n "$mend" ] || look_at_the_system

mkdir -p "$venv" || fail "VENV=$1 can't be made: name a directory that you may write to." 2
: >"$stamp"
uv=$(sh "$locks/uv.sh" "$venv")
# The machine may say in pip's terms where packages are and which certificates to trust; uv reads other names.
settings=$(sh "$locks/uv.sh" "$venv" --settings)
eval "$settings"
[ -n "$mend" ] || make_empty_environment "$1"

started=$(date +%s)
echo "Environment: installing $(grep -c '^[a-z0-9].*==' "$checkout/$lock") packages from $lock (several minutes where" \
    "they must be downloaded first)."
cd -- "$checkout" # relative names from here: versions of uv before 0.9 split some arguments at spaces
"$uv" pip sync --quiet --require-hashes --build-constraints "$lock" --python "$venv/bin/python" "$lock" || {
    [ -z "$compiled" ] || command -v c++ >/dev/null || command -v g++ >/dev/null ||
        echo "Some packages are compiled here, and there is no C++ compiler: apt install g++" >&2
    fail "The packages could not be installed (the reason is above). Run this again when that is mended."
}
"$uv" pip install --quiet --no-deps --no-build-isolation --python "$venv/bin/python" --editable . ||
    fail "The project itself could not be installed (the reason is above)."
"$uv" pip check --config-file locks/uv.toml --quiet --python "$venv/bin/python" ||
    fail "The packages of $lock don't fit together or don't fit setup.py (above): run 'make lock'."

echo "$made_from" >"$stamp"
echo "Environment: $1 is ready ($(($(date +%s) - started)) s)."
