#!/bin/sh
# Print the path of uv, the installer: the one on PATH when it is new enough, else a pinned one of our own.
#
# Usage: locks/uv.sh DIRECTORY [--needs | --settings]
#
# Our own goes to DIRECTORY/.uv. Any Python from 3.8 on gets it (fetch_uv.py); its hash is in uv.txt. With --needs nothing
# is got, and printed are the Debian packages that it would take and that are not here; with --settings, assignments for
# the shell that tell uv what only pip was told about the package index.
# Exit status: 0, or 1 when uv can't be had.
set -eu

locks=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
own=$1/.uv
oldest=0.11.3 # the first one whose `pip check` heeds uv.toml

new_enough() {
    version=$("$1" --version 2>/dev/null | sed -n 's/^uv \([0-9.]*\).*/\1/p') || return 1
    [ -n "$version" ] && [ "$(printf '%s\n' "$oldest" "$version" | sort -V | head -n 1)" = "$oldest" ]
}

# Print a Python that can run the programs beside this one.
any_python() {
    for python in python3 /usr/bin/python3 python3.13 python3.12 python3.11 python3.10 \
        "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.*/bin/python3; do
        if "$python" -c 'import ssl, sys, zlib; sys.exit(sys.version_info < (3, 8))' 2>/dev/null; then
            echo "$python"
            return 0
        fi
    done
    return 1
}

# -E: whatever the caller's shell has for Python's own variables is for other programs. -B: nothing is written beside them.
if [ "${2:-}" = --settings ]; then
    if python=$(any_python); then "$python" -EB "$locks/package_index.py"; fi
    exit
fi

if uv=$(command -v uv) && new_enough "$uv"; then
    [ "${2:-}" = --needs ] || echo "$uv"
elif new_enough "$own/bin/uv"; then
    [ "${2:-}" = --needs ] || echo "$own/bin/uv"
elif ! python=$(any_python); then
    [ "${2:-}" = --needs ] || {
        echo "Neither uv nor a Python (3.8 or newer) to get it with was found: install one of them and run this again." >&2
        exit 1
    }
    echo python3 ca-certificates
elif [ "${2:-}" = --needs ]; then
    "$python" -EB "$locks/fetch_uv.py" --needs
else
    echo "Installer: getting uv, which this machine does not have." >&2
    if [ ! -d "$1" ]; then
        mkdir -p "$1"
        : >"$1/.age-pipeline" # tells install.sh that the directory is the project's own
    fi
    rm -rf "$own"
    "$python" -EB "$locks/fetch_uv.py" "$own"
    echo "$own/bin/uv"
fi
