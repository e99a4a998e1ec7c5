#!/bin/sh
# Print the path of uv, the installer: the one on PATH when it is new enough, else a pinned one of our own.
#
# Usage: locks/uv.sh DIRECTORY
#
# Our own goes into a virtual environment DIRECTORY/.uv, made with any Python from 3.8 on; its hash is in uv.txt.
# Exit status: 0, or 1 when there is neither uv nor such a Python.
set -eu

locks=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
own=$1/.uv
oldest=0.6.0 # the first one with every option that install.sh and lock.sh use

new_enough() {
    version=$("$1" --version 2>/dev/null | sed -n 's/^uv \([0-9.]*\).*/\1/p') || return 1
    [ -n "$version" ] && [ "$(printf '%s\n' "$oldest" "$version" | sort -V | head -n 1)" = "$oldest" ]
}

make_own() {
    rm -rf "$own"
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null || return 1
    "$1" -m venv "$own" >/dev/null 2>&1 || return 1
    echo "Installer: getting uv, which this machine does not have." >&2
    # pip takes its index and certificates from the machine's settings; where to install is ours to say.
    env -u PIP_TARGET -u PIP_PREFIX -u PIP_USER -u PIP_REQUIRE_VIRTUALENV \
        "$own/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
        --requirement "$locks/uv.txt" >&2 || {
        echo "pip could not install uv (its reason is above): check the network and pip's index, or install uv." >&2
        exit 1
    }
}

if on_path=$(command -v uv) && new_enough "$on_path"; then
    echo "$on_path"
    exit 0
fi

if ! new_enough "$own/bin/uv"; then
    if [ ! -d "$1" ]; then
        mkdir -p "$1"
        : >"$1/.age-pipeline" # tells install.sh that the directory is the project's own
    fi
    made=
    for python in python3 /usr/bin/python3 python3.13 python3.12 python3.11 python3.10 \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.*/bin/python3; do
        if make_own "$python"; then
            made=yes
            break
        fi
    done
    if [ -z "$made" ]; then
        rm -rf "$own"
        echo "Neither uv nor a Python (3.8 or newer, with venv) to get it with was found: install uv, or Python 3" \
            "(on Debian and Ubuntu: apt install python3 python3-venv), and run this again." >&2
        exit 1
    fi
fi
echo "$own/bin/uv"
